"""Arithmetic, element by element, and rounding."""

import builtins

import numpy as np

from fastkeras.engine import cast, convert_to_tensor, op, primitive
from fastkeras.engine import power as _power
from fastkeras.ops._common import NUMBERS, common_dtype, floating, floating_together, is_float, numpy_values, together
from fastkeras.ops._creation import zeros_like
from fastkeras.ops._factories import binary, of_floats, of_integers_too, of_numbers, unary

_where = primitive("where")
_add, _multiply, _abs = primitive("add"), primitive("multiply"), primitive("abs")
_maximum, _minimum, _clip = primitive("maximum"), primitive("minimum"), primitive("clip")
_round, _sign, _exp2 = primitive("round"), primitive("sign"), primitive("exp2")
_equal, _greater = primitive("equal"), primitive("greater")
_logical_or, _is_nan, _is_inf = primitive("logical_or"), primitive("isnan"), primitive("isinf")

add = binary("add", "Sum `x1 + x2`, broadcast.", "[1, 2], 3", "[4, 5]")
subtract = binary("subtract", "Difference `x1 - x2`, broadcast.", "[1, 2], 3", "[-2, -1]")
multiply = binary("multiply", "Product `x1 * x2`, broadcast.", "[1, 2], 3", "[3, 6]")
divide = binary("divide", "Quotient `x1 / x2` in floats, broadcast.", "[1, 3], 2", "[0.5, 1.5]")
true_divide = binary("true_divide", "Same as `divide`.", "[1, 3], 2", "[0.5, 1.5]", run=primitive("divide"))
floor_divide = binary("floor_divide", "Quotient rounded down, broadcast.", "[7, -7], 2", "[3, -4]")
mod = binary("mod", "Remainder with the sign of `x2`: `x1 - floor(x1 / x2) * x2`.", "[7, -7], 3", "[1, 2]")
fmod = binary("fmod", "Remainder with the sign of `x1`: `x1 - trunc(x1 / x2) * x2`.", "[7, -7], 3", "[1, -1]")
power = binary("power", "`x1` to the power `x2`, broadcast.", "[2.0, 3.0], 2.0", "[4.0, 9.0]", run=_power)
maximum = binary("maximum", "The larger of both, NaN where either is NaN.", "[1, 5], 3", "[3, 5]")
minimum = binary("minimum", "The smaller of both, NaN where either is NaN.", "[1, 5], 3", "[1, 3]")
arctan2 = binary("arctan2", "Angle of the point (x2, x1) in [-pi, pi].", "[0.0], [1.0]", "[0.0]")
negative = unary("negative", "`-x`.", "[1, -2]", "[-1, 2]")
absolute = unary("absolute", "`|x|`.", "[1, -2]", "[1, 2]", run=_abs)
abs = unary("abs", "`|x|`.", "[1, -2]", "[1, 2]")
fabs = unary("fabs", "`|x|` in floats.", "[1, -2]", "[1.0, 2.0]", run=of_floats(_abs))
square = unary("square", "`x * x`.", "[1, -2]", "[1, 4]", run=of_numbers(primitive("square")))
sqrt = unary("sqrt", "Square root.", "[4.0, 9.0]", "[2.0, 3.0]")
reciprocal = unary("reciprocal", "`1 / x`.", "[4.0]", "[0.25]")
sign = unary("sign", "-1, 0 or 1 by the sign of `x`.", "[-3, 0, 2]", "[-1, 0, 1]")
copy = unary("copy", "A tensor of the same values.", "[1, 2]", "[1, 2]", run=convert_to_tensor)
conjugate = unary(
    "conjugate", "Complex conjugate: real tensors are their own.", "[1.0]", "[1.0]", run=convert_to_tensor
)
conj = unary("conj", "Same as `conjugate`.", "[1.0]", "[1.0]", run=convert_to_tensor)
real = unary("real", "Real part: all of a real tensor.", "[1.0]", "[1.0]", run=convert_to_tensor)


@op
def imag(x):
    """Imaginary part: zeros for a real tensor.

    >>> import fastkeras as keras
    >>> keras.ops.imag([1.0, 2.0]).numpy().tolist()
    [0.0, 0.0]
    """
    return zeros_like(x)


@op
def isreal(x):
    """Whether each element has no imaginary part: True everywhere, as tensors are real.

    >>> import fastkeras as keras
    >>> keras.ops.isreal([1.0]).numpy().tolist()
    [True]
    """
    x = convert_to_tensor(x)
    return _logical_or(_equal(x, x), True)


@op
def angle(x):
    """Phase of a real number: 0 where it is positive, pi where it has a minus sign, as -0.0 has.

    >>> import fastkeras as keras
    >>> keras.ops.angle([1.0, 2.0]).numpy().tolist()
    [0.0, 0.0]
    """
    return primitive("arctan2")(0, floating(x))


@op
def divide_no_nan(x1, x2):
    """`x1 / x2`, and 0 where `x2` is 0.

    >>> import fastkeras as keras
    >>> keras.ops.divide_no_nan([1.0, 2.0], [0.0, 4.0]).numpy().tolist()
    [0.0, 0.5]
    """
    x1, x2 = together(x1, x2)
    zero = _equal(x2, 0)
    quotient = divide(x1, _where(zero, 1, x2))
    return _where(zero, 0, quotient)


