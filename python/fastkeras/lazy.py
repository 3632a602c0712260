"""Packages whose names are imported when they are first used (PEP 562)."""

import importlib
import sys


def lazy(package, names=None, submodules=()):
    """`__getattr__`, `__dir__` and `__all__` of `package`.

    Args:
        package: its `__name__`.
        names: {public name: module that defines it}, the module relative to `package` when it starts with a dot.
        submodules: names of modules of the package.
    """
    names = names or {}
    public = sorted([*names, *submodules])

    def getattr_(name):
        if name in submodules:
            return importlib.import_module(f"{package}.{name}")
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(names[name], package), name)
        setattr(sys.modules[package], name, value)
        return value

    return getattr_, lambda: public, public
