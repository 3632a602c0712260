"""Elementwise functions: arithmetic, exponentials, trigonometry, rounding, comparison, logic and bits."""

import builtins
import math

import numpy as np

from fastkeras.engine import cast, config, convert_to_tensor, op, primitive
from fastkeras.ops._common import NUMBERS, common_dtype, floating, floating_together, is_float, numpy_values, together

_where = primitive("where")
_add, _subtract, _multiply = primitive("add"), primitive("subtract"), primitive("multiply")
_maximum, _minimum, _clip = primitive("maximum"), primitive("minimum"), primitive("clip")
_round, _sign, _log1p, _exp = primitive("round"), primitive("sign"), primitive("log1p"), primitive("exp")
_abs, _equal, _less, _greater = primitive("abs"), primitive("equal"), primitive("less"), primitive("greater")
_logical_and, _logical_or, _logical_not = primitive("logical_and"), primitive("logical_or"), primitive("logical_not")
_is_nan, _is_inf = primitive("isnan"), primitive("isinf")


def _document(function, name, text, example):
    arguments, result = example
    function.__name__ = function.__qualname__ = name
    call = f"keras.ops.{name}({arguments}).numpy().tolist()"
    function.__doc__ = f"{text}\n\n    >>> import fastkeras as keras\n    >>> {call}\n    {result}\n    "
    return op(function)


def unary(name, text, *example, run=None):
    """The public function of one primitive of one tensor."""
    run = run or primitive(name)
    return _document(lambda x: run(x), name, text, example)


def binary(name, text, *example, run=None):
    """The public function of one primitive of two tensors that broadcast."""
    run = run or primitive(name)
    return _document(lambda x1, x2: run(x1, x2), name, text, example)


def _bits(name, text, *example, run=None):
    run = run or primitive(name)
    return _document(lambda x, y: run(x, y), name, text, example)


def _of_floats(run):
    return lambda x: run(floating(x))


def _of_numbers(run):
    """Booleans become int32."""

    def of_number(x):
        x = convert_to_tensor(x)
        return run(cast(x, "int32") if x.dtype == "bool" else x)

    return of_number


def _of_integers_too(run):
    """Integers and booleans are already whole."""

    def rounded(x):
        x = convert_to_tensor(x)
        return run(x) if is_float(x.dtype) else x

    return rounded


# --- arithmetic -----------------------------------------------------------------------------------------------------

add = binary("add", "Sum `x1 + x2`, broadcast.", "[1, 2], 3", "[4, 5]")
subtract = binary("subtract", "Difference `x1 - x2`, broadcast.", "[1, 2], 3", "[-2, -1]")
multiply = binary("multiply", "Product `x1 * x2`, broadcast.", "[1, 2], 3", "[3, 6]")
divide = binary("divide", "Quotient `x1 / x2` in floats, broadcast.", "[1, 3], 2", "[0.5, 1.5]")
true_divide = binary("true_divide", "Same as `divide`.", "[1, 3], 2", "[0.5, 1.5]", run=primitive("divide"))
floor_divide = binary("floor_divide", "Quotient rounded down, broadcast.", "[7, -7], 2", "[3, -4]")
mod = binary("mod", "Remainder with the sign of `x2`: `x1 - floor(x1 / x2) * x2`.", "[7, -7], 3", "[1, 2]")
power = binary("power", "`x1` to the power `x2`, broadcast.", "[2.0, 3.0], 2.0", "[4.0, 9.0]")
maximum = binary("maximum", "The larger of both, NaN where either is NaN.", "[1, 5], 3", "[3, 5]")
minimum = binary("minimum", "The smaller of both, NaN where either is NaN.", "[1, 5], 3", "[1, 3]")
arctan2 = binary("arctan2", "Angle of the point (x2, x1) in [-pi, pi].", "[0.0], [1.0]", "[0.0]")
negative = unary("negative", "`-x`.", "[1, -2]", "[-1, 2]")
absolute = unary("absolute", "`|x|`.", "[1, -2]", "[1, 2]", run=_abs)
abs = unary("abs", "`|x|`.", "[1, -2]", "[1, 2]")
fabs = unary("fabs", "`|x|` in floats.", "[1, -2]", "[1.0, 2.0]", run=_of_floats(_abs))
square = unary("square", "`x * x`.", "[1, -2]", "[1, 4]", run=_of_numbers(primitive("square")))
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
    return _multiply(x, 0)


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
    """Phase of a real number: 0 where `x >= 0`, pi where it is negative.

    >>> import fastkeras as keras
    >>> keras.ops.angle([1.0, 2.0]).numpy().tolist()
    [0.0, 0.0]
    """
    x = floating(x)
    return _where(_less(x, 0), np.pi, _multiply(x, 0))


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
def fmod(x1, x2):
    """Remainder with the sign of `x1`: `x1 - trunc(x1 / x2) * x2`.

    >>> import fastkeras as keras
    >>> keras.ops.fmod([7, -7], 3).numpy().tolist()
    [1, -1]
    """
    x1, x2 = together(x1, x2)
    return _multiply(_sign(x1), mod(_abs(x1), _abs(x2)))


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
    return _multiply(x1, exp2(cast(x2, x1.dtype)))


