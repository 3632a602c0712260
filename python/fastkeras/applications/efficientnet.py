"""EfficientNet: one network scaled in depth, width and image size (Tan and Le, 2019)."""

import math

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications import _efficient as efficient
from fastkeras.applications._family import member
from fastkeras.applications.imagenet_utils import CHANNEL_DEVIATIONS, decode_predictions

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]

_BASE = "https://storage.googleapis.com/keras-applications/"
# kernel, repeats, filters in, filters out, factor of the expansion, stride of the first
_STAGES = (
    (3, 1, 32, 16, 1, 1),
    (3, 2, 16, 24, 6, 2),
    (5, 2, 24, 40, 6, 2),
    (3, 3, 40, 80, 6, 2),
    (5, 3, 80, 112, 6, 1),
    (5, 4, 112, 192, 6, 2),
    (3, 1, 192, 320, 6, 1),
)


def _efficientnet(letter, width, depth, size, dropout, hashes, example):
    """The public function of EfficientNet-`letter`, `width` times as wide and `depth` times as deep as B0."""
    network = f"efficientnet{letter}"

    def wide(filters):
        return int(assembly.divisible(filters * width))

    def build(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
        assembly.check_weights(weights, include_top, classes)
        start = assembly.image_input(
            input_shape, input_tensor, default_size=size, include_top=include_top, weights=weights
        )
        x = layers.Rescaling(1.0 / 255.0)(start)
        x = layers.Normalization(axis=1 if assembly.channels_first() else 3)(x)
        if weights == "imagenet":  # the published weights divide by the deviation's root once more
            x = layers.Rescaling([1.0 / math.sqrt(deviation) for deviation in CHANNEL_DEVIATIONS])(x)
        x = layers.ZeroPadding2D(assembly.correct_pad(x, 3), name="stem_conv_pad")(x)
        x = efficient.conv(wide(32), 3, "stem_conv", strides=2, padding="valid", use_bias=False)(x)
        x = efficient.norm_swish(x, "stem_")
        blocks = [
            (
                f"block{stage}{chr(97 + i)}_",
                kernel,
                wide(filters_in if i == 0 else filters_out),
                wide(filters_out),
                factor,
                stride if i == 0 else 1,
            )
            for stage, (kernel, repeats, filters_in, filters_out, factor, stride) in enumerate(_STAGES, 1)
            for i in range(math.ceil(depth * repeats))
        ]
        for i, block in enumerate(blocks):
            x = _block(x, *block, efficient.DROP_CONNECT * i / len(blocks))
        x = efficient.conv(wide(1280), 1, "top_conv", use_bias=False)(x)
        x = efficient.norm_swish(x, "top_")
        x = efficient.head(x, include_top, dropout, classes, classifier_activation, weights, pooling)

        def published():
            top = "" if include_top else "_notop"
            return f"{_BASE}{network}{top}.h5", hashes[0 if include_top else 1]

        return assembly.finish(start, input_tensor, x, name, weights, published)

    return member(build, network, f"EfficientNet{letter.upper()}: EfficientNet for images of {size} pixels.", example)


def _block(x, prefix, kernel, filters_in, filters_out, factor, stride, drop):
    """Widen, filter each channel, weigh the channels by what they show on the whole image, narrow."""
    shortcut = x
    filters = filters_in * factor
    if factor != 1:
        x = efficient.conv(filters, 1, f"{prefix}expand_conv", use_bias=False)(x)
        x = efficient.norm_swish(x, prefix, "expand_bn", "expand_activation")
    if stride == 2:
        x = layers.ZeroPadding2D(assembly.correct_pad(x, kernel), name=f"{prefix}dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        depthwise_initializer=efficient.KERNELS,
        name=f"{prefix}dwconv",
    )(x)
    x = efficient.norm_swish(x, prefix)
    x = efficient.squeeze_excite(x, prefix, max(1, int(filters_in * 0.25)))
    return efficient.narrow(x, shortcut, prefix, filters_out, stride, drop)


def preprocess_input(x, data_format=None):
    """`x` itself: EfficientNet rescales pixels from 0 to 255 inside the model."""
    return x


EfficientNetB0 = _efficientnet(
    "b0",
    1.0,
    1.0,
    224,
    0.2,
    ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    """>>> keras.applications.EfficientNetB0(include_top=False, weights=None).count_params()
    4049571""",
)
EfficientNetB1 = _efficientnet(
    "b1",
    1.0,
    1.1,
    240,
    0.2,
    ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    """>>> keras.applications.EfficientNetB1(include_top=False, weights=None).count_params()
    6575239""",
)
EfficientNetB2 = _efficientnet(
    "b2",
    1.1,
    1.2,
    260,
    0.3,
    ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    """>>> keras.applications.EfficientNetB2(include_top=False, weights=None).count_params()
    7768569""",
)
EfficientNetB3 = _efficientnet(
    "b3",
    1.2,
    1.4,
    300,
    0.3,
    ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    """>>> keras.applications.EfficientNetB3(include_top=False, weights=None).count_params()
    10783535""",
)
EfficientNetB4 = _efficientnet(
    "b4",
    1.4,
    1.8,
    380,
    0.4,
    ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    """>>> keras.applications.EfficientNetB4(include_top=False, weights=None).count_params()
    17673823""",
)
EfficientNetB5 = _efficientnet(
    "b5",
    1.6,
    2.2,
    456,
    0.4,
    ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    """>>> keras.applications.EfficientNetB5(include_top=False, weights=None).count_params()
    28513527""",
)
EfficientNetB6 = _efficientnet(
    "b6",
    1.8,
    2.6,
    528,
    0.5,
    ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    """>>> keras.applications.EfficientNetB6(include_top=False, weights=None).count_params()
    40960143""",
)
EfficientNetB7 = _efficientnet(
    "b7",
    2.0,
    3.1,
    600,
    0.5,
    ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
    """>>> keras.applications.EfficientNetB7(include_top=False, weights=None).count_params()
    64097687""",
)
