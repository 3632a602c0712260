"""Functions that move elements without computing: reshape, transpose, pad, repeat, flip, roll."""

import numpy as np

from fastkeras.engine import cast, convert_to_tensor, is_symbolic, op, primitive, shape
from fastkeras.ops._common import (
    broadcast,
    integer_constant,
    normalize_axes,
    normalize_axis,
    part,
    prod,
    reshape_to,
    sizes_of,
)
from fastkeras.ops._common import slice_of as _slice

_transpose, _concatenate, _take, _place = (
    primitive("transpose"),
    primitive("concatenate"),
    primitive("take"),
    primitive("place"),
)


@op
def reshape(x, newshape):
    """The elements of `x` under another shape; one dimension may be -1.

    >>> import fastkeras as keras
    >>> keras.ops.reshape([[1, 2], [3, 4]], (4,)).numpy().tolist()
    [1, 2, 3, 4]
    """
    return reshape_to(x, shape=sizes_of(newshape))


@op
def ravel(x):
    """`x` with one dimension.

    >>> import fastkeras as keras
    >>> keras.ops.ravel([[1, 2], [3, 4]]).numpy().tolist()
    [1, 2, 3, 4]
    """
    return reshape_to(x, shape=[-1])


@op
def expand_dims(x, axis):
    """`x` with a new dimension of size 1 at `axis`, or at each of several.

    >>> import fastkeras as keras
    >>> keras.ops.expand_dims([1, 2], axis=0).shape
    (1, 2)
    """
    x = convert_to_tensor(x)
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    axes = normalize_axes(axis, x.ndim + count, "expand_dims")
    sizes = iter(x.shape)
    return reshape_to(x, shape=[1 if d in axes else next(sizes) for d in range(x.ndim + count)])


@op
def squeeze(x, axis=None):
    """`x` without its dimensions of size 1, or without those of `axis`; ValueError where the size is not 1.

    >>> import fastkeras as keras
    >>> keras.ops.squeeze([[[1], [2]]]).shape
    (2,)
    """
    x = convert_to_tensor(x)
    if axis is None:
        return reshape_to(x, shape=[n for n in x.shape if n != 1])
    axes = normalize_axes(axis, x.ndim, "squeeze")
    for a in axes:
        if x.shape[a] != 1:
            raise ValueError(f"Cannot squeeze axis={axis}, because the dimension is not 1. Received: x.shape={x.shape}")
    return reshape_to(x, shape=[n for d, n in enumerate(x.shape) if d not in axes])


@op
def transpose(x, axes=None):
    """`x` with its dimensions in the order `axes`; reversed by default.

    >>> import fastkeras as keras
    >>> keras.ops.transpose([[1, 2], [3, 4]]).numpy().tolist()
    [[1, 3], [2, 4]]
    """
    x = convert_to_tensor(x)
    return _transpose(x, perm=list(range(x.ndim))[::-1] if axes is None else sizes_of(axes))


