"""What a row is made of, and the list that the modules of this folder put theirs in."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

FLOATS = ("float32", "float64")
INTS = ("int32", "int64")
HALVES = ("float16", "bfloat16")
TOLERANCE = {"float32": 3e-6, "float64": 1e-12, "float16": 2e-3, "bfloat16": 1.6e-2}


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


ALL = FLOATS + INTS
SHAPE = (7, 33)

CASES: list[Case] = []


def add(*rows):
    CASES.extend(rows)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))
