"""KerasTensor: the shape and dtype of a value that a functional model will see; it has no value itself."""

import numbers

from fastkeras.engine.config import standardize_dtype
from fastkeras.engine.naming import auto_name

_NO_VALUE = "A KerasTensor is symbolic: it has a shape and a dtype, but no value. It cannot be converted to {}."


def standardize_shape(shape):
    """Returns `shape` as a tuple of ints and Nones; raises ValueError when it is none."""
    if not isinstance(shape, (tuple, list)):
        if shape is None:
            raise ValueError("Undefined shapes are not supported. Received: shape=None")
        try:
            shape = tuple(shape)
        except TypeError:
            raise ValueError(f"Cannot convert '{shape}' to a shape.") from None
    for dim in shape:
        if dim is None:
            continue
        if isinstance(dim, bool) or not isinstance(dim, numbers.Integral):
            raise ValueError(f"Cannot convert '{shape}' to a shape. Found invalid entry '{dim}' of type '{type(dim)}'.")
        if dim < 0:
            raise ValueError(f"Cannot convert '{shape}' to a shape. Negative dimensions are not allowed.")
    return tuple(dim if dim is None else int(dim) for dim in shape)


def symbolic_dtype(dtype):
    """The name of a dtype, or "string": what a model may be given is more than what tensors hold."""
    return dtype if dtype == "string" else standardize_dtype(dtype)


class KerasTensor:
    """A symbolic tensor: `shape` (with None where the size is open) and `dtype`, used to build functional models.

    >>> import fastkeras as keras
    >>> x = keras.KerasTensor(shape=(None, 4))
    >>> (x * 2).shape
    (None, 4)
    """

    _is_keras_tensor = True  # how engine.tensor knows it, without importing it
    __array_ufunc__ = None  # NumPy's operators step back for ours

    def __init__(self, shape, dtype="float32", sparse=False, ragged=False, record_history=True, name=None):
        if sparse or ragged:
            raise ValueError(f"[KerasTensor] only dense tensors are supported. Received: {sparse=}, {ragged=}")
        self._shape = standardize_shape(shape)
        self._dtype = symbolic_dtype(dtype)
        self.name = name or auto_name("KerasTensor")
        self.record_history = record_history

    sparse = property(lambda self: False)
    ragged = property(lambda self: False)
    ndim = property(lambda self: len(self._shape))

    @property
    def shape(self):
        return self._shape

    @property
    def dtype(self):
        return self._dtype

    def __repr__(self):
        return (
            f"<KerasTensor shape={self.shape}, dtype={self.dtype}, "
            f"sparse={self.sparse}, ragged={self.ragged}, name={self.name}>"
        )

    def __int__(self):
        raise ValueError(_NO_VALUE.format("an int"))

    def __float__(self):
        raise ValueError(_NO_VALUE.format("a float"))

    def __array__(self, dtype=None, copy=None):
        raise ValueError(_NO_VALUE.format("a NumPy array"))

    def __iter__(self):
        raise NotImplementedError("Iterating over a symbolic KerasTensor is not supported.")

    def __bool__(self):
        raise TypeError("A symbolic KerasTensor cannot be used as a boolean.")

    def reshape(self, newshape):
        return _ops().reshape(self, newshape)

    def squeeze(self, axis=None):
        return _ops().squeeze(self, axis=axis)

    def __getitem__(self, key):
        return _ops().get_item(self, key)

    def __round__(self, ndigits=None):
        return _ops().round(self, decimals=ndigits or 0)

    def __neg__(self):
        return _ops().negative(self)

    def __abs__(self):
        return _ops().absolute(self)

    def __invert__(self):
        return _ops().logical_not(self)


def _ops():
    from fastkeras import ops  # ops is made of engine's parts: it can only be met again at call time

    return ops


def _operators():
    """Gives KerasTensor its binary operators, each one a call of the op of that name."""

    def forward(op):
        return lambda self, other: getattr(_ops(), op)(self, other)

    def reflected(op):
        return lambda self, other: getattr(_ops(), op)(other, self)

    both = {
        "add": "add", "sub": "subtract", "mul": "multiply", "div": "true_divide", "truediv": "true_divide",
        "floordiv": "floor_divide", "mod": "mod", "pow": "power", "matmul": "matmul", "and": "logical_and",
        "or": "logical_or", "xor": "logical_xor",
    }  # fmt: skip
    for name, op in both.items():
        setattr(KerasTensor, f"__{name}__", forward(op))
        setattr(KerasTensor, f"__r{name}__", reflected(op))
    # There is no __eq__, as in Keras: KerasTensors are compared by identity and live in sets.
    comparisons = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "ne": "not_equal"}
    for name, op in comparisons.items():
        setattr(KerasTensor, f"__{name}__", forward(op))


_operators()


def any_symbolic(args, kwargs=None):
    """Is there a KerasTensor in the arguments, also inside lists, tuples and dicts?"""
    for value in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(value, KerasTensor):
            return True
        if isinstance(value, (list, tuple)):
            if any_symbolic(value):
                return True
        elif isinstance(value, dict) and any_symbolic(value.values()):
            return True
    return False


def is_keras_tensor(x):
    """Returns whether `x` is a KerasTensor.

    >>> import fastkeras as keras
    >>> keras.utils.is_keras_tensor(keras.Input((3,)))
    True
    """
    return isinstance(x, KerasTensor)
