"""Crossentropies."""

from fastkeras import losses, ops
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


def binary_focal_crossentropy(target, output, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False):
    """Elementwise `losses.binary_focal_crossentropy`."""
    target, output = (ops.expand_dims(x, -1) for x in (target, output))
    return losses.binary_focal_crossentropy(target, output, apply_class_balancing, alpha, gamma, from_logits)


def categorical_focal_crossentropy(target, output, alpha=0.25, gamma=2.0, from_logits=False, axis=-1):
    """`losses.categorical_focal_crossentropy`, per sample."""
    return losses.categorical_focal_crossentropy(target, output, alpha, gamma, from_logits, axis=axis)
