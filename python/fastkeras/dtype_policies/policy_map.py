"""DTypePolicyMap: policies by the paths of layers."""

from fastkeras.dtype_policies.lookup import get
from fastkeras.dtype_policies.policy import DTypePolicy
from fastkeras.registry import deserialize_keras_object, register, serialize_keras_object
from fastkeras.registry.paths import PathMap


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

    taken = "{key} already exist in the {map} with value {value}."

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
        for name in ("_name", "_compute_dtype", "_variable_dtype", "_quantization_mode", "mixed"):
            setattr(self, name, getattr(self.default_policy, name))
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
