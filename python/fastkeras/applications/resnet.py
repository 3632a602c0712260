"""ResNet: residual networks (He et al., 2015)."""

from fastkeras.applications import imagenet_utils
from fastkeras.applications._residual import residual_network
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

ResNet50 = residual_network(
    1,
    "resnet50",
    "ResNet50: a residual network of 50 layers.",
    (3, 4, 6, 3),
    ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    """>>> keras.applications.ResNet50(include_top=False, weights=None).count_params()
    23587712""",
)
ResNet101 = residual_network(
    1,
    "resnet101",
    "ResNet101: a residual network of 101 layers.",
    (3, 4, 23, 3),
    ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    """>>> keras.applications.ResNet101(include_top=False, weights=None).count_params()
    42658176""",
)
ResNet152 = residual_network(
    1,
    "resnet152",
    "ResNet152: a residual network of 152 layers.",
    (3, 8, 36, 3),
    ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    """>>> keras.applications.ResNet152(include_top=False, weights=None).count_params()
    58370944""",
)


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as ResNet reads them: BGR minus the mean (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="caffe")
