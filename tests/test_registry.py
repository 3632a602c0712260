"""Names, configs, custom objects, and what a file may not do."""

import json
import sys

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import registry

S, D = keras.saving.serialize_keras_object, keras.saving.deserialize_keras_object


@keras.saving.register_keras_serializable("tests")
class Mine(keras.layers.Layer):
    def __init__(self, size=1, **kwargs):
        super().__init__(**kwargs)
        self.size = size


@keras.saving.register_keras_serializable("tests", name="triple")
def times_three(x):
    return 3.0 * x


def through_json(obj):
    return D(json.loads(json.dumps(S(obj))))


@pytest.mark.parametrize("value", [None, 1, 2.5, "text", True, [1, [2]], {"a": {"b": 1}}, b"bytes", slice(1, None, 2)])
def test_plain_values_return(value):
    assert through_json(value) == value


def test_arrays_return():
    array = np.arange(6, dtype="int32").reshape(2, 3)
    back = through_json(array)
    assert back.dtype == "int32" and (back == array).all()
    tensor = through_json(keras.ops.ones((2,)))
    assert tensor.dtype == "float32" and tensor.tolist() == [1.0, 1.0]
    assert S(np.float32(2.5)) == 2.5 and S(np.array(3)) == 3
    assert through_json(Ellipsis) is Ellipsis
    assert D(S(keras.KerasTensor((None, 3)))).shape == (None, 3)


def test_custom_class_and_function():
    config = S(Mine(4, name="m"))
    assert (config["class_name"], config["registered_name"]) == ("Mine", "tests>Mine")
    assert through_json(Mine(4)).size == 4
    layer = keras.layers.Activation(times_three)
    assert layer.get_config()["activation"]["config"] == "tests>triple"
    assert through_json(layer).activation is times_three
    assert registry.get_registered_object("tests>Mine") is Mine
    assert keras.saving.get_custom_objects()["tests>triple"] is times_three
    with pytest.raises(ValueError, match="does not have a get_config"):
        keras.saving.register_keras_serializable()(type("Bare", (), {}))


def test_unregistered_class_needs_custom_objects():
    class Other(keras.layers.Layer):
        pass

    config = S(Other())
    with pytest.raises(ValueError, match="Could not locate class 'Other'"):
        D(config)
    assert type(D(config, custom_objects={"Other": Other})) is Other
    with keras.saving.custom_object_scope({"Other": Other}):
        assert type(D(config)) is Other
        assert type(keras.layers.deserialize(config)) is Other


def test_functions_that_old_files_name_without_a_package():
    """As Keras up to 3.6 wrote them."""

    @registry.register_keras_serializable("old_package")
    def without_package(x):
        return x

    config = {"module": "builtins", "class_name": "function", "registered_name": "function"}
    assert registry.deserialize_keras_object({**config, "config": "without_package"}) is without_package
    assert registry.deserialize_keras_object({**config, "config": "old_package>without_package"}) is without_package


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"class_name": "__typespec__", "config": "text"}, "Expected 'config' to be a list or a tuple"),
        ({"class_name": "__typespec__", "config": [[None, 2], "float32"]}, "type specification of TensorFlow"),
        (
            {"class_name": "function", "module": "builtins", "registered_name": "other", "config": "relu"},
            "resolved to a Keras built-in",
        ),
        (
            {"class_name": "Sequential", "module": "keras", "config": {"name": "model", "layers": [{}]}},
            "Expected a dictionary containing a 'config' key",
        ),
    ],
)
def test_configs_that_say_too_little_or_too_much(config, message):
    for error in (ValueError, TypeError) if "Sequential" not in config.values() else (ValueError,):
        with pytest.raises(error, match=message):
            registry.deserialize_keras_object(config)


def test_shared_objects():
    initializer = keras.initializers.Ones()
    with registry.object_sharing_scope():
        config = S([initializer, initializer])
    assert config[0]["shared_object_id"] == config[1]["shared_object_id"]
    with registry.object_sharing_scope():
        a, b = D(config)
    assert a is b


@pytest.mark.parametrize(
    "identifier", ["GlorotUniform", "glorot_uniform", {"class_name": "glorot_uniform", "config": {}},
                   {"class_name": "GlorotUniform", "config": {"seed": 3}}, keras.initializers.GlorotUniform],
    ids=str,
)  # fmt: skip
def test_identifiers(identifier):
    assert type(keras.initializers.get(identifier)) is keras.initializers.GlorotUniform


def test_unknown_identifiers():
    for module, kind in (
        ("initializers", "initializer"),
        ("regularizers", "regularizer"),
        ("constraints", "constraint"),
    ):
        get = getattr(keras, module).get
        assert get(None) is None
        with pytest.raises(ValueError, match=f"Could not interpret {kind} identifier: nonsense"):
            get("nonsense")
        with pytest.raises(ValueError, match="Could not"):
            get(3)


