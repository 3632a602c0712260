"""Variable: state that lasts from step to step."""

import numpy as np

from fastkeras import _core
from fastkeras.engine.branches import note_assignments
from fastkeras.engine.budget import charge
from fastkeras.engine.config import floatx, standardize_dtype
from fastkeras.engine.naming import auto_name, current_path
from fastkeras.engine.tensor import add_operators, convert_to_tensor
from fastkeras.engine.trace import init_scope

_AGGREGATIONS = ("none", "mean", "sum", "only_first_replica")
_SYNCHRONIZATIONS = ("none", "auto", "on_write", "on_read")
autocast_dtype = _core.autocast_dtype  # () -> the dtype of the innermost AutocastScope of this thread, or None


class AutocastScope:
    """Within it, float variables with `autocast` are read in `dtype`; None: in their own."""

    def __init__(self, dtype):
        self.dtype = dtype

    def __enter__(self):
        self._before = _core.set_autocast_dtype(self.dtype)

    def __exit__(self, *exception):
        _core.set_autocast_dtype(self._before)


class Variable(_core.Variable):
    """A tensor whose value can be assigned: a weight, an optimizer slot, a statistic, a counter.

    Args:
        initializer: the first value, or a callable `(shape, dtype)` that makes it, or the name of an initializer.
        shape: required with a callable or a name.
        dtype: of the values; by default that of the initial value, or floatx for a callable.
        trainable: do gradient tapes watch it, does an optimizer update it?
        autocast: is it read in the compute dtype inside a layer's call?
        aggregation, synchronization: for replicas; one process has one replica.
        name: last part of the path.

    >>> import fastkeras as keras
    >>> v = keras.Variable([1.0, 2.0])
    >>> v.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    def __init__(
        self,
        initializer,
        shape=None,
        dtype=None,
        trainable=True,
        autocast=True,
        aggregation="none",
        synchronization="auto",
        name=None,
        **kwargs,
    ):
        if kwargs:
            raise TypeError(f"[Variable] unknown arguments. Received: {', '.join(sorted(kwargs))}")
        name = name or auto_name(type(self).__name__)
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}"
            )
        if aggregation not in (None, *_AGGREGATIONS):
            raise ValueError(
                f"Invalid value for argument `aggregation`. Expected one of {_AGGREGATIONS}. "
                f"Received: aggregation={aggregation}"
            )
        if synchronization not in (None, *_SYNCHRONIZATIONS):
            raise ValueError(
                f"Invalid value for argument `synchronization`. Expected one of {_SYNCHRONIZATIONS}. "
                f"Received: synchronization={synchronization}"
            )
        with init_scope():
            super().__init__(_initial_value(initializer, shape, dtype), bool(trainable))
        path = current_path()
        self.name = name
        self.path = f"{path}/{name}" if path else name
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization or "none"
        self.autocast = bool(autocast)
        self.overwrite_with_gradient = False
        self.regularizer = None
        self.constraint = None

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = bool(value)

    @property
    def value(self):
        """The value, as a tensor; inside a traced function, the value it has at that point."""
        return self._read_autocast()

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        return int(np.prod(self.shape))

    def numpy(self):
        """A copy of the value as a NumPy array."""
        return self._read().numpy().copy()

    def assign(self, value):
        """Sets the value; it must have the variable's shape."""
        value = convert_to_tensor(value, None if hasattr(value, "dtype") else self._read().dtype)
        if value.shape != self.shape:
            raise ValueError(
                "The shape of the target variable and the shape of the target value in `variable.assign(value)` must "
                f"match. variable.shape={self.shape}, Received: value.shape={value.shape}. Target variable: {self!r}"
            )
        note_assignments((self,))
        self._assign(value)
        return self

    def assign_add(self, value):
        return self.assign(self + convert_to_tensor(value, self.dtype))

    def assign_sub(self, value):
        return self.assign(self - convert_to_tensor(value, self.dtype))

    def __repr__(self):
        if _core.tracing():
            return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.numpy()}>"

    __str__ = __repr__

    def __deepcopy__(self, memo):
        with init_scope():
            twin = Variable(*self.__reduce__()[1])
        twin.path, twin.regularizer, twin.constraint = self.path, self.regularizer, self.constraint
        memo[id(self)] = twin
        return twin

    def __reduce__(self):
        arguments = (None, self.dtype, self.trainable, self.autocast, self.aggregation, self.synchronization, self.name)
        return (Variable, (self.numpy(), *arguments), {"path": self.path})


def _initial_value(initializer, shape, dtype):
    if isinstance(initializer, str):
        from fastkeras import initializers

        initializer = initializers.get(initializer)
    if callable(initializer) and not isinstance(initializer, (_core.Tensor, _core.Variable)):
        if shape is None:
            raise ValueError(
                "When creating a Variable from an initializer, the `shape` argument should be specified. "
                f"Received: initializer={initializer} and shape={shape}"
            )
        dtype = floatx() if dtype is None else standardize_dtype(dtype)
        shape = tuple(int(d) for d in shape)
        charge(shape)
        value = convert_to_tensor(initializer(shape, dtype=dtype), dtype)
        if value.shape != shape:
            raise ValueError(
                "[Variable] the initializer must return a value of the shape asked for. "
                f"Received: {value.shape}, asked: {shape}"
            )
        return value
    value = convert_to_tensor(initializer, dtype)
    if shape is not None and tuple(shape) != value.shape:
        raise ValueError(
            "[Variable] the initial value must have the given shape. "
            f"Received: shape={tuple(shape)}, value.shape={value.shape}"
        )
    return value


add_operators(Variable)
