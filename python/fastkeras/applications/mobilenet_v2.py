"""MobileNetV2: inverted residuals and linear bottlenecks (Sandler et al., 2018)."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications import imagenet_utils
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

_BASE = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
_SIZES = [96, 128, 160, 192, 224]
_ALPHAS = [0.35, 0.50, 0.75, 1.0, 1.3, 1.4]
# filters, stride of the first, how many: 17 blocks in all.
_STAGES = ((16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))


def MobileNetV2(
    input_shape=None,
    alpha=1.0,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name=None,
):
    """MobileNetV2, an image classifier of 3.5 million weights.

    Args:
        input_shape: (height, width, 3), each side 32 or more; default 224.
        alpha: widens or narrows every layer by this factor.
        include_top: with the classifier.
        weights: `"imagenet"` (downloaded once), None (random) or the path of a weights file.
        input_tensor: a KerasTensor to start from.
        pooling: without the classifier, None, `"avg"` or `"max"` over the image.
        classes: of the classifier.
        classifier_activation: of the classifier; None for logits.
        name: of the model.

    Raises:
        ValueError: arguments that do not go together, images that are too small.

    >>> import fastkeras as keras
    >>> base = keras.applications.MobileNetV2(input_shape=(64, 64, 3), include_top=False, weights=None)
    >>> base.output_shape, base.count_params()
    ((None, 2, 2, 1280), 2257984)
    """
    assembly.check_weights(weights, include_top, classes)
    given = input_shape or (tuple(input_tensor.shape[1:]) if input_tensor is not None else None)
    size = assembly.image_size(given) if given else (224, 224)
    default_size = assembly.side_of(size, _SIZES) or 224
    start = assembly.image_input(
        input_shape, input_tensor, default_size=default_size, include_top=include_top, weights=weights
    )
    rows = assembly.image_size(start.shape[1:])[0]
    if weights == "imagenet":
        if alpha not in _ALPHAS:
            raise ValueError(
                "If imagenet weights are being loaded, alpha must be one of `0.35`, `0.50`, `0.75`, `1.0`, `1.3` or "
                f"`1.4` only; Received `alpha={alpha}`"
            )
        rows = assembly.published_size(assembly.image_size(start.shape[1:]), _SIZES)

    x = layers.Conv2D(assembly.divisible(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(start)
    x = _norm_relu(x, "bn_Conv1", "Conv1_relu")
    block = 0
    for filters, stride, repeats in _STAGES:
        for i in range(repeats):
            x = _inverted_residual(x, block, assembly.divisible(int(filters * alpha)), stride if i == 0 else 1)
            block += 1
    x = layers.Conv2D(assembly.divisible(1280 * max(alpha, 1.0)), 1, use_bias=False, name="Conv_1")(x)
    x = _norm_relu(x, "Conv_1_bn", "out_relu")

    if include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = assembly.classifier(x, classes, classifier_activation, weights)
    else:
        x = assembly.pooled(x, pooling)

    def published():
        top = "" if include_top else "_no_top"
        return f"{_BASE}mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{rows}{top}.h5", None

    return assembly.finish(start, input_tensor, x, name or f"mobilenetv2_{alpha:0.2f}_{rows}", weights, published)


def _norm_relu(x, norm, relu):
    x = assembly.batch_norm(x, norm, epsilon=1e-3, momentum=0.999)
    return layers.ReLU(6.0, name=relu)(x) if relu else x


def _inverted_residual(x, block, filters, stride):
    """Widen six times (not in the first block), filter each channel, narrow; a shortcut where shapes allow."""
    shortcut = x
    channels = assembly.channels_of(x)
    prefix = f"block_{block}_" if block else "expanded_conv_"
    if block:
        x = layers.Conv2D(6 * channels, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = _norm_relu(x, f"{prefix}expand_BN", f"{prefix}expand_relu")
    if stride == 2:
        x = layers.ZeroPadding2D(assembly.correct_pad(x, 3), name=f"{prefix}pad")(x)
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        name=f"{prefix}depthwise",
    )(x)
    x = _norm_relu(x, f"{prefix}depthwise_BN", f"{prefix}depthwise_relu")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = _norm_relu(x, f"{prefix}project_BN", None)
    if channels == filters and stride == 1:
        return layers.Add(name=f"{prefix}add")([shortcut, x])
    return x


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as MobileNetV2 reads them: x / 127.5 - 1 (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")
