"""tensor[key]: NumPy's indexing by integers, slices, None, Ellipsis, integer tensors and boolean masks."""

import numpy as np

from fastkeras.engine.operation import inferring_open_sizes
from fastkeras.engine.tensor import Tensor, convert_to_tensor, is_symbolic, primitive

_slice, _reshape, _take = primitive("slice"), primitive("reshape"), primitive("take")
_transpose, _broadcast, _linear_index = primitive("transpose"), primitive("broadcast_to"), primitive("linear_index")

_ALL = slice(None)


def getitem(tensor, key):
    """What `tensor[key]` gives."""
    if type(key) is int:
        return _at(tensor, key)
    keys = key if type(key) is tuple else (key,)
    if not _are_basic(keys):
        keys = [_as_index(k) for k in keys]
        if not _are_basic(keys):
            return _advanced(tensor, keys)
    return _basic(tensor, _expand(tensor, keys))


def _are_basic(keys):
    for k in keys:
        if not (type(k) is slice or type(k) is int or k is None or k is Ellipsis):
            return False
    return True


def check_range(indices, size, tag):
    """Raises IndexError when an index tensor with values points outside of an axis of `size`."""
    if indices.size == 0 or is_symbolic(indices) or inferring_open_sizes():  # an arange of an open size is no value
        return
    values = indices.numpy()
    low, high = values.min(), values.max()
    if low < -size or high >= size:
        raise IndexError(f"[{tag}] indices must lie in [{-size}, {size}). Received: {low if low < -size else high}")


def _at(tensor, index):
    """tensor[index] for one integer, the commonest key."""
    shape = tensor.shape
    if not shape:
        raise IndexError("[getitem] a scalar tensor has no dimension to index.")
    size = shape[0]
    if not -size <= index < size:
        raise IndexError(f"[getitem] index {index} is out of bounds for axis 0 with size {size}.")
    index %= size
    rest = list(shape[1:])
    return _reshape(_slice(tensor, start=[index] + [0] * len(rest), stop=[index + 1] + rest), shape=rest)


def _expand(tensor, keys):
    """The keys with Ellipsis spelled out and the dimensions that were left out added."""
    used = sum([_dimensions(k) for k in keys])
    missing = tensor.ndim - used
    if missing < 0:
        raise IndexError(
            f"[getitem] too many indices: the tensor has {tensor.ndim} dimensions, but {used} were indexed."
        )
    dots = [i for i, k in enumerate(keys) if k is Ellipsis]
    if len(dots) > 1:
        raise IndexError("[getitem] an index can only have a single Ellipsis ('...').")
    at = dots[0] if dots else len(keys)
    return [*keys[:at], *[_ALL] * missing, *keys[at + 1 :]]


def _dimensions(key):
    """How many dimensions of the tensor a key takes."""
    if key is None or key is Ellipsis:
        return 0
    return key.ndim if isinstance(key, np.ndarray) and key.dtype == bool else 1


def _basic(tensor, keys):
    """Integers, slices and None."""
    start, stop, step, shape = [], [], [], []
    whole, sizes = True, iter(tensor.shape)
    for key in keys:
        if key is None:
            shape.append(1)
            continue
        size = next(sizes)
        if key is _ALL or key == _ALL:
            first, last, pace = 0, size, 1
            shape.append(size)
        elif type(key) is slice:
            first, last, pace = _bounds(key, size)
            shape.append(len(range(first, last, pace)))
        else:
            if not -size <= key < size:
                raise IndexError(f"[getitem] index {key} is out of bounds for axis {len(start)} with size {size}.")
            first, pace = key % size, 1
            last = first + 1
        start.append(first)
        stop.append(last)
        step.append(pace)
        whole = whole and first == 0 and last == size and pace == 1
    if not whole:
        tensor = _slice(tensor, start=start, stop=stop, step=step)
    return tensor if tensor.shape == tuple(shape) else _reshape(tensor, shape=shape)


