"""Segments, top-k, error functions, distances, Fourier transforms: the math part of `keras.ops`."""

import numpy as np

from fastkeras.engine import cast, convert_to_tensor, op, primitive
from fastkeras.ops._common import (
    broadcast,
    floating,
    floating_together,
    is_float,
    normalize_axes,
    numpy_values,
    reshape_to,
)
from fastkeras.ops._factories import unary
from fastkeras.ops._fourier import extract_sequences, fft, fft2, ifft2, irfft, istft, rfft, stft  # noqa: F401

_scatter, _where = primitive("scatter"), primitive("where")
_sum, _multiply, _subtract = primitive("sum"), primitive("multiply"), primitive("subtract")

erf = unary("erf", "The error function `2 / sqrt(pi) * integral of exp(-t^2) from 0 to x`.", "[0.0]", "[0.0]")
erfinv = unary("erfinv", "The inverse of `erf`.", "[0.0]", "[0.0]")
rsqrt = unary("rsqrt", "`1 / sqrt(x)`.", "[4.0]", "[0.5]")


# --- segments -------------------------------------------------------------------------------------------------------


def _segments(data, segment_ids, num_segments, reduction, empty, tag):
    data, ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
    if ids.ndim != 1 or not data.ndim or data.shape[0] != ids.shape[0]:
        raise ValueError(
            "Argument `segment_ids` should be an 1-D vector, one id per row of `data`. "
            f"Received: shape={ids.shape}, data.shape={data.shape}"
        )
    if num_segments is None:
        (values,) = numpy_values(tag, ids)
        num_segments = int(values.max(initial=-1)) + 1
    start = broadcast(convert_to_tensor(empty, data.dtype), shape=[int(num_segments), *data.shape[1:]])
    # A negative id belongs nowhere; the scatter would count it from the end.
    ids = _where(primitive("less")(ids, 0), int(num_segments), ids)
    return _scatter(start, ids, data, axis=0, reduction=reduction)


def _limit(dtype, lowest):
    """What no element of the dtype is below (or above)."""
    if is_float(dtype):
        return -np.inf if lowest else np.inf
    if dtype == "bool":
        return not lowest
    return int(np.iinfo(dtype).min if lowest else np.iinfo(dtype).max)


@op
def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """Sums the rows of `data` that have the same id; `num_segments` rows (needed in a compiled function).

    `sorted` is a hint that changes nothing here.

    >>> import fastkeras as keras
    >>> keras.ops.segment_sum([1.0, 2.0, 3.0], [0, 0, 1]).numpy().tolist()
    [3.0, 3.0]
    """
    return _segments(data, segment_ids, num_segments, "add", 0, "segment_sum")


@op
def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    """Multiplies the rows of `data` that have the same id; ones where there are none. Arguments as `segment_sum`.

    >>> import fastkeras as keras
    >>> keras.ops.segment_prod([2.0, 3.0, 4.0], [0, 0, 1]).numpy().tolist()
    [6.0, 4.0]
    """
    return _segments(data, segment_ids, num_segments, "mul", 1, "segment_prod")


@op
def segment_max(data, segment_ids, num_segments=None, sorted=False):
    """The largest of the rows of `data` with the same id; the lowest value of the dtype where there are none.

    >>> import fastkeras as keras
    >>> keras.ops.segment_max([1.0, 2.0, 3.0], [0, 0, 1]).numpy().tolist()
    [2.0, 3.0]
    """
    data = convert_to_tensor(data)
    return _segments(data, segment_ids, num_segments, "max", _limit(data.dtype, True), "segment_max")


@op
def segment_min(data, segment_ids, num_segments=None, sorted=False):
    """The smallest of the rows of `data` with the same id; the highest value of the dtype where there are none.

    >>> import fastkeras as keras
    >>> keras.ops.segment_min([1.0, 2.0, 3.0], [0, 0, 1]).numpy().tolist()
    [1.0, 3.0]
    """
    data = convert_to_tensor(data)
    return _segments(data, segment_ids, num_segments, "min", _limit(data.dtype, False), "segment_min")


