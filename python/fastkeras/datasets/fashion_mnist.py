"""Fashion-MNIST: pictures of clothes."""

import gzip
import os

import numpy as np

from fastkeras.datasets import _source

_SYSTEM = "/usr/share/datasets/fashion-mnist"  # Debian's package dataset-fashion-mnist


def load_data():
    """`(x_train, y_train), (x_test, y_test)`: uint8 images (60000, 28, 28) and (10000, 28, 28), labels 0..9.

    Debian's package `dataset-fashion-mnist` is used when it is installed and the cache has no copy.
    """
    return (_images("train"), _labels("train")), (_images("t10k"), _labels("t10k"))


def _images(part):
    data = _read(f"{part}-images-idx3-ubyte.gz")
    return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28)


def _labels(part):
    return np.frombuffer(_read(f"{part}-labels-idx1-ubyte.gz"), np.uint8, offset=8)


def _read(name):
    from fastkeras import config

    folder = os.path.join("datasets", "fashion-mnist")
    path = os.path.join(_SYSTEM, name)
    if os.path.exists(os.path.join(config.keras_home(), folder, name)) or not os.path.exists(path):
        path = _source.fetch(name, cache_subdir=folder)
    with gzip.open(path, "rb") as file:
        return file.read()
