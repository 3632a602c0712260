"""ResNetV2: residual networks, normalised before each convolution (He et al., 2016)."""

from fastkeras.applications import imagenet_utils
from fastkeras.applications._residual import residual_network
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]

ResNet50V2 = residual_network(
    2,
    "resnet50v2",
    "ResNet50V2: a residual network of 50 layers.",
    (3, 4, 6, 3),
    ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    """>>> keras.applications.ResNet50V2(include_top=False, weights=None).count_params()
    23564800""",
)
ResNet101V2 = residual_network(
    2,
    "resnet101v2",
    "ResNet101V2: a residual network of 101 layers.",
    (3, 4, 23, 3),
    ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    """>>> keras.applications.ResNet101V2(include_top=False, weights=None).count_params()
    42626560""",
)
ResNet152V2 = residual_network(
    2,
    "resnet152v2",
    "ResNet152V2: a residual network of 152 layers.",
    (3, 8, 36, 3),
    ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    """>>> keras.applications.ResNet152V2(include_top=False, weights=None).count_params()
    58331648""",
)


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as ResNetV2 reads them: x / 127.5 - 1 (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")
