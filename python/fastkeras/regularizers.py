"""Regularizers: penalties on weights or outputs that are added to the loss."""

import math

from fastkeras import ops, registry

_MODULE = "keras.regularizers"


@registry.register(_MODULE, "keras")
class Regularizer(registry.Configurable):
    """Base of regularizers: maps a tensor to a scalar penalty. A subclass writes `__call__(x)` and `get_config()`.

    >>> import fastkeras as keras
    >>> class Sparse(keras.regularizers.Regularizer):
    ...     def __call__(self, x):
    ...         return 0.01 * keras.ops.sum(keras.ops.abs(x))
    """

    def __call__(self, x):
        return 0.0

    def get_config(self):
        if registry.is_library(type(self)) and type(self) is not Regularizer:
            return super().get_config()
        raise NotImplementedError(f"{self} does not implement get_config()")


@registry.register(_MODULE, names=("l1_l2",))
class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2).

    Args:
        l1: Factor of the sum of absolute values, a number >= 0.
        l2: Factor of the sum of squares, a number >= 0.

    >>> import fastkeras as keras
    >>> float(keras.regularizers.L1L2(l1=1.0, l2=0.5)(keras.ops.array([-2.0, 0.0])))
    4.0
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _validate(0.0 if l1 is None else l1, "l1")
        self.l2 = _validate(0.0 if l2 is None else l2, "l2")

    def __call__(self, x):
        penalty = ops.convert_to_tensor(0.0, dtype=x.dtype)
        if self.l1:
            penalty = penalty + self.l1 * ops.sum(ops.absolute(x))
        if self.l2:
            penalty = penalty + self.l2 * ops.sum(ops.square(x))
        return penalty


@registry.register(_MODULE)
class L1(Regularizer):
    """l1 * sum(|x|)."""

    def __init__(self, l1=0.01):
        self.l1 = _validate(0.01 if l1 is None else l1, "l1")

    def __call__(self, x):
        return self.l1 * ops.sum(ops.absolute(x))


@registry.register(_MODULE)
class L2(Regularizer):
    """l2 * sum(x^2)."""

    def __init__(self, l2=0.01):
        self.l2 = _validate(0.01 if l2 is None else l2, "l2")

    def __call__(self, x):
        return self.l2 * ops.sum(ops.square(x))


@registry.register(_MODULE)
class OrthogonalRegularizer(Regularizer):
    """factor * mean over pairs of |cosine of the angle between two rows (or columns)|.

    Args:
        factor: Strength, a number >= 0.
        mode: "rows" or "columns" of a matrix.

    Raises:
        ValueError: for another mode, and on a call with a tensor that is no matrix.
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _validate(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}'
            )
        self.mode = mode

    def __call__(self, inputs):
        if len(inputs.shape) != 2:
            raise ValueError(f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={inputs.shape}")
        rows = inputs if self.mode == "rows" else ops.transpose(inputs)
        rows = ops.normalize(rows, axis=1)
        size = rows.shape[0]
        cosines = ops.matmul(rows, ops.transpose(rows)) * (1.0 - ops.eye(size, dtype=rows.dtype))
        return self.factor * 0.5 * ops.sum(ops.absolute(cosines)) / (size * (size - 1.0) / 2.0)


def _validate(value, name):
    if not isinstance(value, (float, int)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float.Received: {name}={value}")
    return float(value)


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer


def get(identifier):
    """The regularizer for a name, a config, a class or an instance; None stays None."""
    return registry.get(_MODULE, identifier, "regularizer")


def serialize(regularizer):
    """The config of a regularizer."""
    return registry.serialize_keras_object(regularizer)


def deserialize(config, custom_objects=None):
    """The regularizer that a config describes."""
    return registry.deserialize(_MODULE, config, custom_objects)
