"""How often predictions equal labels: each form a function of per-sample matches and its metric."""

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.losses.loss import squeeze_or_expand_to_same_rank
from fastkeras.losses.regression import aligned
from fastkeras.metrics.reduction import MeanMetricWrapper
from fastkeras.registry import register


@register("keras.metrics")
def accuracy(y_true, y_pred):
    """1 where `y_true == y_pred`, else 0."""
    return ops.cast(ops.equal(*aligned(y_true, y_pred)), config.floatx())


@register("keras.metrics")
def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where `(y_pred > threshold) == y_true`, else 0.

    >>> import fastkeras as keras
    >>> keras.metrics.binary_accuracy([[1.0], [0.0]], [[0.7], [0.6]]).numpy().ravel()
    array([1., 0.], dtype=float32)
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    return ops.cast(ops.equal(y_true, ops.cast(y_pred > threshold, y_true.dtype)), config.floatx())


@register("keras.metrics")
def categorical_accuracy(y_true, y_pred):
    """1 where the largest entries of `y_true` (one-hot) and `y_pred` are at the same index, else 0.

    >>> import fastkeras as keras
    >>> keras.metrics.categorical_accuracy([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]]).numpy()
    array([1., 0.], dtype=float32)
    """
    labels = ops.argmax(ops.convert_to_tensor(y_true), axis=-1)
    return _matches(labels, ops.argmax(ops.convert_to_tensor(y_pred), axis=-1))


@register("keras.metrics")
def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the integer label `y_true` is the index of `y_pred`'s largest entry, else 0.

    Args:
        y_true: `(batch, ...)` or `(batch, ..., 1)`; y_pred: `(batch, ..., num_classes)`.

    >>> import fastkeras as keras
    >>> keras.metrics.sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]]).numpy()
    array([1., 0.], dtype=float32)
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    matches = _matches(y_true, ops.argmax(y_pred, axis=-1))
    if len(matches.shape) > 1 and matches.shape[-1] == 1:
        matches = ops.squeeze(matches, -1)
    return matches


@register("keras.metrics")
def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the class of `y_true` (one-hot) is among the `k` largest entries of `y_pred`, else 0.

    >>> import fastkeras as keras
    >>> keras.metrics.top_k_categorical_accuracy([[0, 0, 1]], [[0.5, 0.2, 0.3]], k=2).numpy()
    array([1.], dtype=float32)
    """
    return _in_top_k(ops.argmax(ops.convert_to_tensor(y_true), axis=-1), ops.convert_to_tensor(y_pred), k)


@register("keras.metrics")
def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1 where the integer label `y_true` is among the `k` largest entries of `y_pred`, else 0.

    Args:
        y_true: `(batch, ...)`; y_pred: `(batch, ..., num_classes)`.
        from_sorted_ids: `y_pred` holds class indices, best first, instead of scores.

    >>> import fastkeras as keras
    >>> keras.metrics.sparse_top_k_categorical_accuracy([2], [[0.5, 0.2, 0.3]], k=2).numpy()
    array([1.], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if not from_sorted_ids:
        return _in_top_k(ops.convert_to_tensor(y_true), y_pred, k)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    best = ops.reshape(y_pred, (-1, y_pred.shape[-1]))[:, :k]
    found = ops.any(ops.equal(ops.reshape(y_true, (-1, 1)), best), axis=1)
    return ops.reshape(ops.cast(found, config.floatx()), y_true.shape)


def _matches(labels, predictions):
    return ops.cast(ops.equal(labels, ops.cast(predictions, labels.dtype)), config.floatx())


def _in_top_k(labels, scores, k):
    flat = ops.reshape(ops.cast(labels, "int32"), (-1,))
    found = ops.in_top_k(flat, ops.reshape(scores, (-1, scores.shape[-1])), k=k)
    return ops.reshape(ops.cast(found, config.floatx()), labels.shape)


@register("keras.metrics", names=("accuracy",))
class Accuracy(MeanMetricWrapper):
    """How often predictions equal labels.

    >>> import fastkeras as keras
    >>> float(keras.metrics.Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
    0.75
    """

    _direction = "up"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


@register("keras.metrics", names=("binary_accuracy",))
class BinaryAccuracy(MeanMetricWrapper):
    """How often `y_pred > threshold` is the binary label."""

    _direction = "up"

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


@register("keras.metrics", names=("categorical_accuracy",))
class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is the one-hot label's class."""

    _direction = "up"

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


@register("keras.metrics", names=("sparse_categorical_accuracy",))
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is the integer label's class."""

    _direction = "up"

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


@register("keras.metrics", names=("top_k_categorical_accuracy",))
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the one-hot label's class is among the `k` largest predictions."""

    _direction = "up"

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


@register("keras.metrics", names=("sparse_top_k_categorical_accuracy",))
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the integer label's class is among the `k` largest predictions."""

    _direction = "up"

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
