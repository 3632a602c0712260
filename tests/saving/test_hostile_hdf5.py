"""Files from strangers, what lies in their HDF5: every known attack on Keras, as a file made here.

Whatever is in a file, the only outcome is ModelFileError: nothing is run, no other file is opened, no memory out of
proportion is taken, and the model that was to receive weights is as it was.
"""

import contextlib
import io
import warnings

import h5py
import numpy as np
import pytest
from hostile import audited, refuses, small, with_layer

import fastkeras as keras
from fastkeras.saving import ModelFileError, load_model

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