@op
def heaviside(x1, x2):
    """0 where `x1 < 0`, 1 where `x1 > 0`, `x2` where `x1` is 0.

    >>> import fastkeras as keras
    >>> keras.ops.heaviside([-1.0, 0.0, 2.0], 0.5).numpy().tolist()
    [0.0, 0.5, 1.0]
    """
    x1, x2 = together(floating(x1), x2 if isinstance(x2, NUMBERS) else floating(x2))
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


def _on_host(name, text, *example):
    """A function of two tensors that NumPy computes, eagerly only and without a gradient."""
    ufunc = getattr(np, name)

    def run(x1, x2):
        x1, x2 = together(x1, x2)
        return convert_to_tensor(np.asarray(ufunc(*numpy_values(name, x1, x2))))

    return binary(name, text, *example, run=run)


gcd = _on_host("gcd", "Greatest common divisor of integers. Eager only.", "[12], [18]", "[6]")
lcm = _on_host("lcm", "Lowest common multiple of integers. Eager only.", "[4], [6]", "[12]")
nextafter = _on_host("nextafter", "The next float after `x1` towards `x2`. Eager only.", "[0.5], [0.5]", "[0.5]")


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
    total = _add(largest, fold(grow(negative(distance))))
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
    return _log_add(x1, x2, exp2, lambda x: _multiply(_log1p(x), 1 / math.log(2)), 1)


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
    return _where(zero, 1, divide(sin(safe), safe))


# --- rounding -------------------------------------------------------------------------------------------------------

floor = unary(
    "floor", "The largest whole number not above `x`.", "[1.5, -1.5]", "[1.0, -2.0]", run=_of_floats(primitive("floor"))
)
ceil = unary(
    "ceil", "The smallest whole number not below `x`.", "[1.5, -1.5]", "[2.0, -1.0]", run=_of_floats(primitive("ceil"))
)
trunc = unary(
    "trunc", "`x` without its fraction.", "[1.5, -1.5]", "[1.0, -1.0]", run=_of_integers_too(primitive("trunc"))
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


# --- comparison and logic -------------------------------------------------------------------------------------------

equal = binary("equal", "Elementwise `x1 == x2`.", "[1, 2], 2", "[False, True]")
not_equal = binary("not_equal", "Elementwise `x1 != x2`.", "[1, 2], 2", "[True, False]")
less = binary("less", "Elementwise `x1 < x2`.", "[1, 2], 2", "[True, False]")
less_equal = binary("less_equal", "Elementwise `x1 <= x2`.", "[1, 2], 2", "[True, True]")
greater = binary("greater", "Elementwise `x1 > x2`.", "[1, 3], 2", "[False, True]")
greater_equal = binary("greater_equal", "Elementwise `x1 >= x2`.", "[1, 2], 2", "[False, True]")
logical_and = binary("logical_and", "Elementwise and.", "[True, False], True", "[True, False]")
logical_or = binary("logical_or", "Elementwise or.", "[True, False], False", "[True, False]")
logical_xor = binary("logical_xor", "Elementwise exclusive or.", "[True, False], True", "[False, True]")
logical_not = unary("logical_not", "Elementwise not.", "[True, False]", "[False, True]")
isnan = unary("isnan", "Whether each element is NaN.", "[1.0]", "[False]")
isinf = unary("isinf", "Whether each element is infinite.", "[1.0]", "[False]")
isfinite = unary("isfinite", "Whether each element is a finite number.", "[1.0]", "[True]")
isposinf = unary(
    "isposinf", "Whether each element is +inf.", "[1.0]", "[False]", run=lambda x: _equal(floating(x), float("inf"))
)
isneginf = unary(
    "isneginf", "Whether each element is -inf.", "[1.0]", "[False]", run=lambda x: _equal(floating(x), -float("inf"))
)


@op
def signbit(x):
    """Whether each element carries a minus sign, -0.0 included.

    >>> import fastkeras as keras
    >>> keras.ops.signbit([-1.0, -0.0, 2.0]).numpy().tolist()
    [True, True, False]
    """
    x = convert_to_tensor(x)
    if not is_float(x.dtype):
        return _less(x, 0)
    return _logical_or(_less(x, 0), _logical_and(_equal(x, 0), _less(reciprocal(x), 0)))


@op
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether `|x1 - x2| <= atol + rtol * |x2|`, elementwise.

    >>> import fastkeras as keras
    >>> keras.ops.isclose([1.0, 2.0], [1.0, 2.1]).numpy().tolist()
    [True, False]
    """
    x1, x2 = floating_together(x1, x2)
    near = less_equal(_abs(_subtract(x1, x2)), _add(_multiply(_abs(x2), rtol), atol))
    finite = _logical_and(primitive("isfinite")(x1), primitive("isfinite")(x2))
    result = _logical_or(_logical_and(finite, near), _equal(x1, x2))
    return _logical_or(result, _logical_and(_is_nan(x1), _is_nan(x2))) if equal_nan else result


@op
def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all elements are close, as in `isclose`.

    >>> import fastkeras as keras
    >>> bool(keras.ops.allclose([1.0], [1.0 + 1e-7]))
    True
    """
    close = isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan)
    return primitive("all")(close, axes=list(range(close.ndim)), keepdims=False)


