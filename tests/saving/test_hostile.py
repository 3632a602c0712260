"""Files from strangers: every known attack on Keras, as a file made here.

Whatever is in a file, the only outcome is ModelFileError: nothing is run, no other file is opened, no memory out of
proportion is taken, and the model that was to receive weights is as it was.
"""

import base64
import contextlib
import importlib
import io
import json
import marshal
import os
import pkgutil
import resource
import struct
import sys
import tempfile
import warnings
import zipfile

import h5py
import numpy as np
import pytest

import fastkeras as keras
from fastkeras.saving import ModelFileError, load_model

LIMIT = 600 << 20  # bytes the process may grow by while it loads a hostile file


def small():
    model = keras.Sequential([keras.Input((3,), name="input"), keras.layers.Dense(2, name="dense")], name="small")
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """The members of the `.keras` file of a small model."""
    path = tmp_path_factory.mktemp("good") / "good.keras"
    small().save(path)
    # Whatever loading imports is imported now: an import reads files and unmarshals code while somebody watches.
    load_model(path)
    for module in pkgutil.walk_packages(keras.saving.__path__, "fastkeras.saving."):
        importlib.import_module(module.name)
    with zipfile.ZipFile(path) as good:
        return {name: good.read(name) for name in good.namelist()}


@pytest.fixture
def archive(tmp_path, members):
    """A function that writes the `.keras` file of a small model, with members added, replaced or dropped (None)."""

    def write(changes, compression=zipfile.ZIP_STORED):
        path = tmp_path / "bad.keras"
        with zipfile.ZipFile(path, "w", compression) as bad:
            for name, content in {**members, **changes}.items():
                if content is not None:
                    bad.writestr(name, content if isinstance(content, (bytes, str)) else json.dumps(content))
        return path

    write.config = json.loads(members["config.json"])
    write.weights = members["model.weights.h5"]
    return write


class Audit:
    """Notes what the process does beyond reading the library, its temporary files and the `allowed` folder."""

    SOURCES = os.path.dirname(os.path.dirname(keras.__file__))
    FORBIDDEN = ("socket", "subprocess", "os.system", "os.exec", "os.posix_spawn", "urllib", "marshal", "pickle")

    def __init__(self):
        self.seen = self.allowed = None
        sys.addaudithook(self.hook)  # for the life of the process: it cannot be taken away again

    def hook(self, event, arguments):
        if self.seen is None:
            return
        if event == "open" and isinstance(arguments[0], (str, bytes)) and not self.may_open(*arguments):
            self.seen.append((event, arguments[0]))
        elif event.startswith(self.FORBIDDEN):
            self.seen.append((event, arguments))

    def may_open(self, path, mode, flags):
        writing = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        path = os.fsdecode(path)
        if not writing and path.startswith((sys.prefix, sys.base_prefix, self.SOURCES)):
            return True
        return path.startswith((os.path.join(tempfile.gettempdir(), "tmp"), *self.allowed))


AUDIT = Audit()


