"""Linear algebra of (batches of) matrices."""

import builtins

import numpy as np

from fastkeras.engine import GradientTape, cast, config, convert_to_tensor, is_symbolic, nest, op, power, primitive
from fastkeras.ops._common import (
    broadcast,
    floating,
    floating_together,
    normalize_axes,
    reshape_to,
)
from fastkeras.ops._reductions import max, min, sum

_transpose, _solve, _cholesky = primitive("transpose"), primitive("solve"), primitive("cholesky")
_singular_values = primitive("singular_values")


def _matrices(x, tag, square=False):
    x = floating(x)
    if x.ndim < 2:
        raise ValueError(f"Expected input to have rank >= 2. Received input with shape {x.shape}. [{tag}]")
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(f"Expected a square matrix. Received non-square input with shape {x.shape}. [{tag}]")
    return x


def _turned(x):
    """The matrices transposed."""
    return _transpose(x, perm=[*range(x.ndim - 2), x.ndim - 1, x.ndim - 2])


def _checked(result, inputs, tag, rule):
    """What failed is NaN: an error when the values are there to see it and the inputs held none."""
    if not is_symbolic(result) and np.isnan(result.numpy()).any():
        if builtins.all(np.isfinite(t.numpy()).all() for t in inputs):
            raise ValueError(f"[{tag}] {rule} Received: shapes {[t.shape for t in inputs]}")
    return result


def _in_float(run, *tensors):
    """Halves are computed in float32."""
    dtype = tensors[0].dtype
    if dtype not in config.HALVES:
        return run(*tensors)
    result = run(*(cast(t, "float32") for t in tensors))
    return tuple(cast(r, dtype) for r in result) if isinstance(result, tuple) else cast(result, dtype)


def _identity_like(x):
    n = x.shape[-1]
    return broadcast(convert_to_tensor(np.eye(n), x.dtype), shape=list(x.shape))


@op
def cholesky(x, upper=False):
    """The lower triangular L with `x = L L^T` of positive definite matrices (..., n, n), or `U = L^T` when `upper`.

    ValueError when a matrix is not positive definite (NaN in a compiled function).

    >>> import fastkeras as keras
    >>> keras.ops.cholesky([[4.0, 0.0], [0.0, 9.0]]).numpy().tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    x = _matrices(x, "cholesky", square=True)
    lower = _checked(
        _in_float(_cholesky, x), [x], "cholesky", "Cholesky decomposition failed: x is not positive definite."
    )
    return _turned(lower) if upper else lower


@op
def cholesky_inverse(x, upper=False):
    """The inverse of the matrix whose Cholesky factor (lower, or `upper`) is `x` (..., n, n).

    >>> import fastkeras as keras
    >>> keras.ops.cholesky_inverse([[2.0, 0.0], [0.0, 4.0]]).numpy().tolist()
    [[0.25, 0.0], [0.0, 0.0625]]
    """
    x = _matrices(x, "cholesky_inverse", square=True)
    half = solve_triangular(_turned(x) if upper else x, _identity_like(x), lower=True)
    return primitive("matmul")(half, half, transpose_a=True)


@op
def det(x):
    """The determinants of matrices (..., n, n).

    >>> import fastkeras as keras
    >>> keras.ops.det([[2.0, 0.0], [0.0, 3.0]]).numpy().round(5).tolist()
    6.0
    """
    sign, log = slogdet(x)
    return primitive("multiply")(sign, primitive("exp")(log))


@op
def slogdet(x):
    """The signs and the logarithms of the absolute values of the determinants of matrices (..., n, n).

    >>> import fastkeras as keras
    >>> sign, log = keras.ops.slogdet([[1.0, 0.0], [0.0, -1.0]])
    >>> float(sign), float(log)
    (-1.0, 0.0)
    """
    return _in_float(primitive("slogdet"), _matrices(x, "slogdet", square=True))


@op
def logdet(x):
    """The logarithms of the determinants of positive definite matrices (..., n, n).

    >>> import fastkeras as keras
    >>> float(keras.ops.logdet([[1.0, 0.0], [0.0, 1.0]]))
    0.0
    """
    return slogdet(x)[1]


@op
def inv(x):
    """The inverses of matrices (..., n, n); ValueError when one is singular (NaN in a compiled function).

    >>> import fastkeras as keras
    >>> keras.ops.inv([[2.0, 0.0], [0.0, 4.0]]).numpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    x = _matrices(x, "inv", square=True)
    return _checked(_in_float(_solve, x, _identity_like(x)), [x], "inv", "Singular matrix.")