@op
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """`x` with NaN and infinities replaced; infinities become the largest numbers of the dtype by default.

    >>> import fastkeras as keras
    >>> keras.ops.nan_to_num([1.0, float("nan")]).numpy().tolist()
    [1.0, 0.0]
    """
    x = convert_to_tensor(x)
    if not is_float(x.dtype):
        return x
    largest = {"float64": np.finfo("float64").max, "bfloat16": 3.3895313892515355e38}.get(
        x.dtype, np.finfo("float32").max
    )
    x = _where(_is_nan(x), nan, x)
    x = _where(_equal(x, float("inf")), float(largest) if posinf is None else posinf, x)
    return _where(_equal(x, -float("inf")), -float(largest) if neginf is None else neginf, x)


@op
def where(condition, x1=None, x2=None):
    """`x1` where `condition` holds, else `x2`; with the condition alone, its nonzero indices (eager only).

    >>> import fastkeras as keras
    >>> keras.ops.where([True, False], [1, 2], [3, 4]).numpy().tolist()
    [1, 4]
    """
    if x1 is None and x2 is None:
        (values,) = numpy_values("where", convert_to_tensor(condition))
        return tuple(convert_to_tensor(i.astype("int32")) for i in np.nonzero(values))
    if x1 is None or x2 is None:
        raise ValueError("`x1` and `x2` either both should be `None` or both should have non-None value.")
    return _where(cast(condition, "bool"), x1, x2)


@op
def select(condlist, choicelist, default=0):
    """The first of `choicelist` whose condition holds, else `default`.

    >>> import fastkeras as keras
    >>> x = keras.ops.arange(4)
    >>> keras.ops.select([x < 1, x > 2], [x - 10, x + 10], default=0).numpy().tolist()
    [-10, 0, 0, 13]
    """
    if len(condlist) != len(choicelist):
        raise ValueError(
            "[select] condlist and choicelist must have the same length. "
            f"Received: len(condlist)={len(condlist)}, len(choicelist)={len(choicelist)}"
        )
    *choices, result = together(*choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        result = _where(cast(condition, "bool"), choice, result)
    return result


# --- bits -----------------------------------------------------------------------------------------------------------

bitwise_and = _bits("bitwise_and", "Bitwise and of integers.", "[6], [3]", "[2]")
bitwise_or = _bits("bitwise_or", "Bitwise or of integers.", "[6], [3]", "[7]")
bitwise_xor = _bits("bitwise_xor", "Bitwise exclusive or of integers.", "[6], [3]", "[5]")
bitwise_left_shift = _bits("bitwise_left_shift", "`x << y`.", "[1], [3]", "[8]", run=primitive("left_shift"))
left_shift = _bits("left_shift", "`x << y`.", "[1], [3]", "[8]")
bitwise_right_shift = _bits("bitwise_right_shift", "`x >> y`.", "[8], [3]", "[1]", run=primitive("right_shift"))
right_shift = _bits("right_shift", "`x >> y`.", "[8], [3]", "[1]")
bitwise_not = unary("bitwise_not", "Every bit turned over: `-x - 1`.", "[0, 5]", "[-1, -6]")
bitwise_invert = unary("bitwise_invert", "Same as `bitwise_not`.", "[0, 5]", "[-1, -6]", run=primitive("bitwise_not"))


@op
def view(x, dtype=None):
    """The bytes of `x` read as another dtype, as NumPy's `view`. Eager only.

    >>> import fastkeras as keras
    >>> keras.ops.view(keras.ops.array([1.0]), dtype="int32").numpy().tolist()
    [1065353216]
    """
    (values,) = numpy_values("view", convert_to_tensor(x))
    return convert_to_tensor(values.view(values.dtype if dtype is None else config.standardize_dtype(dtype)))


@op
def i0(x):
    """Modified Bessel function of the first kind, order 0. Eager only.

    >>> import fastkeras as keras
    >>> keras.ops.i0([0.0]).numpy().round(4).tolist()
    [1.0]
    """
    x = floating(x)
    (values,) = numpy_values("i0", x)
    return convert_to_tensor(np.i0(values), x.dtype)
