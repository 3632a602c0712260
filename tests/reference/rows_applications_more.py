"""ConvNeXt, InceptionResNetV2 and NASNet, as rows_applications.py has the other published networks."""

import contextlib
import math
from unittest import mock

import numpy as np
from rows_applications import digest, member, network

NETWORKS = {
    "ConvNeXtTiny": {"input_shape": (32, 32, 3), "classes": 10},
    "ConvNeXtTiny raw": {
        "input_shape": (64, 32, 3),
        "include_preprocessing": False,
        "include_top": False,
        "pooling": "max",
    },
    "InceptionResNetV2": {"input_shape": (75, 75, 3), "include_top": False, "pooling": "avg"},
    "NASNetMobile": {"input_shape": (64, 64, 3), "classes": 10},
}
MEMBERS = {
    **{f"ConvNeXt{size}": {} for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
    "InceptionResNetV2": {},
    "NASNetMobile": {},
    "NASNetLarge": {"input_shape": (331, 331, 3)},  # without it, Keras makes a model that runs on no image
}


@contextlib.contextmanager
def weights_of_one_number(keras, shapes):
    """Notes in `shapes` what weights would be like, and makes them of one number: the largest networks take 1.4 GB."""
    make = keras.layers.Layer.add_weight

    def add_weight(self, shape=(), *args, **kwargs):
        weight = make(self, (1,) * len(shape), *args, **kwargs)
        shapes[weight.path] = tuple(shape)
        return weight

    with mock.patch.object(keras.layers.Layer, "add_weight", add_weight):
        yield


def whole(name, settings):
    def row(keras):
        shapes = {}
        with weights_of_one_number(keras, shapes):
            figures = member(name, settings)(keras)
        return {
            **figures,
            "parameters": np.array([*figures["parameters"], sum(map(math.prod, shapes.values()))]),
            "shapes": digest(sorted(f"{path} {shape}" for path, shape in shapes.items())),
        }

    return row


ROWS = {name: network(name, settings, thin=5) for name, settings in NETWORKS.items()}
WHOLE = {f"whole {name}": whole(name, settings) for name, settings in MEMBERS.items()}
TOLERANCE = {**dict.fromkeys(ROWS, 1e-4), **dict.fromkeys(WHOLE, 0.0)}
ROWS |= WHOLE
