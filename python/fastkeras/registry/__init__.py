"""One get / serialize / deserialize for every named thing: layers, losses, metrics, optimizers, initializers ...

The library's own classes and functions enter the table with `@register("keras.layers")`, under the path that Keras
writes into files. A config is looked up in that table and among custom objects, and nowhere else: a name in a file
is never imported.
"""

from fastkeras.registry.deserialize import (
    DeserializationError,
    deserialize,
    deserialize_keras_object,
    enable_unsafe_deserialization,
    get,
    in_safe_mode,
    safe_mode_scope,
)
from fastkeras.registry.serialize import Configurable, dump_function, object_sharing_scope, serialize_keras_object
from fastkeras.registry.table import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    is_library,
    lookup,
    register,
    register_keras_serializable,
    snake_case,
)

__all__ = [
    "Configurable",
    "CustomObjectScope",
    "DeserializationError",
    "custom_object_scope",
    "deserialize",
    "deserialize_keras_object",
    "dump_function",
    "enable_unsafe_deserialization",
    "get",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "in_safe_mode",
    "is_library",
    "lookup",
    "object_sharing_scope",
    "register",
    "register_keras_serializable",
    "safe_mode_scope",
    "serialize_keras_object",
    "snake_case",
]
