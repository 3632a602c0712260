"""Reductions and running sums: sum, mean, variance, extremes and their positions."""

from fastkeras.engine import cast, convert_to_tensor, op, primitive
from fastkeras.ops._common import broadcast, floating, floating_together, normalize_axes, normalize_axis, reshape_to

_sum, _mean, _prod = primitive("sum"), primitive("mean"), primitive("prod")
_max, _min, _argmax, _argmin = primitive("max"), primitive("min"), primitive("argmax"), primitive("argmin")
_all, _any = primitive("all"), primitive("any")
_cumsum, _cumprod = primitive("cumsum"), primitive("cumprod")
_not_equal, _multiply, _subtract = primitive("not_equal"), primitive("multiply"), primitive("subtract")
_divide, _sqrt, _moments = primitive("divide"), primitive("sqrt"), primitive("moments")

# Sums of narrow integers are kept in 32 bits.
_SUM_DTYPE = {"bool": "int32", "int8": "int32", "uint8": "uint32"}


def reduce_over(run, x, axis, keepdims, tag):
    """One primitive over one axis, several or all."""
    return run(x, axes=normalize_axes(axis, x.ndim, tag), keepdims=bool(keepdims))


def _summable(x, dtype=None):
    x = convert_to_tensor(x)
    return cast(x, dtype or _SUM_DTYPE.get(x.dtype, x.dtype))


def _of(x, dtype):
    """`x` in `dtype` where one was asked for: primitives add up bool, int8 and uint8 in 32 bits all the same."""
    return x if dtype is None else cast(x, dtype)


@op
def sum(x, axis=None, keepdims=False):
    """Sum over `axis` (one, several, or None for all); bool, int8 and uint8 add up in 32 bits.

    >>> import fastkeras as keras
    >>> keras.ops.sum([[1, 2], [3, 4]], axis=0).numpy().tolist()
    [4, 6]
    """
    return reduce_over(_sum, _summable(x), axis, keepdims, "sum")


@op
def prod(x, axis=None, keepdims=False, dtype=None):
    """Product over `axis`.

    >>> import fastkeras as keras
    >>> keras.ops.prod([[1, 2], [3, 4]], axis=1).numpy().tolist()
    [2, 12]
    """
    return _of(reduce_over(_prod, _summable(x, dtype), axis, keepdims, "prod"), dtype)


@op
def mean(x, axis=None, keepdims=False):
    """Mean over `axis`; integers give floats.

    >>> import fastkeras as keras
    >>> keras.ops.mean([[1, 2], [3, 4]], axis=1).numpy().tolist()
    [1.5, 3.5]
    """
    return reduce_over(_mean, floating(x), axis, keepdims, "mean")


@op
def var(x, axis=None, keepdims=False):
    """Variance `mean((x - mean(x))^2)` over `axis`.

    >>> import fastkeras as keras
    >>> float(keras.ops.var([1.0, 3.0]))
    1.0
    """
    return reduce_over(_moments, floating(x), axis, keepdims, "var")[1]


@op
def std(x, axis=None, keepdims=False):
    """Standard deviation over `axis`, the square root of `var`.

    >>> import fastkeras as keras
    >>> float(keras.ops.std([1.0, 3.0]))
    1.0
    """
    return _sqrt(var(x, axis=axis, keepdims=keepdims))


def _extreme(run, combine, x, axis, keepdims, initial, tag):
    x = convert_to_tensor(x)
    if initial is None:
        return reduce_over(run, x, axis, keepdims, tag)
    initial = convert_to_tensor(initial, x.dtype)
    axes = normalize_axes(axis, x.ndim, tag)
    if x.size == 0:
        kept = [1 if d in axes else n for d, n in enumerate(x.shape)]
        shape = kept if keepdims else [n for d, n in enumerate(x.shape) if d not in axes]
        return broadcast(initial, shape=shape)
    if x.dtype == "bool":
        return cast(combine(cast(reduce_over(run, x, axis, keepdims, tag), "int32"), cast(initial, "int32")), "bool")
    return combine(reduce_over(run, x, axis, keepdims, tag), initial)


@op
def max(x, axis=None, keepdims=False, initial=None):
    """Largest element over `axis`, not below `initial`.

    >>> import fastkeras as keras
    >>> keras.ops.max([[1, 4], [3, 2]], axis=0).numpy().tolist()
    [3, 4]
    """
    return _extreme(_max, primitive("maximum"), x, axis, keepdims, initial, "max")


@op
def min(x, axis=None, keepdims=False, initial=None):
    """Smallest element over `axis`, not above `initial`.

    >>> import fastkeras as keras
    >>> keras.ops.min([[1, 4], [3, 2]], axis=0).numpy().tolist()
    [1, 2]
    """
    return _extreme(_min, primitive("minimum"), x, axis, keepdims, initial, "min")


@op
def amax(x, axis=None, keepdims=False):
    """Same as `max` without `initial`.

    >>> import fastkeras as keras
    >>> int(keras.ops.amax([1, 3, 2]))
    3
    """
    return max(x, axis=axis, keepdims=keepdims)


