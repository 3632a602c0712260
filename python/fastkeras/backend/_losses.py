"""Crossentropies."""

from fastkeras import ops
from fastkeras.engine import convert_to_tensor


def binary_crossentropy(target, output, from_logits=False):
    """Elementwise binary crossentropy."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Crossentropy of one-hot targets, per sample."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1, ignore_class=None):
    """Crossentropy of integer targets, per sample; zero where the target is `ignore_class`."""
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)
    target = convert_to_tensor(target)
    valid = ops.not_equal(target, ignore_class)
    loss = ops.sparse_categorical_crossentropy(
        ops.where(valid, target, ops.zeros_like(target)), output, from_logits=from_logits, axis=axis
    )
    return ops.where(ops.reshape(valid, loss.shape), loss, ops.zeros_like(loss))
