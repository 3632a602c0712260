"""EfficientNet: one network scaled in depth, width and image size (Tan and Le, 2019)."""

import math

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications._family import member
from fastkeras.applications.imagenet_utils import decode_predictions

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
_IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)
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
_DROP_CONNECT = 0.2


def _initializer(scale, distribution):
    return {
        "class_name": "VarianceScaling",
        "config": {"scale": scale, "mode": "fan_out", "distribution": distribution},
    }


def _conv(filters, kernel, name, **settings):
    settings = {"padding": "same", "kernel_initializer": _initializer(2.0, "truncated_normal"), **settings}
    return layers.Conv2D(filters, kernel, name=name, **settings)


def _norm_swish(x, prefix, norm="bn", activation="activation"):
    return layers.Activation("swish", name=prefix + activation)(assembly.batch_norm(x, prefix + norm))


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
            x = layers.Rescaling([1.0 / math.sqrt(deviation) for deviation in _IMAGENET_DEVIATIONS])(x)
        x = layers.ZeroPadding2D(assembly.correct_pad(x, 3), name="stem_conv_pad")(x)
        x = _conv(wide(32), 3, "stem_conv", strides=2, padding="valid", use_bias=False)(x)
        x = _norm_swish(x, "stem_")
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
            x = _block(x, *block, _DROP_CONNECT * i / len(blocks))
        x = _conv(wide(1280), 1, "top_conv", use_bias=False)(x)
        x = _norm_swish(x, "top_")
        if include_top:
            x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
            x = layers.Dropout(dropout, name="top_dropout")(x)
            x = assembly.classifier(
                x, classes, classifier_activation, weights, kernel_initializer=_initializer(1 / 3, "uniform")
            )
        else:
            x = assembly.pooled(x, pooling, ("avg_pool", "max_pool"))

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
        x = _conv(filters, 1, f"{prefix}expand_conv", use_bias=False)(x)
        x = _norm_swish(x, prefix, "expand_bn", "expand_activation")
    if stride == 2:
        x = layers.ZeroPadding2D(assembly.correct_pad(x, kernel), name=f"{prefix}dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        depthwise_initializer=_initializer(2.0, "truncated_normal"),
        name=f"{prefix}dwconv",
    )(x)
    x = _norm_swish(x, prefix)
    weight = layers.GlobalAveragePooling2D(name=f"{prefix}se_squeeze")(x)
    shape = (filters, 1, 1) if assembly.channels_first() else (1, 1, filters)
    weight = layers.Reshape(shape, name=f"{prefix}se_reshape")(weight)
    weight = _conv(max(1, int(filters_in * 0.25)), 1, f"{prefix}se_reduce", activation="swish")(weight)
    weight = _conv(filters, 1, f"{prefix}se_expand", activation="sigmoid")(weight)
    x = layers.Multiply(name=f"{prefix}se_excite")([x, weight])
    x = _conv(filters_out, 1, f"{prefix}project_conv", use_bias=False)(x)
    x = assembly.batch_norm(x, f"{prefix}project_bn")
    if stride == 1 and filters_in == filters_out:
        if drop > 0:
            x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{prefix}drop")(x)
        x = layers.Add(name=f"{prefix}add")([x, shortcut])
    return x


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
