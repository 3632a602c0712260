"""InceptionV3: blocks whose branches see the image through windows of several sizes (Szegedy et al., 2015)."""

from fastkeras.applications import _inception as inception
from fastkeras.applications import imagenet_utils
from fastkeras.applications._family import image_classifier, member
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

_SMALLEST = 75


def _features(x):
    x = inception.stem(x)
    for i, averaged in enumerate((32, 64, 64)):
        x = _squares(x, averaged, f"mixed{i}")
    x = inception.joined(
        "mixed3",
        inception.conv(x, 384, 3, "valid", 2),
        inception.chain(x, (64, 1), (96, 3), (96, 3, "valid", 2)),
        inception.halved(x),
    )
    for i, filters in enumerate((128, 160, 160, 192), 4):
        x = _strips(x, filters, f"mixed{i}")
    x = inception.joined(
        "mixed8",
        inception.chain(x, (192, 1), (320, 3, "valid", 2)),
        inception.chain(x, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, "valid", 2)),
        inception.halved(x),
    )
    for i in range(2):
        x = _forks(x, f"mixed9_{i}", f"mixed{9 + i}")
    return x


def _squares(x, averaged, name):
    """Windows of 1, 5 and, in two steps, 5 pixels."""
    return inception.joined(
        name,
        inception.conv(x, 64, 1),
        inception.chain(x, (48, 1), (64, 5)),
        inception.chain(x, (64, 1), (96, 3), (96, 3)),
        inception.averaged(x, averaged),
    )


def _strips(x, filters, name):
    """Windows of 1, 7 and 13 pixels, rows and columns in turn."""
    row, column = (1, 7), (7, 1)
    return inception.joined(
        name,
        inception.conv(x, 192, 1),
        inception.chain(x, (filters, 1), (filters, row), (192, column)),
        inception.chain(x, (filters, 1), (filters, column), (filters, row), (filters, column), (192, row)),
        inception.averaged(x, 192),
    )


def _forks(x, fork, name):
    """Windows of 1, 3 and 5 pixels; rows and columns side by side in the end."""
    return inception.joined(
        name,
        inception.conv(x, 320, 1),
        _forked(inception.conv(x, 384, 1), fork),
        _forked(inception.chain(x, (448, 1), (384, 3)), None),
        inception.averaged(x, 192),
    )


def _forked(x, name):
    return inception.joined(name, inception.conv(x, 384, (1, 3)), inception.conv(x, 384, (3, 1)))


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as InceptionV3 reads them: x / 127.5 - 1 (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


InceptionV3 = member(
    image_classifier(
        _features,
        "inception_v3/inception_v3",
        ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
        size=299,
        smallest=_SMALLEST,
    ),
    "inception_v3",
    "InceptionV3: convolutions of several window sizes side by side, in 94 layers.",
    """>>> keras.applications.InceptionV3(include_top=False, weights=None).count_params()
    21802784""",
    smallest=_SMALLEST,
)