@op
def swapaxes(x, axis1, axis2):
    """`x` with two dimensions exchanged.

    >>> import fastkeras as keras
    >>> keras.ops.swapaxes(keras.ops.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    x = convert_to_tensor(x)
    perm = list(range(x.ndim))
    a, b = normalize_axis(axis1, x.ndim, "swapaxes"), normalize_axis(axis2, x.ndim, "swapaxes")
    perm[a], perm[b] = b, a
    return _transpose(x, perm=perm)


@op
def moveaxis(x, source, destination):
    """`x` with the dimensions `source` moved to the places `destination`, the others in order.

    >>> import fastkeras as keras
    >>> keras.ops.moveaxis(keras.ops.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = convert_to_tensor(x)
    sources = normalize_axes(source, x.ndim, "moveaxis")
    targets = normalize_axes(destination, x.ndim, "moveaxis")
    if len(sources) != len(targets):
        raise ValueError(
            "[moveaxis] source and destination must name as many axes. "
            f"Received: source={source}, destination={destination}"
        )
    perm = [d for d in range(x.ndim) if d not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        perm.insert(target, source)
    return x if perm == sorted(perm) else _transpose(x, perm=perm)


@op
def broadcast_to(x, shape):
    """`x` repeated along new dimensions and those of size 1 to fill `shape`.

    >>> import fastkeras as keras
    >>> keras.ops.broadcast_to([1, 2], (2, 2)).numpy().tolist()
    [[1, 2], [1, 2]]
    """
    return broadcast(x, shape=sizes_of(shape))


def size(x):
    """The number of elements of `x`; None for a KerasTensor with open dimensions.

    >>> import fastkeras as keras
    >>> keras.ops.size(keras.ops.zeros((2, 3)))
    6
    """
    sizes = shape(x)
    return None if None in sizes else prod(sizes)


def ndim(x):
    """The number of dimensions of `x`.

    >>> import fastkeras as keras
    >>> keras.ops.ndim(keras.ops.zeros((2, 3)))
    2
    """
    return len(shape(x))


# --- repeating, padding, flipping -----------------------------------------------------------------------------------


def _repeated(x, axis, times):
    """Axis `axis` as a whole, `times` times."""
    shape = list(x.shape)
    outer, inner = prod(shape[:axis]), prod(shape[axis:])
    x = broadcast(reshape_to(x, shape=[outer, 1, inner]), shape=[outer, times, inner])
    shape[axis] *= times
    return reshape_to(x, shape=shape)


@op
def tile(x, repeats):
    """`x` laid out `repeats[d]` times along each dimension, the last ones when there are fewer.

    >>> import fastkeras as keras
    >>> keras.ops.tile([1, 2], 2).numpy().tolist()
    [1, 2, 1, 2]
    """
    x = convert_to_tensor(x)
    repeats = sizes_of(repeats)
    ndim = max(x.ndim, len(repeats))
    repeats = [1] * (ndim - len(repeats)) + repeats
    x = reshape_to(x, shape=[1] * (ndim - x.ndim) + list(x.shape))
    for axis, times in enumerate(repeats):
        if times != 1:
            x = _repeated(x, axis, times)
    return x


@op
def repeat(x, repeats, axis=None):
    """Every element along `axis` `repeats` times in a row; a list gives each its own. Flattens when `axis` is None.

    >>> import fastkeras as keras
    >>> keras.ops.repeat([1, 2], 2).numpy().tolist()
    [1, 1, 2, 2]
    """
    x = convert_to_tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim, "repeat")
    if is_symbolic(repeats):
        raise NotImplementedError(
            "[repeat] repeats decides the shape and must be known while tracing. Received: a symbolic tensor"
        )
    counts, size = sizes_of(repeats), x.shape[axis]
    if len(counts) == 1:
        shape = list(x.shape)
        x = reshape_to(x, shape=[prod(shape[: axis + 1]), 1, prod(shape[axis + 1 :])])
        x = broadcast(x, shape=[x.shape[0], counts[0], x.shape[2]])
        shape[axis] *= counts[0]
        return reshape_to(x, shape=shape)
    if len(counts) != size:
        raise ValueError(
            f"[repeat] repeats must have one entry per element. Received: {len(counts)} entries for size {size}"
        )
    return _take(x, integer_constant(np.repeat(np.arange(size), counts)), axis=axis)


def _pad_width(pad_width, ndim):
    """NumPy's forms of pad_width as one (before, after) per dimension."""
    widths = np.asarray(pad_width)
    if widths.dtype.kind not in "iu" or (widths.size and widths.min() < 0):
        raise ValueError(f"[pad] pad_width must hold integers that are not negative. Received: pad_width={pad_width}")
    try:
        return np.broadcast_to(widths, (ndim, 2)).tolist()
    except ValueError:
        raise ValueError(
            "`pad_width` must be an integer, (before, after), or one such pair per dimension. "
            f"Received: pad_width={pad_width} for {ndim} dimensions"
        ) from None


@op
def pad(x, pad_width, mode="constant", constant_values=None):
    """`x` with `pad_width` = (before, after) elements added to each dimension.

    `mode`: "constant" (with `constant_values`, 0 by default), or where the values come from: "reflect", "symmetric",
    "edge", "wrap", as in NumPy.

    >>> import fastkeras as keras
    >>> keras.ops.pad([1, 2], (1, 2), constant_values=9).numpy().tolist()
    [9, 1, 2, 9, 9]
    """
    x = convert_to_tensor(x)
    if constant_values is not None and mode != "constant":
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode} and constant_values={constant_values}"
        )
    widths = _pad_width(pad_width, x.ndim)
    if mode == "constant":
        return _pad_constant(x, widths, 0 if constant_values is None else constant_values)
    if mode not in ("reflect", "symmetric", "edge", "wrap"):
        raise ValueError(f"[pad] mode must be one of constant, reflect, symmetric, edge, wrap. Received: mode={mode}")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            # The same padding of the positions 0, 1, ... tells where each element comes from.
            x = _take(x, integer_constant(np.pad(np.arange(x.shape[axis]), (before, after), mode=mode)), axis=axis)
    return x


