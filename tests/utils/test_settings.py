"""keras.utils.Config."""

import copy
import json
import pickle

import pytest

from fastkeras.utils import Config


def test_attributes_and_items_are_one():
    config = Config(rate=0.1)
    config.seed = 1
    config["name"] = "x"
    assert config["seed"] == 1 and config.name == "x" and config.get("depth", 3) == 3
    assert list(config) == ["name", "rate", "seed"] and len(config) == 3 and "rate" in config
    assert list(config.keys()) == ["rate", "seed", "name"] and dict(config.items()) == config.as_dict()
    assert json.loads(config.to_json()) == config.as_dict()
    assert repr(config) == "<Config {'rate': 0.1, 'seed': 1, 'name': 'x'}>"
    del config["name"]
    config.update({"rate": 0.2}, depth=2)
    assert config.pop("seed") == 1 and list(config.values()) == [0.2, 2]
    for twin in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert twin.as_dict() == config.as_dict() and twin is not config


def test_a_frozen_config_does_not_change():
    config = Config(rate=0.1)
    config.freeze()
    assert config.frozen

    def set_attribute():
        config.rate = 1

    def set_item():
        config["rate"] = 1

    def delete():
        del config["rate"]

    for change in (set_attribute, set_item, delete, lambda: config.pop("rate"), lambda: config.update(rate=1)):
        with pytest.raises(ValueError, match="the config is frozen"):
            change()
    config.unfreeze()
    config.rate = 1
    assert config.rate == 1


def test_unknown_names():
    config = Config(learning_rate=0.1)
    with pytest.raises(AttributeError, match="Unknown attribute: 'learning_rat'. Did you mean 'learning_rate'?"):
        _ = config.learning_rat
    with pytest.raises(AttributeError, match="Unknown attribute: 'depth'.$"):
        _ = config.depth
    with pytest.raises(KeyError):
        _ = config["depth"]
