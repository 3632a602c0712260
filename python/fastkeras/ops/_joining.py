"""Joining and splitting tensors: concatenate, stack, split and their kin."""

import numpy as np

from fastkeras.engine import convert_to_tensor, op, primitive
from fastkeras.ops._common import normalize_axis, part, reshape_to, sizes_of
from fastkeras.ops._shapes import expand_dims, ravel

_concatenate, _unstack = primitive("concatenate"), primitive("unstack")


def _joined(xs, axis, tag):
    if not isinstance(xs, (list, tuple)):
        xs = [xs[i] for i in range(len(xs))]
    xs = [convert_to_tensor(x) for x in xs]
    if not xs:
        raise ValueError(f"[{tag}] there must be at least one tensor. Received: none")
    return _concatenate(*xs, axis=normalize_axis(axis, xs[0].ndim, tag))


@op
def concatenate(xs, axis=0):
    """The tensors one after another along `axis`; their other dimensions must agree.

    >>> import fastkeras as keras
    >>> keras.ops.concatenate([[1, 2], [3]]).numpy().tolist()
    [1, 2, 3]
    """
    if axis is None:
        return _joined([ravel(x) for x in xs], 0, "concatenate")
    return _joined(xs, axis, "concatenate")


@op
def stack(x, axis=0):
    """Tensors of one shape joined along a new dimension.

    >>> import fastkeras as keras
    >>> keras.ops.stack([[1, 2], [3, 4]], axis=1).numpy().tolist()
    [[1, 3], [2, 4]]
    """
    tensors = [convert_to_tensor(t) for t in x]
    if not tensors or any(t.shape != tensors[0].shape for t in tensors):
        raise ValueError(f"[stack] all tensors must have the same shape. Received: shapes {[t.shape for t in tensors]}")
    axis = normalize_axis(axis, tensors[0].ndim + 1, "stack")
    return _concatenate(*(expand_dims(t, axis) for t in tensors), axis=axis)


@op
def append(x1, x2, axis=None):
    """`x1` followed by `x2` along `axis`; both flattened when it is None.

    >>> import fastkeras as keras
    >>> keras.ops.append([1, 2], [[3], [4]]).numpy().tolist()
    [1, 2, 3, 4]
    """
    if axis is None:
        x1, x2, axis = ravel(x1), ravel(x2), 0
    return _joined([x1, x2], axis, "append")


def _at_least(x, ndim):
    x = convert_to_tensor(x)
    if x.ndim >= ndim:
        return x
    # 3-D as NumPy: a vector becomes (1, n, 1), a matrix (m, n, 1)
    shape = {0: [1] * ndim, 1: [1, -1, 1][:ndim] if ndim > 1 else [-1], 2: [*x.shape, 1]}[x.ndim]
    return reshape_to(x, shape=shape)


@op
def vstack(xs):
    """The tensors on top of each other: joined along axis 0, vectors as rows.

    >>> import fastkeras as keras
    >>> keras.ops.vstack([[1, 2], [3, 4]]).numpy().tolist()
    [[1, 2], [3, 4]]
    """
    return _joined([_at_least(x, 2) for x in xs], 0, "vstack")


@op
def hstack(xs):
    """The tensors side by side: joined along axis 1, vectors along axis 0.

    >>> import fastkeras as keras
    >>> keras.ops.hstack([[1, 2], [3, 4]]).numpy().tolist()
    [1, 2, 3, 4]
    """
    xs = [_at_least(x, 1) for x in xs]
    return _joined(xs, 0 if xs and xs[0].ndim == 1 else 1, "hstack")


@op
def dstack(xs):
    """The tensors joined along axis 2; vectors become (1, n, 1), matrices (m, n, 1).

    >>> import fastkeras as keras
    >>> keras.ops.dstack([[1, 2], [3, 4]]).numpy().tolist()
    [[[1, 3], [2, 4]]]
    """
    return _joined([_at_least(x, 3) for x in xs], 2, "dstack")


def _borders(x, indices_or_sections, axis, tag, even=True):
    size = x.shape[axis]
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        if sections <= 0:
            raise ValueError(f"[{tag}] the number of sections must be positive. Received: {sections}")
        if even and size % sections:
            raise ValueError(
                f"[{tag}] x must divide into equal parts along the axis. Received: indices_or_sections={sections}, "
                f"axis={axis}, x.shape={x.shape}"
            )
        small, larger = divmod(size, sections)
        sizes = [small + 1] * larger + [small] * (sections - larger)
        return np.cumsum([0, *sizes]).tolist()
    inner = [slice(i, None).indices(size)[0] for i in sizes_of(indices_or_sections)]
    return [0, *inner, size]


def _split(x, indices_or_sections, axis, tag, even=True):
    x = convert_to_tensor(x)
    axis = normalize_axis(axis, x.ndim, tag)
    borders = _borders(x, indices_or_sections, axis, tag, even)
    return [part(x, axis, a, max(a, b)) for a, b in zip(borders, borders[1:], strict=False)]


@op
def split(x, indices_or_sections, axis=0):
    """`x` cut along `axis` into equal parts (an int) or before each of the given indices; a list of tensors.

    >>> import fastkeras as keras
    >>> [t.numpy().tolist() for t in keras.ops.split([1, 2, 3, 4], [1, 3])]
    [[1], [2, 3], [4]]
    """
    return _split(x, indices_or_sections, axis, "split")


@op
def array_split(x, indices_or_sections, axis=0):
    """As `split`, but the first parts may be one longer when the sizes do not divide.

    >>> import fastkeras as keras
    >>> [t.numpy().tolist() for t in keras.ops.array_split([1, 2, 3], 2)]
    [[1, 2], [3]]
    """
    return _split(x, indices_or_sections, axis, "array_split", even=False)


@op
def vsplit(x, indices_or_sections):
    """`split` along axis 0.

    >>> import fastkeras as keras
    >>> [t.shape for t in keras.ops.vsplit(keras.ops.zeros((4, 2)), 2)]
    [(2, 2), (2, 2)]
    """
    return _split(x, indices_or_sections, 0, "vsplit")


@op
def hsplit(x, indices_or_sections):
    """`split` along axis 1, vectors along axis 0.

    >>> import fastkeras as keras
    >>> [t.shape for t in keras.ops.hsplit(keras.ops.zeros((2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    x = convert_to_tensor(x)
    return _split(x, indices_or_sections, 0 if x.ndim == 1 else 1, "hsplit")


@op
def dsplit(x, indices_or_sections):
    """`split` along axis 2.

    >>> import fastkeras as keras
    >>> [t.shape for t in keras.ops.dsplit(keras.ops.zeros((2, 2, 4)), 2)]
    [(2, 2, 2), (2, 2, 2)]
    """
    x = convert_to_tensor(x)
    if x.ndim < 3:
        raise ValueError(f"[dsplit] x must have at least three dimensions. Received: x.shape={x.shape}")
    return _split(x, indices_or_sections, 2, "dsplit")


@op
def unstack(x, num=None, axis=0):
    """The slices of `x` along `axis`, a list of tensors without that dimension.

    >>> import fastkeras as keras
    >>> [t.numpy().tolist() for t in keras.ops.unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    x = convert_to_tensor(x)
    axis = normalize_axis(axis, x.ndim, "unstack")
    size = x.shape[axis]
    if num is not None and num != size:
        raise ValueError(
            f"[unstack] num must be the size of the axis. Received: num={num}, axis={axis}, x.shape={x.shape}"
        )
    slices = _unstack(x, axis=axis) if size else []
    return [slices] if size == 1 else list(slices)