@contextlib.contextmanager
def audited(*allowed):
    """Within it: no file opened but temporary ones and `allowed`, no process, no network, and not much memory."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT, hard))
    AUDIT.seen, AUDIT.allowed = [], tuple(str(path) for path in allowed)
    try:
        yield
    finally:
        seen, AUDIT.seen = AUDIT.seen, None
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert seen == []


def refuses(path, words=None, **arguments):
    """Loading the file as a model ends in ModelFileError."""
    with audited(os.path.dirname(path)), pytest.raises(ModelFileError, match=words):
        load_model(path, **arguments)


# --- what a config may name --------------------------------------------------------------------------------------


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


def with_layer(config, layer):
    changed = json.loads(json.dumps(config))
    changed["config"]["layers"].append(layer)
    return changed


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


# --- size ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        {"class_name": "Dense", "config": {"units": 2**40, "name": "big"}},
        {"class_name": "Dense", "config": {"units": 10**9, "name": "big"}, "build_config": {"input_shape": [None, 9]}},
        {"class_name": "Dense", "config": {"units": 10**30, "name": "big"}},
        {"class_name": "LayerNormalization", "config": {}, "build_config": {"input_shape": [None, 2**45]}},
        {
            "class_name": "Dense",
            "config": {"units": 2**30, "kernel_initializer": {"class_name": "Orthogonal", "config": {}}},
        },
    ],
    ids=str,
)
def test_models_too_large_for_their_file(archive, layer):
    layer = {"module": "keras.layers", **layer}
    refuses(archive({"config.json": with_layer(archive.config, layer)}))


def test_many_layers_that_are_too_large_together(archive):
    config = archive.config
    for index in range(40):
        config = with_layer(
            config, {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3000, "name": f"d{index}"}}
        )
    refuses(archive({"config.json": config}), "too small to describe")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "metadata.json", "assets/bomb.bin"])
def test_members_that_unpack_to_far_more(archive, name):
    refuses(archive({name: bytes(100 << 20)}, zipfile.ZIP_DEFLATED), "decompression bomb")


def test_members_that_lie_about_their_size(archive):
    """The size in the directory is small, the stream is not."""
    path = archive({"config.json": b" " * (50 << 20)}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = -1
        while (place := data.find(signature, place + 1)) >= 0:
            if struct.unpack_from("<I", data, place + offset)[0] == 50 << 20:
                struct.pack_into("<I", data, place + offset, 5000)
    path.write_bytes(data)
    refuses(path)


def test_too_many_members(archive):
    refuses(archive({f"assets/{index}": b"" for index in range(10_001)}), "archive members")


def test_overlapping_or_repeated_members(archive, tmp_path):
    path = archive({})
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as file:
        warnings.simplefilter("ignore")
        file.writestr("config.json", "{}")
    refuses(path, "same name")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"module": "keras", "class_name": "Sequential", "config": ' * 300 + "{}" + "}" * 300,
        "{" + '"a": 1,' * 10,
        '{"a": ' + "9" * 10_000 + "}",
        b"\xff\xfe{",
        b"",
        "{}" + " " * (33 << 20),
    ],
    ids=range(8),
)
def test_json(archive, text):
    refuses(archive({"config.json": text}))


def test_lists_nested_below_the_limit(archive):
    refuses(archive({"config.json": json.dumps({"a": json.loads("[" * 150 + "]" * 150)})}))


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_missing_members(archive, name):
    refuses(archive({name: None}), name)


@pytest.mark.parametrize("size", [0, 10, 100, 1000, 5000])
def test_truncated_archives(archive, size):
    path = archive({})
    path.write_bytes(path.read_bytes()[:size])
    refuses(path)


def test_not_an_archive(archive, tmp_path):
    path = tmp_path / "bad.keras"
    path.write_bytes(b"\x80\x04\x95 a pickle")
    refuses(path, "File not found")
    path.write_bytes(b"garbage" + archive({}).read_bytes()[:-30])
    refuses(path)


def test_npz_weights_are_not_read(archive):
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    refuses(archive({"model.weights.h5": None, "model.weights.npz": buffer.getvalue()}), "model.weights.h5")


@pytest.mark.parametrize("name", ["assets/../../outside", "assets/..\\..\\outside", "assets/a/../../b"])
def test_assets_stay_in_their_folder(archive, tmp_path, name):
    @keras.saving.register_keras_serializable("hostile")
    class Wants(keras.layers.Layer):
        def load_assets(self, folder):
            self.folder = folder

        def call(self, x):
            return x

    layer = {"module": None, "class_name": "Wants", "config": {}, "registered_name": "hostile>Wants"}
    path = archive({"config.json": with_layer(archive.config, layer), name: b"x"})
    before = sorted(os.listdir(tmp_path))
    refuses(path)
    assert sorted(os.listdir(tmp_path)) == before


# --- HDF5 ----------------------------------------------------------------------------------------------------------

PATHS = {}
SECRET = b"root:x:0:0:the secret:" + bytes(200)


def replace(file, path, make):
    """Put something else in the place of a dataset."""
    parent, _, name = path.rpartition("/")
    group = file[parent] if parent else file
    del group[name]
    make(group, name)


def external_storage(group, name):
    group.create_dataset(name, (3, 2), "f4", external=[(str(PATHS["canary"]), 0, 24)])


def external_link(group, name):
    group[name] = h5py.ExternalLink(str(PATHS["canary"]) + ".h5", "/vars/0")


def soft_link(group, name):
    group[name] = h5py.SoftLink("/layers/dense/vars/1")


def virtual(group, name):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource(str(PATHS["canary"]) + ".h5", "vars", (3, 2))
    group.create_virtual_dataset(name, layout)


def bomb(shape, chunks):
    def make(group, name):
        group.create_dataset(name, shape, "f8", chunks=chunks, compression="gzip", fillvalue=0)

    return make


def cyclic(group, name):
    group[name] = group.parent


DATASETS = {
    "external storage": external_storage,
    "external link": external_link,
    "soft link": soft_link,
    "virtual": virtual,
    "shape bomb": bomb((2**50,), (1024,)),
    "matrix bomb": bomb((2**25, 2**25), (1024, 1024)),
    "group": lambda group, name: group.create_group(name),
    "cyclic group": cyclic,
    "named type": lambda group, name: group.__setitem__(name, np.dtype("f4")),
    "null": lambda group, name: group.create_dataset(name, data=h5py.Empty("f4")),
    "scalar": lambda group, name: group.create_dataset(name, data=1.0),
    "text": lambda group, name: group.create_dataset(name, data=[b"a"] * 6),
    "compound": lambda group, name: group.create_dataset(name, (3, 2), "f4,i8"),
    "references": lambda group, name: group.create_dataset(name, (3, 2), h5py.ref_dtype),
    "variable length": lambda group, name: group.create_dataset(name, (3, 2), h5py.vlen_dtype("f4")),
    "opaque": lambda group, name: group.create_dataset(name, data=np.zeros((3, 2), "V2")),
    "wrong shape": lambda group, name: group.create_dataset(name, data=np.zeros((2, 3), "f4")),
    "wrong rank": lambda group, name: group.create_dataset(name, data=np.zeros(6, "f4")),
    "absent": lambda group, name: None,
}


@pytest.fixture(autouse=True)
def canary(tmp_path):
    """Files beside the hostile one that it points to: their content must not get in."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "canary").write_bytes(SECRET)
    with h5py.File(path / "canary.h5", "w") as file:
        file["vars"] = np.full((3, 2), 7.0, "f4")
    PATHS["canary"] = path / "canary"


