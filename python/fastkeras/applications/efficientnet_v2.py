"""EfficientNetV2: EfficientNet whose first blocks filter and mix the channels at once (Tan and Le, 2021)."""

import math

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications import _efficient as efficient
from fastkeras.applications._family import documented
from fastkeras.applications.imagenet_utils import CHANNEL_DEVIATIONS, CHANNEL_MEANS, decode_predictions

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]

_BASE = "https://storage.googleapis.com/tensorflow/keras-applications/efficientnet_v2/"
# filters of the stem, then the stages: fused?, repeats, filters, factor of the expansion, stride of the first
_B = (
    32,
    (True, 1, 16, 1, 1),
    (True, 2, 32, 4, 2),
    (True, 2, 48, 4, 2),
    (False, 3, 96, 4, 2),
    (False, 5, 112, 6, 1),
    (False, 8, 192, 6, 2),
)
_S = (
    24,
    (True, 2, 24, 1, 1),
    (True, 4, 48, 4, 2),
    (True, 4, 64, 4, 2),
    (False, 6, 128, 4, 2),
    (False, 9, 160, 6, 1),
    (False, 15, 256, 6, 2),
)
_M = (
    24,
    (True, 3, 24, 1, 1),
    (True, 5, 48, 4, 2),
    (True, 5, 80, 4, 2),
    (False, 7, 160, 4, 2),
    (False, 14, 176, 6, 1),
    (False, 18, 304, 6, 2),
    (False, 5, 512, 6, 1),
)
_L = (
    32,
    (True, 4, 32, 1, 1),
    (True, 7, 64, 4, 2),
    (True, 7, 96, 4, 2),
    (False, 10, 192, 4, 2),
    (False, 19, 224, 6, 1),
    (False, 25, 384, 6, 2),
    (False, 7, 640, 6, 1),
)
_DROPOUT = 0.2
_NORM = {"momentum": 0.9}


def _efficientnet_v2(letter, plan, width, depth, size, hashes, example):
    """The public function of one network, `width` times as wide and `depth` times as deep as `plan`."""
    network = f"efficientnetv2-{letter.lower()}"
    stem, *stages = plan
    repeated = sum(repeats for _, repeats, *_ in stages)  # of the plan: deeper networks drop more in the end

    def wide(filters):
        return max(8, int(filters * width + 4) // 8 * 8)

    def build(
        include_top=True,
        weights="imagenet",
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        include_preprocessing=True,
        name=network,
    ):
        assembly.check_weights(weights, include_top, classes)
        start = x = assembly.image_input(
            input_shape, input_tensor, default_size=size, include_top=include_top, weights=weights
        )
        if include_preprocessing:
            x = _rescaled(x, by_channel=plan is _B and assembly.channels_of(x) == 3)
        x = efficient.conv(wide(stem), 3, "stem_conv", strides=2, use_bias=False)(x)
        x = efficient.norm_swish(x, "stem_", **_NORM)
        count = 0
        for stage, (fused, repeats, filters, factor, stride) in enumerate(stages, 1):
            block = _fused_block if fused else _block
            for i in range(math.ceil(depth * repeats)):
                drop = efficient.DROP_CONNECT * count / repeated
                x = block(x, f"block{stage}{chr(97 + i)}_", wide(filters), factor, stride if i == 0 else 1, drop)
                count += 1
        x = efficient.conv(wide(1280), 1, "top_conv", use_bias=False)(x)
        x = efficient.norm_swish(x, "top_", **_NORM)
        x = efficient.head(x, include_top, _DROPOUT, classes, classifier_activation, weights, pooling)

        def published():
            top = "" if include_top else "_notop"
            return f"{_BASE}{network}{top}.h5", hashes[0 if include_top else 1]

        return assembly.finish(start, input_tensor, x, name, weights, published)

    title = f"EfficientNetV2{letter}: EfficientNetV2 for images of {size} pixels."
    return documented(build, title, example)


def _rescaled(x, by_channel):
    """Pixels from 0 to 255, normalised by the statistics of the ImageNet channels or taken to [-1, 1]."""
    if not by_channel:
        return layers.Rescaling(1.0 / 128.0, offset=-1)(x)
    x = layers.Rescaling(1.0 / 255.0)(x)
    variances = [deviation**2 for deviation in CHANNEL_DEVIATIONS]
    return layers.Normalization(mean=CHANNEL_MEANS, variance=variances, axis=1 if assembly.channels_first() else 3)(x)


def _fused_block(x, prefix, filters, factor, stride, drop):
    """Widen and filter in one convolution, narrow; where nothing is widened, one convolution is all."""
    shortcut = x
    if factor == 1:
        x = efficient.conv(filters, 3, f"{prefix}project_conv", strides=stride, use_bias=False)(x)
        x = efficient.norm_swish(x, prefix, "project_bn", "project_activation", **_NORM)
        return efficient.add_shortcut(x, shortcut, prefix, stride, drop)
    widened = factor * assembly.channels_of(x)
    x = efficient.conv(widened, 3, f"{prefix}expand_conv", strides=stride, use_bias=False)(x)
    x = efficient.norm_swish(x, prefix, "expand_bn", "expand_activation", **_NORM)
    return efficient.narrow(x, shortcut, prefix, filters, stride, drop, **_NORM)


def _block(x, prefix, filters, factor, stride, drop):
    """Widen, filter each channel, weigh the channels by what they show on the whole image, narrow."""
    shortcut = x
    channels = assembly.channels_of(x)
    x = efficient.conv(factor * channels, 1, f"{prefix}expand_conv", use_bias=False)(x)
    x = efficient.norm_swish(x, prefix, "expand_bn", "expand_activation", **_NORM)
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=efficient.KERNELS,
        name=f"{prefix}dwconv2",
    )(x)
    x = efficient.norm_swish(x, prefix, **_NORM)
    x = efficient.squeeze_excite(x, prefix, max(1, int(channels * 0.25)))
    return efficient.narrow(x, shortcut, prefix, filters, stride, drop, **_NORM)


