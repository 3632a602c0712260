"""DTypePolicy: in which dtype a layer keeps its variables and in which it computes."""

from fastkeras import ops
from fastkeras.engine import KerasTensor, Tensor, config, convert_to_tensor, is_tensor, tell_of_mixed
from fastkeras.registry import deserialize as _deserialize
from fastkeras.registry import deserialize_keras_object, register, serialize_keras_object
from fastkeras.registry.paths import PathMap

_QUANTIZED = ("int8", "float8", "int4", "gptq", "awq")
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
        TypeError, ValueError: for a name that is no policy, and for quantized policies.

    >>> import fastkeras as keras
    >>> policy = keras.DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    def __init__(self, name=None):
        if name is None:
            name = dtype_policy().name
        self._name = name
        self._compute_dtype, self._variable_dtype = _parse(name)
        self.mixed = self._compute_dtype != self._variable_dtype  # are variables cast where a layer reads them?
        if self.mixed:
            tell_of_mixed(self._compute_dtype)

    name = property(lambda self: self._name)
    compute_dtype = property(lambda self: self._compute_dtype)
    variable_dtype = property(lambda self: self._variable_dtype)
    quantization_mode = property(lambda self: None, doc="Always None: there is no quantization here.")

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
        return f'<DTypePolicy "{self._name}">'

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self):
        return hash(self._name)


@register("keras", "keras.dtype_policies")
class FloatDTypePolicy(DTypePolicy):
    """Another name of DTypePolicy, kept for files."""


@register("keras.dtype_policies")
class DTypePolicyMap(DTypePolicy, PathMap):
    """The policy of each layer: by the layer's path, or by a regular expression that matches it whole.

    A layer that is given a map as its dtype takes its policy from there when it is built and has a path; before, and
    where no key matches, it has the default policy.

    Args:
        default_policy: a policy or its name; None is the global policy.
        policy_map: dict from paths or patterns to policies.

    Raises:
        TypeError, ValueError: for anything else, for a key that is there already, and on asking for a path that
            several patterns match.

    >>> import fastkeras as keras
    >>> policies = keras.dtype_policies.DTypePolicyMap("float32")
    >>> policies["encoder/.*"] = "mixed_bfloat16"
    >>> policies["encoder/dense"].name, policies["decoder/dense"].name
    ('mixed_bfloat16', 'float32')
    """

    several = (
        "Path '{path}' matches multiple dtype policy specification keys: {keys}. Please make sure each path only "
        "matches at most one dtype policy specification key in the DTypePolicyMap."
    )

    def __init__(self, default_policy=None, policy_map=None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError(
                f"`default_policy` cannot be a `DTypePolicyMap`. Received: default_policy={default_policy}"
            )
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                "If specified, `policy_map` must be a dict. "
                f"Received: policy_map={policy_map} of type {type(policy_map)}"
            )
        self._given = default_policy
        self.default_policy = get(default_policy)
        DTypePolicy.__init__(self, self.default_policy.name)
        PathMap.__init__(self, policy_map)

    name = property(lambda self: f"map_{self._name}")
    default = property(lambda self: self.default_policy)

    def check(self, value):
        try:
            return get(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"Cannot interpret the assigned value by `keras.dtype_policies.get`. Received: {value}"
            ) from None

    def get_config(self):
        return {"default_policy": self._given, "policy_map": serialize_keras_object(self._values)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{key: deserialize_keras_object(value, custom_objects) for key, value in config.items()})

    def __eq__(self, other):
        return isinstance(other, DTypePolicyMap) and (self._name, self._values) == (other._name, other._values)

    __hash__ = DTypePolicy.__hash__

    def __repr__(self):
        mapping = [(key, policy.name) for key, policy in self._values.items()]
        return f"<DTypePolicyMap default_policy={self._name}, mapping={mapping}>"


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
    if name.startswith(_QUANTIZED) and "_from_" in name:
        raise ValueError(f"[dtype_policy] quantized policies are not supported. Received: name={name}")
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


def set_dtype_policy(policy):
    """Sets the global policy: a DTypePolicy, its name or its config.

    >>> import fastkeras as keras
    >>> keras.config.set_dtype_policy("float64")
    >>> keras.layers.Dense(2).dtype
    'float64'
    >>> keras.config.set_dtype_policy("float32")
    """
    global _policy
    _policy = get(policy)


def get(identifier):
    """The policy for a name, a dtype, a config or a policy; None is the global policy."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(config.standardize_dtype(identifier))
    except (TypeError, ValueError):
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. "
            f"Received: dtype={identifier}"
        )


def serialize(dtype_policy):
    """The config of a policy."""
    return serialize_keras_object(dtype_policy)


def deserialize(config, custom_objects=None):
    """The policy that a config describes."""
    return _deserialize("keras.dtype_policies", config, custom_objects)
