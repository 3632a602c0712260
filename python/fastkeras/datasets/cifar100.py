"""CIFAR100: small pictures in 100 classes, or 20 coarse ones."""

import numpy as np

from fastkeras.datasets import _cifar

_HASH = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode="fine"):
    """`(x_train, y_train), (x_test, y_test)`: uint8 images (50000, 32, 32, 3) and (10000, ...), labels (n, 1).

    Args:
        label_mode: `"fine"` (100 classes) or `"coarse"` (20).
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f'`label_mode` must be one of `"fine"`, `"coarse"`. Received: label_mode={label_mode}.')
    origin = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    members = ["cifar-100-python/train", "cifar-100-python/test"]
    parts = _cifar.batches("cifar-100-python-target", _HASH, origin, members)
    key = f"{label_mode}_labels".encode()
    train, test = [(_cifar.images(part[b"data"]), np.reshape(part[key], (-1, 1))) for part in parts]
    return train, test
