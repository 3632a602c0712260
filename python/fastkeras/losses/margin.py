"""Losses with a margin: the hinge family and the circle loss."""

from fastkeras import ops
from fastkeras.losses.loss import LossFunctionWrapper
from fastkeras.registry import register
from fastkeras.utils.arguments import named


def _signs(y_true, y_pred):
    """`y_pred` as a tensor, and labels of -1 and 1 (labels that are all 0 or 1 are converted)."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true), y_pred


@register("keras.losses", "keras.metrics")
def hinge(y_true, y_pred):
    """`mean(maximum(1 - y_true * y_pred, 0), axis=-1)`; labels are -1 and 1 (0 and 1 are converted).

    >>> import fastkeras as keras
    >>> keras.losses.hinge([[-1.0, 1.0]], [[-1.0, 0.5]]).numpy()
    array([0.25], dtype=float32)
    """
    y_true, y_pred = _signs(y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - y_true * y_pred, 0.0), axis=-1)


@register("keras.losses", "keras.metrics")
def squared_hinge(y_true, y_pred):
    """`mean(square(maximum(1 - y_true * y_pred, 0)), axis=-1)`; labels as for `hinge`.

    >>> import fastkeras as keras
    >>> keras.losses.squared_hinge([[-1.0, 1.0]], [[-1.0, 0.0]]).numpy()
    array([0.5], dtype=float32)
    """
    y_true, y_pred = _signs(y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - y_true * y_pred, 0.0)), axis=-1)


@register("keras.losses", "keras.metrics")
def categorical_hinge(y_true, y_pred):
    """`maximum(neg - pos + 1, 0)`, pos: the true class's score, neg: the best of the others (one-hot labels).

    >>> import fastkeras as keras
    >>> keras.losses.categorical_hinge([[0.0, 1.0]], [[0.75, 0.5]]).numpy()
    array([1.25], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    positive = ops.sum(y_true * y_pred, axis=-1)
    negative = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(negative - positive + 1.0, 0.0)


@register("keras.losses")
def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """Circle loss of L2-normalised embeddings: pulls equal labels together. https://arxiv.org/abs/2002.10857

    Args:
        y_true: integer labels `(batch,)`.
        y_pred: embeddings `(batch, dim)` of length 1.
        ref_labels, ref_embeddings: what to compare with; by default the batch itself.
        remove_diagonal: leave out each sample's comparison with itself.
        gamma: scale; margin: relaxation.

    >>> import fastkeras as keras
    >>> e = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    >>> keras.losses.circle([0, 0, 1], e).shape
    (3,)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = ops.reshape(ops.cast(y_true, "int32"), (-1, 1))
    references = y_pred if ref_embeddings is None else ops.convert_to_tensor(ref_embeddings)
    ref_labels = labels if ref_labels is None else ops.reshape(ops.cast(ref_labels, "int32"), (-1, 1))
    same = ops.equal(labels, ops.transpose(ref_labels))
    different = ops.logical_not(same)
    if remove_diagonal:
        itself = ops.eye(labels.shape[0], ref_labels.shape[0], dtype="bool")
        same = ops.logical_and(same, ops.logical_not(itself))
    distance = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(references)), 0.0)
    pull = -gamma * ops.maximum(margin + distance, 0.0) * (margin - distance)
    push = gamma * ops.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance)
    nothing = ops.full_like(distance, float("-inf"))
    values = ops.softplus(
        ops.logsumexp(ops.where(same, pull, nothing), axis=1)
        + ops.logsumexp(ops.where(different, push, nothing), axis=1)
    )
    values._keras_mask = values > 0.0
    return values


@register("keras.losses")
class Hinge(LossFunctionWrapper):
    """`hinge` of the samples, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="hinge", dtype=None):
        super().__init__(hinge, reduction, name, dtype)


@register("keras.losses")
class SquaredHinge(LossFunctionWrapper):
    """`squared_hinge` of the samples, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, reduction, name, dtype)


@register("keras.losses")
class CategoricalHinge(LossFunctionWrapper):
    """`categorical_hinge` of the samples, weighted and reduced."""

    def __init__(self, reduction="sum_over_batch_size", name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, reduction, name, dtype)


@register("keras.losses")
class Circle(LossFunctionWrapper):
    """`circle` of a batch of embeddings, weighted and reduced over the samples that have a partner."""

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        super().__init__(circle, **named(locals()))
