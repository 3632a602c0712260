"""MNIST: handwritten digits."""

import numpy as np

from fastkeras.datasets import _source

_HASH = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path="mnist.npz"):
    """`(x_train, y_train), (x_test, y_test)`: uint8 images (60000, 28, 28) and (10000, 28, 28), labels 0..9.

    Args:
        path: name of the file in the cache.
    """
    with np.load(_source.fetch(path, _HASH, "mnist.npz"), allow_pickle=False) as file:
        return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
