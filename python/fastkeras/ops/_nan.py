"""Reductions and statistics that pass over NaN."""

from fastkeras.engine import cast, convert_to_tensor, op, primitive
from fastkeras.ops._common import floating, is_float
from fastkeras.ops._reductions import argmax, argmin, cumprod, cumsum, prod, reduce_over, sum
from fastkeras.ops._statistics import quantile_of

_sum, _max, _min, _all = primitive("sum"), primitive("max"), primitive("min"), primitive("all")
_where, _is_nan, _subtract, _divide = (primitive(n) for n in ("where", "isnan", "subtract", "divide"))
_square, _sqrt = primitive("square"), primitive("sqrt")


def _replace_nan(x, value):
    x = convert_to_tensor(x)
    return _where(_is_nan(x), value, x) if is_float(x.dtype) else x


def _numbers(x, axis, keepdims, tag):
    """How many elements over `axis` are not NaN, in the dtype of `x`."""
    return reduce_over(_sum, cast(primitive("logical_not")(_is_nan(x)), x.dtype), axis, keepdims, tag)


@op
def nansum(x, axis=None, keepdims=False):
    """Sum over `axis`, NaN counted as 0.

    >>> import fastkeras as keras
    >>> float(keras.ops.nansum([1.0, float("nan")]))
    1.0
    """
    return sum(_replace_nan(x, 0), axis=axis, keepdims=keepdims)


@op
def nanprod(x, axis=None, keepdims=False):
    """Product over `axis`, NaN counted as 1.

    >>> import fastkeras as keras
    >>> float(keras.ops.nanprod([2.0, float("nan")]))
    2.0
    """
    return prod(_replace_nan(x, 1), axis=axis, keepdims=keepdims)


@op
def nanmean(x, axis=None, keepdims=False):
    """Mean of what is not NaN over `axis`; NaN where nothing is left.

    >>> import fastkeras as keras
    >>> float(keras.ops.nanmean([2.0, float("nan")]))
    2.0
    """
    x = floating(x)
    return _divide(nansum(x, axis=axis, keepdims=keepdims), _numbers(x, axis, keepdims, "nanmean"))


@op
def nanvar(x, axis=None, keepdims=False):
    """Variance of what is not NaN over `axis`.

    >>> import fastkeras as keras
    >>> float(keras.ops.nanvar([1.0, 3.0, float("nan")]))
    1.0
    """
    x = floating(x)
    squares = _square(_subtract(x, nanmean(x, axis=axis, keepdims=True)))
    squares = _where(_is_nan(x), 0, squares)  # an infinity less their mean is NaN, and counts
    return _divide(sum(squares, axis=axis, keepdims=keepdims), _numbers(x, axis, keepdims, "nanvar"))


@op
def nanstd(x, axis=None, keepdims=False):
    """Standard deviation of what is not NaN over `axis`.

    >>> import fastkeras as keras
    >>> float(keras.ops.nanstd([1.0, 3.0, float("nan")]))
    1.0
    """
    return _sqrt(nanvar(x, axis=axis, keepdims=keepdims))


def _nan_extreme(run, worst, x, axis, keepdims, tag):
    x = convert_to_tensor(x)
    result = reduce_over(run, _replace_nan(x, worst), axis, keepdims, tag)
    if not is_float(x.dtype):
        return result
    return _where(reduce_over(_all, _is_nan(x), axis, keepdims, tag), float("nan"), result)


@op
def nanmax(x, axis=None, keepdims=False):
    """Largest number over `axis`; NaN only where all are.

    >>> import fastkeras as keras
    >>> float(keras.ops.nanmax([1.0, float("nan")]))
    1.0
    """
    return _nan_extreme(_max, -float("inf"), x, axis, keepdims, "nanmax")


@op
def nanmin(x, axis=None, keepdims=False):
    """Smallest number over `axis`; NaN only where all are.

    >>> import fastkeras as keras
    >>> float(keras.ops.nanmin([1.0, float("nan")]))
    1.0
    """
    return _nan_extreme(_min, float("inf"), x, axis, keepdims, "nanmin")


def _nan_position(find, worst, x, axis, keepdims, tag):
    x = convert_to_tensor(x)
    found = find(_replace_nan(x, worst), axis=axis, keepdims=keepdims)
    if not is_float(x.dtype):
        return found
    return _where(reduce_over(_all, _is_nan(x), axis, keepdims, tag), -1, found)


@op
def nanargmax(x, axis=None, keepdims=False):
    """Position of the largest number along `axis`; -1 where all are NaN.

    >>> import fastkeras as keras
    >>> int(keras.ops.nanargmax([float("nan"), 1.0, 2.0]))
    2
    """
    return _nan_position(argmax, -float("inf"), x, axis, keepdims, "nanargmax")


@op
def nanargmin(x, axis=None, keepdims=False):
    """Position of the smallest number along `axis`; -1 where all are NaN.

    >>> import fastkeras as keras
    >>> int(keras.ops.nanargmin([float("nan"), 1.0, 2.0]))
    1
    """
    return _nan_position(argmin, float("inf"), x, axis, keepdims, "nanargmin")


@op
def nancumsum(x, axis=None, dtype=None):
    """Running sum along `axis`, NaN counted as 0.

    >>> import fastkeras as keras
    >>> keras.ops.nancumsum([1.0, float("nan"), 2.0]).numpy().tolist()
    [1.0, 1.0, 3.0]
    """
    return cumsum(_replace_nan(x, 0), axis=axis, dtype=dtype)


@op
def nancumprod(x, axis=None, dtype=None):
    """Running product along `axis`, NaN counted as 1.

    >>> import fastkeras as keras
    >>> keras.ops.nancumprod([2.0, float("nan"), 3.0]).numpy().tolist()
    [2.0, 2.0, 6.0]
    """
    return cumprod(_replace_nan(x, 1), axis=axis, dtype=dtype)


@op
def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """As `quantile`, of what is not NaN.

    >>> import fastkeras as keras
    >>> float(keras.ops.nanquantile([1.0, float("nan"), 3.0], 0.5))
    2.0
    """
    return quantile_of(x, q, axis, method, keepdims, "nanquantile", skip_nan=True)


@op
def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """As `percentile`, of what is not NaN.

    >>> import fastkeras as keras
    >>> float(keras.ops.nanpercentile([1.0, float("nan"), 3.0], 50))
    2.0
    """
    return quantile_of(x, q, axis, method, keepdims, "nanpercentile", skip_nan=True, whole=100)


@op
def nanmedian(x, axis=None, keepdims=False):
    """The median of what is not NaN.

    >>> import fastkeras as keras
    >>> float(keras.ops.nanmedian([1.0, float("nan"), 3.0]))
    2.0
    """
    return quantile_of(x, 0.5, axis, "midpoint", keepdims, "nanmedian", skip_nan=True)
