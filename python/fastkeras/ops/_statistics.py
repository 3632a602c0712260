"""Quantiles, histograms, differences and areas."""

import numpy as np

from fastkeras.engine import Tensor, Variable, cast, config, convert_to_tensor, op, primitive, stop_gradient
from fastkeras.ops._common import (
    broadcast,
    floating,
    integer_constant,
    normalize_axes,
    normalize_axis,
    numpy_values,
    part,
    reshape_to,
)
from fastkeras.ops._common import prod as product_of
from fastkeras.ops._creation import linspace
from fastkeras.ops._reductions import max, mean, min, reduce_over, sum

_sum = primitive("sum")
_where, _is_nan, _not_equal, _equal = primitive("where"), primitive("isnan"), primitive("not_equal"), primitive("equal")
_multiply, _subtract, _divide, _add = (
    primitive("multiply"),
    primitive("subtract"),
    primitive("divide"),
    primitive("add"),
)
_square, _sqrt, _floor, _ceil = primitive("square"), primitive("sqrt"), primitive("floor"), primitive("ceil")
_take, _along, _argsort = primitive("take"), primitive("take_along_axis"), primitive("argsort")
_transpose, _matmul = primitive("transpose"), primitive("matmul")


# --- quantiles ------------------------------------------------------------------------------------------------------


def _lanes(x, axis, tag):
    """The reduced axes as one last axis, in ascending order; the shape around it, with and without ones."""
    axes = normalize_axes(axis, x.ndim, tag)
    kept = [d for d in range(x.ndim) if d not in axes]
    outer = [x.shape[d] for d in kept]
    ones = [1 if d in axes else n for d, n in enumerate(x.shape)]
    n = product_of(x.shape[d] for d in axes)
    x = reshape_to(_transpose(x, perm=kept + axes) if x.ndim else x, shape=[product_of(outer), n])
    ordered = _along(x, _argsort(x), axis=-1)
    return ordered, n, outer, ones


_BETWEEN = {"linear": None, "midpoint": 0.5, "lower": 0.0, "higher": 1.0, "nearest": None}


def _interpolate(low, high, weight, method):
    """Between neighbours: `weight` is the fraction of the way; 0 must not touch an infinite `high`."""
    if method == "nearest":
        # Half-way positions go to the lower neighbour, as JAX and NumPy's even rule do for most of them.
        weight = cast(primitive("greater")(weight, 0.5), low.dtype)
    elif method != "linear":
        weight = _multiply(primitive("sign")(weight), _BETWEEN[method])
    mixed = _add(_multiply(low, _subtract(1, weight)), _multiply(high, weight))
    return _where(_equal(weight, 0), low, _where(_equal(weight, 1), high, mixed))


def _moving(q, whole, dtype):
    """Zeros through which gradients reach a tensor `q`, whose values are read out of it."""
    if not isinstance(q, (Tensor, Variable)):
        return convert_to_tensor(0, dtype)
    q = reshape_to(cast(convert_to_tensor(q), dtype), shape=[1, -1])
    return _divide(_subtract(q, stop_gradient(q)), whole)


def quantile_of(x, q, axis, method, keepdims, tag, skip_nan=False, whole=1):
    """The quantiles at `q / whole`."""
    if method not in _BETWEEN:
        raise ValueError(f"[{tag}] method must be one of {', '.join(_BETWEEN)}. Received: method={method}")
    x = floating(x)
    moving, q = _moving(q, whole, x.dtype), _known(q, tag) / whole
    if q.ndim > 1 or ((q < 0) | (q > 1)).any():
        raise ValueError(f"[{tag}] q must be a number or a 1-D tensor of numbers in [0, 1]. Received: q={q}")
    ordered, n, outer, ones = _lanes(x, axis, tag)
    lanes, dtype, points = product_of(outer), x.dtype, q.reshape(-1)
    if skip_nan:
        valid = reduce_over(_sum, cast(primitive("logical_not")(_is_nan(ordered)), "float32"), -1, True, tag)
        steps = primitive("maximum")(_subtract(valid, 1), 0)
        position = _multiply(steps, points.astype("float32"))
        low = _floor(position)
        pick = lambda index: _along(ordered, cast(index, "int32"), axis=-1)  # noqa: E731
        weight = _add(cast(_subtract(position, low), dtype), _multiply(cast(steps, dtype), moving))
        result = _interpolate(pick(low), pick(_ceil(position)), weight, method)
    else:
        position = points * (n - 1)
        low = np.floor(position)
        pick = lambda index: _take(ordered, integer_constant(index), axis=1)  # noqa: E731
        weight = _add(convert_to_tensor(position - low, dtype), _multiply(moving, n - 1))
        weight = broadcast(weight, shape=[lanes, len(points)])
        result = _interpolate(pick(low), pick(np.ceil(position)), weight, method)
        last = part(ordered, 1, n - 1, n)  # NaN sorts last: one of them makes the lane NaN
        result = _where(_is_nan(last), float("nan"), result)
    shape = ones if keepdims else outer
    if q.ndim == 0:
        return reshape_to(result, shape=shape)
    return reshape_to(_transpose(result, perm=[1, 0]), shape=[len(points), *shape])


