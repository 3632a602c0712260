"""VGG16: 16 layers with weights (Simonyan and Zisserman, 2014)."""

from fastkeras.applications import imagenet_utils
from fastkeras.applications._vgg import vgg_network
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

VGG16 = vgg_network(
    "vgg16",
    "VGG16: 3x3 convolutions in 16 layers with weights.",
    (2, 2, 3, 3, 3),
    ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    """>>> keras.applications.VGG16(include_top=False, weights=None).count_params()
    14714688""",
)


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as VGG16 reads them: BGR minus the mean (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="caffe")
