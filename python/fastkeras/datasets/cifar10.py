"""CIFAR10: small pictures in 10 classes."""

import numpy as np

from fastkeras.datasets import _cifar

_HASH = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_MEMBERS = [f"cifar-10-batches-py/{name}" for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")]


def load_data():
    """`(x_train, y_train), (x_test, y_test)`: uint8 images (50000, 32, 32, 3) and (10000, ...), labels (n, 1)."""
    origin = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    *train, test = _cifar.batches("cifar-10-batches-py-target", _HASH, origin, _MEMBERS)
    x_train = _cifar.images(np.concatenate([batch[b"data"] for batch in train]))
    y_train = np.concatenate([batch[b"labels"] for batch in train]).astype("uint8")
    y_test = np.array(test[b"labels"], "uint8")
    return (x_train, y_train.reshape(-1, 1)), (_cifar.images(test[b"data"]), y_test.reshape(-1, 1))
