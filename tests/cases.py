"""One row per op: what to call, on what, and what NumPy says. tests/test_ops.py and bench/ops.py run every row.

A row buys: the value on every ISA and dtype, the gradient against finite differences, sizes that leave tails,
1 and 2 threads bit for bit, and a line in the benchmark.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

FLOATS = ("float32", "float64")
INTS = ("int32", "int64")
TOLERANCE = {"float32": 3e-6, "float64": 1e-12, "bfloat16": 1.6e-2}


@dataclass(frozen=True)
class Case:
    name: str  # of the primitive
    shapes: list  # one per tensor
    ref: Callable  # NumPy, on float64 (or integer) arrays and the attributes; a tuple for several outputs
    attrs: dict = field(default_factory=dict)
    dtypes: tuple = FLOATS  # each is run with all tensors of that dtype ...
    kinds: tuple | None = None  # ... but for tensors with a fixed dtype here; None entries follow `dtypes`
    domain: tuple = (-3, 3)  # of the random inputs, or one pair per tensor
    large: list | None = None  # shapes for threads and benchmark; default: blown up when all shapes are equal
    gradient: bool = True
    twice: bool | None = None  # check the second derivative too; default: when elementwise
    smooth: Callable | None = None  # moves inputs away from kinks before finite differences
    rtol: float = 1.0  # times TOLERANCE
    call: Callable | None = None  # instead of primitive(name)(*tensors, **attrs)
    note: str = ""  # tells rows of one op apart

    def __str__(self):
        return "-".join([self.name, self.note] if self.note else [self.name])

    def __post_init__(self):
        if self.twice is None:
            object.__setattr__(self, "twice", self.gradient and self.elementwise)

    @property
    def elementwise(self):
        """All tensors have one shape and so has the result: any size will do."""
        shaped = {"axes", "axis", "keepdims", "shape", "strides"} & self.attrs.keys()
        return len(set(self.shapes)) == 1 and not shaped and self.call is None

    @property
    def large_shapes(self):
        if self.large is not None:
            return self.large
        return [(257, 1031)] * len(self.shapes) if self.elementwise else None

    def inputs(self, dtype, shapes=None):
        rng = np.random.RandomState(zlib.crc32(str(self).encode()) & 0x7FFFFFFF)
        shapes = self.shapes if shapes is None else shapes
        kinds = self.kinds or (None,) * len(shapes)
        domains = self.domain if isinstance(self.domain[0], tuple) else (self.domain,) * len(shapes)
        return [_random(rng, s, k or dtype, d) for s, k, d in zip(shapes, kinds, domains, strict=True)]


def _random(rng, shape, dtype, domain):
    low, high = domain
    if dtype == "bool":
        return rng.rand(*shape) < 0.5
    if dtype.startswith(("int", "uint")):
        return rng.randint(max(low, 0) if dtype.startswith("uint") else low, high + 1, size=shape).astype(dtype)
    x = rng.uniform(low, high, size=shape)
    # bfloat16 has no NumPy type: its tests start from float32 values that it represents exactly.
    return (x.astype("float32").view("uint32") & 0xFFFF0000).view("float32") if dtype == "bfloat16" else x.astype(dtype)


def _erf(x):
    return np.vectorize(math.erf, otypes=[float])(x)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _erfinv(y):
    x = np.zeros_like(y)
    for _ in range(60):
        x -= (_erf(x) - y) / (2 / np.sqrt(np.pi) * np.exp(-x * x))
    return x


def _floor_divide(a, b):
    return np.floor(a / b) if a.dtype.kind == "f" else np.where(b == 0, 0, np.floor_divide(a, np.where(b == 0, 1, b)))


def _mod(a, b):
    return np.where(b == 0, 0, np.mod(a, np.where(b == 0, 1, b)))


ALL = FLOATS + INTS
SHAPE = (7, 33)

CASES: list[Case] = []


def add(*rows):
    CASES.extend(rows)


# --- elementwise, one tensor -----------------------------------------------------------------------------------------

FINITE = {"dtypes": (*FLOATS, "bfloat16")}


def off_kinks(*kinks):
    def smooth(x):
        for k in kinks:
            x = np.where(abs(x - k) < 0.01, k + 0.02, x)
        return x

    return smooth


def unary(name, ref, domain=(-3, 3), **options):
    return Case(name, [SHAPE], ref, domain=domain, **FINITE | options)


add(
    unary("negative", lambda x: -x, dtypes=(*ALL, "bfloat16")),
    unary("abs", np.abs, dtypes=(*ALL, "bfloat16"), smooth=off_kinks(0)),
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
    unary("sigmoid", _sigmoid, (-20, 20)),
    unary("log_sigmoid", lambda x: -np.logaddexp(0, -x), (-20, 20)),
    unary("softplus", lambda x: np.logaddexp(0, x), (-20, 20)),
    unary("softsign", lambda x: x / (1 + abs(x))),
    unary("relu", lambda x: np.maximum(x, 0), dtypes=(*ALL, "bfloat16"), smooth=off_kinks(0)),
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
    unary("silu", lambda x: x * _sigmoid(x), (-20, 20)),
    unary("mish", lambda x: x * np.tanh(np.logaddexp(0, x)), (-20, 20)),
    unary("hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), (-5, 5), smooth=off_kinks(-3, 3)),
    unary("hard_tanh", lambda x: np.clip(x, -1, 1), smooth=off_kinks(-1, 1)),
    unary("erf", _erf),
    unary("erfinv", _erfinv, (-0.99, 0.99), rtol=2),
    unary("identity", lambda x: x, dtypes=(*ALL, "uint8", "uint32", "bool", "bfloat16")),
    unary("stop_gradient", lambda x: x, dtypes=(*ALL, "bool", "bfloat16"), gradient=False),
    unary("isnan", np.isnan, dtypes=ALL, gradient=False),
    unary("isinf", np.isinf, dtypes=ALL, gradient=False),
    unary("isfinite", np.isfinite, dtypes=ALL, gradient=False),
    unary("logical_not", np.logical_not, dtypes=("bool", *ALL), gradient=False),
    unary("bitwise_not", np.bitwise_not, dtypes=("bool", *INTS, "uint8", "uint32"), gradient=False),
    unary(
        "clip",
        lambda x, minimum, maximum: np.clip(x, minimum, maximum),
        attrs={"minimum": -1, "maximum": 2},
        dtypes=(*ALL, "bfloat16"),
        smooth=off_kinks(-1, 2),
    ),
)

# --- elementwise, two tensors or three -------------------------------------------------------------------------------


def binary(name, ref, domain=(-3, 3), **options):
    return Case(name, [SHAPE, SHAPE], ref, domain=domain, **FINITE | options)


def apart(x):
    """No ties between two random tensors: fractions 0.3 and 0.7 by element."""
    return np.floor(x * 4) / 4 + np.linspace(0.01, 0.2, x.size).reshape(x.shape)[:: 1 if x.flat[0] > 0 else -1]


COMPARED = {"dtypes": (*ALL, "bool", "bfloat16"), "gradient": False}

add(
    binary("add", np.add, dtypes=(*ALL, "bool", "uint8", "uint32", "bfloat16")),
    binary("subtract", np.subtract, dtypes=(*ALL, "bfloat16")),
    binary("multiply", np.multiply, dtypes=(*ALL, "bool", "uint8", "bfloat16")),
    binary("divide", np.divide, ((-3, 3), (0.5, 3))),
    binary("floor_divide", _floor_divide, (-9, 9), dtypes=ALL, gradient=False),
    binary("mod", _mod, (-9, 9), dtypes=INTS, gradient=False),
    binary(
        "mod", np.mod, ((-9, 9), (2, 3)), note="float", smooth=lambda x: np.floor(x) + (0.1 if x.min() < 0 else 0.0)
    ),
    binary("fmod", np.fmod, ((-9, 9), (2, 3)), smooth=lambda x: np.floor(x) + (0.1 if x.min() < 0 else 0.0)),
    binary("power", np.power, ((0.2, 3), (-3, 3)), rtol=3),
    binary("power", np.power, ((-3, 3), (0, 5)), dtypes=INTS, note="int", gradient=False),
    binary("maximum", np.maximum, dtypes=(*ALL, "bool", "bfloat16"), smooth=apart),
    binary("minimum", np.minimum, dtypes=(*ALL, "bool", "bfloat16"), smooth=apart),
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
    Case("where", [SHAPE] * 3, np.where, kinds=("bool", None, None), dtypes=(*ALL, "bool", "uint8", "bfloat16")),
)

# Every way two shapes can meet: scalar, row, column, both at once, an axis in the middle, and rank 8.
add(
    *(
        Case("subtract", [a, b], np.subtract, dtypes=dtypes, note=note, large=large)
        for note, a, b, dtypes, large in [
            ("scalar", (7, 33), (), (*ALL, "bfloat16"), [(257, 1031), ()]),
            ("from-scalar", (1, 1), (7, 33), ALL, None),
            ("row", (7, 33), (33,), (*ALL, "bfloat16"), [(257, 1031), (1031,)]),
            ("long-row", (5, 3001), (3001,), FLOATS, [(5, 30001), (30001,)]),
            ("short-row", (700, 3), (3,), ALL, [(90001, 3), (3,)]),
            ("column", (7, 33), (7, 1), (*ALL, "bfloat16"), [(257, 1031), (257, 1)]),
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
        dtypes=(*ALL, "bool", "bfloat16"),
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

# --- casts -----------------------------------------------------------------------------------------------------------

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

# --- reductions ------------------------------------------------------------------------------------------------------

AXES = [
    ("rows", (7, 33), [1], [(1000, 333)]),
    ("columns", (32, 45), [0], [(3000, 130)]),
    ("all", (7, 33), None, [(517, 611)]),
    ("inner", (3, 7, 5), [1], [(30, 70, 50)]),
    ("split", (3, 7, 5, 2), [0, 2], [(30, 17, 25, 20)]),
    ("ends", (3, 7, 5), [0, 2], [(32, 64, 99)]),
    ("none", (3, 4), [], None),
    ("ones", (3, 1, 4), [1], None),
    ("deep", (2, 3, 2, 3, 2), [0, 2, 4], None),
]


def reductions(name, ref, dtypes=FLOATS, **options):
    for keepdims in (False, True):
        for note, shape, axes, large in AXES:
            attrs = {"keepdims": keepdims} | ({} if axes is None else {"axes": axes})

            def run(x, keepdims, axes=None):
                return ref(x, axis=None if axes is None else tuple(axes), keepdims=keepdims)

            yield Case(
                name,
                [shape],
                run,
                attrs=attrs,
                dtypes=dtypes if note in ("rows", "columns", "all", "split") else dtypes[:2],
                large=None if keepdims else large,
                note=f"{note}-kept" if keepdims else note,
                **options,
            )


def _moments(x, axis, keepdims):
    return x.mean(axis=axis, keepdims=keepdims), x.var(axis=axis, keepdims=keepdims)


def _logsumexp(x, axis, keepdims):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def _sum(x, axis, keepdims):
    return np.sum(x, axis=axis, keepdims=keepdims, dtype={"b": "int32", "u": "uint32"}.get(x.dtype.kind, x.dtype))


def _prod(x, axis, keepdims):
    return np.prod(x, axis=axis, keepdims=keepdims, dtype={"b": "int32", "u": "uint32"}.get(x.dtype.kind, x.dtype))


add(
    *reductions("sum", _sum, (*FLOATS, "bfloat16", *INTS, "bool", "uint8")),
    *reductions("mean", np.mean, (*FLOATS, "bfloat16")),
    *reductions("max", np.max, (*FLOATS, "bfloat16", *INTS, "bool", "uint8")),
    *reductions("min", np.min, (*FLOATS, "bfloat16", *INTS, "bool", "uint8")),
    *reductions("prod", _prod, (*FLOATS, *INTS, "bool"), domain=(0.5, 1.5)),
    *reductions("any", np.any, ("bool", "float32", "int32"), gradient=False),
    *reductions("all", np.all, ("bool", "float32", "int32"), gradient=False),
    *reductions("logsumexp", _logsumexp, FLOATS),
    *reductions("moments", _moments, FLOATS),
    *(
        Case(
            name,
            [shape],
            lambda x, axis=None, keepdims=False, of=of: of(x, axis=axis, keepdims=keepdims).astype("int32"),
            attrs={"keepdims": kept} | ({} if axis is None else {"axis": axis}),
            dtypes=(*ALL, "bool", "uint8"),
            gradient=False,
            large=None if kept else [(517, 611)],
            note=f"{axis}{'-kept' * kept}",
        )
        for name, of in (("argmax", np.argmax), ("argmin", np.argmin))
        for axis, shape in ((0, (32, 45)), (-1, (7, 33)), (1, (3, 7, 5)), (None, (7, 33)))
        for kept in (False, True)
    ),
    *(
        Case(
            name,
            [shape],
            lambda x, axis, reverse, of=of: np.flip(of(np.flip(x, axis), axis), axis) if reverse else of(x, axis),
            attrs={"axis": axis, "reverse": reverse},
            dtypes=ALL,
            domain=(1, 2) if name == "cumprod" else (-3, 3),
            rtol=4,
            note=f"{axis}{'-reverse' * reverse}",
        )
        for name, of in (("cumsum", np.cumsum), ("cumprod", np.cumprod))
        for axis, shape in ((0, (9, 33)), (-1, (33, 9)), (1, (3, 7, 5)))
        for reverse in (False, True)
    ),
)

# --- shapes, slices, indices, order -----------------------------------------------------------------------------------

EVERY = (*ALL, "bool", "uint8", "bfloat16")


def moves(name, shapes, ref, note="", dtypes=ALL, **options):
    """A row whose attributes fit its own shapes only: never run on others."""
    attrs = options.pop("attrs", {})

    def run(*tensors):
        from fastkeras.engine import primitive

        return primitive(name)(*tensors, **attrs)

    return Case(name, shapes, lambda *x: ref(*x, **attrs), call=run, note=note, dtypes=dtypes, **options)


def _sliced(x, start, stop, step=None):
    step = step or [1] * x.ndim
    ends = [None if b == -1 and s < 0 else b for b, s in zip(stop, step, strict=True)]
    return x[tuple(slice(a, b, s) for a, b, s in zip(start, ends, step, strict=True))]


def _placed(x, shape, start, step=None, value=0):
    y = np.full(shape, value, x.dtype)
    step = step or [1] * x.ndim
    ends = [a + n * s for a, n, s in zip(start, x.shape, step, strict=True)]
    y[tuple(slice(a, None if b < 0 else b, s) for a, b, s in zip(start, ends, step, strict=True))] = x
    return y


def _take_sum(dy, indices, axis, shape):
    x = np.zeros(shape, dy.dtype)
    np.add.at(np.moveaxis(x, axis, 0), indices, np.moveaxis(dy, range(axis, axis + indices.ndim), range(indices.ndim)))
    return x


def _along_sum(dy, indices, axis, shape):
    x = np.zeros(shape, dy.dtype)
    grid = list(np.indices(indices.shape))
    grid[axis] = indices
    np.add.at(x, tuple(grid), dy)
    return x


def _scattered(x, indices, updates, axis, reduction):
    y = np.moveaxis(x.copy(), axis, 0)
    updates = np.moveaxis(updates, axis, 0)
    for i, u in zip(indices, updates, strict=True):
        y[i] = {"set": u, "add": y[i] + u, "mul": y[i] * u, "max": np.maximum(y[i], u), "min": np.minimum(y[i], u)}[
            reduction
        ]
    return np.moveaxis(y, 0, axis)


def _one_hot(x, num_classes, dtype):
    return (x[..., None] == np.arange(num_classes)).astype(dtype)


def _top_k(x, k):
    order = np.argsort(-x.astype("float64"), axis=-1, kind="stable")[..., :k].astype("int32")
    return np.take_along_axis(x, order, -1), order


def _dynamic(x, starts, shape):
    starts = [min(max(s + n if s < 0 else s, 0), n - m) for s, n, m in zip(starts, x.shape, shape, strict=True)]
    return tuple(slice(s, s + m) for s, m in zip(starts, shape, strict=True))


def _slice_updated(x, starts, part):
    y = x.copy()
    y[_dynamic(x, starts, part.shape)] = part
    return y


PERMUTATIONS = [
    ((7, 33), [1, 0], (517, 1031)),
    ((64, 64), [1, 0], (1024, 1024)),
    ((3, 41, 17), [0, 2, 1], (9, 301, 203)),
    ((5, 16, 9), [2, 0, 1], (70, 61, 53)),
    ((2, 9, 3, 8), [0, 2, 1, 3], (8, 50, 12, 64)),
    ((2, 9, 3, 1, 5), [4, 3, 0, 2, 1], None),
    ((2, 3, 2, 2, 3, 2, 2, 3), [7, 5, 3, 1, 6, 4, 2, 0], None),
    ((3, 0, 2), [2, 0, 1], None),
]
INDEX = {"kinds": (None, "int32")}

add(
    moves("reshape", [(6, 35)], lambda x, shape: x.reshape(shape), attrs={"shape": [5, -1, 7]}, dtypes=EVERY),
    *(
        moves(
            "transpose",
            [shape],
            lambda x, perm: x.transpose(perm),
            "x".join(map(str, shape)),
            dtypes=EVERY,
            attrs={"perm": perm},
            large=large and [large],
        )
        for shape, perm, large in PERMUTATIONS
    ),
    moves(
        "concatenate",
        [(3, 5), (4, 5), (0, 5)],
        lambda *x, axis: np.concatenate(x, axis),
        "rows",
        attrs={"axis": 0},
        dtypes=EVERY,
    ),
    moves(
        "concatenate",
        [(9, 5, 2), (9, 1, 2), (9, 4, 2)],
        lambda *x, axis: np.concatenate(x, axis),
        "middle",
        attrs={"axis": -2},
        large=[(900, 50, 2), (900, 10, 2), (900, 40, 2)],
    ),
    *(
        moves(
            "unstack",
            [(3, 11, 7)],
            lambda x, axis: tuple(np.moveaxis(x, axis, 0)),
            f"{axis}",
            attrs={"axis": axis},
            dtypes=EVERY,
            large=[(30, 70, 50)],
        )
        for axis in (0, 1, -1)
    ),
    *(
        moves("slice", [(9, 11, 7)], _sliced, note, dtypes=EVERY, attrs=attrs, large=large)
        for note, attrs, large in [
            ("block", {"start": [2, 0, 3], "stop": [7, 11, 5]}, None),
            ("rows", {"start": [2, 0, 0], "stop": [7, 11, 7]}, None),
            ("step", {"start": [0, 1, 6], "stop": [9, 11, 7], "step": [2, 3, 1]}, None),
            ("back", {"start": [8, 10, 5], "stop": [-1, 0, -1], "step": [-1, -2, -3]}, None),
            ("none", {"start": [4, 0, 0], "stop": [4, 11, 7]}, None),
        ]
    ),
    moves("place", [(3, 4)], _placed, "pad", attrs={"shape": [7, 9], "start": [2, 5], "value": 3}, dtypes=EVERY),
    moves("place", [(3, 4)], _placed, "step", attrs={"shape": [7, 9], "start": [6, 0], "step": [-3, 2]}),
    moves("place", [(0, 4)], _placed, "empty", attrs={"shape": [7, 9], "start": [2, 5], "value": 1}),
    moves(
        "dynamic_slice",
        [(9, 11), (2,)],
        lambda x, starts, shape: x[_dynamic(x, starts, shape)],
        attrs={"shape": [4, 5]},
        domain=(-12, 12),
        **INDEX,
    ),
    moves("slice_update", [(9, 11), (2,), (4, 5)], _slice_updated, domain=(-12, 12), kinds=(None, "int32", None)),
    *(
        moves(
            "take",
            [shape, indices],
            lambda x, i, axis: np.take(x, i, axis),
            f"{axis}",
            dtypes=EVERY,
            attrs={"axis": axis},
            domain=((-3, 3), (-shape[axis], shape[axis] - 1)),
            large=large,
            **INDEX,
        )
        for axis, shape, indices, large in [
            (0, (9, 5), (4,), [(900, 50), (3000,)]),
            (1, (3, 9, 5), (4, 2), [(30, 9, 50), (40, 20)]),
            (-1, (7, 9), (), None),
            (2, (2, 3, 9), (5,), [(50, 60, 9), (70,)]),
        ]
    ),
    *(
        moves(
            "take_grad",
            [dy, indices],
            _take_sum,
            f"{axis}",
            dtypes=(*FLOATS, "bfloat16"),
            attrs={"axis": axis, "shape": shape},
            domain=((-3, 3), (-shape[axis], shape[axis] - 1)),
            rtol=4,
            **INDEX,
        )
        for axis, shape, dy, indices in [
            (0, [9, 5], (20, 5), (20,)),
            (1, [3, 9, 5], (3, 4, 2, 5), (4, 2)),
        ]
    ),
    moves(
        "take_along_axis",
        [(4, 9, 5), (4, 3, 5)],
        lambda x, i, axis: np.take_along_axis(x, i, axis),
        attrs={"axis": 1},
        dtypes=EVERY,
        domain=((-3, 3), (-9, 8)),
        large=[(40, 9, 500), (40, 30, 500)],
        **INDEX,
    ),
    moves(
        "take_along_axis_grad",
        [(4, 30, 5), (4, 30, 5)],
        _along_sum,
        attrs={"axis": 1, "shape": [4, 9, 5]},
        dtypes=FLOATS,
        domain=((-3, 3), (-9, 8)),
        rtol=4,
        **INDEX,
    ),
    *(
        moves(
            "scatter",
            [(9, 5), (n,), (n, 5) if axis == 0 else (9, n)],
            _scattered,
            f"{reduction}-{axis}",
            dtypes=ALL,
            attrs={"axis": axis, "reduction": reduction},
            domain=((0.5, 2), (0, 8 if axis == 0 else 4), (0.5, 2)),
            kinds=(None, "int32", None),
            gradient=reduction == "add",
            rtol=4,
        )
        for reduction in ("set", "add", "mul", "max", "min")
        for axis, n in ((0, 12), (1, 4))
    ),
    moves(
        "one_hot",
        [(7, 3)],
        _one_hot,
        kinds=("int32",),
        dtypes=FLOATS[:1],
        domain=(-2, 6),
        gradient=False,
        attrs={"num_classes": 5, "dtype": "float32"},
    ),
    moves("sort", [(7, 33)], lambda x: np.sort(x, -1), dtypes=EVERY, large=[(517, 611)]),
    moves(
        "argsort",
        [(7, 33)],
        lambda x: np.argsort(x, axis=-1, kind="stable").astype("int32"),
        gradient=False,
        dtypes=(*ALL, "bool", "uint8"),
        large=[(517, 611)],
    ),
    moves("top_k", [(7, 33)], _top_k, attrs={"k": 5}, large=[(517, 611)]),
    *(
        moves(
            "searchsorted",
            [(9,), (7, 5)],
            lambda s, v, right, edges=edges: np.searchsorted(s, v, side=edges).astype("int32"),
            edges,
            attrs={"right": edges == "right"},
            gradient=False,
            dtypes=INTS,
            domain=((3, 3), (0, 6)),
        )
        for edges in ("left", "right")
    ),
    moves(
        "linear_index",
        [(6, 3)],
        lambda i, dims: np.ravel_multi_index(tuple(i.T % np.array(dims)[:, None]), dims),
        attrs={"dims": [3, 4, 5]},
        kinds=("int32",),
        dtypes=FLOATS[:1],
        domain=(-3, 2),
        gradient=False,
    ),
)

# --- softmax, crossentropy, normalisation, optimizer steps -----------------------------------------------------------


def _plain(x):
    return x


def _relu(x):
    return np.maximum(x, 0)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _sparse_crossentropy(labels, logits):
    p = np.take_along_axis(_softmax(logits), np.clip(labels, 0, logits.shape[-1] - 1)[..., None], -1)[..., 0]
    return np.where((labels >= 0) & (labels < logits.shape[-1]), -np.log(p), np.nan)


def _first(name, **attrs):
    def call(*tensors):
        from fastkeras.engine import primitive

        return primitive(name)(*tensors, **attrs)[0]

    return call


def _normalized(x, weights, axes, epsilon, scale, offset, shape):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    y = (x - mean) / np.sqrt(variance + epsilon)
    weights = [w.reshape(shape) for w in weights]
    if scale:
        y = y * weights[0]
    return (y + weights[-1] if offset else y), mean, variance


def _batch_norm(x, *weights, axis, epsilon, scale, offset):
    axes = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    shape = [d if a == axis % x.ndim else 1 for a, d in enumerate(x.shape)]
    y, mean, variance = _normalized(x, weights, axes, epsilon, scale, offset, shape)
    return y, mean.ravel(), variance.ravel()


def _layer_norm(x, *weights, axes, epsilon, scale, offset):
    axes = tuple(range(x.ndim - axes, x.ndim))
    return _normalized(x, weights, axes, epsilon, scale, offset, [x.shape[a] for a in axes])[0]


def batch_norm(shape, axis, scale, offset, large=None, **options):
    attrs = {"axis": axis, "epsilon": 0.01, "scale": scale, "offset": offset}
    shapes = [shape] + [(shape[axis],)] * (scale + offset)
    large = large and [large] + [(large[axis],)] * (scale + offset)
    note = f"{len(shape)}d-axis{axis}-{scale}-{offset}"
    return Case("batch_norm", shapes, _batch_norm, attrs=attrs, large=large, note=note, twice=True, rtol=4, **options)


def layer_norm(shape, axes, scale, offset, large=None, **options):
    attrs = {"axes": axes, "epsilon": 0.01, "scale": scale, "offset": offset}
    weights = scale + offset
    return Case(
        "layer_norm",
        [shape] + [shape[-axes:]] * weights,
        lambda *arrays, **_: _layer_norm(*arrays, **attrs),
        call=_first("layer_norm", **attrs),
        large=large and [large] + [large[-axes:]] * weights,
        note=f"{len(shape)}d-{axes}-{scale}-{offset}",
        twice=True,
        rtol=4,
        **options,
    )


def _adam(*a, n, beta_1, beta_2, epsilon, amsgrad=False):
    p, g, m, v, *hat = (a[i : i + n] for i in range(0, len(a) - 1, n))
    m = [x + (y - x) * (1 - beta_1) for x, y in zip(m, g, strict=True)]
    v = [x + (y * y - x) * (1 - beta_2) for x, y in zip(v, g, strict=True)]
    hat = [np.maximum(x, y) for x, y in zip(hat[0], v, strict=True)] if amsgrad else []
    p = [x - y * a[-1] / (np.sqrt(z) + epsilon) for x, y, z in zip(p, m, hat or v, strict=True)]
    return (*p, *m, *v, *hat)


def _sgd(*a, n, momentum, nesterov):
    p, g, *m = (a[i : i + n] for i in range(0, len(a) - 1, n))
    lr = a[-1]
    if not m:
        return tuple(x - lr * y for x, y in zip(p, g, strict=True))
    m = [momentum * x - lr * y for x, y in zip(m[0], g, strict=True)]
    steps = [momentum * x - lr * y if nesterov else x for x, y in zip(m, g, strict=True)]
    return (*(x + y for x, y in zip(p, steps, strict=True)), *m)


def _rmsprop(*a, n, rho, epsilon, momentum=0.0, centered=False):
    p, g, v, *more = (a[i : i + n] for i in range(0, len(a) - 1, n))
    v = [rho * x + (1 - rho) * y * y for x, y in zip(v, g, strict=True)]
    means = [rho * x + (1 - rho) * y for x, y in zip(more[-1], g, strict=True)] if centered else []
    spread = [x - (means[i] ** 2 if centered else 0) + epsilon for i, x in enumerate(v)]
    steps = [a[-1] * y / np.sqrt(x) for x, y in zip(spread, g, strict=True)]
    if momentum:
        steps = [momentum * x + y for x, y in zip(more[0], steps, strict=True)]
    return (*(x - y for x, y in zip(p, steps, strict=True)), *v, *(steps if momentum else []), *means)


def update(name, ref, groups, note="", **attrs):
    """Three variables of odd sizes; slots are positive."""

    def sized(*shapes):
        return [*shapes] * groups + [()]

    return Case(
        name,
        sized((7, 33), (5,), (1,)),
        ref,
        attrs={"n": 3, **attrs},
        domain=((-3, 3),) * 6 + ((0.5, 3),) * (3 * groups - 6) + ((0.01, 0.1),),
        large=sized((200, 333), (5,), (77, 111)),
        gradient=False,
        note=note,
        rtol=2,
    )


add(
    Case("softmax", [SHAPE], _softmax, rtol=2),
    Case("log_softmax", [SHAPE], lambda x: np.log(_softmax(x)), rtol=2),
    Case("softmax", [(3, 4, 5)], _softmax, note="3d", twice=True, rtol=2),
    Case(
        "sparse_crossentropy",
        [(3, 5), (3, 5, 9)],
        _sparse_crossentropy,
        kinds=("int32", None),
        domain=((0, 8), (-3, 3)),
        call=_first("sparse_crossentropy"),
        large=[(517,), (517, 611)],
        twice=True,
    ),
    Case(
        "crossentropy",
        [(4, 9), (4, 9)],
        lambda t, x: -(t * np.log(_softmax(x))).sum(-1),
        domain=((0, 1), (-3, 3)),
        call=_first("crossentropy"),
        large=[(517, 611)] * 2,
        twice=True,
        rtol=2,
    ),
    *(
        Case(
            "dense",
            [(5, 9), (9, 7), (7,)],
            lambda a, b, bias, activation, f=f: f(a @ b + bias),
            attrs={"activation": activation},
            large=[(61, 300), (300, 277), (277,)],
            twice=activation != "relu",
            note=activation,
            rtol=4,
        )
        for activation, f in (("linear", _plain), ("relu", _relu), ("sigmoid", _sigmoid), ("tanh", np.tanh))
    ),
    batch_norm((6, 5), -1, True, True, large=(5000, 37)),
    batch_norm((6, 40), 1, True, False, large=(501, 403)),
    batch_norm((3, 4, 2, 19), 3, False, True, large=(8, 14, 15, 19)),
    batch_norm((3, 4, 2, 7), 1, True, True, large=(8, 14, 31, 19)),
    batch_norm((3, 4, 7), 0, False, False),
    layer_norm((6, 19), 1, True, True, large=(517, 611)),
    layer_norm((3, 4, 5), 2, True, False),
    layer_norm((3, 40), 1, False, True),
    layer_norm((11,), 1, False, False),
    update("adam_update", _adam, 4, beta_1=0.9, beta_2=0.99, epsilon=1e-7),
    update("adam_update", _adam, 5, "amsgrad", beta_1=0.9, beta_2=0.99, epsilon=1e-7, amsgrad=True),
    update("sgd_update", _sgd, 2, momentum=0.0, nesterov=False),
    update("sgd_update", _sgd, 3, "momentum", momentum=0.9, nesterov=False),
    update("sgd_update", _sgd, 3, "nesterov", momentum=0.9, nesterov=True),
    update("rmsprop_update", _rmsprop, 3, rho=0.9, epsilon=1e-7),
    update("rmsprop_update", _rmsprop, 4, "momentum", rho=0.9, epsilon=1e-7, momentum=0.9),
    # A large epsilon: the random slots are no moments of one sequence, and v - a^2 could be negative.
    update("rmsprop_update", _rmsprop, 5, "momentum-centered", rho=0.9, epsilon=10.0, momentum=0.9, centered=True),
)

# --- recurrent layers ------------------------------------------------------------------------------------------------


def _walk(step, states, x, mask, reverse, sequences, zero_masked, **_):
    """(y, *states) of a layer that does `step(x_t, *states) -> states` where the mask holds."""
    outputs = []
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        keep = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        states = [np.where(keep, new, old) for new, old in zip(step(x[:, t], *states), states, strict=True)]
        outputs.append(np.where(keep | (not zero_masked), states[0], 0))
    return (np.stack(outputs, 1) if sequences else outputs[-1], *states)


def _lstm(x, h, c, kernel, recurrent, *more, bias, mask, **options):
    def step(x, h, c):
        i, f, g, o = np.split(x @ kernel + h @ recurrent + (more[0] if bias else 0), 4, -1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        return _sigmoid(o) * np.tanh(c), c

    return _walk(step, [h, c], x, more[-1] if mask else None, **options)


def _gru(x, h, kernel, recurrent, *more, bias, mask, **options):
    b, b_h = more[0] if bias else (0, np.zeros(recurrent.shape[1]))

    def step(x, h):
        z, r, m = np.split(x @ kernel + b, 3, -1)
        h_z, h_r, h_m = np.split(h @ recurrent + b_h, 3, -1)
        z, r = _sigmoid(z + h_z), _sigmoid(r + h_r)
        return (z * h + (1 - z) * np.tanh(m + r * h_m),)

    return _walk(step, [h], x, more[-1] if mask else None, **options)


def recurrent(name, batch, steps, features, units, bias=True, mask=False, large=None, note="", **options):
    lstm = name == "lstm"
    attrs = {"bias": bias, "mask": mask, "reverse": False, "sequences": True, "zero_masked": False, "save": False}
    attrs |= options

    def shapes(batch, steps, features, units):
        columns = (4 if lstm else 3) * units
        weights = [(features, columns), (units, columns)] + [(columns,) if lstm else (2, columns)] * bias
        return [(batch, steps, features), *[(batch, units)] * (1 + lstm), *weights, *[(batch, steps)] * mask]

    def call(*tensors):
        from fastkeras.engine import primitive

        return primitive(name)(*tensors, **attrs)[: 2 + lstm]

    made = shapes(batch, steps, features, units)
    return Case(
        name,
        made,
        lambda *arrays, **_: (_lstm if lstm else _gru)(*arrays, **attrs),
        call=call,
        kinds=(None,) * (len(made) - mask) + ("bool",) * mask,
        domain=(-1, 1),
        large=large and shapes(*large),
        rtol=4,
        note=f"{batch}x{steps}x{features}x{units}{note}",
    )


add(
    *(
        row
        for name in ("lstm", "gru")
        for row in (
            recurrent(name, 3, 5, 4, 7, large=(37, 9, 20, 40)),
            recurrent(name, 3, 5, 4, 7, save=True, note="-save"),
            recurrent(name, 18, 4, 3, 16, bias=False, sequences=False, reverse=True, note="-back"),
            recurrent(name, 5, 6, 3, 9, mask=True, large=(35, 6, 7, 33), note="-mask"),
            recurrent(name, 4, 6, 3, 5, mask=True, zero_masked=True, reverse=True, save=True, note="-zero"),
            recurrent(name, 1, 7, 4, 70, large=(1, 5, 30, 400)),
            recurrent(name, 5, 1, 4, 6, large=(33, 1, 30, 70)),
            recurrent(name, 300, 3, 2, 3),
        )
    ),
    *(
        Case(
            "lstm_cell",
            [(b, f), (b, u), (b, u), (f, 4 * u), (u, 4 * u)] + [(4 * u,)] * bias,
            lambda x, *arrays, bias: _lstm(
                x[:, None], *arrays, bias=bias, mask=False, reverse=False, sequences=False, zero_masked=False
            )[1:],
            attrs={"bias": bias},
            domain=(-1, 1),
            rtol=4,
            note=f"{b}-{bias}",
        )
        for b, f, u, bias in ((3, 4, 7, True), (1, 4, 9, False))
    ),
)


# --- windows over images ----------------------------------------------------------------------------------------------


def _conv(x, w, strides, dilation, pads, groups=1):
    """Tap by tap: the inputs that a tap meets, times its matrix."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), *((pads[2 * i], pads[2 * i + 1]) for i in range(rank)), (0, 0)])
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape, dilation, strict=False)]
    out = [max(0, (n - s) // t + 1) for n, s, t in zip(x.shape[1:], spans, strides, strict=False)]
    y = np.zeros((x.shape[0], *out, groups, w.shape[-1] // groups))
    w = w.reshape(*w.shape[:-1], groups, -1)
    for tap in np.ndindex(*w.shape[:rank]):
        met = tuple(
            slice(t * d, t * d + (n - 1) * s + 1 if n else 0, s)
            for t, d, n, s in zip(tap, dilation, out, strides, strict=True)
        )
        part = x[(slice(None), *met)]
        part = part.reshape(*part.shape[:-1], groups, -1)
        y += np.einsum("...gc,cgf->...gf", part, w[tap])
    return y.reshape(*y.shape[:-2], -1)


def _transpose_of(linear, shape, dy):
    """The x-gradient of sum(linear(x) dy), column by column."""
    dx = np.zeros(shape)
    for i in range(dx.size):
        unit = np.zeros(shape)
        unit.flat[i] = 1
        dx.flat[i] = (linear(unit) * dy).sum()
    return dx


def _depthwise(x, w, strides, dilation, pads):
    channels, multiplier = w.shape[-2:]
    w = w.reshape(*w.shape[:-2], 1, channels * multiplier)
    return _conv(x, w, strides, dilation, pads, groups=channels)


def _windows(x, size, strides, pads):
    """The elements of every window, NaN outside: (windows..., channels, elements)."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), *((pads[2 * i], pads[2 * i + 1]) for i in range(rank)), (0, 0)], constant_values=np.nan)
    view = np.lib.stride_tricks.sliding_window_view(x, size, axis=tuple(range(1, rank + 1)))
    view = view[(slice(None), *(slice(None, None, s) for s in strides))]
    return view.reshape(*view.shape[: rank + 2], -1)


def convolution(x, w, note, strides, dilation, pads, groups=1, large=None, rtol=4):
    """Rows for conv and the gradients of image and kernel."""
    attrs = {"strides": strides, "dilation": dilation, "pads": pads, "groups": groups}
    rank = len(x) - 2
    y = _conv(np.zeros(x), np.zeros(w), **attrs).shape
    more = {"twice": True, "rtol": rtol, "note": note, "domain": (-1, 1)}

    def input_grad(dy, w, shape, **attrs):
        return _transpose_of(lambda u: _conv(u, w, **attrs), x, dy)

    def kernel_grad(x, dy, kernel, **attrs):
        return _transpose_of(lambda u: _conv(x, u, **attrs), w, dy)

    def input_grad_of(dy, w):  # of any size, where strides and dilation are one
        from fastkeras.engine import primitive

        sizes = [
            n + k - 1 - sum(pads[2 * i : 2 * i + 2])
            for i, (n, k) in enumerate(zip(dy.shape[1:-1], w.shape[:-2], strict=True))
        ]
        return primitive("conv_input_grad")(dy, w, shape=sizes, **attrs)

    y_large = large and (large[0][0], *_conv(np.zeros((1, *large[0][1:])), np.zeros(large[1]), **attrs).shape[1:])
    add(
        Case("conv", [x, w], _conv, attrs, large=large and list(large), **more),
        Case("conv_input_grad", [y, w], input_grad, {**attrs, "shape": list(x[1:-1])},
             large=large and [y_large, large[1]], call=input_grad_of if max(strides + dilation) == 1 else None, **more),
        Case("conv_kernel_grad", [x, y], kernel_grad, {**attrs, "kernel": list(w[:rank])},
             large=large and [large[0], y_large], **more),
    )  # fmt: skip


def pooling(x, note, **attrs):
    """Rows for both pools, their gradients by the tape."""

    def grad(dy, shape, **attrs):
        def mean(u):
            return np.nanmean(_windows(u, **attrs), axis=-1)

        return _transpose_of(mean, x, dy)

    y = _windows(np.zeros(x), **attrs).shape[:-1]
    add(
        Case("max_pool", [x], lambda x, **a: np.nanmax(_windows(x, **a), axis=-1), attrs, note=note, twice=True),
        Case("average_pool", [x], lambda x, **a: np.nanmean(_windows(x, **a), axis=-1), attrs, note=note, twice=True),
        Case("average_pool_grad", [y], grad, {**attrs, "shape": list(x[1:-1])}, note=note, twice=True),
    )


def depthwise(x, w, note, large=None, **attrs):
    y = _depthwise(np.zeros(x), np.zeros(w), **attrs).shape
    more = {"twice": True, "rtol": 4, "note": note, "domain": (-1, 1)}

    def input_grad(dy, w, shape, **attrs):
        return _transpose_of(lambda u: _depthwise(u, w, **attrs), x, dy)

    def kernel_grad(x, dy, kernel, **attrs):
        return _transpose_of(lambda u: _depthwise(x, u, **attrs), w, dy)

    add(
        Case("depthwise_conv", [x, w], _depthwise, attrs, large=large, **more),
        Case("depthwise_conv_input_grad", [y, w], input_grad, {**attrs, "shape": list(x[1:-1])}, **more),
        Case("depthwise_conv_kernel_grad", [x, y], kernel_grad, {**attrs, "kernel": list(w[:-2])},
             large=large and [large[0], large[0]], **more),
    )  # fmt: skip


convolution((2, 6, 5, 3), (3, 3, 3, 5), "valid", [1, 1], [1, 1], [0] * 4, large=((9, 31, 29, 8), (3, 3, 8, 19)))
convolution((2, 5, 6, 2), (2, 3, 2, 9), "same", [1, 1], [1, 1], [0, 1, 1, 1], large=((8, 33, 33, 16), (2, 3, 16, 16)))
convolution((2, 6, 5, 4), (3, 3, 2, 6), "strided-groups", [2, 3], [1, 1], [1, 1, 0, 2], 2)
convolution((2, 7, 7, 1), (3, 2, 1, 4), "dilated", [1, 1], [2, 3], [2, 2, 1, 2])
convolution((3, 4, 4, 5), (1, 1, 5, 7), "pointwise", [1, 1], [1, 1], [0] * 4, large=((8, 32, 32, 17), (1, 1, 17, 33)))
convolution((2, 9, 3), (4, 3, 5), "1d-causal", [1], [2], [6, 0])
convolution((2, 9, 3), (4, 3, 5), "1d", [1], [1], [3, 0], large=((4, 2001, 7), (4, 7, 20)))
convolution((2, 3, 4, 3, 2), (2, 2, 3, 2, 3), "3d", [1, 2, 1], [1, 1, 1], [0, 1, 1, 0, 1, 1])
depthwise((2, 6, 5, 9), (3, 3, 9, 1), "same", [(8, 33, 31, 37), (3, 3, 37, 1)], strides=[1, 1], dilation=[1, 1],
          pads=[1, 1, 1, 1])  # fmt: skip
depthwise((2, 6, 7, 3), (3, 2, 3, 2), "strided", strides=[2, 3], dilation=[1, 1], pads=[1, 0, 0, 2])
depthwise((2, 9, 4), (2, 4, 1), "1d-dilated", strides=[1], dilation=[3], pads=[0, 3])
pooling((2, 6, 5, 9), "valid", size=[2, 2], strides=[2, 2], pads=[0] * 4)
pooling((2, 6, 7, 3), "same", size=[3, 3], strides=[2, 2], pads=[0, 1, 1, 1])
pooling((2, 7, 5), "1d", size=[3], strides=[1], pads=[0, 0])
pooling((1, 5, 4, 4, 2), "3d", size=[2, 2, 2], strides=[3, 2, 1], pads=[0] * 6)
