"""Losses of sequences of labels that are not aligned with the outputs."""

from fastkeras import ops
from fastkeras.losses.loss import LossFunctionWrapper
from fastkeras.registry import register


@register("keras.losses")
def ctc(y_true, y_pred):
    """Connectionist temporal classification: `ops.ctc_loss` of all outputs and of the labels that are not 0.

    Args:
        y_true: labels, `(batch, max_length)`; 0 is the blank and fills up shorter sequences.
        y_pred: logits, `(batch, frames, num_classes)`.

    Raises:
        ValueError: for other ranks.

    >>> import fastkeras as keras
    >>> keras.losses.ctc([[1, 0]], [[[0.0, 0.0], [0.0, 0.0]]]).numpy().round(4)
    array([0.2877], dtype=float32)
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) != 2:
        raise ValueError(
            "Targets `y_true` must be integers of the shape `(batch_size, max_length)`. "
            f"Received: y_true.shape={y_true.shape}"
        )
    if len(y_pred.shape) != 3:
        raise ValueError(
            "Logits `y_pred` must have the shape `(batch_size, max_length, num_classes)`. "
            f"Received: y_pred.shape={y_pred.shape}"
        )
    labels = ops.count_nonzero(y_true, axis=-1)
    return ops.ctc_loss(y_true, y_pred, labels, ops.full(y_pred.shape[:1], y_pred.shape[1], dtype="int32"))


ctc.integer_labels = True


@register("keras.losses")
class CTC(LossFunctionWrapper):
    """`ctc` of the samples, weighted and reduced.

    >>> import fastkeras as keras
    >>> round(float(keras.losses.CTC()([[1, 0], [0, 0]], [[[0.0, 0.0]] * 2] * 2)), 4)
    0.837
    """

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(ctc, reduction, name, dtype)