@op
def clip(x, x_min, x_max):
    """`x` limited to [x_min, x_max]; the bounds are numbers or tensors that broadcast.

    >>> import fastkeras as keras
    >>> keras.ops.clip([-2.0, 0.5, 2.0], -1, 1).numpy().tolist()
    [-1.0, 0.5, 1.0]
    """
    x = convert_to_tensor(x)
    if x.dtype == "bool":
        x = cast(x, "int32")
    if isinstance(x_min, NUMBERS) and isinstance(x_max, NUMBERS):
        dtype = x.dtype if is_float(x.dtype) else common_dtype(x, x_min, x_max)
        return _clip(cast(x, dtype), minimum=x_min, maximum=x_max)
    if x_min is not None:
        x = _maximum(x, x_min)
    return x if x_max is None else _minimum(x, x_max)


@op
def hypot(x1, x2):
    """`sqrt(x1^2 + x2^2)` without overflow on the way.

    >>> import fastkeras as keras
    >>> keras.ops.hypot([3.0], [4.0]).numpy().tolist()
    [5.0]
    """
    x1, x2 = (_abs(x) for x in floating_together(x1, x2))
    large, small = _maximum(x1, x2), _minimum(x1, x2)
    ratio = divide(small, _where(_equal(large, 0), 1, large))
    length = _multiply(large, sqrt(_add(_multiply(ratio, ratio), 1)))
    return _where(_logical_or(_is_inf(x1), _is_inf(x2)), float("inf"), length)


@op
def ldexp(x1, x2):
    """`x1 * 2^x2` for an integer `x2`; TypeError when it is not.

    >>> import fastkeras as keras
    >>> keras.ops.ldexp([0.75], [2]).numpy().tolist()
    [3.0]
    """
    x1, x2 = floating(x1), convert_to_tensor(x2)
    if "int" not in x2.dtype:
        raise TypeError(f"ldexp exponent must be an integer type. Received: x2 dtype={x2.dtype}")
    return _multiply(x1, _exp2(cast(x2, x1.dtype)))


@op
def heaviside(x1, x2):
    """0 where `x1 < 0`, 1 where `x1 > 0`, `x2` where `x1` is 0.

    >>> import fastkeras as keras
    >>> keras.ops.heaviside([-1.0, 0.0, 2.0], 0.5).numpy().tolist()
    [0.0, 0.5, 1.0]
    """
    x1, x2 = floating_together(x1, x2)
    step = _where(_equal(x1, 0), x2, cast(_greater(x1, 0), x1.dtype))
    return _where(_is_nan(x1), x1, step)


@op
def fmax(x1, x2):
    """The larger of both; where one is NaN, the other.

    >>> import fastkeras as keras
    >>> keras.ops.fmax([1.0, float("nan")], 2.0).numpy().tolist()
    [2.0, 2.0]
    """
    x1, x2 = together(x1, x2)
    return _where(_is_nan(x1), x2, _where(_is_nan(x2), x1, _maximum(x1, x2)))


@op
def fmin(x1, x2):
    """The smaller of both; where one is NaN, the other.

    >>> import fastkeras as keras
    >>> keras.ops.fmin([1.0, float("nan")], 2.0).numpy().tolist()
    [1.0, 2.0]
    """
    x1, x2 = together(x1, x2)
    return _where(_is_nan(x1), x2, _where(_is_nan(x2), x1, _minimum(x1, x2)))


def _on_host(name, text, *example, operands=together):
    """A function of two tensors that NumPy computes, eagerly only and without a gradient."""
    ufunc = getattr(np, name)

    def run(x1, x2):
        x1, x2 = operands(x1, x2)
        return convert_to_tensor(np.asarray(ufunc(*numpy_values(name, x1, x2))))

    return binary(name, text, *example, run=run)


gcd = _on_host("gcd", "Greatest common divisor of integers. Eager only.", "[12], [18]", "[6]")
lcm = _on_host("lcm", "Lowest common multiple of integers. Eager only.", "[4], [6]", "[12]")
nextafter = _on_host(
    "nextafter",
    "The next float after `x1` towards `x2`. Eager only.",
    "[0.5], [0.5]",
    "[0.5]",
    operands=floating_together,
)


# --- rounding -------------------------------------------------------------------------------------------------------

floor = unary(
    "floor", "The largest whole number not above `x`.", "[1.5, -1.5]", "[1.0, -2.0]", run=of_floats(primitive("floor"))
)
ceil = unary(
    "ceil", "The smallest whole number not below `x`.", "[1.5, -1.5]", "[2.0, -1.0]", run=of_floats(primitive("ceil"))
)
trunc = unary(
    "trunc", "`x` without its fraction.", "[1.5, -1.5]", "[1.0, -1.0]", run=of_integers_too(primitive("trunc"))
)


@op
def round(x, decimals=0):
    """`x` rounded to `decimals` places, halves to even.

    >>> import fastkeras as keras
    >>> keras.ops.round([0.5, 1.5, 2.25], decimals=1).numpy().tolist()
    [0.5, 1.5, 2.200000047683716]
    """
    x = convert_to_tensor(x)
    whole = not is_float(x.dtype)
    if whole and decimals >= 0:
        return x
    if decimals == 0:
        return _round(x)
    factor = 10.0 ** builtins.abs(decimals)
    scaled = floating(x)
    if decimals > 0:
        scaled = divide(_round(_multiply(scaled, factor)), factor)
    else:
        scaled = _multiply(_round(divide(scaled, factor)), factor)
    return cast(scaled, x.dtype)