def _bounds(key, size):
    """(start, stop, step) inside the axis; an empty slice has start == stop."""
    try:
        first, last, pace = key.indices(size)
    except TypeError:
        if not any(is_symbolic(bound) for bound in (key.start, key.stop, key.step)):
            raise
        raise TypeError(
            "[getitem] the bounds of a slice must be known while a function is being traced. "
            "Use ops.slice(x, start_indices, shape), whose start may be a tensor"
        ) from None
    if pace > 0:
        return first, max(first, last), pace
    return (0, 0, 1) if first <= last else (first, last, pace)


# --- indices that are tensors ---------------------------------------------------------------------------------------


def _as_index(key):
    """Integers, slices, None and Ellipsis as they are; masks as NumPy arrays; index arrays as tensors."""
    if key is None or key is Ellipsis or isinstance(key, slice) or type(key) is int:
        return key
    if isinstance(key, (bool, np.bool_)):
        raise IndexError("[getitem] a single True or False is not an index here.")
    if isinstance(key, np.integer):
        return int(key)
    tensor = (
        key if type(key) is Tensor else convert_to_tensor(np.asarray(key) if isinstance(key, (list, tuple)) else key)
    )
    if tensor.dtype == "bool":
        if is_symbolic(tensor):
            raise TypeError(
                "[getitem] a boolean mask picks as many elements as it holds True, which a compiled function "
                "cannot do. Use ops.where, multiply by the mask, or run eagerly: compile(run_eagerly=True)"
            )
        return tensor.numpy()
    if tensor.size == 0 and "float" in tensor.dtype:  # x[[]]
        return convert_to_tensor(np.zeros(tensor.shape, "int32"))
    if "int" not in tensor.dtype:
        raise IndexError(
            f"[getitem] indices must be integers, slices, masks, None or '...'. Received: dtype={tensor.dtype}"
        )
    return tensor


def _advanced(tensor, keys):
    keys = _expand(tensor, keys)
    keys, masks = [], keys
    sizes = iter(tensor.shape)
    for key in masks:  # a mask is the index arrays of its True elements
        if isinstance(key, np.ndarray):
            shape = tuple(next(sizes) for _ in range(key.ndim))
            if shape != key.shape:
                raise IndexError(
                    f"[getitem] a mask must have the shape of what it selects from. Received: {key.shape} for {shape}"
                )
            keys.extend(convert_to_tensor(i.astype("int32")) for i in np.nonzero(key))
        else:
            if key is not None:
                next(sizes)
            keys.append(key)

    # First what basic indexing can do, with index tensors (and the integers beside them) left alone.
    picks = {i: k for i, k in enumerate(keys) if k is not None and not isinstance(k, slice)}
    tensor = _basic(tensor, [_ALL if i in picks else k for i, k in enumerate(keys)])
    axes = sorted(picks)
    indices = [convert_to_tensor(picks[a]) for a in axes]
    for a, index in zip(axes, indices, strict=True):
        check_range(index, tensor.shape[a], "getitem")
    if len(axes) == 1:
        return _take(tensor, indices[0], axis=axes[0])

    # Several index tensors: their axes to the front, merged into one, taken by one linear index.
    shape = np.broadcast_shapes(*(index.shape for index in indices))
    rest = [d for d in range(tensor.ndim) if d not in picks]
    dims, others = [tensor.shape[a] for a in axes], [tensor.shape[d] for d in rest]
    if axes + rest != list(range(tensor.ndim)):
        tensor = _transpose(tensor, perm=axes + rest)
    rows = _reshape(tensor, shape=[int(np.prod(dims)), *others])
    together = [_reshape(_broadcast(i, shape=list(shape)), shape=[*shape, 1]) for i in indices]
    result = _take(rows, _linear_index(primitive("concatenate")(*together, axis=len(shape)), dims=dims), axis=0)
    if axes[-1] - axes[0] != len(axes) - 1 or axes[0] == 0:
        return result  # apart from each other: NumPy puts the picked dimensions first
    lead = list(range(len(shape), len(shape) + axes[0]))
    return _transpose(result, perm=[*lead, *range(len(shape)), *range(len(shape) + axes[0], result.ndim)])
