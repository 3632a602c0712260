"""The part of TensorFlow that Keras scripts use, in terms of fastkeras.ops."""

import importlib as _importlib
import types as _types

from fastkeras.compat import _functions, _operations

__version__ = "2.21.0"  # the TensorFlow whose Keras is offered
newaxis = None

_OF_KERAS = ("initializers", "losses", "metrics", "optimizers")  # modules that are tf.keras's, too


class _Namespace(_types.ModuleType):
    """tf.nn, tf.math ...: looked up in the tables, so that an op of ours that is not there yet is missing here too."""

    def __getattr__(self, name):
        return _get(self.__name__.partition(".")[2], name)


def _get(namespace, name):
    path = f"{namespace}.{name}" if namespace else name
    if path in _NAMESPACES:
        return _NAMESPACES[path]
    if path in _OF_KERAS:
        return _importlib.import_module(f"fastkeras.{name}")
    found = _functions.FUNCTIONS.get(namespace, {}).get(name) or _operations.find(namespace, name)
    if found is None:
        raise AttributeError(f"fastkeras does not provide tensorflow.{path}")
    return found


_NAMESPACES = {
    name: _Namespace(f"tensorflow.{name}") for name in sorted({*_operations.OPS, *_functions.FUNCTIONS} - {""})
}


def __getattr__(name):
    return _get("", name)
