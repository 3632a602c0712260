"""Losses for regression: a function of per-sample values and its class."""

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.losses.loss import LossFunctionWrapper, squeeze_or_expand_to_same_rank
from fastkeras.registry import register


def aligned(y_true, y_pred):
    """Both as tensors of `y_pred`'s dtype and of the same rank."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    return squeeze_or_expand_to_same_rank(y_true, y_pred)


@register("keras.losses", "keras.metrics", names=("mse", "MSE"))
def mean_squared_error(y_true, y_pred):
    """`mean(square(y_true - y_pred), axis=-1)`.

    >>> import fastkeras as keras
    >>> keras.losses.mean_squared_error([[0.0, 2.0]], [[1.0, 0.0]]).numpy()
    array([2.5], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@register("keras.losses", "keras.metrics", names=("mae", "MAE"))
def mean_absolute_error(y_true, y_pred):
    """`mean(abs(y_true - y_pred), axis=-1)`.

    >>> import fastkeras as keras
    >>> keras.losses.mean_absolute_error([[0.0, 2.0]], [[1.0, 0.0]]).numpy()
    array([1.5], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@register("keras.losses", "keras.metrics", names=("mape", "MAPE"))
def mean_absolute_percentage_error(y_true, y_pred):
    """`100 * mean(abs((y_true - y_pred) / max(abs(y_true), epsilon)), axis=-1)`.

    >>> import fastkeras as keras
    >>> keras.losses.mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).numpy()
    array([25.], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = ops.abs((y_true - y_pred) / ops.maximum(ops.abs(y_true), config.epsilon()))
    return 100.0 * ops.mean(error, axis=-1)


@register("keras.losses", "keras.metrics", names=("msle", "MSLE"))
def mean_squared_logarithmic_error(y_true, y_pred):
    """`mean(square(log(y_true + 1) - log(y_pred + 1)), axis=-1)`, both at least epsilon.

    >>> import fastkeras as keras
    >>> keras.losses.mean_squared_logarithmic_error([[1.0, 1.0]], [[1.0, 1.0]]).numpy()
    array([0.], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    first, second = (ops.log(ops.maximum(y, config.epsilon()) + 1.0) for y in (y_pred, y_true))
    return ops.mean(ops.square(first - second), axis=-1)


@register("keras.losses")
def cosine_similarity(y_true, y_pred, axis=-1):
    """`-sum(l2_norm(y_true) * l2_norm(y_pred))`: -1 for the same direction, 0 for a right angle, 1 for the opposite.

    >>> import fastkeras as keras
    >>> keras.losses.cosine_similarity([[0.0, 1.0]], [[0.0, 2.0]]).numpy()
    array([-1.], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return -ops.sum(ops.normalize(y_true, axis=axis) * ops.normalize(y_pred, axis=axis), axis=axis)


@register("keras.losses", "keras.metrics")
def huber(y_true, y_pred, delta=1.0):
    """Mean over the last axis of `e**2 / 2` where `abs(e) <= delta`, else `delta * abs(e) - delta**2 / 2`.

    >>> import fastkeras as keras
    >>> keras.losses.huber([[0.0, 0.0]], [[1.0, 3.0]]).numpy()
    array([1.5], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    size = ops.abs(error)
    linear = delta * size - 0.5 * delta * delta
    return ops.mean(ops.where(size <= delta, 0.5 * ops.square(error), linear), axis=-1)


@register("keras.losses", "keras.metrics")
def log_cosh(y_true, y_pred):
    """`mean(log(cosh(y_pred - y_true)), axis=-1)`, without overflow.

    >>> import fastkeras as keras
    >>> keras.losses.log_cosh([[0.0, 0.0]], [[0.0, 0.0]]).numpy()
    array([0.], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(error * -2.0) - 0.6931471805599453, axis=-1)


@register("keras.losses")
class MeanSquaredError(LossFunctionWrapper):
    """`mean_squared_error` of the samples, weighted and reduced.

    >>> import fastkeras as keras
    >>> float(keras.losses.MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]]))
    0.5
    """

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, reduction, name, dtype)


@register("keras.losses")
class MeanAbsoluteError(LossFunctionWrapper):
    """`mean_absolute_error` of the samples, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, reduction, name, dtype)


@register("keras.losses")
class MeanAbsolutePercentageError(LossFunctionWrapper):
    """`mean_absolute_percentage_error` of the samples, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


@register("keras.losses")
class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """`mean_squared_logarithmic_error` of the samples, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


@register("keras.losses")
class CosineSimilarity(LossFunctionWrapper):
    """`cosine_similarity` of the samples along `axis`, weighted and reduced."""

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


@register("keras.losses")
class Huber(LossFunctionWrapper):
    """`huber` of the samples: quadratic up to `delta`, linear beyond; weighted and reduced."""

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(huber, reduction, name, dtype, delta=delta)


@register("keras.losses")
class LogCosh(LossFunctionWrapper):
    """`log_cosh` of the samples, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="log_cosh", dtype=None):
        super().__init__(log_cosh, reduction, name, dtype)