@op
def eigh(x):
    """Eigenvalues w (..., n), ascending, and eigenvectors V (..., n, n) of symmetric matrices: `x = V diag(w) V^T`.

    Of others, those of `(x + x^T) / 2`. The gradient of the vectors is infinite where values are equal.

    >>> import fastkeras as keras
    >>> values, vectors = keras.ops.eigh([[1.0, 0.0], [0.0, 2.0]])
    >>> values.numpy().tolist()
    [1.0, 2.0]
    """
    x = _matrices(x, "eigh", square=True)
    return tuple(primitive("eigh")((x + _turned(x)) * 0.5))


@op
def pinv(x, rcond=None):
    """The pseudo-inverses of matrices (..., m, n); singular values below `rcond` times the largest count as 0.

    >>> import fastkeras as keras
    >>> keras.ops.pinv([[2.0], [0.0]]).numpy().round(4).tolist()
    [[0.5, 0.0]]
    """
    x = _matrices(x, "pinv")
    rcond = 10 * _precision(x) if rcond is None else rcond
    return primitive("pinv")(x, rcond=float(rcond))


def _precision(x):
    """The larger side times the dtype's epsilon."""
    dtype = "float32" if x.dtype in config.HALVES else x.dtype
    return builtins.max(x.shape[-2:]) * float(np.finfo(dtype).eps)


@op
def matrix_rank(x, tol=None):
    """How many singular values of matrices (..., m, n) are above `tol`, by default what rounding leaves of zeros.

    >>> import fastkeras as keras
    >>> int(keras.ops.matrix_rank([[1.0, 0.0], [0.0, 0.0]]))
    1
    """
    x = _matrices(x, "matrix_rank")
    values = _singular_values(x)
    if tol is None:
        tol = max(values, axis=-1, keepdims=True) * _precision(x)
    elif not isinstance(tol, (int, float)):
        tol = convert_to_tensor(tol)
        tol = reshape_to(tol, shape=[*tol.shape, 1])
    return sum(cast(primitive("greater")(values, tol), "int32"), axis=-1)


@op
def lu_factor(x):
    """The LU decomposition of matrices (..., m, n): L below and U on and above the diagonal, and pivots.

    Row i was exchanged with row pivots[i].

    >>> import fastkeras as keras
    >>> lu, pivots = keras.ops.lu_factor([[1.0, 2.0], [2.0, 2.0]])
    >>> lu.numpy().tolist(), pivots.numpy().tolist()
    ([[2.0, 2.0], [0.5, 1.0]], [1, 1])
    """
    lu, pivots, _ = primitive("lu_factor")(_matrices(x, "lu_factor"))
    return lu, pivots


