"""Xception: residual blocks of depthwise separable convolutions (Chollet, 2016)."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications import imagenet_utils
from fastkeras.applications._family import image_classifier, member
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

# filters of the separable convolutions of each block, and whether it halves the image
_BLOCKS = (
    ((128, 128), True),
    ((256, 256), True),
    ((728, 728), True),
    *(((728, 728, 728), False),) * 8,
    ((728, 1024), True),
)
_SMALLEST = 71


def _features(x):
    x = layers.Conv2D(32, 3, strides=2, use_bias=False, name="block1_conv1")(x)
    x = assembly.relu(assembly.batch_norm(x, "block1_conv1_bn"), "block1_conv1_act")
    x = layers.Conv2D(64, 3, use_bias=False, name="block1_conv2")(x)
    x = assembly.relu(assembly.batch_norm(x, "block1_conv2_bn"), "block1_conv2_act")
    for i, (filters, halve) in enumerate(_BLOCKS, 2):
        x = _block(x, f"block{i}", filters, halve)
    for i, filters in enumerate((1536, 2048), 1):
        name = f"block14_sepconv{i}"
        x = assembly.relu(_separable(x, filters, name), f"{name}_act")
    return x


def _block(x, name, filters, halve):
    shortcut = x
    if halve:
        shortcut = layers.Conv2D(filters[-1], 1, strides=2, padding="same", use_bias=False)(x)
        shortcut = assembly.batch_norm(shortcut, None)
    for i, count in enumerate(filters, 1):
        if (name, i) != ("block2", 1):  # the stem ends in a relu
            x = assembly.relu(x, f"{name}_sepconv{i}_act")
        x = _separable(x, count, f"{name}_sepconv{i}")
    if halve:
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.Add()([x, shortcut])


def _separable(x, filters, name):
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return assembly.batch_norm(x, f"{name}_bn")


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as Xception reads them: x / 127.5 - 1 (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


Xception = member(
    image_classifier(
        _features,
        "xception/xception",
        ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
        size=299,
        smallest=_SMALLEST,
    ),
    "xception",
    "Xception: depthwise separable convolutions in 36 layers.",
    """>>> keras.applications.Xception(include_top=False, weights=None).count_params()
    20861480""",
    smallest=_SMALLEST,
)
