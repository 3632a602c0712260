"""VGG19: 19 layers with weights, 3x3 convolutions (Simonyan and Zisserman, 2014)."""

from fastkeras.applications import imagenet_utils
from fastkeras.applications._vgg import vgg
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

_HASHES = ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6")


def VGG19(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="vgg19",
):
    """VGG19, an image classifier of 144 million weights.

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
    >>> keras.applications.VGG19(include_top=False, weights=None).count_params()
    20024384
    """
    return vgg(
        (2, 2, 4, 4, 4),
        "vgg19",
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
    """Pixels from 0 to 255 as VGG19 reads them: BGR minus the mean (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="caffe")
