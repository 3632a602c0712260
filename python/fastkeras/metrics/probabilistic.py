"""Metrics that are the mean of a probabilistic or hinge loss, and of a correlation."""

from fastkeras import losses, ops
from fastkeras.engine import config
from fastkeras.losses.regression import aligned
from fastkeras.metrics.reduction import MeanMetricWrapper
from fastkeras.registry import register
from fastkeras.utils.arguments import named


@register("keras.metrics")
class KLDivergence(MeanMetricWrapper):
    """Mean of `sum(y_true * log(y_true / y_pred))`."""

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(losses.kl_divergence, name, dtype)


@register("keras.metrics")
class Poisson(MeanMetricWrapper):
    """Mean of `y_pred - y_true * log(y_pred)`."""

    def __init__(self, name="poisson", dtype=None):
        super().__init__(losses.poisson, name, dtype)


@register("keras.metrics", names=("bce", "BCE"))
class BinaryCrossentropy(MeanMetricWrapper):
    """Mean crossentropy of labels 0 and 1; arguments as for the loss.

    >>> import fastkeras as keras
    >>> round(float(keras.metrics.BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])), 3)
    0.693
    """

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(losses.binary_crossentropy, **named(locals()))


@register("keras.metrics")
class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean crossentropy of one-hot labels; arguments as for the loss."""

    def __init__(self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1):
        super().__init__(losses.categorical_crossentropy, **named(locals()))


@register("keras.metrics")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean crossentropy of integer labels; arguments as for the loss."""

    def __init__(
        self,
        name="sparse_categorical_crossentropy",
        dtype=None,
        from_logits=False,
        ignore_class=None,
        axis=-1,
    ):
        super().__init__(losses.sparse_categorical_crossentropy, **named(locals()))


@register("keras.metrics")
class Hinge(MeanMetricWrapper):
    """Mean of `maximum(1 - y_true * y_pred, 0)`."""

    def __init__(self, name="hinge", dtype=None):
        super().__init__(losses.hinge, name, dtype)


@register("keras.metrics")
class SquaredHinge(MeanMetricWrapper):
    """Mean of `square(maximum(1 - y_true * y_pred, 0))`."""

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(losses.squared_hinge, name, dtype)


@register("keras.metrics")
class CategoricalHinge(MeanMetricWrapper):
    """Mean of `maximum(neg - pos + 1, 0)`."""

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(losses.categorical_hinge, name, dtype)


@register("keras.metrics")
def pearson_correlation(y_true, y_pred, axis=-1):
    """Linear correlation of `y_true` and `y_pred` along `axis`, between -1 and 1.

    >>> import fastkeras as keras
    >>> keras.metrics.pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]]).numpy().round(3)
    array([1.], dtype=float32)
    """
    scores = []
    for y in aligned(y_true, y_pred):
        centred = y - ops.mean(y, axis=axis, keepdims=True)
        scores.append(centred / ops.std(centred, axis=axis, keepdims=True))
    return ops.mean(scores[0] * scores[1], axis=axis)


@register("keras.metrics")
def concordance_correlation(y_true, y_pred, axis=-1):
    """Concordance correlation along `axis`: 1 only for equal values, not merely proportional ones.

    >>> import fastkeras as keras
    >>> keras.metrics.concordance_correlation([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]]).numpy().round(3)
    array([1.], dtype=float32)
    """
    y_true, y_pred = aligned(y_true, y_pred)
    true_mean, pred_mean = (ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    spread = (
        ops.var(y_true, axis=axis, keepdims=True)
        + ops.var(y_pred, axis=axis, keepdims=True)
        + ops.square(true_mean - pred_mean)
    )
    # y_true minus the mean of y_pred: the same mean as the covariance, and Keras's own rounding.
    covariance = (y_true - pred_mean) * (y_pred - pred_mean)
    return ops.mean(2.0 * covariance / (spread + config.epsilon()), axis=axis)


@register("keras.metrics", names=("pearson_correlation",))
class PearsonCorrelation(MeanMetricWrapper):
    """Mean over the samples of `pearson_correlation` along `axis`."""

    _direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


@register("keras.metrics", names=("concordance_correlation",))
class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean over the samples of `concordance_correlation` along `axis`."""

    _direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
