"""Elementwise ops of one tensor, two or three; casts."""

import math

import numpy as np

from cases.case import ALL, FLOATS, HALVES, INTS, SHAPE, Case, add, sigmoid


def _erf(x):
    return np.vectorize(math.erf, otypes=[float])(x)


def _erfinv(y):
    x = np.zeros_like(y)
    for _ in range(60):
        x -= (_erf(x) - y) / (2 / np.sqrt(np.pi) * np.exp(-x * x))
    return x


def _floor_divide(a, b):
    return np.floor(a / b) if a.dtype.kind == "f" else np.where(b == 0, 0, np.floor_divide(a, np.where(b == 0, 1, b)))


def _mod(a, b):
    return np.where(b == 0, 0, np.mod(a, np.where(b == 0, 1, b)))


# --- one tensor ---

FINITE = {"dtypes": (*FLOATS, *HALVES)}


def off_kinks(*kinks):
    def smooth(x):
        for k in kinks:
            x = np.where(abs(x - k) < 0.01, k + 0.02, x)
        return x

    return smooth


def unary(name, ref, domain=(-3, 3), **options):
    return Case(name, [SHAPE], ref, domain=domain, **FINITE | options)


add(
    unary("negative", lambda x: -x, dtypes=(*ALL, *HALVES)),
    unary("abs", np.abs, dtypes=(*ALL, *HALVES), smooth=off_kinks(0)),
    unary("sign", np.sign, dtypes=ALL, smooth=off_kinks(0)),
    unary("square", np.square, dtypes=(*ALL, "uint8", "uint32")),
    unary("sqrt", np.sqrt, (0.1, 9)),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), (0.1, 9)),
    unary("reciprocal", lambda x: 1 / x, (0.1, 9)),
    unary("exp", np.exp, (-20, 20)),
    unary("expm1", np.expm1, (-3, 3)),
    unary("exp2", np.exp2, (-20, 20)),
    unary("log", np.log, (1e-3, 99)),
    unary("log1p", np.log1p, (-0.9, 9)),
    unary("log2", np.log2, (1e-3, 99)),
    unary("log10", np.log10, (1e-3, 99)),
    unary("sin", np.sin, (-30, 30)),
    unary("cos", np.cos, (-30, 30)),
    unary("cbrt", np.cbrt, (0.1, 9)),
    unary("tan", np.tan, (-1.4, 1.4)),
    unary("arcsin", np.arcsin, (-0.99, 0.99)),
    unary("arccos", np.arccos, (-0.99, 0.99)),
    unary("arctan", np.arctan, (-9, 9)),
    unary("sinh", np.sinh, (-9, 9)),
    unary("cosh", np.cosh, (-9, 9)),
    unary("tanh", np.tanh, (-9, 9)),
    unary("arcsinh", np.arcsinh, (-9, 9)),
    unary("arccosh", np.arccosh, (1.1, 9)),
    unary("arctanh", np.arctanh, (-0.95, 0.95)),
    unary("floor", np.floor, (-9, 9), smooth=lambda x: np.floor(x) + 0.3),
    unary("ceil", np.ceil, (-9, 9), smooth=lambda x: np.floor(x) + 0.3),
    unary("trunc", np.trunc, (-9, 9), smooth=lambda x: np.floor(x) + 0.3),
    unary("round", np.round, (-9, 9), smooth=lambda x: np.floor(x) + 0.3),
    unary("sigmoid", sigmoid, (-20, 20)),
    unary("log_sigmoid", lambda x: -np.logaddexp(0, -x), (-20, 20)),
    unary("softplus", lambda x: np.logaddexp(0, x), (-20, 20)),
    unary("softsign", lambda x: x / (1 + abs(x))),
    unary("relu", lambda x: np.maximum(x, 0), dtypes=(*ALL, *HALVES), smooth=off_kinks(0)),
    unary("relu6", lambda x: np.clip(x, 0, 6), (-9, 9), smooth=off_kinks(0, 6)),
    unary(
        "leaky_relu", lambda x, negative_slope: np.where(x > 0, x, negative_slope * x), attrs={"negative_slope": 0.3}
    ),
    unary("elu", lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)), attrs={"alpha": 0.7}, smooth=off_kinks(0)),
    unary(
        "selu",
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
        smooth=off_kinks(0),
    ),
    unary("gelu", lambda x, approximate: x * 0.5 * (1 + _erf(x / np.sqrt(2))), attrs={"approximate": False}),
    unary(
        "gelu",
        lambda x, approximate: x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        attrs={"approximate": True},
        note="tanh",
    ),
    unary("silu", lambda x: x * sigmoid(x), (-20, 20)),
    unary("mish", lambda x: x * np.tanh(np.logaddexp(0, x)), (-20, 20)),
    unary("hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), (-5, 5), smooth=off_kinks(-3, 3)),
    unary("hard_tanh", lambda x: np.clip(x, -1, 1), smooth=off_kinks(-1, 1)),
    unary("erf", _erf),
    unary("erfinv", _erfinv, (-0.99, 0.99), rtol=2),
    unary("identity", lambda x: x, dtypes=(*ALL, "uint8", "uint32", "bool", *HALVES)),
    unary("stop_gradient", lambda x: x, dtypes=(*ALL, "bool", *HALVES), gradient=False),
    unary("isnan", np.isnan, dtypes=ALL, gradient=False),
    unary("isinf", np.isinf, dtypes=ALL, gradient=False),
    unary("isfinite", np.isfinite, dtypes=ALL, gradient=False),
    unary("logical_not", np.logical_not, dtypes=("bool", *ALL), gradient=False),
    unary("bitwise_not", np.bitwise_not, dtypes=("bool", *INTS, "uint8", "uint32"), gradient=False),
    unary(
        "clip",
        lambda x, minimum, maximum: np.clip(x, minimum, maximum),
        attrs={"minimum": -1, "maximum": 2},
        dtypes=(*ALL, *HALVES),
        smooth=off_kinks(-1, 2),
    ),
)


