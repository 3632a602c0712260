"""What belongs to which layer or variable, by its path."""

import collections.abc
import re


class PathMap(collections.abc.MutableMapping):
    """A mapping from paths, or regular expressions that match them whole, to values; the path itself comes first.

    A subclass names its `default`, and says in `check(value)` what a value may be.
    """

    several = "Path '{path}' matches several keys. Received: keys={keys}"
    taken = "'{key}' already exists in the {map} with value {value}."

    def __init__(self, values=None):
        self._values = {} if values is None else values

    @property
    def default(self):
        """The value of a path that no key matches."""
        raise NotImplementedError

    def check(self, value):
        """The value to keep for a value that is set."""
        return value

    def __getitem__(self, key):
        if key in self._values:
            return self._values[key]
        keys = [pattern for pattern in self._values if re.fullmatch(pattern, key)]
        if len(keys) > 1:
            raise ValueError(self.several.format(path=key, keys=keys))
        return self._values[keys[0]] if keys else self.default

    def __setitem__(self, key, value):
        if key in self._values:
            taken = self.taken.format(key=key, map=type(self).__name__, value=self._values[key])
            raise ValueError(f"{taken} Please make sure to not use duplicated keys.")
        self._values[key] = self.check(value)

    def __delitem__(self, key):
        del self._values[key]

    def __contains__(self, key):
        return key in self._values

    def __len__(self):
        return len(self._values)

    def __iter__(self):
        return iter(self._values)
