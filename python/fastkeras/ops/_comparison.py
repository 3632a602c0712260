"""Comparison and logic, choice by conditions, and bits: element by element."""

import numpy as np

from fastkeras.engine import cast, config, convert_to_tensor, op, primitive
from fastkeras.ops._common import floating, floating_together, is_float, numpy_values, together
from fastkeras.ops._factories import binary, bitwise, unary

_where, _abs, _reciprocal = primitive("where"), primitive("abs"), primitive("reciprocal")
_add, _subtract, _multiply = primitive("add"), primitive("subtract"), primitive("multiply")
_equal, _less, _less_equal = primitive("equal"), primitive("less"), primitive("less_equal")
_logical_and, _logical_or = primitive("logical_and"), primitive("logical_or")
_is_nan, _is_finite = primitive("isnan"), primitive("isfinite")

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
    return _logical_or(_less(x, 0), _logical_and(_equal(x, 0), _less(_reciprocal(x), 0)))


@op
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether `|x1 - x2| <= atol + rtol * |x2|`, elementwise.

    >>> import fastkeras as keras
    >>> keras.ops.isclose([1.0, 2.0], [1.0, 2.1]).numpy().tolist()
    [True, False]
    """
    x1, x2 = floating_together(x1, x2)
    near = _less_equal(_abs(_subtract(x1, x2)), _add(_multiply(_abs(x2), rtol), atol))
    finite = _logical_and(_is_finite(x1), _is_finite(x2))
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
    largest = config.largest(x.dtype)
    x = _where(_is_nan(x), nan, x)
    x = _where(_equal(x, float("inf")), largest if posinf is None else posinf, x)
    return _where(_equal(x, -float("inf")), -largest if neginf is None else neginf, x)


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

bitwise_and = bitwise("bitwise_and", "Bitwise and of integers.", "[6], [3]", "[2]")
bitwise_or = bitwise("bitwise_or", "Bitwise or of integers.", "[6], [3]", "[7]")
bitwise_xor = bitwise("bitwise_xor", "Bitwise exclusive or of integers.", "[6], [3]", "[5]")
bitwise_left_shift = bitwise("bitwise_left_shift", "`x << y`.", "[1], [3]", "[8]", run=primitive("left_shift"))
left_shift = bitwise("left_shift", "`x << y`.", "[1], [3]", "[8]")
bitwise_right_shift = bitwise("bitwise_right_shift", "`x >> y`.", "[8], [3]", "[1]", run=primitive("right_shift"))
right_shift = bitwise("right_shift", "`x >> y`.", "[8], [3]", "[1]")
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