# --- two tensors or three ---


def binary(name, ref, domain=(-3, 3), **options):
    return Case(name, [SHAPE, SHAPE], ref, domain=domain, **FINITE | options)


def apart(x):
    """No ties between two random tensors: fractions 0.3 and 0.7 by element."""
    return np.floor(x * 4) / 4 + np.linspace(0.01, 0.2, x.size).reshape(x.shape)[:: 1 if x.flat[0] > 0 else -1]


COMPARED = {"dtypes": (*ALL, "bool", *HALVES), "gradient": False}

add(
    binary("add", np.add, dtypes=(*ALL, "bool", "uint8", "uint32", *HALVES)),
    binary("subtract", np.subtract, dtypes=(*ALL, *HALVES)),
    binary("multiply", np.multiply, dtypes=(*ALL, "bool", "uint8", *HALVES)),
    binary("divide", np.divide, ((-3, 3), (0.5, 3))),
    binary("floor_divide", _floor_divide, (-9, 9), dtypes=ALL, gradient=False),
    binary("mod", _mod, (-9, 9), dtypes=INTS, gradient=False),
    binary(
        "mod", np.mod, ((-9, 9), (2, 3)), note="float", smooth=lambda x: np.floor(x) + (0.1 if x.min() < 0 else 0.0)
    ),
    binary("fmod", np.fmod, ((-9, 9), (2, 3)), smooth=lambda x: np.floor(x) + (0.1 if x.min() < 0 else 0.0)),
    binary("power", np.power, ((0.2, 3), (-3, 3)), rtol=3),
    binary("power", np.power, ((-3, 3), (0, 5)), dtypes=INTS, note="int", gradient=False),
    binary("maximum", np.maximum, dtypes=(*ALL, "bool", *HALVES), smooth=apart),
    binary("minimum", np.minimum, dtypes=(*ALL, "bool", *HALVES), smooth=apart),
    binary("arctan2", np.arctan2, ((-3, 3), (0.2, 3))),
    binary("squared_difference", lambda a, b: np.square(a - b), dtypes=ALL),
    binary("equal", np.equal, **COMPARED),
    binary("not_equal", np.not_equal, **COMPARED),
    binary("less", np.less, **COMPARED),
    binary("less_equal", np.less_equal, **COMPARED),
    binary("greater", np.greater, **COMPARED),
    binary("greater_equal", np.greater_equal, **COMPARED),
    binary("logical_and", np.logical_and, **COMPARED),
    binary("logical_or", np.logical_or, **COMPARED),
    binary("logical_xor", np.logical_xor, **COMPARED),
    binary("bitwise_and", np.bitwise_and, dtypes=(*INTS, "bool", "uint8"), gradient=False),
    binary("bitwise_or", np.bitwise_or, dtypes=(*INTS, "bool", "uint8"), gradient=False),
    binary("bitwise_xor", np.bitwise_xor, dtypes=(*INTS, "bool", "uint8"), gradient=False),
    binary("left_shift", np.left_shift, ((-9, 9), (0, 9)), dtypes=(*INTS, "uint32"), gradient=False),
    binary("right_shift", np.right_shift, ((-999, 999), (0, 9)), dtypes=(*INTS, "uint32"), gradient=False),
    Case("where", [SHAPE] * 3, np.where, kinds=("bool", None, None), dtypes=(*ALL, "bool", "uint8", *HALVES)),
)