# --- order ----------------------------------------------------------------------------------------------------------


@op
def top_k(x, k, sorted=True):
    """The `k` largest elements along the last axis, and their int32 positions; always in descending order.

    >>> import fastkeras as keras
    >>> values, positions = keras.ops.top_k([5, 2, 7], 2)
    >>> values.numpy().tolist(), positions.numpy().tolist()
    ([7, 5], [2, 0])
    """
    return primitive("top_k")(x, k=int(k))


@op
def in_top_k(targets, predictions, k):
    """Whether the score of each target (batch,) is among the `k` largest of its row of predictions (batch, classes).

    >>> import fastkeras as keras
    >>> keras.ops.in_top_k([2, 0], [[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]], 2).numpy().tolist()
    [True, False]
    """
    targets, predictions = convert_to_tensor(targets), convert_to_tensor(predictions)
    if predictions.ndim != targets.ndim + 1:
        raise ValueError(
            "[in_top_k] predictions must have one dimension more than targets. "
            f"Received: targets.shape={targets.shape}, predictions.shape={predictions.shape}"
        )
    column = reshape_to(targets, shape=[*targets.shape, 1])
    score = primitive("take_along_axis")(predictions, column, axis=-1)
    # NaN does not count as a large score.
    score = _where(primitive("isnan")(score), -float("inf"), score)
    above = cast(primitive("greater")(predictions, score), "int32")
    return primitive("less")(_sum(above, axes=[predictions.ndim - 1], keepdims=False), int(k))


@op
def logsumexp(x, axis=None, keepdims=False):
    """`log(sum(exp(x)))` over `axis` without overflow.

    >>> import fastkeras as keras
    >>> round(float(keras.ops.logsumexp([0.0, 0.0])), 4)
    0.6931
    """
    x = floating(x)
    return primitive("logsumexp")(x, axes=normalize_axes(axis, x.ndim, "logsumexp"), keepdims=bool(keepdims))


# Numerical Recipes' Chebyshev fit: erfc(z) = t exp(-z^2 + polynomial(t)) with t = 1 / (1 + z / 2), z >= 0.
_ERFC = (
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
    -1.26551223,
)  # fmt: skip


@op
def erfc(x):
    """`1 - erf(x)` with a relative error below 1.2e-7, also where it is tiny.

    >>> import fastkeras as keras
    >>> round(float(keras.ops.erfc(0.0)), 6)
    1.0
    """
    add = primitive("add")
    x = floating(x)
    z = primitive("abs")(x)
    t = primitive("reciprocal")(add(_multiply(z, 0.5), 1))
    exponent = _ERFC[0]
    for coefficient in _ERFC[1:]:
        exponent = add(_multiply(t, exponent), coefficient)
    tail = _multiply(t, primitive("exp")(_subtract(exponent, _multiply(z, z))))
    return _where(primitive("less")(x, 0), _subtract(2, tail), tail)


@op
def cdist(x, y):
    """Euclidean distances between all rows of `x` (..., m, d) and `y` (..., n, d), as (..., m, n).

    >>> import fastkeras as keras
    >>> keras.ops.cdist([[0.0, 0.0]], [[3.0, 4.0]]).numpy().tolist()
    [[5.0]]
    """
    x, y = floating_together(x, y)
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError("`cdist` inputs must have rank >= 2")
    if x.shape[-1] != y.shape[-1]:
        raise ValueError("Last dimension of inputs to `cdist` must match")
    rows = reshape_to(x, shape=[*x.shape[:-1], 1, x.shape[-1]])
    columns = reshape_to(y, shape=[*y.shape[:-2], 1, *y.shape[-2:]])
    difference = _subtract(rows, columns)
    return primitive("sqrt")(_sum(_multiply(difference, difference), axes=[difference.ndim - 1], keepdims=False))
