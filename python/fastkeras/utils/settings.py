"""Config: named values, read and set as attributes."""

import difflib
import json


class Config:
    """Named values that are read and set as attributes or as in a dict, and can be frozen.

    >>> import fastkeras as keras
    >>> config = keras.utils.Config(rate=0.1)
    >>> config.seed = 123
    >>> config["rate"], config.seed, config.to_json()
    (0.1, 123, '{"rate": 0.1, "seed": 123}')
    >>> config.freeze()
    >>> config.seed = 1
    Traceback (most recent call last):
    ValueError: Cannot mutate attribute(s) because the config is frozen.
    """

    def __init__(self, **kwargs):
        vars(self).update(_config=kwargs, _frozen=False)

    @property
    def frozen(self):
        """Is the config frozen?"""
        return self._frozen

    def freeze(self):
        """From here on, changes raise ValueError."""
        vars(self)["_frozen"] = True

    def unfreeze(self):
        """Allows changes again."""
        vars(self)["_frozen"] = False

    def _changing(self):
        if self._frozen:
            raise ValueError("Cannot mutate attribute(s) because the config is frozen.")
        return self._config

    def as_dict(self):
        """The values as a dict of their own."""
        return dict(self._config)

    def to_json(self):
        """The values as JSON."""
        return json.dumps(self._config)

    def keys(self):
        return self._config.keys()

    def values(self):
        return self._config.values()

    def items(self):
        return self._config.items()

    def get(self, keyname, value=None):
        return self._config.get(keyname, value)

    def pop(self, *args):
        return self._changing().pop(*args)

    def update(self, *args, **kwargs):
        return self._changing().update(*args, **kwargs)

    def __setattr__(self, name, value):
        if hasattr(type(self), name) or name in vars(self):  # the class's own are no values
            super().__setattr__(name, value)
        else:
            self[name] = value

    def __getattr__(self, name):
        values = vars(self).get("_config", {})
        if name in values:
            return values[name]
        near = difflib.get_close_matches(name, values, n=1, cutoff=0.7)
        raise AttributeError(f"Unknown attribute: '{name}'." + (f" Did you mean '{near[0]}'?" if near else ""))

    def __setitem__(self, key, item):
        self._changing()[key] = item

    def __getitem__(self, key):
        return self._config[key]

    def __delitem__(self, key):
        del self._changing()[key]

    def __contains__(self, item):
        return item in self._config

    def __iter__(self):
        return iter(sorted(self._config))

    def __len__(self):
        return len(self._config)

    def __repr__(self):
        return f"<Config {self._config}>"
