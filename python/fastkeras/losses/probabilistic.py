"""Losses between probability distributions: crossentropies, their focal forms, divergence, Poisson."""

import warnings

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.losses.loss import LossFunctionWrapper
from fastkeras.registry import register
from fastkeras.utils.arguments import named


def _check_axis(axis):
    if isinstance(axis, bool):
        raise ValueError(f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}")


def _categorical_arguments(name, y_true, y_pred, label_smoothing, axis):
    """Checked and smoothed arguments of a loss over `num_classes` one-hot labels."""
    _check_axis(axis)
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"In loss {name}, expected y_pred.shape to be (batch_size, num_classes) with num_classes > 1. "
            f"Received: y_pred.shape={y_pred.shape}. Consider using 'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
            stacklevel=3,
        )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    return y_true, y_pred


def _binary_arguments(y_true, y_pred, label_smoothing):
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return y_true, y_pred


@register("keras.losses", "keras.metrics")
def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """`-sum(y_true * log(y_pred))` over the classes of one-hot labels.

    Args:
        y_true, y_pred: `(batch, ..., num_classes)`.
        from_logits: `y_pred` are logits, not probabilities.
        label_smoothing: in [0, 1]; labels become `y * (1 - s) + s / num_classes`.
        axis: the axis of the classes.

    >>> import fastkeras as keras
    >>> keras.losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(3)
    array([0.693], dtype=float32)
    """
    y_true, y_pred = _categorical_arguments("categorical_crossentropy", y_true, y_pred, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


@register("keras.losses", "keras.metrics")
def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """`-sum(alpha * (1 - p)**gamma * y_true * log(p))`: easy samples count less. https://arxiv.org/abs/1708.02002

    >>> import fastkeras as keras
    >>> keras.losses.categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    array([0.0433], dtype=float32)
    """
    name = "categorical_focal_crossentropy"
    y_true, y_pred = _categorical_arguments(name, y_true, y_pred, label_smoothing, axis)
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    p = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    p = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    return ops.sum(alpha * ops.power(1.0 - p, gamma) * (-y_true * ops.log(p)), axis=axis)


@register("keras.losses", "keras.metrics")
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """`-log(y_pred[label])` for integer labels.

    Args:
        y_true: labels `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: `(batch, ..., num_classes)`, the classes on `axis`.
        from_logits: `y_pred` are logits, not probabilities.
        ignore_class: samples with this label count 0 and are masked out.

    >>> import fastkeras as keras
    >>> keras.losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).numpy().round(3)
    array([0.693], dtype=float32)
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis=axis)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    valid = ops.not_equal(y_true, ops.cast(ignore_class, y_true.dtype))
    values = ops.sparse_categorical_crossentropy(
        ops.where(valid, y_true, ops.zeros_like(y_true)),
        ops.where(ops.expand_dims(valid, axis), y_pred, ops.zeros_like(y_pred)),
        from_logits=from_logits,
        axis=axis,
    )
    values = ops.where(valid, values, ops.zeros_like(values))
    values._keras_mask = valid
    return values


sparse_categorical_crossentropy.integer_labels = True


@register("keras.losses", "keras.metrics", names=("bce", "BCE"))
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """Mean over `axis` of `-(y * log(p) + (1 - y) * log(1 - p))`.

    >>> import fastkeras as keras
    >>> keras.losses.binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(3)
    array([0.693], dtype=float32)
    """
    y_true, y_pred = _binary_arguments(y_true, y_pred, label_smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


@register("keras.losses", "keras.metrics")
def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """Binary crossentropy times `(1 - p_t)**gamma`, and `alpha` / `1 - alpha` with `apply_class_balancing`.

    >>> import fastkeras as keras
    >>> keras.losses.binary_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(3)
    array([0.173], dtype=float32)
    """
    y_true, y_pred = _binary_arguments(y_true, y_pred, label_smoothing)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=False)
    right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = ops.power(1.0 - right, gamma) * values
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


@register("keras.losses")
def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """`(1 - y_pred[label]**q) / q`, robust to wrong labels. https://arxiv.org/abs/1805.07836

    >>> import fastkeras as keras
    >>> keras.losses.categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5).numpy()
    array([1.], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
    return (1.0 - ops.power(ops.sum(y_pred * labels, axis=-1), q)) / q


@register("keras.losses", "keras.metrics", names=("kld", "KLD"))
def kl_divergence(y_true, y_pred):
    """`sum(y_true * log(y_true / y_pred), axis=-1)`, both clipped to [epsilon, 1].

    >>> import fastkeras as keras
    >>> keras.losses.kl_divergence([[0.5, 0.5]], [[0.5, 0.5]]).numpy()
    array([0.], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.clip(ops.convert_to_tensor(y_true, dtype=y_pred.dtype), config.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / ops.clip(y_pred, config.epsilon(), 1.0)), axis=-1)


@register("keras.losses", "keras.metrics")
def poisson(y_true, y_pred):
    """`mean(y_pred - y_true * log(y_pred + epsilon), axis=-1)`.

    >>> import fastkeras as keras
    >>> keras.losses.poisson([[0.0, 1.0]], [[1.0, 1.0]]).numpy().round(3)
    array([1.], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


@register("keras.losses")
class CategoricalCrossentropy(LossFunctionWrapper):
    """`categorical_crossentropy` of the samples (one-hot labels), weighted and reduced.

    >>> import fastkeras as keras
    >>> loss = keras.losses.CategoricalCrossentropy()
    >>> round(float(loss([[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]])), 3)
    0.693
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(categorical_crossentropy, **named(locals()))


@register("keras.losses")
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """`categorical_focal_crossentropy` of the samples, weighted and reduced."""

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(categorical_focal_crossentropy, **named(locals()))


@register("keras.losses")
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """`sparse_categorical_crossentropy` of the samples (integer labels), weighted and reduced.

    >>> import fastkeras as keras
    >>> round(float(keras.losses.SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [0.5, 0.5]])), 3)
    0.693
    """

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(sparse_categorical_crossentropy, **named(locals()))


@register("keras.losses")
class BinaryCrossentropy(LossFunctionWrapper):
    """`binary_crossentropy` of the samples (labels 0 and 1), weighted and reduced.

    >>> import fastkeras as keras
    >>> round(float(keras.losses.BinaryCrossentropy(from_logits=True)([[0.0], [1.0]], [[0.0], [0.0]])), 3)
    0.693
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(binary_crossentropy, **named(locals()))


@register("keras.losses")
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """`binary_focal_crossentropy` of the samples, weighted and reduced."""

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(binary_focal_crossentropy, **named(locals()))


@register("keras.losses")
class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """`categorical_generalized_cross_entropy` of the samples (integer labels, `0 < q < 1`), weighted and reduced."""

    def __init__(
        self,
        q=0.5,
        reduction="sum_over_batch_size",
        name="categorical_generalized_cross_entropy",
        dtype=None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


@register("keras.losses")
class KLDivergence(LossFunctionWrapper):
    """`kl_divergence` of the samples, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, reduction, name, dtype)


@register("keras.losses")
class Poisson(LossFunctionWrapper):
    """`poisson` of the samples, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(poisson, reduction, name, dtype)
