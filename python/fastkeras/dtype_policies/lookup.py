"""The global policy, and policies by name."""

from fastkeras.dtype_policies.policy import DTypePolicy, dtype_policy, set_global
from fastkeras.dtype_policies.quantized import MODES, quantized_policy
from fastkeras.engine import config
from fastkeras.registry import deserialize as _deserialize
from fastkeras.registry import serialize_keras_object


def set_dtype_policy(policy):
    """Sets the global policy: a DTypePolicy or its name; raises ValueError for anything else.

    >>> import fastkeras as keras
    >>> keras.config.set_dtype_policy("float64")
    >>> keras.layers.Dense(2).dtype
    'float64'
    >>> keras.config.set_dtype_policy("float32")
    """
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as 'mixed_float16') or a "
            f"`DTypePolicy` instance. Received: policy={policy} (of type {type(policy)})"
        )
    set_global(get(policy))


def get(identifier):
    """The policy for a name, a dtype, a config or a policy; None is the global policy."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return quantized_policy(identifier) if identifier.startswith(MODES) else DTypePolicy(identifier)
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
