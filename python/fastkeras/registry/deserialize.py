"""Config -> object: only what is in the table or registered by the user, and no code that a file brings."""

import base64
import builtins
import contextlib
import contextvars
import inspect
import marshal
import types

import numpy as np

from fastkeras import engine
from fastkeras.engine import config as engine_config
from fastkeras.registry import table
from fastkeras.registry.serialize import shared_objects

# A function is written as {"module": "builtins", "class_name": "function", "config": name}.
_FUNCTION_PATHS = ("keras.activations", "keras.losses", "keras.metrics", "keras.initializers", "keras.constraints",
                   "keras.regularizers", "keras.optimizers")  # fmt: skip
_safe_mode = contextvars.ContextVar("safe_mode", default=None)
_unsafe = False  # enable_unsafe_deserialization() was called


class DeserializationError(ValueError, TypeError):
    """A config that does not describe an object of the library or a registered custom object."""


def enable_unsafe_deserialization():
    """Allows Python lambdas in files for the rest of the process: they run code that the file brings."""
    global _unsafe
    _unsafe = True


@contextlib.contextmanager
def safe_mode_scope(safe_mode):
    """Sets safe mode for everything deserialized inside; None means safe."""
    token = _safe_mode.set(safe_mode is not False)
    try:
        yield
    finally:
        _safe_mode.reset(token)


def in_safe_mode():
    """Are Python lambdas refused? Yes, unless somebody said otherwise."""
    return not _unsafe and _safe_mode.get() is not False


def deserialize_keras_object(config, custom_objects=None, safe_mode=True, **kwargs):
    """The object that `config`, made by `serialize_keras_object`, describes.

    Args:
        config: The description. Lists and dicts of descriptions give lists and dicts of objects.
        custom_objects: `{name: class or function}` that the description may mention.
        safe_mode: False allows Python lambdas, which run code that the description brings.
        module_objects: `{name: class or function}` to look up plain names in.

    Raises:
        DeserializationError (a ValueError and a TypeError): for what is not described by this library.

    >>> import fastkeras as keras
    >>> config = keras.saving.serialize_keras_object(keras.layers.Dense(3))
    >>> keras.saving.deserialize_keras_object(config).units
    3
    """
    module_objects = kwargs.pop("module_objects", None)
    if kwargs:
        raise TypeError(f"deserialize_keras_object() got unexpected keyword arguments: {sorted(kwargs)}")
    if module_objects is not None:
        custom_objects = {**module_objects, **(custom_objects or {})}
        if isinstance(config, str) and config in custom_objects:
            return custom_objects[config]
    with table.known(custom_objects), safe_mode_scope(in_safe_mode() if _safe_mode.get() is not None else safe_mode):
        return _build(config)


def _build(config, namespace=None):
    if config is None:
        return None
    if isinstance(config, str):
        found = table.get_registered_object(config)
        return config if found is None else found
    if isinstance(config, (int, float, bool)):
        return config
    if isinstance(config, (list, tuple)):
        return [_build(x) for x in config]
    if not isinstance(config, dict):
        raise DeserializationError(f"Could not parse config: {config}")
    if "class_name" not in config or ("config" not in config and namespace is None):
        return {key: _build(value) for key, value in config.items()}
    class_name, inner = config["class_name"], config.get("config")
    if not isinstance(class_name, str):
        raise DeserializationError(f"Expected 'class_name' to be a str. Received: class_name={class_name}")
    value = _VALUES.get(class_name)
    if value is not None:
        return value(inner if isinstance(inner, dict) else {})
    if class_name == "function":
        if not isinstance(inner, str):
            raise DeserializationError(
                "Expected 'config' to be a non-null str for a function classname,\n"
                f"instead got {type(inner)}\nFull config: {config}"
            )
        return _find(inner, inner, config, namespace)
    if class_name == "__typespec__":
        raise DeserializationError(
            f"Expected 'config' to be a list or a tuple for a __typespec__ class name,\ninstead got {type(inner)}\n"
            f"Full config: {config}"
            if not isinstance(inner, (list, tuple))
            else f"[deserialize] a type specification of TensorFlow is no object here. Received: config={config}"
        )
    inner = {} if inner is None else inner
    if not isinstance(inner, dict):
        raise DeserializationError(
            f"Expected 'config' to be a dict for {class_name},\ninstead got {type(inner)}\nFull config: {config}"
        )
    return _build_instance(config, class_name, inner, namespace)


def _build_instance(config, class_name, inner, namespace):
    shared, shared_id = shared_objects(), config.get("shared_object_id")
    if shared is not None and shared_id in shared:
        return shared[shared_id]
    cls = _find(class_name, config.get("registered_name", class_name), config, namespace)
    if isinstance(cls, types.FunctionType):
        return cls
    if not hasattr(cls, "from_config"):
        raise DeserializationError(
            f"Unable to reconstruct an instance of '{class_name}' because the class is missing a `from_config()` "
            f"method. Full object config: {config}"
        )
    build_config, compile_config = config.get("build_config"), config.get("compile_config")
    try:
        instance = cls.from_config(inner)
        if build_config and not instance.built:
            instance.build_from_config(build_config)
            instance.built = True
        if compile_config:
            instance.compile_from_config(compile_config)
            instance.compiled = True
    except DeserializationError:
        raise
    except (TypeError, LookupError, AttributeError, OverflowError) as error:
        raise DeserializationError(
            f"{cls} could not be deserialized properly. Please ensure that components that are Python object "
            "instances (layers, models, etc.) returned by `get_config()` are explicitly deserialized in the model's "
            f"`from_config()` method.\n\nconfig={config}.\n\nException encountered: "
            f"{error if isinstance(error, TypeError) else repr(error)}"
        ) from error
    if shared is not None and shared_id is not None:
        shared[shared_id] = instance
    return instance