@op
def quantile(x, q, axis=None, method="linear", keepdims=False):
    """The q-th quantiles over `axis`, q in [0, 1], a number or 1-D; results of a 1-D `q` come first.

    `method` between neighbours: linear, lower, higher, midpoint, nearest.

    >>> import fastkeras as keras
    >>> float(keras.ops.quantile([1.0, 2.0, 3.0, 4.0], 0.5))
    2.5
    """
    return quantile_of(x, q, axis, method, keepdims, "quantile")


@op
def percentile(x, q, axis=None, method="linear", keepdims=False):
    """As `quantile`, with `q` in [0, 100].

    >>> import fastkeras as keras
    >>> float(keras.ops.percentile([1.0, 2.0, 3.0], 50))
    2.0
    """
    return quantile_of(x, q, axis, method, keepdims, "percentile", whole=100)


def _known(q, tag):
    """`q` as a NumPy array of full precision: 1/3 of three steps is one step."""
    return np.asarray(numpy_values(tag, q)[0], "float64")


@op
def median(x, axis=None, keepdims=False):
    """The middle element over `axis`, or the mean of the two middle ones.

    >>> import fastkeras as keras
    >>> float(keras.ops.median([3.0, 1.0, 2.0]))
    2.0
    """
    return quantile_of(x, 0.5, axis, "midpoint", keepdims, "median")


# --- counts, differences, areas -------------------------------------------------------------------------------------


@op
def bincount(x, weights=None, minlength=0, sparse=False):
    """How often each value 0, 1, ... occurs in the integers `x` of shape (n,) or (batch, n). Eager only.

    `weights` (shape of `x`) are summed instead of ones; the result has `max(max(x) + 1, minlength)` entries.

    >>> import fastkeras as keras
    >>> keras.ops.bincount([1, 1, 3]).numpy().tolist()
    [0, 2, 0, 1]
    """
    if sparse:
        raise ValueError("[bincount] only dense results are supported. Received: sparse=True")
    x = convert_to_tensor(x)
    if "int" not in x.dtype or x.ndim not in (1, 2):
        raise ValueError(
            f"[bincount] x must hold integers in 1 or 2 dimensions. Received: dtype={x.dtype}, shape={x.shape}"
        )
    (values,) = numpy_values("bincount", x)
    if values.size and values.min() < 0:
        raise ValueError(f"[bincount] x must not be negative. Received: a minimum of {values.min()}")
    length = int(values.max()) + 1 if values.size else 0
    length = length if length > minlength else minlength
    if weights is None:
        weights, dtype = integer_constant(np.ones(values.shape)), "int32"
    else:
        weights = convert_to_tensor(weights)
        dtype = config.result_type(x.dtype, weights.dtype)
    lead = values.shape[:-1]
    places = values + length * np.arange(product_of(lead)).reshape(*lead, 1)
    counts = _counted(integer_constant(places), cast(weights, dtype), length * product_of(lead))
    return reshape_to(counts, shape=[*lead, length])


def _counted(places, weights, length):
    """The sums of the weights of each place; those outside of the length are left out."""
    start = broadcast(convert_to_tensor(0, weights.dtype), shape=[length])
    flat = (reshape_to(t, shape=[-1]) for t in (places, weights))
    return primitive("scatter")(start, *flat, axis=0, reduction="add")


