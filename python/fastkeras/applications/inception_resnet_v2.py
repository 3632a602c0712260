"""InceptionResNetV2: what branches with windows of several sizes see is added to the image (Szegedy et al., 2016)."""

from fastkeras import layers, registry
from fastkeras.applications import _assembly as assembly
from fastkeras.applications import _inception as inception
from fastkeras.applications import imagenet_utils
from fastkeras.applications._family import image_classifier, member
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

_SMALLEST = 75
# name: branches of convolutions (see `_inception.conv`), what their sum is scaled by, how often the block is repeated
_BLOCKS = {
    "block35": ((((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))), 0.17, 10),
    "block17": ((((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))), 0.1, 20),
    "block8": ((((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))), 0.2, 9),
}


@registry.register("keras.src.applications.inception_resnet_v2")
class CustomScaleLayer(layers.Layer):
    """The first of two tensors plus `scale` times the second; Keras's name for it."""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        return inputs[0] + inputs[1] * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def _features(x):
    x = inception.stem(x)
    x = inception.joined(
        "mixed_5b",
        inception.conv(x, 96, 1),
        inception.chain(x, (48, 1), (64, 5)),
        inception.chain(x, (64, 1), (96, 3), (96, 3)),
        inception.averaged(x, 64),
    )
    x = _blocks(x, "block35")
    x = inception.joined(
        "mixed_6a",
        inception.conv(x, 384, 3, "valid", 2),
        inception.chain(x, (256, 1), (256, 3), (384, 3, "valid", 2)),
        inception.halved(x),
    )
    x = _blocks(x, "block17")
    x = inception.joined(
        "mixed_7a",
        inception.chain(x, (256, 1), (384, 3, "valid", 2)),
        inception.chain(x, (256, 1), (288, 3, "valid", 2)),
        inception.chain(x, (256, 1), (288, 3), (320, 3, "valid", 2)),
        inception.halved(x),
    )
    x = _blocks(x, "block8")
    x = _added(x, "block8_10", _BLOCKS["block8"][0], 1.0)
    return inception.conv(x, 1536, 1, name="conv_7b")


def _blocks(x, kind):
    branches, scale, count = _BLOCKS[kind]
    for i in range(1, count + 1):
        x = assembly.relu(_added(x, f"{kind}_{i}", branches, scale), f"{kind}_{i}_ac")
    return x


def _added(x, name, branches, scale):
    """`x` plus `scale` times what its branches see."""
    seen = inception.joined(f"{name}_mixed", *(inception.chain(x, *branch) for branch in branches))
    seen = layers.Conv2D(assembly.channels_of(x), 1, padding="same", name=f"{name}_conv")(seen)
    return CustomScaleLayer(scale)([x, seen])


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as InceptionResNetV2 reads them: x / 127.5 - 1 (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


InceptionResNetV2 = member(
    image_classifier(
        _features,
        "inception_resnet_v2/inception_resnet_v2",
        ("e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"),
        size=299,
        smallest=_SMALLEST,
    ),
    "inception_resnet_v2",
    "InceptionResNetV2: residual blocks of convolutions of several window sizes, in 244 layers.",
    """>>> keras.applications.InceptionResNetV2(include_top=False, weights=None).count_params()
    54336736""",
    smallest=_SMALLEST,
)
