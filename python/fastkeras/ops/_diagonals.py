"""Diagonals and triangles of matrices, and matrices made of them."""

import numpy as np

from fastkeras.engine import cast, config, convert_to_tensor, op, primitive
from fastkeras.ops._common import broadcast, integer_constant, normalize_axis, part, reshape_to
from fastkeras.ops._creation import ones_like

_where, _place, _take, _transpose = primitive("where"), primitive("place"), primitive("take"), primitive("transpose")


@op
def eye(N, M=None, k=0, dtype=None):
    """Ones on the `k`-th diagonal of an (N, M) tensor of zeros.

    >>> import fastkeras as keras
    >>> keras.ops.eye(2).numpy().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return convert_to_tensor(
        np.eye(int(N), None if M is None else int(M), k=int(k), dtype="uint8"), dtype or config.floatx()
    )


@op
def identity(n, dtype=None):
    """`eye(n)`.

    >>> import fastkeras as keras
    >>> keras.ops.identity(2).numpy().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return eye(n, dtype=dtype)


@op
def tri(N, M=None, k=0, dtype=None):
    """Ones on and below the `k`-th diagonal of an (N, M) tensor of zeros.

    >>> import fastkeras as keras
    >>> keras.ops.tri(2).numpy().tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    return convert_to_tensor(
        np.tri(int(N), None if M is None else int(M), k=int(k), dtype="uint8"), dtype or config.floatx()
    )


def _triangle(x, k, lower, tag):
    x = convert_to_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"[{tag}] x must have at least two dimensions. Received: x.shape={x.shape}")
    rows, columns = x.shape[-2:]
    inside = np.tri(rows, columns, k=k if lower else k - 1, dtype=bool)
    return cast(_where(inside if lower else ~inside, x, 0), x.dtype)


@op
def tril(x, k=0):
    """`x` with zeros above the `k`-th diagonal of its last two dimensions.

    >>> import fastkeras as keras
    >>> keras.ops.tril([[1, 2], [3, 4]]).numpy().tolist()
    [[1, 0], [3, 4]]
    """
    return _triangle(x, k, True, "tril")


@op
def triu(x, k=0):
    """`x` with zeros below the `k`-th diagonal of its last two dimensions.

    >>> import fastkeras as keras
    >>> keras.ops.triu([[1, 2], [3, 4]]).numpy().tolist()
    [[1, 2], [0, 4]]
    """
    return _triangle(x, k, False, "triu")


@op
def diagonal(x, offset=0, axis1=0, axis2=1):
    """The diagonals of the planes of two axes, as a new last dimension.

    >>> import fastkeras as keras
    >>> keras.ops.diagonal([[1, 2], [3, 4]]).numpy().tolist()
    [1, 4]
    """
    x = convert_to_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"`diagonal` requires an array of at least two dimensions, but `x` is of shape {x.shape}.")
    a, b = normalize_axis(axis1, x.ndim, "diagonal"), normalize_axis(axis2, x.ndim, "diagonal")
    if a == b:
        raise ValueError(f"[diagonal] axis1 and axis2 must differ. Received: axis1={axis1}, axis2={axis2}")
    rest = [d for d in range(x.ndim) if d not in (a, b)]
    rows, columns = x.shape[a], x.shape[b]
    shape = [x.shape[d] for d in rest]
    last = x if (a, b) == (x.ndim - 2, x.ndim - 1) else _transpose(x, perm=[*rest, a, b])
    planes = reshape_to(last, shape=[*shape, rows * columns])
    first = offset if offset >= 0 else -offset * columns
    length = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    return _take(planes, integer_constant(first + np.arange(length) * (columns + 1)), axis=len(rest))


@op
def diag(x, k=0):
    """A matrix with the vector `x` on its `k`-th diagonal, or that diagonal of the matrix `x`.

    >>> import fastkeras as keras
    >>> keras.ops.diag([1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    x = convert_to_tensor(x)
    if x.ndim == 2:
        return diagonal(x, offset=k)
    if x.ndim != 1:
        raise ValueError(f"`x` must be 1-D or 2-D, but received shape {x.shape}.")
    size = x.shape[0] + abs(k)
    flat = _place(x, shape=[size * size], start=[k if k >= 0 else -k * size], step=[size + 1])
    return reshape_to(flat, shape=[size, size])


@op
def diagflat(x, k=0):
    """A matrix with the flattened `x` on its `k`-th diagonal.

    >>> import fastkeras as keras
    >>> keras.ops.diagflat([[1], [2]]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    return diag(reshape_to(x, shape=[-1]), k=k)


@op
def trace(x, offset=0, axis1=0, axis2=1):
    """Sum of the diagonal of the planes of two axes.

    >>> import fastkeras as keras
    >>> int(keras.ops.trace([[1, 2], [3, 4]]))
    5
    """
    diagonals = diagonal(x, offset=offset, axis1=axis1, axis2=axis2)
    return primitive("sum")(diagonals, axes=[diagonals.ndim - 1], keepdims=False)


@op
def vander(x, N=None, increasing=False):
    """The powers of a vector as columns, x^(N-1) ... x^0, or the other way round when `increasing`.

    >>> import fastkeras as keras
    >>> keras.ops.vander([2, 3], 3).numpy().tolist()
    [[4, 2, 1], [9, 3, 1]]
    """
    x = convert_to_tensor(x)
    if x.ndim != 1:
        raise ValueError(f"Input tensor must be 1-dimensional. Received: x.shape={x.shape}")
    N = x.shape[0] if N is None else int(N)
    if N < 0:
        raise ValueError(f"Argument `N` must be a non-negative integer. Received: N={N}")
    if N == 0:
        return part(reshape_to(x, shape=[-1, 1]), 1, 0, 0)
    column = reshape_to(x, shape=[-1, 1])
    powers = primitive("concatenate")(ones_like(column), broadcast(column, shape=[x.shape[0], N - 1]), axis=1)
    powers = primitive("cumprod")(powers, axis=1)
    return powers if increasing or N < 2 else _backwards(powers)


def _backwards(x):
    rows, columns = x.shape
    return primitive("slice")(x, start=[0, columns - 1], stop=[rows, -1], step=[1, -1])
