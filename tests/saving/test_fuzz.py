"""Files with something changed in them, of every format: they load, or ModelFileError says what is wrong.

Each seed is one file. `FASTKERAS_FUZZ=5000` in the environment tries so many of each kind.
"""

import contextlib
import io
import json
import os
import warnings
import zipfile

import h5py
import numpy as np
import pytest
from hostile import audited

import fastkeras as keras
from fastkeras.saving import ModelFileError, load_model

SEEDS = range(int(os.environ.get("FASTKERAS_FUZZ", 15)))
STRANGE = [None, -1, 0, 1, 2**31, 10**18, 10**30, 1e400, float("nan"), 0.5, "", "keras", "float16", "../x", "\0", True]
STRANGE += [[], {}, [[None]], [-1, -1], [None, 2**40], "__lambda__", {"class_name": "Dense", "config": {"units": 2}}]


def model():
    """Layers of several kinds: what a config nests, and what the walk over weights has to go through."""
    layers = keras.layers
    tokens, image = keras.Input((4,), dtype="int32", name="tokens"), keras.Input((6, 6, 1), name="image")
    a = layers.Bidirectional(layers.GRU(2), name="words")(layers.Embedding(5, 3, mask_zero=True)(tokens))
    b = layers.BatchNormalization()(layers.Conv2D(2, 3, activation="relu", kernel_regularizer="l2")(image))
    b = keras.Sequential([layers.Flatten(), layers.Dense(2, kernel_constraint="max_norm")], name="inner")(b)
    attended = layers.MultiHeadAttention(2, 3)(
        layers.Reshape((3, 2))(keras.ops.concatenate([a, b], axis=-1)), a[:, None]
    )
    built = keras.Model([tokens, image], layers.Dropout(0.5)(layers.Dense(1)(attended[:, 0] * 2.0)))
    built.compile(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9)), "mse", ["mae"])
    built.optimizer.build(built.trainable_variables)
    return built


@pytest.fixture(scope="module")
def written(tmp_path_factory, members):
    """What the library writes for a model, by extension; `members` of the archive."""
    folder, files = tmp_path_factory.mktemp("written"), {}
    for extension in ("keras", "h5", "weights.h5"):
        path = folder / f"model.{extension}"
        (model().save_weights if extension.startswith("w") else model().save)(path)
        files[extension] = path.read_bytes()
    load_model(folder / "model.keras"), load_model(folder / "model.h5")  # imports are done before somebody watches
    with zipfile.ZipFile(folder / "model.keras") as good:
        files["members"] = {name: good.read(name) for name in good.namelist()}
    return files


def pick(random, choices):
    return choices[random.randint(len(choices))]


def damage_bytes(random, data):
    data = bytearray(data)
    for _ in range(1 + random.randint(8)):
        place, kind = random.randint(len(data)), random.randint(4)
        if kind == 0:
            data[place] = random.randint(256)
        elif kind == 1:
            data[place : place + 8] = pick(random, [b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7])
        elif kind == 2:
            del data[place : place + random.randint(1, 64)]
        else:
            data[place:place] = data[place : place + random.randint(1, 64)]
    return bytes(data)


def damage_tree(random, tree):
    """A copy of a JSON tree in which something is strange, missing, doubled, renamed or in another's place."""
    tree = json.loads(json.dumps(tree))
    for _ in range(1 + random.randint(3)):
        places = []
        _walk(tree, places)
        (parent, key), (other, other_key) = pick(random, places), pick(random, places)
        kind = random.randint(5)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[f"{key}x"] = parent.pop(key)
        elif kind == 2:
            parent[key] = json.loads(json.dumps(other[other_key]))
        elif kind == 3:
            parent[key] = [parent[key]] * random.randint(3)
        else:
            parent[key] = pick(random, STRANGE)
    return tree


def _walk(tree, places):
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        places.append((tree, key))
        if isinstance(tree[key], (dict, list)):
            _walk(tree[key], places)


