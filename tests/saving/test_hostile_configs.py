"""Files from strangers, what a config may name: every known attack on Keras, as a file made here.

Whatever is in a file, the only outcome is ModelFileError: nothing is run, no other file is opened, no memory out of
proportion is taken, and the model that was to receive weights is as it was.
"""

import base64
import contextlib
import json
import marshal
import warnings

import h5py
import numpy as np
import pytest
from hostile import audited, refuses, with_layer

import fastkeras as keras
from fastkeras.saving import ModelFileError, load_model


def lambda_layer(code):
    """A Lambda layer as Keras writes it, around the bytecode of `code`."""
    code = base64.encodebytes(marshal.dumps(code.__code__)).decode()
    function = {"class_name": "__lambda__", "config": {"value": [code, None, None]}}
    return {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": function}}


def function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def lambda_of(reference):
    return {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": reference}}


GADGETS = {
    "lambda": lambda_layer(lambda x: __import__("os").system("touch /tmp/hacked")),
    "function of os": lambda_of(function("os", "system")),
    "function of builtins": lambda_of(function("builtins", "eval")),
    "function of subprocess": lambda_of(function("subprocess", "Popen")),
    "class of os": {"module": "os", "class_name": "_wrap_close", "config": {}, "registered_name": None},
    "class of subprocess": {"module": "subprocess", "class_name": "Popen", "config": {"args": "touch /tmp/x"}},
    "get_file": lambda_of(function("keras.utils", "get_file")),
    "get_file of the package": lambda_of(function("fastkeras.utils", "get_file")),
    "load_model": lambda_of(function("keras.saving", "load_model")),
    "load_img": lambda_of(function("keras.utils", "load_img")),
    "unsafe switch": lambda_of(function("keras.config", "enable_unsafe_deserialization")),
    "global state": lambda_of(function("keras.src.backend.common.global_state", "set_global_attribute")),
    "numpy": lambda_of(function("numpy", "load")),
    "torch module": {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "gASV"}},
    "saved model": {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/etc"}},
    "vocabulary of a path": {
        "module": "keras.layers",
        "class_name": "StringLookup",
        "config": {"vocabulary": "/etc/passwd"},
    },
    "vocabulary of an address": {
        "module": "keras.layers",
        "class_name": "TextVectorization",
        "config": {"vocabulary": "http://127.0.0.1:1/x"},
    },
    "type spec": {
        "class_name": "__typespec__",
        "module": "os",
        "spec_name": "system",
        "config": ["id"],
        "registered_name": None,
    },
    "activation": {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"units": 2, "activation": function("os", "system")},
    },
    "initializer": {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {
            "units": 2,
            "kernel_initializer": {"module": "subprocess", "class_name": "Popen", "config": {"args": "id"}},
        },
    },
    "registered name of a built-in": {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"units": 2},
        "registered_name": "Custom>Evil",
    },
    "private module": {"module": "keras.src.saving.saving_lib", "class_name": "H5IOStore", "config": {"path": "/x"}},
    "our module": {"module": "fastkeras.datasets._source", "class_name": "Unpickler", "config": {"file": "/x"}},
    "import by path": {"module": "../../evil", "class_name": "Layer", "config": {}},
    "no module": {"class_name": "Popen", "config": {"args": "id"}},
}


@pytest.mark.parametrize("name", GADGETS)
def test_gadgets(archive, name):
    refuses(archive({"config.json": with_layer(archive.config, GADGETS[name])}))


@pytest.mark.parametrize("name", GADGETS)
def test_gadgets_with_safe_mode_unset(archive, name):
    refuses(archive({"config.json": with_layer(archive.config, GADGETS[name])}), safe_mode=None)


@pytest.mark.parametrize("name", GADGETS)
def test_gadgets_in_h5(archive, tmp_path, name):
    path = tmp_path / "bad.h5"
    model_config = with_layer({"class_name": "Sequential", "config": archive.config["config"]}, GADGETS[name])
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model_config).encode()
        file.create_group("model_weights").attrs["layer_names"] = [b"dense"]
    refuses(path)
    refuses(path, safe_mode=None)


@pytest.mark.parametrize("name", GADGETS)
def test_gadgets_as_the_model(archive, name):
    refuses(archive({"config.json": GADGETS[name]}))


@pytest.mark.parametrize("part", ["optimizer", "loss", "metrics"])
@pytest.mark.parametrize("name", ["function of os", "class of subprocess", "get_file", "lambda"])
def test_gadgets_in_the_compile_config(archive, part, name):
    config = json.loads(json.dumps(archive.config))
    gadget = GADGETS[name]
    config["compile_config"][part] = [gadget] if part == "metrics" else gadget
    refuses(archive({"config.json": config}))