@op
def qr(x, mode="reduced"):
    """Orthogonal Q and upper triangular R with `x = Q R` of matrices (..., m, n); mode "reduced" or "complete".

    With the signs of LAPACK, by Householder's reflections. Gradients of "complete" ask for `m <= n`.

    >>> import fastkeras as keras
    >>> q, r = keras.ops.qr([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> q.shape, r.shape
    ((3, 2), (2, 2))
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(
            f"`mode` argument value not supported. Expected one of {{'reduced', 'complete'}}. Received: mode={mode}"
        )
    return tuple(primitive("qr")(_matrices(x, "qr"), complete=mode == "complete"))


@op
def svd(x, full_matrices=True, compute_uv=True):
    """Singular values s, descending, of matrices (..., m, n); with U and V^T, `x = U diag(s) V^T`, when `compute_uv`.

    Gradients of the vectors ask for `m = n` or `full_matrices=False`; they are infinite where values are equal.

    >>> import fastkeras as keras
    >>> keras.ops.svd([[3.0, 0.0], [0.0, 4.0]], compute_uv=False).numpy().tolist()
    [4.0, 3.0]
    """
    x = _matrices(x, "svd")
    return tuple(primitive("svd")(x, full=bool(full_matrices))) if compute_uv else _singular_values(x)


def _system(a, b, tag):
    """The matrices of a system of equations, its right sides as matrices, and whether they were vectors."""
    a, b = floating_together(a, b)
    _matrices(a, tag, square=True)
    vectors = b.ndim == a.ndim - 1
    if b.ndim not in (a.ndim - 1, a.ndim) or b.shape[a.ndim - 2] != a.shape[-1]:
        raise ValueError(
            f"Incompatible shapes between `a` and `b`: b must be (..., n) or (..., n, k) for a (..., n, n). [{tag}] "
            f"Received: a.shape={a.shape}, b.shape={b.shape}"
        )
    b = reshape_to(b, shape=[*b.shape, 1]) if vectors else b
    lead = list(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]))
    return broadcast(a, shape=[*lead, *a.shape[-2:]]), broadcast(b, shape=[*lead, *b.shape[-2:]]), vectors


@op
def solve(a, b):
    """The x with `a x = b`, for matrices (..., n, n) and right sides (..., n) or (..., n, k).

    ValueError when a matrix is singular (NaN in a compiled function).

    >>> import fastkeras as keras
    >>> keras.ops.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0]).numpy().tolist()
    [1.0, 1.0]
    """
    a, b, vectors = _system(a, b, "solve")
    x = _checked(_in_float(_solve, a, b), [a, b], "solve", "Singular matrix.")
    return reshape_to(x, shape=list(x.shape[:-1])) if vectors else x


@op
def solve_triangular(a, b, lower=False):
    """As `solve` for triangular `a`: only its upper (or `lower`) part is read.

    >>> import fastkeras as keras
    >>> keras.ops.solve_triangular([[2.0, 9.0], [0.0, 4.0]], [20.0, 8.0]).numpy().tolist()
    [1.0, 2.0]
    """
    a, b, vectors = _system(a, b, "solve_triangular")
    x = _in_float(lambda a, b: primitive("triangular_solve")(a, b, lower=bool(lower)), a, b)
    return reshape_to(x, shape=list(x.shape[:-1])) if vectors else x


@op
def lstsq(a, b, rcond=None):
    """The x that minimises `|a x - b|`, for a matrix (m, n) and right sides (m,) or (m, k).

    Singular values below `rcond` times the largest count as 0.

    >>> import fastkeras as keras
    >>> keras.ops.lstsq([[1.0], [1.0]], [1.0, 3.0]).numpy().round(4).tolist()
    [2.0]
    """
    a, b = floating_together(a, b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(
            f"[lstsq] a must be (m, n) and b (m,) or (m, k). Received: a.shape={a.shape}, b.shape={b.shape}"
        )
    rcond = _precision(a) if rcond is None else float(rcond) if rcond >= 0 else float(np.finfo(a.dtype).eps)
    return primitive("matmul")(primitive("pinv")(a, rcond=rcond), b)


# --- norms ----------------------------------------------------------------------------------------------------------


@op
def norm(x, ord=None, axis=None, keepdims=False):
    """Norms of vectors (one axis) or matrices (two axes); of all elements without `ord` and `axis`.

    Vectors: `sum(|x|^ord)^(1/ord)`, 2 by default, inf, -inf, 0 (how many are nonzero).
    Matrices: "fro" by default, "nuc", inf, -inf, 1, -1, and 2, -2 (largest, smallest singular value).

    >>> import fastkeras as keras
    >>> float(keras.ops.norm([3.0, 4.0]))
    5.0
    """
    x = floating(x)
    if axis is None:
        if ord is None or (x.ndim, ord) in ((1, 2), (2, "fro")):
            length = _length(x, None, False)
            return reshape_to(length, shape=[1] * x.ndim) if keepdims else length
        if x.ndim not in (1, 2):
            raise ValueError(
                f"[norm] ord needs an axis, or one or two dimensions. Received: ord={ord}, x.shape={x.shape}"
            )
    axes = normalize_axes(axis, x.ndim, "norm")
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"Invalid axis: norms are of vectors or matrices. Received: ord={ord}, axis={axis}")


def _length(x, axis, keepdims):
    return primitive("sqrt")(sum(primitive("square")(x), axis=axis, keepdims=keepdims))


def _largest(sizes, axis, keepdims=False):
    return (max if sizes.shape[axis] > 0 else sum)(sizes, axis=axis, keepdims=keepdims)  # the sum of none is zero


def _vector_norm(x, ord, axis, keepdims):
    if isinstance(ord, str):
        raise ValueError(f"Invalid `ord` argument for vector norm. Received: ord={ord}")
    size = primitive("abs")(x)
    if ord == np.inf:
        return _largest(size, axis, keepdims)
    if ord == -np.inf:
        return min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return sum(cast(primitive("not_equal")(x, 0), x.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum(size, axis=axis, keepdims=keepdims)
    if ord == 2:
        return _length(x, axis, keepdims)
    return power(sum(power(size, float(ord)), axis=axis, keepdims=keepdims), 1.0 / ord)


def _matrix_norm(x, ord, axes, keepdims):
    row, column = axes
    size = primitive("abs")(x)
    if ord in (None, "fro"):
        return _length(x, axes, keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        first, second = (row, column) if abs(ord) == 1 else (column, row)
        sums = sum(size, axis=first, keepdims=True)
        result = (_largest if ord > 0 else min)(sums, axis=second, keepdims=True)
    elif ord in (2, -2, "nuc"):
        rest = [d for d in range(x.ndim) if d not in axes]
        values = _singular_values(_transpose(x, perm=[*rest, row, column]))
        result = sum(values, axis=-1) if ord == "nuc" else (_largest if ord == 2 else min)(values, axis=-1)
    else:
        raise ValueError(f"Invalid `ord` argument for matrix norm. Received: ord={ord}")
    return reshape_to(result, shape=[1 if d in axes else n for d, n in enumerate(x.shape) if keepdims or d not in axes])


# --- derivatives ----------------------------------------------------------------------------------------------------


def jvp(fun, primals, tangents, has_aux=False):
    """`fun(*primals)` and its derivative in the direction `tangents`; with `has_aux`, what `fun` returns besides.

    The derivative of u -> (gradient of u . fun) is the forward derivative: two tapes make it of reverse mode.

    >>> import fastkeras as keras
    >>> y, dy = keras.ops.jvp(lambda x: x * x, (keras.ops.array(3.0),), (keras.ops.array(2.0),))
    >>> float(y), float(dy)
    (9.0, 12.0)
    """
    if len(primals) != len(tangents):
        raise ValueError(
            f"[jvp] there must be one tangent per primal. Received: {len(primals)} primals, {len(tangents)} tangents"
        )
    primals = [convert_to_tensor(p) for p in primals]
    tangents = [convert_to_tensor(t) for t in tangents]
    with GradientTape(persistent=True) as outer:
        with GradientTape() as inner:
            inner.watch(primals)
            result = fun(*primals)
            outputs = result[0] if has_aux else result
        weights = [broadcast(convert_to_tensor(0, y.dtype), shape=list(y.shape)) for y in nest.flatten(outputs)]
        outer.watch(weights)
        pulled = inner.gradient(outputs, primals, output_gradients=weights)
        along = [sum(g * t) for g, t in zip(pulled, tangents, strict=True) if g is not None]
        total = along[0] if along else None
        for term in along[1:]:
            total = total + term
    pushed = weights if total is None else outer.gradient(total, weights, unconnected_gradients="zero")
    derivative = nest.pack_like(outputs, pushed)
    return (outputs, derivative, result[1]) if has_aux else (outputs, derivative)
