"""Constraints: functions that an optimizer applies to a weight after each update."""

from fastkeras import ops, registry
from fastkeras.engine import config as engine_config

_MODULE = "keras.constraints"


@registry.register(_MODULE)
class Constraint(registry.Configurable):
    """Base of constraints: maps a weight to the nearest allowed one. A subclass writes `__call__(w)`.

    >>> import fastkeras as keras
    >>> class AtMostOne(keras.constraints.Constraint):
    ...     def __call__(self, w):
    ...         return keras.ops.minimum(w, 1.0)
    """

    def __call__(self, w):
        return w


@registry.register(_MODULE)
class MaxNorm(Constraint):
    """Scales vectors along `axis` down to norm `max_value` where theirs is larger.

    Args:
        max_value: The largest norm.
        axis: Axis, or axes, along which norms are taken; 0 for a Dense kernel.

    >>> import fastkeras as keras
    >>> keras.constraints.MaxNorm(2.5)(keras.ops.array([[3.0], [4.0]])).numpy().round(3).tolist()
    [[1.5], [2.0]]
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w):
        w, norms = _norms(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (engine_config.epsilon() + norms))


@registry.register(_MODULE)
class NonNeg(Constraint):
    """Sets negative weights to 0."""

    def __call__(self, w):
        return ops.maximum(ops.convert_to_tensor(w), 0)


@registry.register(_MODULE)
class UnitNorm(Constraint):
    """Scales vectors along `axis` to norm 1."""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w, norms = _norms(w, self.axis)
        return w / (engine_config.epsilon() + norms)


@registry.register(_MODULE)
class MinMaxNorm(Constraint):
    """Moves the norm of vectors along `axis` into [min_value, max_value].

    Args:
        min_value: The smallest norm.
        max_value: The largest norm.
        rate: How far to go towards that: 1 is all the way.
        axis: Axis, or axes, along which norms are taken.
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w):
        w, norms = _norms(w, self.axis)
        desired = self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (desired / (engine_config.epsilon() + norms))


def _norms(w, axis):
    w = ops.convert_to_tensor(w)
    return w, ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


max_norm = MaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
min_max_norm = MinMaxNorm


def get(identifier):
    """The constraint for a name, a config, a class or an instance; None stays None."""
    return registry.get(_MODULE, identifier, "constraint")


def serialize(constraint):
    """The config of a constraint."""
    return registry.serialize_keras_object(constraint)


def deserialize(config, custom_objects=None):
    """The constraint that a config describes."""
    return registry.deserialize(_MODULE, config, custom_objects)