@pytest.mark.parametrize("load", ["deserialize", "from_config", "clone", "from_json"])
def test_other_ways_in(archive, load):
    """safe_mode is not said here: unsaid means safe."""
    layer = GADGETS["lambda"]
    config = with_layer(archive.config, layer)
    calls = {
        "deserialize": lambda: keras.saving.deserialize_keras_object(layer),
        "from_config": lambda: keras.Sequential.from_config(config["config"]),
        "clone": lambda: keras.layers.Lambda.from_config(layer["config"]),
        "from_json": lambda: keras.models.model_from_json(json.dumps(config)),
    }
    with audited(), pytest.raises(ValueError, match="safe_mode=False"):
        calls[load]()


def test_lambda_by_opt_out(archive):
    """The one way to run what a file brings: say so."""
    layer = lambda_layer(lambda x: 2 * x)
    path = archive({"config.json": with_layer(archive.config, layer)})
    refuses(path, "safe_mode=False")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = load_model(path, safe_mode=False)
    assert len(model.layers) == 2


@pytest.mark.parametrize(
    "config",
    [
        [],
        "text",
        None,
        7,
        {},
        {"class_name": "Sequential"},
        {"module": "keras", "class_name": "Sequential", "config": None},
        {"module": "keras", "class_name": "Sequential", "config": []},
        {"module": "keras", "class_name": "Sequential", "config": {"layers": 3}},
        {"module": "keras", "class_name": "Sequential", "config": {"layers": [None]}},
        {"module": "keras", "class_name": "Sequential", "config": {"name": "x"}},
        {"module": "keras", "class_name": "Sequential", "config": "text"},
        {"module": None, "class_name": None, "config": {}},
        {"module": ["keras"], "class_name": {"a": 1}, "config": {}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}},
        {"module": "keras.src.models.functional", "class_name": "Functional", "config": {"layers": []}},
        {"module": "keras.optimizers", "class_name": "Adam", "config": {}},
        {"class_name": "__tensor__", "config": {"value": [1], "dtype": "U1000000000"}},
        {"class_name": "__numpy__", "config": {"value": ["a"] * 1000, "dtype": "U10000000"}},
    ],
    ids=str,
)
def test_configs_that_are_no_model(archive, config):
    refuses(archive({"config.json": json.dumps(config)}))


def functional(**changes):
    node = {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "dtype": "float32"}}
    dense = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"units": 2, "name": "d"},
        "name": "d",
        "inbound_nodes": [{"args": [node | {"config": node["config"] | {"keras_history": ["i", 0, 0]}}], "kwargs": {}}],
    }
    start = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 3], "name": "i"},
        "name": "i",
        "inbound_nodes": [],
    }
    config = {"name": "f", "layers": [start, dense], "input_layers": [["i", 0, 0]], "output_layers": [["d", 0, 0]]}
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config | changes}


def changed_history(history):
    config = functional()
    config["config"]["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = history
    return config


@pytest.mark.parametrize(
    "config",
    [
        changed_history(["d", 0, 0]),
        changed_history(["none", 0, 0]),
        changed_history(["i", 10**9, 0]),
        changed_history(["i", -1, 0]),
        changed_history(["i", 0, 10**30]),
        changed_history(None),
        changed_history([{}, [], ()]),
        functional(output_layers=[["none", 0, 0]]),
        functional(output_layers=[["d", 5, 0]]),
        functional(input_layers="text"),
        functional(layers=[{}]),
        functional(layers=None),
    ],
    ids=range(12),
)
def test_graphs_that_cannot_be(archive, config):
    refuses(archive({"config.json": config}))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_configs(archive, seed):
    """Parts of the config exchanged for others: the same."""
    random = np.random.RandomState(seed)
    config = json.loads(json.dumps(archive.config))
    places = []

    def walk(value):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], (dict, list)):
                walk(value[key])

    walk(config)
    strange = [None, -1, 0, 10**18, 1e400, "", "keras", "__lambda__", [], {}, True, [[None]], {"class_name": "Dense"}]
    for _ in range(1 + seed % 3):
        value, key = places[random.randint(len(places))]
        value[key] = strange[random.randint(len(strange))]
    path = archive({"config.json": config})
    with audited(path.parent), warnings.catch_warnings(), contextlib.suppress(ModelFileError):
        warnings.simplefilter("ignore")
        load_model(path)
