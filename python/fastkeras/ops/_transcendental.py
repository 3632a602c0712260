"""Exponentials and logarithms, trigonometry, a Bessel function: element by element."""

import math

import numpy as np

from fastkeras.engine import op, primitive
from fastkeras.ops._common import floating, floating_together
from fastkeras.ops._factories import unary

_add, _subtract, _multiply, _divide = (primitive(n) for n in ("add", "subtract", "multiply", "divide"))
_abs, _negative, _maximum = primitive("abs"), primitive("negative"), primitive("maximum")
_exp, _exp2, _log1p, _sin = primitive("exp"), primitive("exp2"), primitive("log1p"), primitive("sin")
_where, _equal = primitive("where"), primitive("equal")

# --- exponentials and logarithms ------------------------------------------------------------------------------------

exp = unary("exp", "`e^x`.", "[0.0]", "[1.0]")
exp2 = unary("exp2", "`2^x`.", "[3.0]", "[8.0]")
expm1 = unary("expm1", "`e^x - 1`, exact near 0.", "[0.0]", "[0.0]")
log = unary("log", "Natural logarithm.", "[1.0]", "[0.0]")
log1p = unary("log1p", "`log(1 + x)`, exact near 0.", "[0.0]", "[0.0]")
log2 = unary("log2", "Logarithm to base 2.", "[8.0]", "[3.0]")
cbrt = unary("cbrt", "Cube root, also of negative numbers.", "[0.0]", "[0.0]")
log10 = unary("log10", "Logarithm to base 10.", "[1.0]", "[0.0]")


def _log_add(x1, x2, grow, fold, two):
    """log(e^x1 + e^x2) from the larger one and the distance; `two` is the logarithm of 2."""
    x1, x2 = floating_together(x1, x2)
    largest, distance = _maximum(x1, x2), _abs(_subtract(x1, x2))
    total = _add(largest, fold(grow(_negative(distance))))
    # equal infinities have no distance
    return _where(_equal(x1, x2), _add(x1, two), total)


@op
def logaddexp(x1, x2):
    """`log(exp(x1) + exp(x2))` without overflow.

    >>> import fastkeras as keras
    >>> keras.ops.logaddexp([1000.0], [0.0]).numpy().tolist()
    [1000.0]
    """
    return _log_add(x1, x2, _exp, _log1p, math.log(2))


@op
def logaddexp2(x1, x2):
    """`log2(2^x1 + 2^x2)` without overflow.

    >>> import fastkeras as keras
    >>> float(keras.ops.logaddexp2(3.0, 3.0))
    4.0
    """
    return _log_add(x1, x2, _exp2, lambda x: _multiply(_log1p(x), 1 / math.log(2)), 1)


# --- trigonometry ---------------------------------------------------------------------------------------------------

sin = unary("sin", "Sine of radians.", "[0.0]", "[0.0]")
cos = unary("cos", "Cosine of radians.", "[0.0]", "[1.0]")
tan = unary("tan", "Tangent of radians.", "[0.0]", "[0.0]")
arcsin = unary("arcsin", "Inverse sine, in radians.", "[0.0]", "[0.0]")
arccos = unary("arccos", "Inverse cosine, in radians.", "[1.0]", "[0.0]")
arctan = unary("arctan", "Inverse tangent, in radians.", "[0.0]", "[0.0]")
sinh = unary("sinh", "Hyperbolic sine.", "[0.0]", "[0.0]")
cosh = unary("cosh", "Hyperbolic cosine.", "[0.0]", "[1.0]")
tanh = unary("tanh", "Hyperbolic tangent.", "[0.0]", "[0.0]")
arcsinh = unary("arcsinh", "Inverse hyperbolic sine.", "[0.0]", "[0.0]")
arccosh = unary("arccosh", "Inverse hyperbolic cosine.", "[1.0]", "[0.0]")
arctanh = unary("arctanh", "Inverse hyperbolic tangent.", "[0.0]", "[0.0]")
deg2rad = unary("deg2rad", "Degrees to radians.", "[0.0]", "[0.0]", run=lambda x: _multiply(floating(x), np.pi / 180))
rad2deg = unary("rad2deg", "Radians to degrees.", "[0.0]", "[0.0]", run=lambda x: _multiply(floating(x), 180 / np.pi))


@op
def sinc(x):
    """`sin(pi x) / (pi x)`, and 1 at 0.

    >>> import fastkeras as keras
    >>> keras.ops.sinc([0.0]).numpy().tolist()
    [1.0]
    """
    x = _multiply(floating(x), np.pi)
    zero = _equal(x, 0)
    safe = _where(zero, 1, x)
    return _where(zero, 1, _divide(_sin(safe), safe))


# Of (x / 2)^2k: 1 / k!^2. Up to 8 the rest is below the last bit of a double.
_I0_SERIES = [1 / math.factorial(k) ** 2 for k in range(25)]
# A Chebyshev fit of sqrt(x) e^-x i0(x) by powers of 8 / x, from 8 on; relative error 7e-12.
_I0_TAIL = (
    0.3989422803989, 6.233473747312e-3, 4.38266688949e-4, 5.744228972692e-5, 8.030496600304e-6, 1.563379126682e-5,
    -3.395044153752e-5, 5.85478483944e-5, -5.842509306769e-5, 3.234807280189e-5, -7.305445086042e-6,
)  # fmt: skip


def _polynomial(x, coefficients):
    """By Horner's rule, the constant first."""
    total = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        total = _add(_multiply(x, total), coefficient)
    return total


@op
def i0(x):
    """Modified Bessel function of the first kind, order 0: `sum((x / 2)^2k / k!^2)`.

    >>> import fastkeras as keras
    >>> keras.ops.i0([0.0]).numpy().round(4).tolist()
    [1.0]
    """
    x = floating(x)
    size = _abs(x)
    far = primitive("greater")(size, 8)
    half = _multiply(_where(far, 8, x), 0.5)
    near = _polynomial(_multiply(half, half), _I0_SERIES)
    size = _where(far, size, 8)
    # In two factors: e^x is infinite a little before i0 is.
    root = _exp(_multiply(size, 0.5))
    tail = _divide(_polynomial(_divide(8, size), _I0_TAIL), primitive("sqrt")(size))
    return _where(far, _multiply(_multiply(root, tail), root), near)
