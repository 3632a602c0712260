"""Picking and ordering elements: indexing, take, sort, search, sets."""

import numpy as np

from fastkeras.engine import cast, convert_to_tensor, op, primitive
from fastkeras.engine.indexing import check_range, getitem
from fastkeras.ops._common import broadcast, normalize_axis, numpy_values, prod, reshape_to, together

_take, _along = primitive("take"), primitive("take_along_axis")
_sort, _argsort = primitive("sort"), primitive("argsort")
_searchsorted, _transpose = primitive("searchsorted"), primitive("transpose")
_where, _less, _add = primitive("where"), primitive("less"), primitive("add")


@op
def get_item(x, key):
    """`x[key]`.

    >>> import fastkeras as keras
    >>> keras.ops.get_item([[1, 2], [3, 4]], 1).numpy().tolist()
    [3, 4]
    """
    return getitem(convert_to_tensor(x), key)


@op
def take(x, indices, axis=None):
    """Elements of `x` along `axis` at `indices`, whose shape replaces the axis; of the flattened `x` when it is None.

    Negative indices count from the end. Indices outside of the axis raise IndexError; in a compiled function they
    read as NaN (or the lowest signed, highest unsigned integer, True).

    >>> import fastkeras as keras
    >>> keras.ops.take([1, 2, 3], [0, -1]).numpy().tolist()
    [1, 3]
    """
    x, indices = convert_to_tensor(x), _indices(indices)
    if axis is None:
        x, axis = reshape_to(x, shape=[-1]), 0
    axis = normalize_axis(axis, x.ndim, "take")
    check_range(indices, x.shape[axis], "take")
    return _take(x, indices, axis=axis)


def _indices(indices):
    indices = convert_to_tensor(indices)
    return cast(indices, "int32") if indices.size == 0 and "int" not in indices.dtype else indices


@op
def take_along_axis(x, indices, axis=None):
    """One element of `x` along `axis` for each of `indices`; both broadcast in their other dimensions.

    Indices outside of the axis are treated as in `take`.

    >>> import fastkeras as keras
    >>> keras.ops.take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1).numpy().tolist()
    [[2], [3]]
    """
    x, indices = convert_to_tensor(x), _indices(indices)
    if axis is None:
        x, indices, axis = reshape_to(x, shape=[-1]), reshape_to(indices, shape=[-1]), 0
    axis = normalize_axis(axis, x.ndim, "take_along_axis")
    if x.ndim != indices.ndim:
        raise ValueError(
            "[take_along_axis] x and indices must have the same rank. "
            f"Received: x.shape={x.shape}, indices.shape={indices.shape}"
        )
    check_range(indices, x.shape[axis], "take_along_axis")
    outer = np.broadcast_shapes(_without(x.shape, axis), _without(indices.shape, axis))
    full = [[*outer[:axis], t.shape[axis], *outer[axis:]] for t in (x, indices)]
    return _along(broadcast(x, shape=full[0]), broadcast(indices, shape=full[1]), axis=axis)


def _without(shape, axis):
    return shape[:axis] + shape[axis + 1 :]


# --- order ----------------------------------------------------------------------------------------------------------


def _on_last_axis(run, x, axis, tag):
    x = convert_to_tensor(x)
    if x.ndim == 0 or axis is None:
        return run(reshape_to(x, shape=[-1]))
    axis = normalize_axis(axis, x.ndim, tag)
    if axis == x.ndim - 1:
        return run(x)
    perm = list(range(x.ndim))
    perm[axis], perm[-1] = perm[-1], perm[axis]
    return _transpose(run(_transpose(x, perm=perm)), perm=perm)


@op
def argsort(x, axis=-1):
    """int32 positions that put `x` in ascending order along `axis`; equal elements keep their order, NaN comes last.

    >>> import fastkeras as keras
    >>> keras.ops.argsort([3, 1, 2]).numpy().tolist()
    [1, 2, 0]
    """
    return _on_last_axis(_argsort, x, axis, "argsort")


@op
def sort(x, axis=-1):
    """`x` in ascending order along `axis`, NaN last.

    >>> import fastkeras as keras
    >>> keras.ops.sort([3, 1, 2]).numpy().tolist()
    [1, 2, 3]
    """
    return _on_last_axis(_sort, x, axis, "sort")


@op
def argpartition(x, kth, axis=-1):
    """Positions that put the `kth` smallest element in its place along `axis`, smaller ones before, larger ones after.

    >>> import fastkeras as keras
    >>> int(keras.ops.argpartition([3, 1, 2], 0)[0])
    1
    """
    x = convert_to_tensor(x)
    size = x.size if axis is None or x.ndim == 0 else x.shape[normalize_axis(axis, x.ndim, "argpartition")]
    if not -size <= kth < size:
        raise ValueError(f"[argpartition] kth must lie in [-{size}, {size}). Received: kth={kth}")
    return argsort(x, axis=axis)  # the full order is one of the right answers


