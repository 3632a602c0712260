"""The import hook: modules `keras...` and `tensorflow...` that answer with fastkeras's names."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

# Roots of other libraries -> the module of ours that has their names.
_ROOTS = {
    "keras": "fastkeras",
    "tensorflow.keras": "fastkeras",
    "tf_keras": "fastkeras",
    "tensorflow": "fastkeras.compat.tensorflow",
    "tensorflow.data": "fastkeras.data",
}
_VERSIONED = ("keras", "tensorflow.keras", "tf_keras")
# Where this can be imported, TensorBoard writes its files itself, not through TensorFlow's.
_NO_TENSORFLOW = "tensorboard.compat.notf"


def install():
    """Put the hook before all others, so that it also wins over an installed Keras or TensorFlow."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Facade(types.ModuleType):
    """A module under another library's name, whose attributes are those of a module of ours."""

    def __init__(self, name, target):
        super().__init__(name, target.__doc__)
        self._target = target
        self.__file__ = target.__file__
        self.__path__ = []  # a package: its submodules are asked of the finder
        public = getattr(target, "__all__", None) or [key for key in vars(target) if not key.startswith("_")]
        self.__all__ = [key for key in public if not key.startswith("_")]
        if name in _VERSIONED:
            from fastkeras.config import keras_version

            self.__version__ = keras_version()
        elif "__version__" in vars(target):
            self.__version__ = target.__version__

    def __getattr__(self, name):
        if not name.startswith("__"):
            try:
                value = getattr(self._target, name)
            except AttributeError:
                pass
            else:
                setattr(self, name, value)
                return value
            try:
                return importlib.import_module(f"{self.__name__}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{self.__name__}.{name}":
                    raise
        raise AttributeError(f"fastkeras does not provide {self.__name__}.{name}", name=name, obj=self)

    def __dir__(self):
        return self.__all__


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, fullname, path=None, target=None):
        if fullname == _NO_TENSORFLOW:
            return importlib.machinery.ModuleSpec(fullname, self)
        if fullname.split(".")[0] not in ("keras", "tensorflow", "tf_keras"):
            return None
        name = _ours(fullname)
        try:
            found = bool(name) and (_namespace(fullname) is not None or importlib.util.find_spec(name) is not None)
        except ModuleNotFoundError:
            found = False
        if not found:
            raise ModuleNotFoundError(f"fastkeras does not provide {fullname}", name=fullname)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        if spec.name == _NO_TENSORFLOW:
            return types.ModuleType(spec.name)
        return _namespace(spec.name) or _Facade(spec.name, importlib.import_module(_ours(spec.name)))

    def exec_module(self, module):
        pass


def _ours(fullname):
    """The module of ours that `fullname` means, or None for private ones."""
    root = max((root for root in _ROOTS if f"{fullname}.".startswith(f"{root}.")), key=len)
    rest = fullname[len(root) :]
    if any(part.startswith("_") for part in rest.split(".")):
        return None
    return _ROOTS[root] + rest


def _namespace(fullname):
    """tensorflow.nn, tensorflow.random ...: modules there, tables here; None for other names."""
    root, _, path = fullname.partition(".")
    if root != "tensorflow" or not path:
        return None
    return importlib.import_module(_ROOTS[root]).NAMESPACES.get(path)
