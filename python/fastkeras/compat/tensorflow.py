"""The part of TensorFlow that Keras scripts use, in terms of fastkeras.ops."""

import importlib as _importlib
import types as _types

from fastkeras.compat import _functions, _images, _modules, _operations, _pipelines, _strings, _summary

__version__ = "2.21.0"  # the TensorFlow whose Keras is offered
newaxis = None

_OURS = ("data", "initializers", "losses", "metrics", "optimizers")  # modules of fastkeras
_TABLES = [module.FUNCTIONS for module in (_functions, _images, _modules, _pipelines, _strings, _summary)]


class _Namespace(_types.ModuleType):
    """tf.nn, tf.math ...: looked up in the tables, so that an op of ours that is not there yet is missing here too."""

    def __getattr__(self, name):
        return _get(self.__name__.partition(".")[2], name)


def _get(namespace, name):
    path = f"{namespace}.{name}" if namespace else name
    if path in NAMESPACES:
        return NAMESPACES[path]
    if path in _OURS:
        return _importlib.import_module(f"fastkeras.{name}")
    found = [table[namespace][name] for table in _TABLES if name in table.get(namespace, {})]
    found = found[0] if found else _operations.find(namespace, name)
    if found is None:
        raise AttributeError(f"fastkeras does not provide tensorflow.{path}")
    return _strings.also_of_strings(name, found)


NAMESPACES = {name: _Namespace(f"tensorflow.{name}") for name in sorted(set().union(_operations.OPS, *_TABLES) - {""})}


def __getattr__(name):
    return _get("", name)