@op
def searchsorted(sorted_sequence, values, side="left"):
    """Where to insert `values` into the ascending 1-D `sorted_sequence`; side: before ("left") or after equal elements.

    >>> import fastkeras as keras
    >>> keras.ops.searchsorted([1, 3, 5], [3, 4]).numpy().tolist()
    [1, 2]
    """
    sequence, values = together(convert_to_tensor(sorted_sequence), convert_to_tensor(values))
    if sequence.ndim != 1:
        raise ValueError(
            "`searchsorted` only supports 1-D sorted sequences. You can use `keras.ops.vectorized_map` "
            f"to extend it to N-D sequences. Received: sorted_sequence.shape={sequence.shape}"
        )
    if side not in ("left", "right"):
        raise ValueError(f"`side` must be either 'left' or 'right'. Received: side={side}")
    return _searchsorted(sequence, values, right=side == "right")


@op
def digitize(x, bins):
    """For each element the number of (ascending) `bins` that are not above it.

    >>> import fastkeras as keras
    >>> keras.ops.digitize([0.5, 1.0, 3.0], [1.0, 2.0]).numpy().tolist()
    [0, 1, 2]
    """
    bins, x = together(convert_to_tensor(bins), convert_to_tensor(x))
    if bins.ndim != 1:
        raise ValueError(f"[digitize] bins must be 1-D. Received: bins.shape={bins.shape}")
    return _searchsorted(bins, x, right=True)


# --- sets -----------------------------------------------------------------------------------------------------------


@op
def isin(x1, x2, assume_unique=False, invert=False):
    """Whether each element of `x1` occurs in `x2` (with `invert`: does not). `assume_unique` is only a hint.

    >>> import fastkeras as keras
    >>> keras.ops.isin([1, 2, 3], [2, 5]).numpy().tolist()
    [False, True, False]
    """
    x1, x2 = together(x1, x2)
    column, row = reshape_to(x1, shape=[-1, 1]), reshape_to(x2, shape=[1, -1])
    found = primitive("any")(primitive("equal")(column, row), axes=[1], keepdims=False)
    found = reshape_to(found, shape=list(x1.shape))
    return primitive("logical_not")(found) if invert else found


@op
def nonzero(x):
    """The indices of the nonzero elements, one int32 tensor per dimension. Eager only.

    >>> import fastkeras as keras
    >>> [i.numpy().tolist() for i in keras.ops.nonzero([0, 3, 4])]
    [[1, 2]]
    """
    (values,) = numpy_values("nonzero", convert_to_tensor(x))
    return tuple(convert_to_tensor(i, "int32") for i in np.nonzero(values))


@op
def unique(
    x,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    """The different elements of `x` (or slices along `axis`), ascending unless `sorted` is False. Eager only.

    Returns them, followed as asked by int32 tensors: first positions, where each element went, how often it occurs.
    `size` fixes the length, cutting or filling with `fill_value` (the smallest element by default).

    >>> import fastkeras as keras
    >>> values, counts = keras.ops.unique([3, 1, 3], return_counts=True)
    >>> values.numpy().tolist(), counts.numpy().tolist()
    ([1, 3], [1, 2])
    """
    (values,) = numpy_values("unique", convert_to_tensor(x))
    # NaN are not equal to each other, as in Keras.
    found, index, inverse, counts = np.unique(values, True, True, True, axis=axis, equal_nan=False)
    if not sorted:  # in the order of first occurrence
        order = np.argsort(index, kind="stable")
        rank = np.argsort(order, kind="stable")
        found, index, counts = np.take(found, order, axis=axis or 0), index[order], counts[order]
        inverse = rank[inverse]
    along = 0 if axis is None else axis
    if size is not None:
        found = _sized(found, size, along, fill_value)
        index, counts = _sized(index, size, 0, index[0] if index.size else 0), _sized(counts, size, 0, 0)
    inverse = inverse.reshape(values.shape if axis is None else (values.shape[axis],))
    extra = [a for a, wanted in ((index, return_index), (inverse, return_inverse), (counts, return_counts)) if wanted]
    if not extra:
        return convert_to_tensor(found)
    return (convert_to_tensor(found), *(convert_to_tensor(a, "int32") for a in extra))


def _sized(array, size, axis, fill):
    length = array.shape[axis]
    if length >= size:
        return np.take(array, np.arange(size), axis=axis)
    widths = [(0, size - length) if d == axis else (0, 0) for d in range(array.ndim)]
    if fill is None:
        return np.pad(array, widths, mode="constant", constant_values=array.min() if array.size else 0)
    return np.pad(array, widths, mode="constant", constant_values=fill)


@op
def unravel_index(indices, shape):
    """The coordinates in `shape` of positions in the flattened tensor: a tuple, one tensor per dimension.

    >>> import fastkeras as keras
    >>> [t.numpy().tolist() for t in keras.ops.unravel_index([5], (2, 3))]
    [[1], [2]]
    """
    indices = convert_to_tensor(indices)
    total = prod(shape)
    indices = _where(_less(indices, 0), _add(indices, total), indices)
    coordinates = []
    for size in reversed(shape):
        coordinates.append(primitive("mod")(indices, size))
        indices = primitive("floor_divide")(indices, size)
    return tuple(reversed(coordinates))
