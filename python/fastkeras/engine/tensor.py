"""What Python adds to the C++ Tensor: operators, indexing, conversions."""

import numpy as np

from fastkeras import _core
from fastkeras.engine.config import standardize_dtype

Tensor = _core.Tensor
primitive = _core.primitive
primitive_names = _core.primitive_names
run_on_arrays = _core.run_on_arrays

_cast = primitive("cast")
_identity = primitive("stop_gradient")
_power, _multiply = primitive("power"), primitive("multiply")
_square, _reciprocal, _sqrt, _rsqrt = map(primitive, ("square", "reciprocal", "sqrt", "rsqrt"))

# A general power takes ten times as long as these: a logarithm and an exponential.
_SIMPLE_POWERS = {
    2: _square,
    3: lambda x: _multiply(x, _square(x)),
    4: lambda x: _square(_square(x)),
    0.5: _sqrt,
    -0.5: _rsqrt,
    -1: _reciprocal,
    -2: lambda x: _reciprocal(_square(x)),
}


def _is_keras_tensor(x):
    return getattr(type(x), "_is_keras_tensor", False)


def is_tensor(x):
    """Is `x` a tensor, a variable or a KerasTensor?"""
    return isinstance(x, (Tensor, _core.Variable)) or _is_keras_tensor(x)


def is_symbolic(x):
    """Has `x` no value: is it a KerasTensor, or a tensor of the trace being recorded?"""
    return _is_keras_tensor(x) or (isinstance(x, Tensor) and x._symbolic)


def convert_to_tensor(x, dtype=None):
    """A tensor of the values of `x` (number, list, array, variable), of dtype `dtype` when given."""
    if _is_keras_tensor(x):
        return x if dtype is None or x.dtype == standardize_dtype(dtype) else cast(x, dtype)
    if dtype is not None:
        return cast(x, dtype)
    return x if type(x) is Tensor else _core.to_tensor(x)


def convert_to_numpy(x):
    """The values of `x` as a NumPy array."""
    return x.numpy() if isinstance(x, (Tensor, _core.Variable)) else np.asarray(x)


def cast(x, dtype):
    """`x` with its values converted to `dtype`."""
    if _is_keras_tensor(x):
        from fastkeras.ops.core import cast as symbolic_cast

        return symbolic_cast(x, dtype)
    dtype = standardize_dtype(dtype)
    t = x if type(x) is Tensor else _core.to_tensor(x, dtype == "float64")  # with all the digits of Python floats
    return t if t.dtype == dtype else _cast(t, dtype=dtype)


def power(x, exponent):
    """`x ** exponent`, where that can be by products and roots."""
    of_floats = isinstance(x, (Tensor, _core.Variable)) and "float" in x.dtype
    simple = _SIMPLE_POWERS.get(exponent) if of_floats and type(exponent) in (int, float) else None
    return simple(x) if simple else _power(x, exponent)


def shape(x):
    """The shape of `x`, a tuple."""
    return x.shape if hasattr(x, "shape") else np.shape(x)


def stop_gradient(x):
    """`x`, through which no gradient flows."""
    return _identity(x)


def producer(x):
    """(name, inputs) of the primitive that made a symbolic tensor in the current trace, or None."""
    return _core.producer(x) if isinstance(x, Tensor) else None


def _array(self, dtype=None, copy=None):
    values = self.numpy()
    return np.array(values, dtype=dtype, copy=copy) if dtype is not None or copy else values


def _item(self):
    values = self.numpy()
    if values.size != 1:
        raise TypeError(f"Only tensors of one element convert to a number. Received: shape={self.shape}")
    return values.item()


def _bool(self):
    if getattr(self, "_symbolic", False):
        raise TypeError(
            "A symbolic tensor has no truth value while a function is being traced. Use ops.where or ops.cond, "
            "or run eagerly: compile(run_eagerly=True)."
        )
    return bool(_item(self))


def _iter(self):
    if not self.shape:
        raise TypeError("Cannot iterate over a scalar tensor.")
    return (self[i] for i in range(self.shape[0]))


def _len(self):
    if not self.shape:
        raise TypeError("len() of a scalar tensor.")
    return self.shape[0]


def _getitem(self, key):
    from fastkeras.engine.indexing import getitem

    return getitem(self, key)


def _round(self, ndigits=None):
    from fastkeras.ops import round

    return round(self, ndigits or 0)


def _tensor_repr(self):
    if self._symbolic:
        return f"<fastkeras.Tensor shape={self.shape}, dtype={self.dtype}, symbolic>"
    values = np.array2string(self.numpy(), separator=", ")
    return f"<fastkeras.Tensor: shape={self.shape}, dtype={self.dtype}, numpy={values}>"


def _format(self, spec):
    return format(_item(self), spec) if self.shape == () and not self._symbolic else format(repr(self), spec)


def _binary(name):
    call = power if name == "power" else primitive(name)

    def operator(self, other):
        if _is_keras_tensor(other) or not _convertible(other):
            return NotImplemented
        return call(self, other)

    def reflected(self, other):
        if _is_keras_tensor(other) or not _convertible(other):
            return NotImplemented
        return call(other, self)

    return operator, reflected


def _convertible(other):
    return not isinstance(other, (str, bytes, dict, type(None)))


def _equality(name, otherwise):
    operator, _ = _binary(name)

    def compare(self, other):
        return otherwise if not _convertible(other) else operator(self, other)

    return compare


_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}
_COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}


def add_operators(cls):
    """Gives Tensor and Variable the same operators, all of them primitives."""
    for dunder, name in _OPERATORS.items():
        operator, reflected = _binary(name)
        setattr(cls, f"__{dunder}__", operator)
        setattr(cls, f"__r{dunder}__", reflected)
    for dunder, name in _COMPARISONS.items():
        setattr(cls, f"__{dunder}__", _binary(name)[0])
    negative, absolute, logical_not = primitive("negative"), primitive("abs"), primitive("logical_not")
    cls.__neg__ = lambda self: negative(self)
    cls.__pos__ = lambda self: self
    cls.__abs__ = lambda self: absolute(self)
    cls.__invert__ = lambda self: logical_not(self)
    cls.__eq__ = _equality("equal", False)
    cls.__ne__ = _equality("not_equal", True)
    cls.__hash__ = lambda self: id(self)
    cls.__array__ = _array
    cls.__array_priority__ = 100  # NumPy arrays leave `array + tensor` to the tensor
    cls.__dlpack__ = lambda self, **kwargs: self.numpy().__dlpack__(**kwargs)
    cls.__dlpack_device__ = lambda self: self.numpy().__dlpack_device__()
    cls.__float__ = lambda self: float(_item(self))
    cls.__int__ = lambda self: int(_item(self))
    cls.__index__ = lambda self: _index(self)
    cls.__bool__ = _bool
    cls.__len__ = _len
    cls.__iter__ = _iter
    cls.__getitem__ = _getitem
    cls.__round__ = _round
    cls.item = lambda self: _item(self)
    cls.tolist = lambda self: self.numpy().tolist()


def _index(self):
    if "int" not in self.dtype:
        raise TypeError(f"Only integer tensors can be an index. Received: dtype={self.dtype}")
    return int(_item(self))


add_operators(Tensor)
Tensor.__repr__ = Tensor.__str__ = _tensor_repr
Tensor.__format__ = _format
# A tensor cannot change: copying one is taking it.
Tensor.__copy__ = lambda self: self
Tensor.__deepcopy__ = lambda self, memo: self
Tensor.__reduce__ = lambda self: (_core.to_tensor, (self.numpy(),))