def _pad_constant(x, widths, value):
    shape = [before + n + after for n, (before, after) in zip(x.shape, widths, strict=True)]
    start = [before for before, _ in widths]
    if not is_symbolic(value):
        return _place(x, shape=shape, start=start, value=np.asarray(value).item())
    inside = np.zeros(shape, bool)
    inside[tuple(slice(s, s + n) for s, n in zip(start, x.shape, strict=True))] = True
    return primitive("where")(inside, _place(x, shape=shape, start=start), cast(value, x.dtype))


@op
def flip(x, axis=None):
    """`x` backwards along `axis` (one, several, or None for all).

    >>> import fastkeras as keras
    >>> keras.ops.flip([1, 2, 3]).numpy().tolist()
    [3, 2, 1]
    """
    x = convert_to_tensor(x)
    axes = normalize_axes(axis, x.ndim, "flip")
    backwards = [d in axes and n > 0 for d, n in enumerate(x.shape)]
    return _slice(
        x,
        start=[n - 1 if back else 0 for back, n in zip(backwards, x.shape, strict=True)],
        stop=[-1 if back else n for back, n in zip(backwards, x.shape, strict=True)],
        step=[-1 if back else 1 for back in backwards],
    )


@op
def fliplr(x):
    """`x` backwards along axis 1.

    >>> import fastkeras as keras
    >>> keras.ops.fliplr([[1, 2], [3, 4]]).numpy().tolist()
    [[2, 1], [4, 3]]
    """
    return flip(x, axis=1)


@op
def flipud(x):
    """`x` backwards along axis 0.

    >>> import fastkeras as keras
    >>> keras.ops.flipud([[1, 2], [3, 4]]).numpy().tolist()
    [[3, 4], [1, 2]]
    """
    return flip(x, axis=0)


@op
def roll(x, shift, axis=None):
    """`x` moved by `shift` along `axis`, what leaves at one end coming in at the other; flattened when `axis` is None.

    >>> import fastkeras as keras
    >>> keras.ops.roll([1, 2, 3], 1).numpy().tolist()
    [3, 1, 2]
    """
    x = convert_to_tensor(x)
    if axis is None:
        return reshape_to(roll(ravel(x), shift, axis=0), shape=list(x.shape))
    for a, s in np.broadcast(axis, shift):
        a = normalize_axis(int(a), x.ndim, "roll")
        size = x.shape[a]
        cut = size and -s % size
        if cut:
            x = _concatenate(part(x, a, cut, size), part(x, a, 0, cut), axis=a)
    return x


@op
def rot90(array, k=1, axes=(0, 1)):
    """`array` turned by 90 degrees `k` times in the plane of `axes`, from the first towards the second.

    >>> import fastkeras as keras
    >>> keras.ops.rot90([[1, 2], [3, 4]]).numpy().tolist()
    [[2, 4], [1, 3]]
    """
    x = convert_to_tensor(array)
    if x.ndim < 2:
        raise ValueError(f"Input array must have at least 2 dimensions. Received: array.ndim={x.ndim}")
    if len(axes) != 2 or axes[0] % x.ndim == axes[1] % x.ndim:
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    first, second = axes
    k %= 4
    if k == 0:
        return x
    if k == 2:
        return flip(x, axis=[first, second])
    if k == 1:
        return swapaxes(flip(x, axis=second), first, second)
    return flip(swapaxes(x, first, second), axis=second)


@op
def meshgrid(*x, indexing="xy"):
    """The coordinate tensors of a grid over 1-D tensors; "xy" exchanges the first two dimensions, "ij" does not.

    >>> import fastkeras as keras
    >>> [t.numpy().tolist() for t in keras.ops.meshgrid([1, 2], [3, 4, 5])]
    [[[1, 2], [1, 2], [1, 2]], [[3, 3], [4, 4], [5, 5]]]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"Valid values for `indexing` are 'xy' and 'ij', but received {indexing}.")
    x = [ravel(t) for t in x]
    order = list(range(len(x)))
    if indexing == "xy" and len(x) > 1:
        order[0], order[1] = 1, 0
    shape = [x[i].shape[0] for i in order]
    return [
        broadcast(reshape_to(t, shape=[-1 if order[d] == i else 1 for d in range(len(x))]), shape=shape)
        for i, t in enumerate(x)
    ]
