"""VGG19: 19 layers with weights (Simonyan and Zisserman, 2014)."""

from fastkeras.applications import imagenet_utils
from fastkeras.applications._vgg import vgg_network
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

VGG19 = vgg_network(
    "vgg19",
    "VGG19: 3x3 convolutions in 19 layers with weights.",
    (2, 2, 4, 4, 4),
    ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    """>>> keras.applications.VGG19(include_top=False, weights=None).count_params()
    20024384""",
)


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as VGG19 reads them: BGR minus the mean (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="caffe")