def weights_with(weights, path, make):
    buffer = io.BytesIO(weights)
    with h5py.File(buffer, "r+") as file:
        replace(file, path, make)
    return buffer.getvalue()


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("place", ["layers/dense/vars/0", "optimizer/vars/2"])
def test_datasets(archive, name, place, tmp_path):
    image = weights_with(archive.weights, place, DATASETS[name])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
        if name == "absent" and place.startswith("optimizer"):
            load_model(archive({"model.weights.h5": image}))  # as Keras: a warning, and a new optimizer
        else:
            refuses(archive({"model.weights.h5": image}))
    model = small()
    before = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    path = tmp_path / "bad.weights.h5"
    path.write_bytes(image)
    with contextlib.ExitStack() as stack:
        stack.enter_context(audited(tmp_path))
        stack.enter_context(pytest.raises((ModelFileError, UserWarning)))
        model.load_weights(path)
    after = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


GROUPS = {
    "external link": lambda parent, name: parent.__setitem__(
        name, h5py.ExternalLink(str(PATHS["canary"]) + ".h5", "/")
    ),
    "soft link": lambda parent, name: parent.__setitem__(name, h5py.SoftLink("/optimizer")),
    "dataset": lambda parent, name: parent.create_dataset(name, data=1.0),
    "named type": lambda parent, name: parent.__setitem__(name, np.dtype("f4")),
}


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("place", ["layers", "layers/dense", "layers/dense/vars", "optimizer"])
def test_links_in_the_middle_of_a_path(archive, name, place):
    refuses(archive({"model.weights.h5": weights_with(archive.weights, place, GROUPS[name])}))