@op
def amin(x, axis=None, keepdims=False):
    """Same as `min` without `initial`.

    >>> import fastkeras as keras
    >>> int(keras.ops.amin([1, 3, 2]))
    1
    """
    return min(x, axis=axis, keepdims=keepdims)


@op
def ptp(x, axis=None, keepdims=False):
    """Largest minus smallest element over `axis`.

    >>> import fastkeras as keras
    >>> int(keras.ops.ptp([1, 5, 2]))
    4
    """
    return _subtract(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))


@op
def all(x, axis=None, keepdims=False):
    """Whether all elements over `axis` are nonzero.

    >>> import fastkeras as keras
    >>> keras.ops.all([[True, False], [True, True]], axis=1).numpy().tolist()
    [False, True]
    """
    return reduce_over(_all, convert_to_tensor(x), axis, keepdims, "all")


@op
def any(x, axis=None, keepdims=False):
    """Whether any element over `axis` is nonzero.

    >>> import fastkeras as keras
    >>> keras.ops.any([[True, False], [False, False]], axis=1).numpy().tolist()
    [True, False]
    """
    return reduce_over(_any, convert_to_tensor(x), axis, keepdims, "any")


@op
def count_nonzero(x, axis=None):
    """Number of nonzero elements over `axis`, as int32.

    >>> import fastkeras as keras
    >>> int(keras.ops.count_nonzero([0, 2, 3]))
    2
    """
    return reduce_over(_sum, cast(_not_equal(x, 0), "int32"), axis, False, "count_nonzero")


def _position(run, x, axis, keepdims, tag):
    x = convert_to_tensor(x)
    axis = None if axis is None else normalize_axis(axis, x.ndim, tag)
    return run(x, axis=axis, keepdims=bool(keepdims))


@op
def argmax(x, axis=None, keepdims=False):
    """int32 position of the first largest element along `axis` (None: of the flattened tensor).

    >>> import fastkeras as keras
    >>> keras.ops.argmax([[1, 4], [3, 2]], axis=1).numpy().tolist()
    [1, 0]
    """
    return _position(_argmax, x, axis, keepdims, "argmax")


@op
def argmin(x, axis=None, keepdims=False):
    """int32 position of the first smallest element along `axis` (None: of the flattened tensor).

    >>> import fastkeras as keras
    >>> keras.ops.argmin([[1, 4], [3, 2]], axis=1).numpy().tolist()
    [0, 1]
    """
    return _position(_argmin, x, axis, keepdims, "argmin")


def _running(run, x, axis, dtype, tag):
    x = convert_to_tensor(x)
    x = cast(x, dtype or ("int32" if x.dtype == "bool" else x.dtype))
    if axis is None:
        return _of(run(reshape_to(x, shape=[-1]), axis=0), dtype)
    return _of(run(x, axis=normalize_axis(axis, x.ndim, tag)), dtype)


@op
def cumsum(x, axis=None, dtype=None):
    """Running sum along `axis` (None: of the flattened tensor).

    >>> import fastkeras as keras
    >>> keras.ops.cumsum([1, 2, 3]).numpy().tolist()
    [1, 3, 6]
    """
    return _running(_cumsum, x, axis, dtype, "cumsum")


@op
def cumprod(x, axis=None, dtype=None):
    """Running product along `axis` (None: of the flattened tensor).

    >>> import fastkeras as keras
    >>> keras.ops.cumprod([1, 2, 3]).numpy().tolist()
    [1, 2, 6]
    """
    return _running(_cumprod, x, axis, dtype, "cumprod")


@op
def average(x, axis=None, weights=None):
    """Weighted mean `sum(w x) / sum(w)` over `axis`; `weights` has the shape of `x`, or that of its one axis.

    >>> import fastkeras as keras
    >>> float(keras.ops.average([1.0, 3.0], weights=[3.0, 1.0]))
    1.5
    """
    if weights is None:
        return mean(floating(x), axis=axis)
    x, weights = floating_together(convert_to_tensor(x), convert_to_tensor(weights))
    if weights.shape != x.shape:
        if axis is None:
            raise ValueError("Axis must be specified when shapes of a and weights differ.")
        axes = normalize_axes(axis, x.ndim, "average")
        if list(weights.shape) != [x.shape[a] for a in axes]:
            raise ValueError(
                "[average] weights must have the shape of x or that of its axis. "
                f"Received: x.shape={x.shape}, weights.shape={weights.shape}, axis={axis}"
            )
        order = sorted(range(len(axes)), key=lambda i: axes[i])
        weights = primitive("transpose")(weights, perm=order) if len(axes) > 1 else weights
        weights = reshape_to(weights, shape=[n if d in axes else 1 for d, n in enumerate(x.shape)])
        weights = broadcast(weights, shape=list(x.shape))
    return _divide(sum(_multiply(x, weights), axis=axis), sum(weights, axis=axis))
