"""Names of layers, variables and operations, as Keras makes them."""

import contextlib
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


@contextlib.contextmanager
def name_scope(name, caller=None):
    """Variables made inside have `name/` before their path. A scope entered again by the same caller is one scope."""
    scopes = _names.scopes
    repeated = caller is not None and bool(scopes) and scopes[-1][1] is caller
    if not repeated:
        scopes.append((name, caller))
    try:
        yield
    finally:
        if not repeated:
            scopes.pop()


def current_path():
    return "/".join(name for name, _ in _names.scopes)