def _find(name, registered_name, config, namespace):
    """The class or function that a config means: a custom object, or one of the library."""
    custom = table.get_registered_object(registered_name)
    if custom is not None:
        return custom
    module = config.get("module")
    kind = "function" if config["class_name"] == "function" else "class"
    found = None
    if kind == "function" and module in ("builtins", None):
        found = next(filter(None, (table.lookup(path, name) for path in _FUNCTION_PATHS)), None)
    elif isinstance(module, str):
        found = table.lookup(module, name)
    if found is None and namespace is not None and not _is_foreign(module):
        found = table.names_in(namespace).get(name)
    if found is None and kind == "function":
        # Up to Keras 3.6 files name the functions of users without the package they are registered in.
        found = table.registered_in_any_package(name)
        if found is not None:
            return found
    if found is None:
        raise DeserializationError(
            f"Could not locate {kind} '{name}'. Make sure custom classes and functions are decorated with "
            "`@keras.saving.register_keras_serializable()`. If they are already decorated, make sure they are all "
            "imported so that the decorator is run before trying to load them. "
            f"Full object config: {config}"
        )
    explicit = config.get("registered_name")
    if explicit and explicit not in (name, config["class_name"]):
        raise DeserializationError(
            f"`registered_name={explicit!r}` was provided in the config, but '{module}.{name}' resolved to a Keras "
            "built-in and does not use registered names. Remove the `registered_name` field from the config. "
            f"Full object config: {config}"
        )
    return found


def _is_foreign(module):
    """A module that is neither Keras's nor unsaid: its names are not ours, even where they are spelled alike."""
    if not isinstance(module, str):
        return module is not None
    return module != "builtins" and module.split(".")[0] not in ("keras", "tf_keras")


def _build_keras_tensor(inner):
    tensor = engine.KerasTensor(inner["shape"], dtype=inner["dtype"])
    tensor._pre_serialization_keras_history = inner["keras_history"]
    return tensor


def _load_function(value):
    if not isinstance(value, (list, tuple)) or len(value) != 3 or not isinstance(value[0], str):
        raise DeserializationError(f"Could not parse the lambda. Received: {value}")
    code, defaults, closure = value
    code = marshal.loads(base64.decodebytes(code.encode("ascii")))  # noqa: S302 - only reached with safe_mode=False
    cells = tuple(types.CellType(x) for x in closure) if closure else None
    return types.FunctionType(
        code, {"__builtins__": builtins}, "<lambda>", tuple(defaults) if defaults else None, cells
    )


def _build_lambda(inner):
    if in_safe_mode():
        raise DeserializationError(
            "Requested the deserialization of a Python lambda. This carries a potential risk of arbitrary code "
            "execution and thus it is disallowed by default. If you trust the source of the artifact, you can "
            "override this error by passing `safe_mode=False` to the loading function, or calling "
            "`keras.config.enable_unsafe_deserialization()`."
        )
    # Lambda layers name the three parts, everything else lists them.
    return _load_function(inner.get("value") or [inner.get(key) for key in ("code", "defaults", "closure")])


_VALUES = {
    "__keras_tensor__": _build_keras_tensor,
    "__tensor__": lambda inner: engine.convert_to_tensor(
        inner["value"], dtype=engine_config.standardize_dtype(inner["dtype"])
    ),
    "__numpy__": lambda inner: np.array(inner["value"], dtype=engine_config.standardize_dtype(inner["dtype"])),
    "__bytes__": lambda inner: inner["value"].encode("utf-8"),
    "__ellipsis__": lambda inner: Ellipsis,
    "__slice__": lambda inner: slice(*(_build(inner[key]) for key in ("start", "stop", "step"))),
    "__lambda__": _build_lambda,
}


# --- by name, within one module of Keras ----------------------------------------------------------------------------


def deserialize(namespace, config, custom_objects=None):
    """As deserialize_keras_object, for things of one kind: also takes a bare name, and configs that say no module."""
    if isinstance(config, str):
        with table.known(custom_objects):
            found = table.get_registered_object(config)
        if found is None:
            found = table.names_in(namespace).get(config)
        if found is None:
            return config
        return found() if inspect.isclass(found) else found
    with table.known(custom_objects), safe_mode_scope(in_safe_mode()):
        return _build(config, namespace)


def get(namespace, identifier, kind):
    """The object for a name, a config, a class or an instance; None stays None.

    Raises:
        ValueError: when `identifier` is none of these ("Could not interpret <kind> identifier: ...").
    """
    if identifier is None:
        return None
    obj = deserialize(namespace, identifier) if isinstance(identifier, (dict, str)) else identifier
    if inspect.isclass(obj):
        obj = obj()
    if callable(obj):
        return obj
    raise ValueError(f"Could not interpret {kind} identifier: {identifier}")