HOSTILE = [
    {"class_name": "function", "module": "os", "config": "system", "registered_name": "system"},
    {"class_name": "Popen", "module": "subprocess", "config": {"args": "ls"}, "registered_name": None},
    {"class_name": "function", "module": "builtins", "config": "eval", "registered_name": "function"},
    {"class_name": "function", "module": "keras.utils", "config": "get_file", "registered_name": "get_file"},
    {"class_name": "function", "module": "keras.config", "config": "enable_unsafe_deserialization"},
    {"class_name": "function", "module": "fastkeras.utils", "config": "get_file"},
    {"class_name": "load_model", "module": "keras.models", "config": {"filepath": "x", "safe_mode": False}},
    {"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {"module": "gASV"}},
    {"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "/etc"}},
    {"class_name": "Dense", "module": "evil", "config": {"units": 3}, "registered_name": None},
    {"class_name": "Dense", "module": "keras.layers", "config": {"units": 3}, "registered_name": "evil>Dense"},
    {"class_name": "Dense", "module": "keras.layers", "config": ["units"], "registered_name": None},
    {"class_name": "Dense", "module": "keras.layers", "config": "units", "registered_name": None},
    {"class_name": "Dense", "module": ["keras.layers"], "config": {"units": 3}, "registered_name": None},
    {"class_name": ["Dense"], "module": "keras.layers", "config": {"units": 3}},
    {"class_name": "function", "module": "builtins", "config": None, "registered_name": "function"},
    {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}},
    {"class_name": "__lambda__", "config": {"code": "4wAAAA==", "defaults": None, "closure": None}},
    {"class_name": "__numpy__", "config": {"value": [0], "dtype": "V1000000000000"}},
    {"class_name": "__tensor__", "config": {"value": [0], "dtype": "object"}},
    {"class_name": "__keras_tensor__", "config": {"shape": [-3], "dtype": "float32", "keras_history": None}},
]


@pytest.mark.parametrize("config", HOSTILE, ids=lambda c: str(c)[:60])
@pytest.mark.parametrize(
    "read", [D, keras.layers.deserialize, keras.initializers.deserialize], ids=["any", "layer", "init"]
)
def test_hostile_configs_are_refused_and_import_nothing(config, read):
    modules = set(sys.modules)
    with pytest.raises(ValueError):
        read(json.loads(json.dumps(config)))
    assert all(name.startswith("fastkeras") for name in set(sys.modules) - modules)
    assert registry.in_safe_mode()


def test_missing_module_is_safe_mode_too():
    config = {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {"code": "eA=="}}}}
    for read in (keras.layers.deserialize, lambda c: keras.layers.Lambda.from_config(c["config"])):
        with pytest.raises(ValueError, match="safe_mode=False"):
            read(config)
    with pytest.raises(ValueError, match="Could not locate"):
        D(config)
    with pytest.raises(ValueError):
        D(config, safe_mode=None)


# --- as Keras 2 wrote it


class Scaled:
    def __init__(self, penalty, fn, name="times_three", power=1):
        self.penalty, self.fn, self.name, self.power = penalty, fn, name, power

    def get_config(self):
        return vars(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def test_legacy_configs():
    legacy, known = keras.legacy.saving, {"L2": keras.regularizers.L2}
    assert keras.utils.legacy.serialize_keras_object is legacy.serialize_keras_object
    config = legacy.serialize_keras_object(Scaled(keras.regularizers.L2(0.5), np.cumsum))
    assert config == {
        "class_name": "Scaled",
        "config": {
            "penalty": {"class_name": "L2", "config": {"l2": 0.5}, "__passive_serialization__": True},
            "fn": "cumsum",
            "name": "times_three",
            "power": 1,
        },
    }
    custom = {"Scaled": Scaled, "cumsum": times_three, "times_three": times_three}
    back = legacy.deserialize_keras_object(config, known, custom)
    assert (back.penalty.l2, back.fn, back.name, back.power) == (0.5, times_three, "times_three", 1)
    assert config["config"]["fn"] == "cumsum"
    assert legacy.deserialize_keras_object("L2", known).l2 == pytest.approx(0.01)
    assert legacy.deserialize_keras_object("fn", {"fn": times_three}) is times_three
    assert legacy.serialize_keras_object(Scaled) == "Scaled"
    for wrong, words in (("L2", "Unknown loss: 'L2'"), ({"config": {}}, "Improper config"), (3, "serialized loss: 3")):
        with pytest.raises(ValueError, match=words):
            legacy.deserialize_keras_object(wrong, {}, printable_module_name="loss")
    with pytest.raises(ValueError, match="Cannot serialize 3"):
        legacy.serialize_keras_object(3)
