"""The NumPy part of `keras.ops`: the same names, arguments and result dtypes."""

# ruff: noqa: F401, I001
# fmt: off
from fastkeras.ops._arithmetic import (
    abs, absolute, add, angle, arctan2, ceil, clip, conj, conjugate, copy, divide, divide_no_nan, fabs, floor,
    floor_divide, fmax, fmin, fmod, gcd, heaviside, hypot, imag, isreal, lcm, ldexp, maximum, minimum, mod,
    multiply, negative, nextafter, power, real, reciprocal, round, sign, sqrt, square, subtract, true_divide, trunc,
)
from fastkeras.ops._comparison import (
    allclose, bitwise_and, bitwise_invert, bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift,
    bitwise_xor, equal, greater, greater_equal, isclose, isfinite, isinf, isnan, isneginf, isposinf, left_shift,
    less, less_equal, logical_and, logical_not, logical_or, logical_xor, nan_to_num, not_equal, right_shift, select,
    signbit, view, where,
)
from fastkeras.ops._creation import (
    arange, array, bartlett, blackman, empty, empty_like, full, full_like, geomspace, hamming, hanning, kaiser,
    linspace, logspace, ones, ones_like, zeros, zeros_like,
)
from fastkeras.ops._diagonals import (
    diag, diagflat, diagonal, eye, identity, trace, tri, tril, triu, vander,
)
from fastkeras.ops._indexing import (
    argpartition, argsort, digitize, get_item, isin, nonzero, searchsorted, sort, take, take_along_axis, unique,
    unravel_index,
)
from fastkeras.ops._nan import (
    nanargmax, nanargmin, nancumprod, nancumsum, nanmax, nanmean, nanmedian, nanmin, nanpercentile, nanprod,
    nanquantile, nanstd, nansum, nanvar,
)
from fastkeras.ops._products import (
    correlate, cross, dot, einsum, inner, kron, matmul, outer, tensordot, vdot,
)
from fastkeras.ops._joining import (
    append, array_split, concatenate, dsplit, dstack, hsplit, hstack, split, stack, vsplit, vstack,
)
from fastkeras.ops._reductions import (
    all, amax, amin, any, argmax, argmin, average, count_nonzero, cumprod, cumsum, max, mean, min, prod, ptp, std,
    sum, var,
)
from fastkeras.ops._shapes import (
    broadcast_to, expand_dims, flip, fliplr, flipud, meshgrid, moveaxis, ndim, pad, ravel, repeat, reshape, roll,
    rot90, size, squeeze, swapaxes, tile, transpose,
)
from fastkeras.ops._statistics import (
    bincount, corrcoef, diff, histogram, median, percentile, quantile, trapezoid,
)
from fastkeras.ops._transcendental import (
    arccos, arccosh, arcsin, arcsinh, arctan, arctanh, cbrt, cos, cosh, deg2rad, exp, exp2, expm1, i0, log, log10,
    log1p, log2, logaddexp, logaddexp2, rad2deg, sin, sinc, sinh, tan, tanh,
)
from fastkeras.ops._vectorize import vectorize
from fastkeras.ops.linalg import slogdet
