"""Files from strangers, their size and their members: every known attack on Keras, as a file made here.

Whatever is in a file, the only outcome is ModelFileError: nothing is run, no other file is opened, no memory out of
proportion is taken, and the model that was to receive weights is as it was.
"""

import contextlib
import io
import json
import os
import struct
import warnings
import zipfile

import numpy as np
import pytest
from hostile import audited, refuses, with_layer

import fastkeras as keras
from fastkeras.saving import ModelFileError, load_model


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
