"""Finds the state of a layer in its attributes: variables, layers, metrics, seed generators, also inside containers."""

import collections
import contextlib
import threading

from fastkeras.engine import Variable

_state = threading.local()


@contextlib.contextmanager
def no_tracking():
    """Attributes set inside are not looked at."""
    before = getattr(_state, "off", False)
    _state.off = True
    try:
        yield
    finally:
        _state.off = before


class Tracker:
    """The state found so far, by kind, in the order of its appearance.

    Args:
        kinds: {kind of state: predicate}; the first that holds decides.
    """

    def __init__(self, kinds):
        self.kinds = kinds
        self.stores = {kind: [] for kind in kinds}
        self._ids = set()
        self.locked = None  # the message of the error that further state raises

    def track(self, value):
        """Notes `value` if it is state, and returns it; containers come back as ones that track what is put in."""
        if getattr(_state, "off", False):
            return value
        for kind, matches in self.kinds.items():
            if matches(value):
                self.add(kind, value)
                return value
        if isinstance(value, tuple):
            items = [self.track(x) for x in value]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        container = _CONTAINERS.get(type(value)) or next(
            (tracked for plain, tracked in _CONTAINERS.items() if isinstance(value, plain)), None
        )
        return value if container is None else container(value, self)

    def add(self, kind, value):
        if id(value) in self._ids:
            return
        if self.locked is not None:
            raise ValueError(self.locked)
        self._ids.add(id(value))
        self.stores[kind].append(value)

    @contextlib.contextmanager
    def unlocked(self):
        """Within it a layer that is built gets further state."""
        locked, self.locked = self.locked, None
        try:
            yield
        finally:
            self.locked = locked

    def __getstate__(self):
        return self.kinds, self.stores, self.locked

    def __setstate__(self, state):  # copies have ids of their own
        self.kinds, self.stores, self.locked = state
        self._ids = {id(value) for store in self.stores.values() for value in store}

    def untrack(self, value):
        """Forgets `value`, and what is inside when it is a container; a locked tracker forgets too."""
        if isinstance(value, (list, tuple, set)):
            for item in value:
                self.untrack(item)
        elif isinstance(value, dict):
            self.untrack(list(value.values()))
        elif id(value) in self._ids:
            self._ids.remove(id(value))
            for store in self.stores.values():
                store[:] = [known for known in store if known is not value]


def is_trainable_variable(value):
    return isinstance(value, Variable) and value.trainable


def is_non_trainable_variable(value):
    return isinstance(value, Variable) and not value.trainable


class _Tracked:
    """What the containers share: every value on its way in is tracked, every value on its way out forgotten."""

    def __init__(self, values=(), tracker=None):
        self.tracker = tracker
        super().__init__(self._enter_all(values))

    def _enter(self, value):
        return self.tracker.track(value) if self.tracker else value

    def _leave(self, value):
        if self.tracker:
            self.tracker.untrack(value)
        return value

    def _enter_all(self, values):
        return [self._enter(v) for v in values]

    def __reduce__(self):
        plain = next(base for base in type(self).__mro__ if base.__module__ in ("builtins", "collections"))
        return plain, (plain(self),)


class TrackedList(_Tracked, list):
    def append(self, value):
        super().append(self._enter(value))

    def insert(self, index, value):
        super().insert(index, self._enter(value))

    def extend(self, values):
        super().extend(self._enter_all(values))

    def __iadd__(self, values):
        self.extend(values)
        return self

    def __setitem__(self, index, value):
        self._leave(self[index])
        super().__setitem__(index, self._enter_all(value) if isinstance(index, slice) else self._enter(value))

    def __delitem__(self, index):
        self._leave(self[index])
        super().__delitem__(index)

    def remove(self, value):
        # By identity: `==` of tensors and variables is elementwise.
        found = next((i for i, known in enumerate(self) if known is value), None)
        del self[self.index(value) if found is None else found]

    def pop(self, index=-1):
        return self._leave(super().pop(index))

    def clear(self):
        self._leave(list(self))
        super().clear()


class _TrackedMapping(_Tracked):
    def _enter_all(self, values):
        items = values.items() if hasattr(values, "items") else values
        return [(key, self._enter(value)) for key, value in items]

    def __setitem__(self, key, value):
        if self.tracker and key in self:
            self._leave(self[key])
        super().__setitem__(key, self._enter(value))

    def __delitem__(self, key):
        self._leave(self[key])
        super().__delitem__(key)

    def update(self, *mappings, **values):
        for key, value in dict(*mappings, **values).items():
            self[key] = value

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key, *default):
        return self._leave(super().pop(key, *default))

    def popitem(self):
        key, value = super().popitem()
        return key, self._leave(value)

    def clear(self):
        self._leave(list(self.values()))
        super().clear()


class TrackedDict(_TrackedMapping, dict):
    pass


class TrackedOrderedDict(_TrackedMapping, collections.OrderedDict):
    # OrderedDict builds itself through __setitem__, which needs the tracker first.
    def __init__(self, values=(), tracker=None):
        self.tracker = tracker
        collections.OrderedDict.__init__(self, values)

    def popitem(self, last=True):
        key, value = collections.OrderedDict.popitem(self, last=last)
        return key, self._leave(value)


class TrackedSet(_Tracked, set):
    def add(self, value):
        super().add(self._enter(value))

    def update(self, *values):
        for value in set().union(*values):
            self.add(value)

    def remove(self, value):
        super().remove(value)
        self._leave(value)

    def discard(self, value):
        super().discard(value)
        self._leave(value)

    def pop(self):
        return self._leave(super().pop())

    def clear(self):
        self._leave(list(self))
        super().clear()


_CONTAINERS = {
    list: TrackedList,
    collections.OrderedDict: TrackedOrderedDict,
    dict: TrackedDict,
    set: TrackedSet,
}
