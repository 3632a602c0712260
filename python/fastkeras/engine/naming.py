"""Names of layers, variables and operations, as Keras makes them."""

import re
import threading


class _Names(threading.local):
    def __init__(self):
        self.counts = {}
        self.scopes = []


_names = _Names()


def to_snake_case(name):
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix):
    """`prefix`, then `prefix_1`, `prefix_2` ...; the prefix is brought to snake case."""
    return unique_name(to_snake_case(prefix))


def unique_name(name):
    seen = _names.counts.get(name, 0)
    _names.counts[name] = seen + 1
    return f"{name}_{seen}" if seen else name


def unique_object_name(name, seen):
    """`name`, made unique among the keys of the dict `seen`."""
    count = seen.get(name, 0)
    seen[name] = count + 1
    return f"{name}_{count}" if count else name


def clear_names():
    _names.counts.clear()


class name_scope:
    """Variables made inside have `name/` before their path.

    Args:
        name: without a slash.
        caller: the object that opens the scope.
        deduplicate: is a scope that the same caller opens in its own, by the same name, one with it?
        override_parent: a path that takes the place of those of the scopes around.

    Raises:
        ValueError: for a name that is no string, or that has a slash.

    >>> import fastkeras as keras
    >>> with keras.name_scope("encoder"), keras.name_scope("dense"):
    ...     keras.Variable(0.0, name="kernel").path
    'encoder/dense/kernel'
    """

    def __init__(self, name, caller=None, deduplicate=True, override_parent=None):
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}"
            )
        self.name, self.caller = name, caller
        self.deduplicate, self.override_parent = deduplicate, override_parent
        self._opened = False

    def __enter__(self):
        scopes = _names.scopes
        self._opened = not (self.deduplicate and scopes and self._is_one_with(scopes[-1]))
        if self._opened:
            scopes.append(self)
        return self

    def __exit__(self, *exception):
        if self._opened:
            _names.scopes.pop()

    def _is_one_with(self, outer):
        return self.caller is not None and self.caller is outer.caller and self.name == outer.name


def current_path():
    parts = []
    for scope in _names.scopes:
        if scope.override_parent is not None:
            parts = [part for part in scope.override_parent.split("/") if part]
        parts.append(scope.name)
    return "/".join(parts)
