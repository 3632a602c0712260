"""Connectionist temporal classification as in Keras 2: probabilities in, the last class is the blank."""

from fastkeras import ops
from fastkeras.config import epsilon
from fastkeras.engine import convert_to_tensor
from fastkeras.ops._ctc import labels_first, repeats


def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    """`ops.ctc_loss` of probabilities, as a column; lengths are columns as well."""
    y_pred = convert_to_tensor(y_pred)
    lengths = (ops.squeeze(convert_to_tensor(n), axis=-1) for n in (label_length, input_length))
    loss = ops.ctc_loss(y_true, ops.log(y_pred + epsilon()), *lengths, mask_index=y_pred.shape[-1] - 1)
    return ops.expand_dims(loss, 1)


def ctc_decode(y_pred, input_length, greedy=True, beam_width=100, top_paths=1):
    """`ops.ctc_decode` of probabilities: a list of paths, and their scores. Beams lose labels that repeat."""
    paths, scores = ops.ctc_decode(
        ops.log(convert_to_tensor(y_pred) + epsilon()),
        input_length,
        strategy="greedy" if greedy else "beam_search",
        beam_width=beam_width,
        top_paths=top_paths,
        mask_index=None,
    )
    if not greedy:
        paths = labels_first(paths, (paths == -1) | repeats(paths))
    return ops.unstack(paths), scores
