"""Data sets: what Keras makes of the same files; nothing in a file is run."""

import importlib
import io
import json
import pathlib
import pickle
import tarfile

import datasets_cases
import numpy as np
import pytest

import fastkeras as keras
from fastkeras.datasets import _source

STORED = json.loads((pathlib.Path(__file__).parents[1] / "data" / "keras" / "datasets.json").read_text())
NAMES = ["boston_housing", "california_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A Keras home with tiny data sets, whose hashes are not asked for."""
    datasets_cases.write(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name in NAMES:
        monkeypatch.setattr(importlib.import_module(f"fastkeras.datasets.{name}"), "_HASH", None, raising=False)
    monkeypatch.setattr("fastkeras.utils.files._has_hash", lambda *arguments: True)  # of the word indices
    return tmp_path


@pytest.mark.parametrize("name", datasets_cases.CASES)
def test_equals_keras(home, name):
    made = datasets_cases.summary(datasets_cases.CASES[name](keras.datasets))
    assert json.loads(json.dumps(made)) == STORED[name]


def test_cifar10(home):
    (x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()
    assert (x_train.shape, x_train.dtype, x_test.shape) == ((20, 32, 32, 3), np.uint8, (4, 32, 32, 3))
    assert (y_train.shape, y_train.dtype, y_test.dtype) == ((20, 1), np.uint8, np.uint8)
    np.testing.assert_array_equal(x_train[:4], x_test)
    assert y_test.ravel().tolist() == [1, 2, 3, 4]
    keras.config.set_image_data_format("channels_first")
    try:
        (first, _), _ = keras.datasets.cifar10.load_data()
    finally:
        keras.config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), x_train)


def test_real_addresses_and_hashes_are_asked_for(monkeypatch):
    asked = {}

    def get_file(fname, origin=None, file_hash=None, **kwargs):
        asked[fname] = origin, file_hash
        raise InterruptedError

    monkeypatch.setattr(_source, "get_file", get_file)
    monkeypatch.setattr("fastkeras.datasets._cifar.get_file", get_file)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "_SYSTEM", "/none")
    for name in NAMES:
        with pytest.raises(InterruptedError):
            getattr(keras.datasets, name).load_data()
    assert asked["mnist.npz"] == (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    )
    assert asked["cifar-10-batches-py-target_archive"][0] == "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    assert len(asked) == len(NAMES)
    assert all(len(file_hash) == 64 for name, (_, file_hash) in asked.items() if not name.endswith(".gz"))


def test_fashion_mnist_of_the_system(home, monkeypatch):
    cached = keras.datasets.fashion_mnist.load_data()
    monkeypatch.setattr(keras.datasets.fashion_mnist, "_SYSTEM", str(home / "system"))
    (home / "datasets" / "fashion-mnist").rename(home / "system")
    system = keras.datasets.fashion_mnist.load_data()
    np.testing.assert_array_equal(system[0][0], cached[0][0])
    assert not (home / "datasets" / "fashion-mnist").exists()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: d.boston_housing.load_data(test_split=1.0), "Invalid `test_split`"),
        (lambda d: d.california_housing.load_data("medium"), "must be one of 'small', 'large'"),
        (lambda d: d.cifar100.load_data("rough"), "`label_mode` must be one of"),
        (lambda d: d.imdb.load_data(maxlen=1), "no sequence was kept"),
        (lambda d: d.mnist.load_data("../mnist.npz"), "Paths are no longer accepted"),
    ],
)
def test_bad_arguments(home, call, words):
    with pytest.raises(ValueError, match=words):
        call(keras.datasets)


class Gadget:
    """Unpickled by an ordinary unpickler, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickles_run_nothing(home):
    canary = home / "canary"
    reviews = np.array([Gadget(canary), Gadget(canary)], object)
    np.savez(home / "datasets" / "reuters.npz", x=reviews, y=np.arange(2))
    with pytest.raises(pickle.UnpicklingError, match="Refusing to deserialize"):
        keras.datasets.reuters.load_data()
    content = pickle.dumps({b"data": Gadget(canary)})
    with tarfile.open(home / "datasets" / "cifar-100-python-target_archive", "w") as archive:
        info = tarfile.TarInfo("cifar-100-python/train")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    with pytest.raises(pickle.UnpicklingError, match="Refusing to deserialize"):
        keras.datasets.cifar100.load_data()
    np.savez(home / "datasets" / "mnist.npz", x_train=reviews)
    with pytest.raises(ValueError, match="allow_pickle"):
        keras.datasets.mnist.load_data()
    assert not canary.exists()