# Every way two shapes can meet: scalar, row, column, both at once, an axis in the middle, and rank 8.
add(
    *(
        Case("subtract", [a, b], np.subtract, dtypes=dtypes, note=note, large=large)
        for note, a, b, dtypes, large in [
            ("scalar", (7, 33), (), (*ALL, *HALVES), [(257, 1031), ()]),
            ("from-scalar", (1, 1), (7, 33), ALL, None),
            ("row", (7, 33), (33,), (*ALL, *HALVES), [(257, 1031), (1031,)]),
            ("long-row", (5, 3001), (3001,), FLOATS, [(5, 30001), (30001,)]),
            ("short-row", (700, 3), (3,), ALL, [(90001, 3), (3,)]),
            ("column", (7, 33), (7, 1), (*ALL, *HALVES), [(257, 1031), (257, 1)]),
            ("short-column", (900, 2), (900, 1), FLOATS, None),
            ("outer", (40, 1), (1, 33), ALL, [(411, 1), (533,)]),
            ("middle", (3, 5, 1, 7), (5, 4, 1), FLOATS, [(30, 50, 1, 70), (50, 40, 1)]),
            ("lattice", (2, 1, 3, 1, 2, 1, 3, 1), (1, 2, 1, 3, 1, 2, 1, 3), FLOATS, None),
            ("empty", (0, 3), (1, 3), FLOATS, None),
        ]
    ),
    Case("where", [(7, 1), (7, 33), ()], np.where, kinds=("bool", None, None), note="broadcast"),
    Case("where", [(33,), (), (7, 1)], np.where, kinds=("bool", None, None), dtypes=ALL, note="mixed"),
    Case(
        "broadcast_to",
        [(5, 1, 3)],
        lambda x, shape: np.broadcast_to(x, shape),
        attrs={"shape": [2, 5, 4, 3]},
        dtypes=(*ALL, "bool", *HALVES),
    ),
    *(
        Case(
            "sum_to",
            [x],
            lambda x, shape: x.sum(tuple(range(x.ndim - len(shape)))).sum(
                tuple(i for i, d in enumerate(shape) if d == 1 and x.shape[x.ndim - len(shape) + i] != 1), keepdims=True
            ),
            attrs={"shape": shape},
            note="x".join(map(str, shape)) or "scalar",
        )
        for x, shape in [
            ((7, 33), [33]),
            ((7, 33), [7, 1]),
            ((7, 33), []),
            ((2, 5, 4, 3), [5, 1, 3]),
            ((7, 33), [7, 33]),
        ]
    ),
)


# --- casts ---

add(
    *(
        Case(
            "cast",
            [SHAPE],
            lambda x, dtype: x.astype(dtype),
            attrs={"dtype": to},
            dtypes=(*ALL, "bool", "uint8", "uint32"),
            domain=(0, 9),
            gradient=to == "float64",  # float32 is too coarse for finite differences
            note=to,
        )
        for to in (*ALL, "bool", "uint8", "uint32")
    ),
)
