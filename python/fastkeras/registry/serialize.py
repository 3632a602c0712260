"""Object -> config, in the JSON format of Keras 3."""

import base64
import contextlib
import contextvars
import inspect
import marshal
import types
import warnings

import numpy as np

from fastkeras import engine
from fastkeras.registry import table

_shared = contextvars.ContextVar("shared_objects", default=None)


def shared_objects():
    """What was written or read so far in the current object_sharing_scope, by id; None outside of one."""
    return _shared.get()


@contextlib.contextmanager
def object_sharing_scope():
    """Within it, an object that is written twice is written with an id, and read back as one object."""
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


class Configurable:
    """Gives a registered class `get_config`: its constructor's arguments, each read from the attribute of that name."""

    _config_names = ()

    def get_config(self):
        return {name: serialize_keras_object(getattr(self, name)) for name in self._config_names}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def serialize_keras_object(obj):
    """The JSON-ready description of an object: plain values stay, objects become
    `{"module", "class_name", "config", "registered_name"}`.

    >>> import fastkeras as keras
    >>> keras.saving.serialize_keras_object(keras.initializers.Ones())
    {'module': 'keras.initializers', 'class_name': 'Ones', 'config': {}, 'registered_name': None}
    """
    if obj is None or isinstance(obj, (str, int, float, bool)):
        return obj.item() if isinstance(obj, np.generic) else obj
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(x) for x in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    special = _serialize_value(obj)
    if special is not None:
        return special
    config = _describe(obj)
    for part in ("build_config", "compile_config"):
        method = getattr(obj, f"get_{part}", None)
        value = method() if method is not None else None
        if value is not None:
            config[part] = serialize_keras_object(dict(value))
    if config["module"] == "__main__":
        config["module"] = None
    return _mark_shared(obj, config)


def _serialize_value(obj):
    """Values that JSON has no word for; None for everything else."""
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        parts = {key: serialize_keras_object(getattr(obj, key)) for key in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, engine.KerasTensor):
        history = getattr(obj, "_keras_history", None)
        history = [history[0].name, *history[1:]] if history else None
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": obj.shape, "dtype": obj.dtype, "keras_history": history},
        }
    if isinstance(obj, (engine.Tensor, engine.Variable)):
        value = engine.convert_to_numpy(obj).tolist()
        return {"class_name": "__tensor__", "config": {"value": value, "dtype": obj.dtype}}
    if isinstance(obj, np.ndarray) and obj.ndim:
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": str(obj.dtype)}}
    if isinstance(obj, (np.ndarray, np.generic)):
        return obj.item()
    if isinstance(obj, np.dtype):
        return obj.name
    if isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>":
        warnings.warn(
            "The object being serialized includes a `lambda`. This is unsafe. In order to reload the object, you will "
            "have to pass `safe_mode=False` to the loading function. Please avoid using `lambda` in the future, and "
            "use named Python functions instead.",
            stacklevel=4,
        )
        return {"class_name": "__lambda__", "config": {"value": dump_function(obj)}}
    return None


def _describe(obj):
    if isinstance(obj, types.FunctionType):
        name = table.get_registered_name(obj)
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    if hasattr(obj, "get_config") and not inspect.isclass(obj):
        inner = obj.get_config()
        if not isinstance(inner, dict):
            raise TypeError(f"The `get_config()` method of {obj} should return a dict. It returned: {inner}")
        inner = serialize_keras_object(inner)
    elif hasattr(obj, "__name__"):  # a class, a built-in function
        inner = table.get_registered_name(obj)
    else:
        raise TypeError(
            f"Cannot serialize object {obj} of type {type(obj)}. To be serializable, a class must implement the "
            "`get_config()` method."
        )
    cls = type(obj)
    module, name = table.path_of(cls)
    if module is not None:
        # Keras exports no path for a few classes (Functional), and then names them.
        registered = name if module.startswith("keras.src.") else None
        return {"module": module, "class_name": name, "config": inner, "registered_name": registered}
    module = cls.__module__
    if module.startswith("fastkeras.ops."):
        module = "keras.src." + module.removeprefix("fastkeras.")
    return {
        "module": module,
        "class_name": cls.__name__,
        "config": inner,
        "registered_name": table.get_registered_name(cls),
    }


def _mark_shared(obj, config):
    seen = _shared.get()
    if seen is not None:
        first, _ = seen.setdefault(id(obj), (config, obj))  # obj is kept: another one could get its id
        if first is not config:
            config["shared_object_id"] = first["shared_object_id"] = id(obj)
    return config


def dump_function(function):
    """(bytecode as base64, defaults, closure) of a Python function."""
    closure = tuple(c.cell_contents for c in function.__closure__) if function.__closure__ else None
    return base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii"), function.__defaults__, closure
