"""DTypePolicy: in which dtype a layer keeps its variables and in which it computes."""

from fastkeras import ops
from fastkeras.engine import KerasTensor, Tensor, config, convert_to_tensor, is_tensor, tell_of_mixed
from fastkeras.registry import register

_policy = None  # the global policy; None: that of floatx


@register("keras", "keras.dtype_policies", "keras.mixed_precision")
class DTypePolicy:
    """The dtype of a layer's variables and the dtype of its computations.

    Args:
        name: a dtype ("float32", "float64", ...) for both, or "mixed_bfloat16" or "mixed_float16": computations in
            bfloat16 or float16 on float32 variables. None is the global policy.

    Inside `call` of a layer with a mixed policy, float inputs and variables are halves: bfloat16 has the range of
    float32 and 8 bits, float16 ends at 65504 and has 11 bits, so that `compile` scales losses (`LossScaleOptimizer`).
    Sums, statistics, losses, metrics, gradients of variables and updates are float32. Without kernels for this CPU
    that multiply halves, the computations run in float32 and are rounded; a log line says so once.

    Raises:
        TypeError, ValueError: for a name that is no policy.

    >>> import fastkeras as keras
    >>> policy = keras.DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    _quantization_mode = None

    def __init__(self, name=None):
        if name is None:
            name = dtype_policy().name
        self._name = name
        self._take_dtypes(name)

    def _take_dtypes(self, name):
        self._compute_dtype, self._variable_dtype = _parse(name)
        self.mixed = self._compute_dtype != self._variable_dtype  # are variables cast where a layer reads them?
        if self.mixed:
            tell_of_mixed(self._compute_dtype)

    name = property(lambda self: self._name)
    compute_dtype = property(lambda self: self._compute_dtype)
    variable_dtype = property(lambda self: self._variable_dtype)
    quantization_mode = property(lambda self: self._quantization_mode)

    def convert_input(self, x, autocast, dtype):
        """`x` as a tensor; floats in `dtype` when `autocast`. What is not a tensor or an array stays as it is."""
        if isinstance(x, (Tensor, KerasTensor)) or is_tensor(x):
            pass
        elif hasattr(x, "__array__"):
            x = convert_to_tensor(x)
        else:
            return x
        if autocast and x.dtype != dtype and is_float(x.dtype):
            return ops.cast(x, dtype)
        return x

    def get_config(self):
        return {"name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        kind = "DTypePolicy" if type(self) is FloatDTypePolicy else type(self).__name__
        return f'<{kind} "{self._name}">'

    def __eq__(self, other):
        kinds = {DTypePolicy if type(policy) is FloatDTypePolicy else type(policy) for policy in (self, other)}
        return len(kinds) == 1 and self.name == other.name

    def __hash__(self):
        return hash(self._name)


@register("keras", "keras.dtype_policies")
class FloatDTypePolicy(DTypePolicy):
    """Another name of DTypePolicy, kept for files."""


Policy = DTypePolicy


def is_float(dtype):
    """Is `dtype`, a string, a floating-point type?"""
    return "float" in dtype


def _parse(name):
    """(compute dtype, variable dtype) of a policy's name."""
    if not isinstance(name, str):
        raise TypeError(
            f"'name' must be a string, such as 'mixed_float16'. Received: name={name} (of type {type(name)})"
        )
    if name in ("mixed_float16", "mixed_bfloat16"):
        return name.removeprefix("mixed_"), "float32"
    try:
        dtype = config.standardize_dtype(name)
    except ValueError:
        raise ValueError(
            f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies include 'mixed_float16', "
            "'mixed_bfloat16', and the name of any float dtype such as 'float32'."
        )
    return dtype, dtype


def dtype_policy():
    """The global policy, which layers use when they are given no dtype."""
    if _policy is not None:
        return _policy
    floatx = config.floatx()
    if floatx not in _of_floatx:
        _of_floatx[floatx] = DTypePolicy(floatx)
    return _of_floatx[floatx]


_of_floatx = {}


def set_global(policy):
    """The next layers that are given no dtype have this policy."""
    global _policy
    _policy = policy