def test_many_arrays_just_small_enough(archive):
    """A store that a layer reads whole: the arrays may not add up to more than the file accounts for."""

    @keras.saving.register_keras_serializable("hostile")
    class Reads(keras.layers.Layer):
        def load_own_variables(self, store):
            self.arrays = [store[key] for key in store.keys()]

        def call(self, x):
            return x

    def fill(group, name):
        group = group.create_group("reads/vars")
        for index in range(3000):
            group.create_dataset(f"{index}", (2**20,), "f8", chunks=(2**16,), compression="gzip", fillvalue=0)

    layer = {"module": None, "class_name": "Reads", "config": {}, "registered_name": "hostile>Reads"}
    buffer = io.BytesIO(archive.weights)
    with h5py.File(buffer, "r+") as file:
        fill(file["layers"], "")
    changes = {"config.json": with_layer(archive.config, layer), "model.weights.h5": buffer.getvalue()}
    refuses(archive(changes), "the file is too small for")


def test_hdf5_that_is_none(archive):
    for image in (b"", b"text" * 100, archive.weights[:2000], archive.weights[:-600]):
        refuses(archive({"model.weights.h5": image}))
    damaged = bytearray(archive.weights)
    damaged[600:1400] = bytes(800)
    refuses(archive({"model.weights.h5": bytes(damaged)}))


@pytest.mark.parametrize("name", DATASETS)
def test_datasets_of_old_files(archive, name, tmp_path):
    path = tmp_path / "bad.h5"
    small().save(path)
    with h5py.File(path, "r+") as file:
        replace(file, "model_weights/dense/small/dense/kernel", DATASETS[name])
    refuses(path)
    model = small()
    before = model.get_weights()
    with audited(tmp_path), pytest.raises(ModelFileError):
        model.load_weights(path)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("layer_names", 3),
        ("layer_names", [[b"dense"]]),
        ("layer_names", [b"../dense"]),
        ("layer_names", [b"/dense"]),
        ("layer_names", [b"dense//"]),
        ("layer_names", [b""]),
        ("layer_names", [b"none"]),
        ("layer_names", np.zeros(4)),
        ("layer_names", h5py.Empty("f4")),
        ("layer_names", b"dense"),
    ],
    ids=str,
)
def test_names_of_old_files(archive, tmp_path, attribute, value):
    path = tmp_path / "bad.h5"
    small().save(path)
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs[attribute] = value
    refuses(path)


@pytest.mark.parametrize("value", [3, b"{", b"[]", np.zeros(3), h5py.Empty("f4"), b"\xff"], ids=str)
def test_configs_of_old_files(archive, tmp_path, value):
    path = tmp_path / "bad.h5"
    for attribute in ("model_config", "training_config"):
        small().save(path)
        with h5py.File(path, "r+") as file:
            file.attrs[attribute] = value
        refuses(path)


# --- anything ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_damaged_bytes(archive, seed, tmp_path):
    """A few bytes changed anywhere: the file loads, or it is refused; nothing else."""
    random = np.random.RandomState(seed)
    data = bytearray(archive({}).read_bytes())
    for place in random.randint(0, len(data), 1 + seed % 8):
        data[place] = random.randint(256)
    path = tmp_path / "bad.keras"
    path.write_bytes(data)
    with audited(tmp_path), warnings.catch_warnings(), contextlib.suppress(ModelFileError):
        warnings.simplefilter("ignore")
        load_model(path)


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
