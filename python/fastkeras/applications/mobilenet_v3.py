"""MobileNetV3: inverted residuals with squeeze-and-excitation and hard swish (Howard et al., 2019)."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications._family import documented
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

_BASE = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v3/"
# expansion, filters, kernel, stride, with squeeze-and-excitation?, with hard swish in place of relu?
_SMALL = (
    (1, 16, 3, 2, True, False),
    (72 / 16, 24, 3, 2, False, False),
    (88 / 24, 24, 3, 1, False, False),
    (4, 40, 5, 2, True, True),
    *((6, 40, 5, 1, True, True),) * 2,
    *((3, 48, 5, 1, True, True),) * 2,
    (6, 96, 5, 2, True, True),
    *((6, 96, 5, 1, True, True),) * 2,
)
_LARGE = (
    (1, 16, 3, 1, False, False),
    (4, 24, 3, 2, False, False),
    (3, 24, 3, 1, False, False),
    (3, 40, 5, 2, True, False),
    *((3, 40, 5, 1, True, False),) * 2,
    (6, 80, 3, 2, False, True),
    (2.5, 80, 3, 1, False, True),
    *((2.3, 80, 3, 1, False, True),) * 2,
    *((6, 112, 3, 1, True, True),) * 2,
    (6, 160, 5, 2, True, True),
    *((6, 160, 5, 1, True, True),) * 2,
)
_FIRST = "expanded_conv_"  # prefix of the block that does not widen


def _mobilenet_v3(kind, millions, blocks, last, hashes, example):
    """The public function of one size of the network.

    Args:
        kind: the size in lower case. millions: of weights.
        blocks: see `_SMALL`.
        last: filters before the classifier.
        hashes: {(minimalistic, alpha): of the weights files with and without the top}.
        example: see `_family.documented`.
    """
    network = f"MobileNetV3{kind.title()}"

    def build(
        input_shape=None,
        alpha=1.0,
        minimalistic=False,
        include_top=True,
        weights="imagenet",
        input_tensor=None,
        classes=1000,
        pooling=None,
        dropout_rate=0.2,
        classifier_activation="softmax",
        include_preprocessing=True,
        name=network,
    ):
        assembly.check_weights(weights, include_top, classes)
        shape = _checked_shape(input_shape, input_tensor)
        if weights == "imagenet":
            if (minimalistic, alpha) not in hashes:
                raise ValueError(
                    "If imagenet weights are being loaded, alpha can be one of `0.75`, `1.0` for non minimalistic or "
                    f"`1.0` for minimalistic only. Received: alpha={alpha}"
                )
            assembly.published_size(assembly.image_size(shape), [224])

        start = x = layers.Input(shape=shape) if input_tensor is None else input_tensor
        if include_preprocessing:
            x = layers.Rescaling(1.0 / 127.5, offset=-1.0)(x)
        activation = _relu if minimalistic else _hard_swish
        x = _features(x, blocks, alpha, activation, minimalistic)
        if include_top:
            filters = assembly.divisible(last * alpha) if alpha > 1 else last
            x = _logits(x, filters, activation, dropout_rate, classes)
            assembly.check_activation(classifier_activation, weights)
            x = layers.Activation(classifier_activation, name="predictions")(x)
        else:
            x = assembly.pooled(x, pooling, ("avg_pool", "max_pool"))

        def published():
            version = f"{kind}{'_minimalistic' if minimalistic else ''}_224_{float(alpha)}_float"
            top = "" if include_top else "_no_top_v2"
            file_hash = hashes[minimalistic, alpha][0 if include_top else 1]
            return f"{_BASE}weights_mobilenet_v3_{version}{top}.h5", file_hash

        return assembly.finish(start, input_tensor, x, name, weights, published)

    return documented(
        build,
        f"{network}: an image classifier of {millions} million weights.",
        example,
        input_shape="(height, width, 3), each side {} or more; without it images of any size.",
        alpha="widens or narrows every layer by this factor.",
        minimalistic="without squeeze-and-excitation, hard swish and 5x5 kernels.",
        dropout_rate="before the classifier.",
    )


def _checked_shape(input_shape, input_tensor):
    """The shape that is asked for, else that of the tensor, else images of any size."""
    assembly.check_tensor(input_tensor)
    if input_tensor is None:
        shape = input_shape or assembly.with_channels(None, None, 3)
    else:
        shape = input_shape or input_tensor.shape[1:]
        if input_tensor.shape[2] != shape[1]:
            raise ValueError(
                "input_shape[1] must equal input_tensor.shape[2]. "
                f"Received: input_shape={input_shape}, input_tensor.shape={input_tensor.shape}"
            )
    assembly.check_size(shape)
    return shape


def _norm(x, name):
    return assembly.batch_norm(x, name, epsilon=1e-3, momentum=0.999)


def _relu(x):
    return layers.ReLU()(x)


def _hard_swish(x):
    return layers.Activation("hard_swish")(x)


def _features(x, blocks, alpha, activation, minimalistic):
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = activation(_norm(x, "conv_bn"))
    for i, (expansion, filters, kernel, stride, squeeze, hard) in enumerate(blocks):
        prefix = f"expanded_conv_{i}_" if i else _FIRST
        filters = assembly.divisible(filters * alpha)
        if minimalistic:
            kernel, squeeze, hard = 3, False, False
        x = _block(x, prefix, expansion, filters, kernel, stride, squeeze, _hard_swish if hard else _relu)
    widest = assembly.divisible(6 * assembly.channels_of(x))
    x = layers.Conv2D(widest, 1, padding="same", use_bias=False, name="conv_1")(x)
    return activation(_norm(x, "conv_1_bn"))


def _logits(x, filters, activation, dropout_rate, classes):
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = activation(layers.Conv2D(filters, 1, padding="same", name="conv_2")(x))
    if dropout_rate > 0:
        x = layers.Dropout(dropout_rate)(x)
    x = layers.Conv2D(classes, 1, padding="same", name="logits")(x)
    return layers.Flatten()(x)


def _block(x, prefix, expansion, filters, kernel, stride, squeeze, activation):
    """Widen (not in the first block), filter each channel, narrow; a shortcut where shapes allow."""
    shortcut = x
    channels = assembly.channels_of(x)
    widened = assembly.divisible(channels * expansion)
    if prefix != _FIRST:
        x = layers.Conv2D(widened, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = activation(_norm(x, f"{prefix}expand_bn"))
    if stride == 2:
        x = layers.ZeroPadding2D(assembly.correct_pad(x, kernel), name=f"{prefix}depthwise_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        name=f"{prefix}depthwise",
    )(x)
    x = activation(_norm(x, f"{prefix}depthwise_bn"))
    if squeeze:
        x = _squeeze_excite(x, widened, f"{prefix}squeeze_excite_")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = _norm(x, f"{prefix}project_bn")
    if stride == 1 and channels == filters:
        x = layers.Add(name=f"{prefix}add")([shortcut, x])
    return x


def _squeeze_excite(x, filters, prefix):
    """Weigh the channels by what they show on the whole image."""
    weight = layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}avg_pool")(x)
    weight = layers.Conv2D(assembly.divisible(filters * 0.25), 1, padding="same", name=f"{prefix}conv")(weight)
    weight = layers.ReLU(name=f"{prefix}relu")(weight)
    weight = layers.Conv2D(filters, 1, padding="same", name=f"{prefix}conv_1")(weight)
    weight = layers.ReLU(6.0)(weight + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{prefix}mul")([x, weight])


def preprocess_input(x, data_format=None):
    """`x` itself: MobileNetV3 rescales pixels from 0 to 255 inside the model."""
    return x


MobileNetV3Small = _mobilenet_v3(
    "small",
    2.6,
    _SMALL,
    1024,
    {
        (False, 0.75): ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
        (False, 1.0): ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
        (True, 1.0): ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"),
    },
    """>>> keras.applications.MobileNetV3Small(include_top=False, weights=None).count_params()
    939120""",
)
MobileNetV3Large = _mobilenet_v3(
    "large",
    5.5,
    _LARGE,
    1280,
    {
        (False, 0.75): ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
        (False, 1.0): ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
        (True, 1.0): ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    },
    """>>> keras.applications.MobileNetV3Large(include_top=False, weights=None).count_params()
    2996352""",
)