@op
def histogram(x, bins=10, range=None):
    """Counts of the values of a 1-D tensor in `bins` equal bins over `range`, and the bins' edges.

    `range`: (low, high), the smallest and the largest value by default. What lies outside is not counted.

    >>> import fastkeras as keras
    >>> counts, edges = keras.ops.histogram(keras.ops.array([1.0, 2.0, 2.5]), bins=2)
    >>> counts.numpy().tolist(), edges.numpy().tolist()
    ([1.0, 2.0], [1.0, 1.75, 2.5])
    """
    if not isinstance(bins, int):
        raise TypeError(f"Argument `bins` must be of type `int`. Received: bins={bins}")
    if bins < 0:
        raise ValueError(f"Argument `bins` should be a non-negative integer. Received: bins={bins}")
    if range is not None and (not isinstance(range, (tuple, list)) or len(range) != 2 or range[1] < range[0]):
        raise ValueError(f"Argument `range` must be a tuple of two elements (low, high). Received: range={range}")
    x = floating(x)
    if x.ndim > 1:
        raise ValueError(f"Input tensor must be 1-dimensional. Received: input.shape={x.shape}")
    values = reshape_to(x, shape=[-1])
    low, high = range or ((min(values), max(values)) if values.size else (0.0, 1.0))
    low, high = convert_to_tensor(low, x.dtype), convert_to_tensor(high, x.dtype)
    margin = _where(_equal(low, high), 0.5, 0.0)
    edges = linspace(_subtract(low, margin), _add(high, margin), bins + 1)
    # Bins have their lower edge, and the last one both.
    place = _subtract(primitive("searchsorted")(edges, values, right=True), 1)
    place = _where(_equal(values, part(edges, 0, bins, bins + 1)), bins - 1, place)
    place = _where(primitive("less")(place, 0), bins, place)
    ones = broadcast(convert_to_tensor(1, "int32"), shape=list(values.shape))
    return cast(_counted(place, ones, bins), x.dtype), edges


@op
def diff(a, n=1, axis=-1):
    """`a[i + 1] - a[i]` along `axis`, `n` times.

    >>> import fastkeras as keras
    >>> keras.ops.diff([1, 4, 9]).numpy().tolist()
    [3, 5]
    """
    a = convert_to_tensor(a)
    if n < 0:
        raise ValueError(f"Order `n` must be non-negative. Received n={n}")
    if a.ndim == 0:
        raise ValueError("`diff` requires input that is at least one dimensional. Received: a scalar")
    axis = normalize_axis(axis, a.ndim, "diff")
    subtract = _not_equal if a.dtype == "bool" else _subtract
    for _ in range(n):
        size = a.shape[axis]
        if size == 0:
            break
        a = subtract(part(a, axis, 1, size), part(a, axis, 0, size - 1))
    return a


@op
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """Area under `y` along `axis` by the trapezoidal rule; samples at `x`, or `dx` apart.

    >>> import fastkeras as keras
    >>> float(keras.ops.trapezoid([1.0, 2.0, 3.0]))
    4.0
    """
    y = floating(y)
    axis = normalize_axis(axis, y.ndim, "trapezoid")
    if x is not None:
        x = floating(x)
        if x.ndim == 1:
            x = reshape_to(x, shape=[-1 if d == axis else 1 for d in range(y.ndim)])
        dx = diff(x, axis=axis)
    n = y.shape[axis]
    if n > 0:
        y = _add(part(y, axis, 1, n), part(y, axis, 0, n - 1))
    return sum(_multiply(_multiply(y, dx), 0.5), axis=axis)


@op
def corrcoef(x):
    """Correlation coefficients between the rows of `x` (variables, observations).

    >>> import fastkeras as keras
    >>> keras.ops.corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).numpy().round(3).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    x = floating(x)
    if x.ndim > 2:
        raise ValueError(f"[corrcoef] x must have at most two dimensions. Received: x.shape={x.shape}")
    rows = reshape_to(x, shape=[1, -1]) if x.ndim < 2 else x
    centered = _subtract(rows, mean(rows, axis=1, keepdims=True))
    scale = _sqrt(sum(_square(centered), axis=1, keepdims=True))
    centered = _divide(centered, scale)
    result = primitive("clip")(_matmul(centered, centered, transpose_b=True), minimum=-1.0, maximum=1.0)
    return reshape_to(result, shape=[]) if x.ndim < 2 else result
