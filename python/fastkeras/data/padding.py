"""Batches of elements of different shapes."""

import numpy as np

from fastkeras.data import elements
from fastkeras.engine import nest


class PaddedStack:
    """Stacks elements, each filled up with a value to the shape that is asked for, or to that of the largest.

    Args:
        shapes: a shape for every component, in the structure of elements; None in it, or for it, is the largest.
        values: a value for every component, or one for all; 0 or "" where it is None.
        length: what dimensions of None are instead.
    """

    def __init__(self, shapes=None, values=None, length=None):
        self._shapes, self._values, self._length = shapes, values, length

    def __call__(self, batch):
        batch = [elements.arrays(element) for element in batch]
        columns = zip(*map(nest.flatten, batch))
        shapes = flatten_up_to(batch[0], self._shapes)
        values = flatten_up_to(batch[0], self._values if nest.is_nested(self._values) else None)
        flat = []
        for column, shape, value in zip(columns, shapes, values, strict=True):
            flat.append(self._filled(column, shape, value if nest.is_nested(self._values) else self._values))
        return nest.pack_like(batch[0], flat)

    def _filled(self, column, shape, value):
        first = column[0]
        if value is None:
            value = b"" if first.dtype.kind == "O" else 0
        filled = np.full((len(column), *self._shape(column, shape)), elements.component(value), first.dtype)
        for place, x in enumerate(column):
            filled[(place, *map(slice, x.shape))] = x
        return filled

    def _shape(self, column, shape):
        largest = np.max([_shape_of_rank(x, column[0].ndim) for x in column], axis=0).tolist() if column[0].ndim else []
        if shape is None:
            shape = [None] * len(largest)
        if len(shape) != len(largest):
            raise _unfitting(shape, largest)
        asked = [self._length if n in (None, -1) else int(n) for n in shape]
        found = [most if n is None else n for n, most in zip(asked, largest)]
        if any(n < most for n, most in zip(found, largest)):
            raise _unfitting(found, largest)
        return found

    def specs(self, spec, size):
        """The specs of the batches of elements with these specs."""
        shapes = flatten_up_to(spec, self._shapes)
        flat = []
        for own, shape in zip(nest.flatten(spec), shapes, strict=True):
            shape = own.shape if shape is None else [None if n == -1 else n for n in shape]
            flat.append(elements.TensorSpec(None if shape is None else (size, *shape), own.dtype))
        return nest.pack_like(spec, flat)


def flatten_up_to(structure, other):
    """The parts of `other` in place of the leaves of `structure`; None for all of them when it is None."""
    if other is None:
        return [None] * len(nest.flatten(structure))
    if isinstance(structure, dict):
        return [part for key in sorted(structure) for part in flatten_up_to(structure[key], other[key])]
    if isinstance(structure, tuple):
        pairs = zip(structure, other, strict=True)
        return [part for own, its in pairs for part in flatten_up_to(own, its)]
    return [other]


def _shape_of_rank(x, rank):
    if x.ndim != rank:
        raise ValueError(f"[padded_batch] components of a batch have one rank. Received: {rank} and {x.ndim}")
    return x.shape


def _unfitting(shape, found):
    return ValueError(
        f"The padded shape {tuple(shape)} is not compatible with the shape {tuple(found)} of the corresponding input "
        "component."
    )
