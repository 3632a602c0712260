"""VGG16: 16 layers with weights, 3x3 convolutions (Simonyan and Zisserman, 2014)."""

from fastkeras.applications import imagenet_utils
from fastkeras.applications._vgg import vgg
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

_HASHES = ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc")


def VGG16(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="vgg16",
):
    """VGG16, an image classifier of 138 million weights.

    Args:
        include_top: with the three dense layers.
        weights: `"imagenet"` (downloaded once), None (random) or the path of a weights file.
        input_tensor: a KerasTensor to start from.
        input_shape: (height, width, 3), each side 32 or more; default 224.
        pooling: without the top, None, `"avg"` or `"max"` over the image.
        classes: of the classifier.
        classifier_activation: of the classifier; None for logits.
        name: of the model.

    Raises:
        ValueError: arguments that do not go together, images that are too small.

    >>> import fastkeras as keras
    >>> keras.applications.VGG16(include_top=False, weights=None).count_params()
    14714688
    """
    return vgg(
        (2, 2, 3, 3, 3),
        "vgg16",
        _HASHES,
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
        name,
    )


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as VGG16 reads them: BGR minus the mean (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="caffe")
