"""keras.legacy.saving: configs as Keras 2 wrote them, looked up in the dictionaries that the caller gives."""

import inspect

from fastkeras.registry import CustomObjectScope, get_registered_name, get_registered_object

_PASSIVE = "__passive_serialization__"  # marks an object among the arguments of another


def serialize_keras_object(instance):
    """`{"class_name": name, "config": arguments}` of an object; of a function or a class its name.

    Raises:
        ValueError: for what is neither.

    >>> import fastkeras as keras
    >>> keras.legacy.saving.serialize_keras_object(keras.regularizers.L2(0.5))
    {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    instance = inspect.unwrap(instance)
    if instance is None:
        return None
    if hasattr(instance, "get_config") and not inspect.isclass(instance):
        config = {key: _serialize_argument(value) for key, value in instance.get_config().items()}
        return {"class_name": get_registered_name(type(instance)), "config": config}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(f"Cannot serialize {instance} because it doesn't implement `get_config()`.")


def _serialize_argument(value):
    if isinstance(value, str):
        return value
    try:
        serialized = serialize_keras_object(value)
    except ValueError:  # a plain value
        return value
    return {**serialized, _PASSIVE: True} if isinstance(serialized, dict) else serialized


def deserialize_keras_object(identifier, module_objects=None, custom_objects=None, printable_module_name="object"):
    """The object for a config of `serialize_keras_object`, or for a name: a function, or an instance of a class.

    Args:
        module_objects: `{name: class or function}`, the ones that there are.
        custom_objects: `{name: class or function}`, the user's; they come first.
        printable_module_name: what errors call the object.

    Raises:
        ValueError: for a name that is in neither and not registered, and for anything else.

    >>> import fastkeras as keras
    >>> config = {"class_name": "L2", "config": {"l2": 0.5}}
    >>> keras.legacy.saving.deserialize_keras_object(config, vars(keras.regularizers)).l2
    0.5
    """
    if identifier is None or inspect.isfunction(identifier):
        return identifier
    if isinstance(identifier, str):
        found = _find(identifier, module_objects, custom_objects, printable_module_name)
        return found() if inspect.isclass(found) else found
    if not isinstance(identifier, dict):
        raise ValueError(f"Could not interpret serialized {printable_module_name}: {identifier}")
    if "class_name" not in identifier or "config" not in identifier:
        raise ValueError(
            f"Improper config format for {identifier}. Expecting python dict contains `class_name` and `config` as keys"
        )
    cls = _find(identifier["class_name"], module_objects, custom_objects, printable_module_name)
    config = identifier["config"]
    if isinstance(config, dict):
        config = {k: _deserialize_argument(k, v, module_objects, custom_objects) for k, v in config.items()}
    with CustomObjectScope(custom_objects):
        return cls.from_config(config) if hasattr(cls, "from_config") else cls(**config)


def _deserialize_argument(key, value, module_objects, custom_objects):
    if isinstance(value, dict) and _PASSIVE in value:
        return deserialize_keras_object(value, module_objects, custom_objects, "config_item")
    if isinstance(value, str) and key != "name":  # a function is written as its name
        found = get_registered_object(value, custom_objects, module_objects)
        return found if inspect.isfunction(found) else value
    return value


def _find(name, module_objects, custom_objects, what):
    found = get_registered_object(name, custom_objects, module_objects)
    if found is None:
        raise ValueError(
            f"Unknown {what}: '{name}'. Please ensure you are using a `keras.utils.custom_object_scope` and that this "
            "object is included in the scope."
        )
    return found
