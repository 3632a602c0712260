"""MobileNet: depthwise separable convolutions (Howard et al., 2017)."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications import imagenet_utils
from fastkeras.applications.imagenet_utils import decode_predictions

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

_BASE = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/"
_SIZES = [128, 160, 192, 224]
_ALPHAS = {0.25: "2_5", 0.50: "5_0", 0.75: "7_5", 1.0: "1_0"}
# filters and stride of the 13 blocks
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


def MobileNet(
    input_shape=None,
    alpha=1.0,
    depth_multiplier=1,
    dropout=1e-3,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name=None,
):
    """MobileNet, an image classifier of 4.3 million weights.

    Args:
        input_shape: (height, width, 3), each side 32 or more; default 224.
        alpha: widens or narrows every layer by this factor.
        depth_multiplier: filters per channel of the depthwise convolutions.
        dropout: rate before the classifier.
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
    >>> keras.applications.MobileNet(input_shape=(64, 64, 3), include_top=False, weights=None).output_shape
    (None, 2, 2, 1024)
    """
    assembly.check_weights(weights, include_top, classes)
    size = assembly.image_size(input_shape) if input_shape else (224, 224)
    default_size = assembly.side_of(size, _SIZES) or 224
    start = assembly.image_input(
        input_shape, input_tensor, default_size=default_size, include_top=include_top, weights=weights
    )
    rows = assembly.image_size(start.shape[1:])[0]
    if weights == "imagenet":
        if depth_multiplier != 1:
            raise ValueError(
                "If imagenet weights are being loaded, depth multiplier must be 1. "
                f"Received: depth_multiplier={depth_multiplier}"
            )
        if alpha not in _ALPHAS:
            raise ValueError(
                "If imagenet weights are being loaded, alpha can be one of `0.25`, `0.50`, `0.75` or `1.0` only. "
                f"Received: alpha={alpha}"
            )
        rows = assembly.published_size(assembly.image_size(start.shape[1:]), _SIZES)

    x = layers.Conv2D(int(32 * alpha), 3, padding="same", use_bias=False, strides=2, name="conv1")(start)
    x = _norm_relu(x, "conv1")
    for i, (filters, stride) in enumerate(_BLOCKS, 1):
        if stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        x = layers.DepthwiseConv2D(
            3,
            padding="same" if stride == 1 else "valid",
            depth_multiplier=depth_multiplier,
            strides=stride,
            use_bias=False,
            name=f"conv_dw_{i}",
        )(x)
        x = _norm_relu(x, f"conv_dw_{i}")
        x = layers.Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{i}")(x)
        x = _norm_relu(x, f"conv_pw_{i}")

    if include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        assembly.check_activation(classifier_activation, weights)
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = assembly.pooled(x, pooling)

    def published():
        return f"{_BASE}mobilenet_{_ALPHAS[alpha]}_{rows}_tf{'' if include_top else '_no_top'}.h5", None

    return assembly.finish(start, input_tensor, x, name or f"mobilenet_{alpha:0.2f}_{rows}", weights, published)


def _norm_relu(x, name):
    return layers.ReLU(6.0, name=f"{name}_relu")(assembly.batch_norm(x, f"{name}_bn"))


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as MobileNet reads them: x / 127.5 - 1 (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")
