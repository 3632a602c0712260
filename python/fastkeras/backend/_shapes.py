"""The same values in other shapes, other orders, or more than once."""

import numpy as np

from fastkeras import ops
from fastkeras.engine import convert_to_tensor


def batch_flatten(x):
    """One row per sample."""
    return ops.reshape(x, (convert_to_tensor(x).shape[0], -1))


def concatenate(tensors, axis=-1):
    """Tensors one after the other."""
    return ops.concatenate(tensors, axis=axis)


def count_params(x):
    """Number of values."""
    return int(np.prod(x.shape))


def flatten(x):
    """All values in one axis."""
    return ops.reshape(x, (-1,))


def gather(reference, indices):
    """Rows of `reference`."""
    return ops.take(reference, indices, axis=0)


def int_shape(x):
    """The shape as a tuple."""
    return tuple(x.shape)


def ndim(x):
    """Number of axes."""
    return len(x.shape)


def one_hot(indices, num_classes):
    """One-hot rows."""
    return ops.one_hot(indices, num_classes)


def permute_dimensions(x, pattern):
    """Axes in another order."""
    return ops.transpose(x, pattern)


def repeat(x, n):
    """(samples, features) to (samples, n, features)."""
    return ops.tile(ops.expand_dims(x, 1), (1, n, 1))


def repeat_elements(x, rep, axis):
    """Each element `rep` times."""
    return ops.repeat(x, rep, axis=axis)


def reshape(x, shape):
    """The same values in another shape."""
    return ops.reshape(x, shape)


def reverse(x, axes):
    """Axes in the other direction."""
    return ops.flip(x, axis=axes)


def tile(x, n):
    """`x` repeated `n` times along each axis."""
    return ops.tile(x, n)