def damage_hdf5(random, data):
    """The image of an HDF5 file with other objects, shapes, dtypes, links or attributes."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        names = []
        file.visit(names.append)
        for _ in range(1 + random.randint(3)):
            name = pick(random, names)
            if name not in file:  # an earlier damage took it away
                continue
            parent, last, shape = file[name].parent, name.rpartition("/")[2], getattr(file[name], "shape", ())
            if random.randint(8) == 0:
                for attribute in parent.attrs:
                    parent.attrs[attribute] = pick(random, [np.float64(1), np.arange(3), b"x" * 9, [b"dense"]])
                continue
            del parent[last]
            pick(random, HDF5_OBJECTS)(parent, last, shape)
    return buffer.getvalue()


HDF5_OBJECTS = [
    lambda parent, name, shape: None,
    lambda parent, name, shape: parent.create_dataset(name, data=np.zeros((3,), "f4")),
    lambda parent, name, shape: parent.create_dataset(name, data=np.zeros(shape, "i8")),
    lambda parent, name, shape: parent.create_dataset(name, data=np.zeros(shape, "S5")),
    lambda parent, name, shape: parent.create_dataset(name, data=np.full(shape, np.nan, "f2")),
    lambda parent, name, shape: parent.create_dataset(name, data=np.full(shape, 1e300, ">f8")),
    lambda parent, name, shape: parent.create_dataset(name, data=np.zeros(shape, "c8")),
    lambda parent, name, shape: parent.create_dataset(name, (2**45,), "f4", chunks=(64,), compression="gzip"),
    lambda parent, name, shape: parent.create_group(name),
    lambda parent, name, shape: parent.__setitem__(name, parent),
    lambda parent, name, shape: parent.__setitem__(name, h5py.SoftLink("/")),
    lambda parent, name, shape: parent.__setitem__(name, h5py.ExternalLink("/etc/passwd", "/")),
    lambda parent, name, shape: parent.__setitem__(name, np.dtype("f4")),
]


@contextlib.contextmanager
def trying(folder):
    with audited(folder), warnings.catch_warnings(), contextlib.suppress(ModelFileError), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("damage", [damage_bytes, damage_hdf5])
@pytest.mark.parametrize("extension", ["weights.h5", "h5"])
def test_hdf5(written, tmp_path, extension, damage, seed):
    """A model that could not take the weights of a file is as it was."""
    path = tmp_path / f"bad.{extension}"
    path.write_bytes(damage(np.random.RandomState(seed), written[extension]))
    receiver = model()
    before, loaded = [v.numpy() for v in receiver.variables + receiver.optimizer.variables], False
    with trying(tmp_path):
        receiver.load_weights(path)
        loaded = True
    after = [v.numpy() for v in receiver.variables + receiver.optimizer.variables]
    assert loaded or all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))
    if extension == "h5":
        with trying(tmp_path):
            load_model(path)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["bytes", "config", "weights"])
def test_archives(written, tmp_path, kind, seed):
    random, path = np.random.RandomState(seed), tmp_path / "bad.keras"
    if kind == "bytes":
        path.write_bytes(damage_bytes(random, written["keras"]))
    else:
        members = dict(written["members"])
        if kind == "config":
            members["config.json"] = json.dumps(damage_tree(random, json.loads(members["config.json"])))
        else:
            members["model.weights.h5"] = damage_hdf5(random, members["model.weights.h5"])
        with zipfile.ZipFile(path, "w") as bad:
            for name, content in members.items():
                bad.writestr(name, content)
    with trying(tmp_path):
        load_model(path)


@pytest.mark.parametrize("seed", SEEDS)
def test_json(written, seed):
    tree = damage_tree(np.random.RandomState(seed), json.loads(written["members"]["config.json"]))
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.suppress(ValueError, MemoryError):
        warnings.simplefilter("ignore")
        keras.models.model_from_json(json.dumps(tree))