def preprocess_input(x, data_format=None):
    """`x` itself: EfficientNetV2 rescales pixels from 0 to 255 inside the model."""
    return x


EfficientNetV2B0 = _efficientnet_v2(
    "B0",
    _B,
    1.0,
    1.0,
    224,
    ("21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
    """>>> keras.applications.EfficientNetV2B0(include_top=False, weights=None).count_params()
    5919312""",
)
EfficientNetV2B1 = _efficientnet_v2(
    "B1",
    _B,
    1.0,
    1.1,
    240,
    ("069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
    """>>> keras.applications.EfficientNetV2B1(include_top=False, weights=None).count_params()
    6931124""",
)
EfficientNetV2B2 = _efficientnet_v2(
    "B2",
    _B,
    1.1,
    1.2,
    260,
    ("424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
    """>>> keras.applications.EfficientNetV2B2(include_top=False, weights=None).count_params()
    8769374""",
)
EfficientNetV2B3 = _efficientnet_v2(
    "B3",
    _B,
    1.2,
    1.4,
    300,
    ("1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
    """>>> keras.applications.EfficientNetV2B3(include_top=False, weights=None).count_params()
    12930622""",
)
EfficientNetV2S = _efficientnet_v2(
    "S",
    _S,
    1.0,
    1.0,
    384,
    ("e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
    """>>> keras.applications.EfficientNetV2S(include_top=False, weights=None).count_params()
    20331360""",
)
EfficientNetV2M = _efficientnet_v2(
    "M",
    _M,
    1.0,
    1.0,
    480,
    ("a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
    """>>> keras.applications.EfficientNetV2M(include_top=False, weights=None).count_params()
    53150388""",
)
EfficientNetV2L = _efficientnet_v2(
    "L",
    _L,
    1.0,
    1.0,
    480,
    ("27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
    """>>> keras.applications.EfficientNetV2L(include_top=False, weights=None).count_params()
    117746848""",
)
