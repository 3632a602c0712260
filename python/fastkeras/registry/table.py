"""The table of names: what the library registers, and what users register."""

import contextlib
import contextvars
import importlib
import inspect
import re

from fastkeras.engine.operation import operation_class

_objects = {}  # "keras.layers.Dense" -> class or function of this library
_paths = {}  # the other way round: where Keras exports it
_names = {}  # "keras.losses" -> {"mse": function, "MeanSquaredError": class}

# Paths in files -> our modules that fill the table for them when imported. Closed: nothing else is ever imported.
_HOMES = {
    "keras": ("dtype_policies", "layers", "models", "quantizers"),
    "keras._legacy.layers": ("layers",),
    "keras.activations": ("activations",),
    "keras.constraints": ("constraints",),
    "keras.distillation": ("distillation",),
    "keras.dtype_policies": ("dtype_policies",),
    "keras.initializers": ("initializers",),
    "keras.layers": ("layers",),
    "keras.losses": ("losses",),
    "keras.metrics": ("metrics", "losses"),
    "keras.mixed_precision": ("dtype_policies",),
    "keras.models": ("models",),
    "keras.optimizers": ("optimizers",),
    "keras.optimizers.schedules": ("optimizers",),
    "keras.quantizers": ("quantizers",),
    "keras.random": ("initializers",),
    "keras.regularizers": ("regularizers",),
    "keras.src.applications.convnext": ("applications.convnext",),
    "keras.src.applications.inception_resnet_v2": ("applications.inception_resnet_v2",),
    "keras.src.layers.preprocessing.feature_space": ("layers.preprocessing.features",),
    "keras.src.models.functional": ("models",),
    "keras.src.models.sequential": ("models",),
    "keras.src.models.model": ("models",),
    "keras.utils": ("layers.preprocessing.feature_space",),
}
_OPS = re.compile(r"keras\.(src\.)?(ops|activations)(\.\w+)?")

_custom_objects = {}  # "package>name" -> object
_custom_names = {}
_scope = contextvars.ContextVar("custom_objects", default=None)


def register(module, *other_modules, name=None, names=()):
    """Decorates a class or function of the library: enters it as `module.name`, which is what files will say.

    `other_modules` are further paths under which files may know it. Within `module` it answers to its name, to the
    snake_case of a class name, and to `names`. A class also learns which constructor arguments make its config.
    """

    def enter(thing):
        own_name = name or thing.__name__
        _paths[thing] = (module, own_name)
        for path in (module, *other_modules):
            _objects[f"{path}.{own_name}"] = thing
        table = _names.setdefault(module, {})
        table[own_name] = thing
        if inspect.isclass(thing):
            table.setdefault(snake_case(own_name), thing)
            if "_config_names" not in vars(thing):
                maker = next(c for c in thing.__mro__ if {"__init__", "_config_names"} & vars(c).keys())
                named = "_config_names" in vars(maker)
                thing._config_names = (maker._config_names or ()) if named else _constructor_names(thing)
        for alias in names:
            table[alias] = thing
            _objects.setdefault(f"{module}.{alias}", thing)
        return thing

    return enter


def _constructor_names(cls):
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return tuple(p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL))


def snake_case(name):
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _import_home(module):
    for home in _HOMES.get(module, ()):
        importlib.import_module(f"fastkeras.{home}")


def lookup(module, name):
    """The library's object `name` of the Keras module `module`, or None."""
    _import_home(module)
    found = _objects.get(f"{module}.{name}")
    if found is None and _OPS.fullmatch(module):
        importlib.import_module("fastkeras.ops")
        found = operation_class(name)
    return found


def path_of(thing):
    """(module, name) under which Keras exports a registered thing, else (None, None)."""
    return _paths.get(thing, (None, None))


def is_library(thing):
    """Is `thing` a registered part of the library (and not a user's subclass of one)?"""
    return thing in _paths


def names_in(namespace):
    """{identifier: class or function} of a Keras module."""
    _import_home(namespace)
    return _names.get(namespace, {})


# --- custom objects --------------------------------------------------------------------------------------------------


def register_keras_serializable(package="Custom", name=None):
    """Registers a class or function of yours as `package>name`, so that files that mention it can be loaded.

    >>> import fastkeras as keras
    >>> @keras.saving.register_keras_serializable("my_package")
    ... class MyDense(keras.layers.Dense):
    ...     pass
    >>> keras.saving.get_registered_name(MyDense)
    'my_package>MyDense'
    """

    def decorate(thing):
        registered_name = f"{package}>{name if name is not None else thing.__name__}"
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ValueError("Cannot register a class that does not have a get_config() method.")
        _custom_objects[registered_name] = thing
        _custom_names[thing] = registered_name
        return thing

    return decorate


def get_custom_objects():
    """The live dictionary of registered custom objects."""
    return _custom_objects


def get_registered_name(obj):
    """The name under which `obj` is registered, or its Python name."""
    return _custom_names.get(obj) or obj.__name__


def get_registered_object(name, custom_objects=None, module_objects=None):
    """The custom object called `name`, from the current scope, the registered ones or the dictionaries, or None."""
    for table in (_scope.get(), _custom_objects, custom_objects, module_objects):
        if table and name in table:
            return table[name]
    return None


def registered_in_any_package(name):
    """The first custom object that is registered as `name` in whatever package, or None."""
    tables = filter(None, (_scope.get(), _custom_objects))
    return next((thing for table in tables for key, thing in table.items() if key.endswith(f">{name}")), None)


class CustomObjectScope:
    """Makes custom classes and functions known by name within a `with` block.

    >>> import fastkeras as keras
    >>> def double(x): return 2 * x
    >>> config = keras.layers.Activation(double).get_config()
    >>> with keras.saving.custom_object_scope({"double": double}):
    ...     layer = keras.layers.Activation.from_config(config)
    """

    def __init__(self, custom_objects):
        self.custom_objects = custom_objects or {}

    def __enter__(self):
        self._token = _scope.set({**self.custom_objects})
        return self

    def __exit__(self, *exception):
        _scope.reset(self._token)


custom_object_scope = CustomObjectScope


@contextlib.contextmanager
def known(custom_objects):
    """Adds to the names of the current scope."""
    token = _scope.set({**custom_objects, **(_scope.get() or {})}) if custom_objects else None
    try:
        yield
    finally:
        if token is not None:
            _scope.reset(token)
