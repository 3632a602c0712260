"""Losses of overlapping areas, for segmentation."""

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.losses.loss import LossFunctionWrapper
from fastkeras.registry import register


@register("keras.losses")
def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """`1 - i / (i + alpha * y_true (1 - y_pred) + beta * y_pred (1 - y_true) + epsilon)`, `i = sum(y_true * y_pred)`.

    Args:
        y_true, y_pred: areas of the same shape, values in [0, 1].
        alpha, beta: weights of what `y_pred` misses and of what it adds.
        axis: axes to sum over; all by default.

    >>> import fastkeras as keras
    >>> float(keras.losses.tversky([[1.0, 0.0]], [[0.0, 1.0]]))
    1.0
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    common = ops.sum(y_true * y_pred, axis=axis)
    missed = ops.sum((1.0 - y_pred) * y_true, axis=axis)
    added = ops.sum(y_pred * (1.0 - y_true), axis=axis)
    return 1.0 - common / (common + missed * alpha + added * beta + config.epsilon())


@register("keras.losses")
def dice(y_true, y_pred, axis=None):
    """`1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + epsilon)`, summed over `axis` (all by default).

    >>> import fastkeras as keras
    >>> float(keras.losses.dice([[1.0, 0.0]], [[0.0, 1.0]]))
    1.0
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    common = ops.sum(y_true * y_pred, axis=axis)
    return 1.0 - 2.0 * common / (ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis) + config.epsilon())


@register("keras.losses")
class Dice(LossFunctionWrapper):
    """`dice` of the areas, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(dice, reduction, name, dtype, axis=axis)


@register("keras.losses")
class Tversky(LossFunctionWrapper):
    """`tversky` of the areas, weighted and reduced."""

    def __init__(self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name="tversky", axis=None, dtype=None):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
