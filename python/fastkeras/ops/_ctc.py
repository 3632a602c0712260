"""Connectionist temporal classification: the loss of an unaligned sequence of labels, and the sequences in outputs."""

from fastkeras.engine import cast, config, convert_to_tensor, op, primitive
from fastkeras.ops._common import part
from fastkeras.ops._comparison import where
from fastkeras.ops._creation import arange
from fastkeras.ops._indexing import argsort, take_along_axis
from fastkeras.ops._reductions import argmax, max, sum
from fastkeras.ops._shapes import expand_dims, pad

_ctc_loss, _beam_search, _log_softmax = primitive("ctc_loss"), primitive("ctc_beam_search"), primitive("log_softmax")


def _logits(x, name):
    """`x` as float32 at least, of shape (batch, frames, classes)."""
    x = convert_to_tensor(x)
    if x.ndim != 3:
        raise ValueError(
            f"Argument `{name}` must have the shape (batch_size, max_length, num_classes). "
            f"Received: {name}.shape={x.shape}"
        )
    return cast(x, config.result_type(x.dtype, "float32"))


def _same_first_dimension(name1, x1, name2, x2):
    if x1.shape[:1] != x2.shape[:1]:
        raise ValueError(
            f"Arguments `{name1}` and `{name2}` must have the same first dimension. "
            f"Received shapes: `{x1.shape}` and `{x2.shape}`."
        )


@op
def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """`-log p(target)` per sample, p being the sum over all alignments that become `target` when repeated labels are
    merged and then blanks removed. Graves et al., 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf

    A target that no alignment has (too long for its outputs) costs 1e5 for each rule that must be broken, as in Keras;
    a label outside of the classes counts as certain.

    Args:
        target: labels, (batch, max_target_length).
        output: logits, (batch, max_output_length, num_classes).
        target_length, output_length: how many labels and outputs of each sample count, (batch,).
        mask_index: class of the blank.

    Returns:
        The losses, (batch,), in float32 or float64.

    Raises:
        ValueError: when shapes do not fit, or `mask_index` is no class.

    >>> import fastkeras as keras
    >>> keras.ops.ctc_loss([[1]], [[[0.0, 0.0], [0.0, 0.0]]], [1], [2]).numpy().round(4)  # 3 alignments in 4
    array([0.2877], dtype=float32)
    """
    target, output = convert_to_tensor(target, "int32"), _logits(output, "output")
    target_length, output_length = (convert_to_tensor(n, "int32") for n in (target_length, output_length))
    _same_first_dimension("target", target, "output", output)
    _same_first_dimension("target_length", target_length, "target", target)
    _same_first_dimension("output_length", output_length, "output", output)
    return _ctc_loss(target, _log_softmax(output), target_length, output_length, mask_index=mask_index)[0]


@op
def ctc_decode(
    inputs, sequence_lengths, strategy="greedy", beam_width=100, top_paths=1, merge_repeated=True, mask_index=0
):
    """The likeliest label sequences of the outputs of a model trained with `ctc_loss`.

    Args:
        inputs: logits, (batch, max_length, num_classes).
        sequence_lengths: how many outputs of each sample count, (batch,).
        strategy: `"greedy"` takes the best class of each output; `"beam_search"` adds up the alignments of the
            `beam_width` best sequences so far. Graves et al., 2006; Hannun et al., 2014,
            https://arxiv.org/abs/1408.2873
        beam_width, top_paths: of the beam search: sequences kept, and sequences returned (at most 2 beam_width).
        merge_repeated: of the greedy strategy: is a class that repeats without a blank between one label?
        mask_index: class of the blank; None: the last class.

    Returns:
        Sequences (1 or top_paths, batch, max_length) of int32, -1 after their ends, and the negative sum of the best
        logits (batch, 1), or the log likelihoods (batch, top_paths).

    Raises:
        ValueError: for another strategy; when shapes do not fit; when `mask_index` is no class, in the beam search.

    >>> import fastkeras as keras
    >>> labels, score = keras.ops.ctc_decode([[[0.0, 2.0], [3.0, 0.0], [0.0, 4.0]]], [3])
    >>> labels.numpy().tolist(), float(score)
    ([[[1, 1, -1]]], -9.0)
    """
    inputs, sequence_lengths = _logits(inputs, "inputs"), convert_to_tensor(sequence_lengths, "int32")
    _same_first_dimension("sequence_lengths", sequence_lengths, "inputs", inputs)
    if mask_index is None:
        mask_index = inputs.shape[-1] - 1
    if strategy == "greedy":
        return _greedy(inputs, sequence_lengths, merge_repeated, mask_index)
    if strategy == "beam_search":
        settings = {"beam_width": beam_width, "top_paths": top_paths, "mask_index": mask_index}
        return _beam_search(_log_softmax(inputs), sequence_lengths, **settings)
    raise ValueError(f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'.")


def _greedy(inputs, lengths, merge_repeated, blank):
    counts = arange(inputs.shape[1], dtype="int32") < expand_dims(lengths, 1)
    classes = where(counts, argmax(inputs, axis=-1), blank)
    score = -sum(where(counts, max(inputs, axis=-1), 0.0), axis=1, keepdims=True)
    absent = classes == blank
    if merge_repeated:
        absent = absent | repeats(classes)
    return expand_dims(labels_first(classes, absent), 0), score


def repeats(labels):
    """Is a label the same as the one before it, along the last axis?"""
    before = pad(labels, [(0, 0)] * (labels.ndim - 1) + [(1, 0)], constant_values=-1)
    return labels == part(before, -1, 0, labels.shape[-1])


def labels_first(labels, absent):
    """The labels without those that are absent, along the last axis, which -1 fill up."""
    order = argsort(cast(absent, "int32"), axis=-1)
    return take_along_axis(where(absent, -1, labels), order, axis=-1)
