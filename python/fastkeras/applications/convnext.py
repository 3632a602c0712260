"""ConvNeXt: residual blocks of wide depthwise convolutions, built like those of a transformer (Liu et al., 2022)."""

from fastkeras import initializers, layers, registry
from fastkeras.applications import _assembly as assembly
from fastkeras.applications._family import documented
from fastkeras.applications.imagenet_utils import CHANNEL_DEVIATIONS, CHANNEL_MEANS, decode_predictions
from fastkeras.models import Sequential

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]

_BASE = "https://storage.googleapis.com/tensorflow/keras-applications/convnext/"


@registry.register("keras.src.applications.convnext")  # Keras exports no path for it, files name this one
class LayerScale(layers.Layer):
    """Every channel times a weight of its own (Touvron et al., 2021).

    Args:
        init_values: the weights at first.
        projection_dim: number of channels.
    """

    def __init__(self, init_values, projection_dim, **kwargs):
        super().__init__(**kwargs)
        self.init_values, self.projection_dim = init_values, projection_dim

    def build(self, _):
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=initializers.Constant(self.init_values))

    def call(self, x):
        return x * self.gamma

    def compute_output_shape(self, input_shape):
        return input_shape


def _convnext(size, depths, filters, hashes, example):
    """The public function of one size of the network: `depths` blocks of `filters` in its stages."""
    network = f"convnext_{size.lower()}"

    def build(
        include_top=True,
        include_preprocessing=True,
        weights="imagenet",
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        name=network,
    ):
        assembly.refuse_channels_first("ConvNeXt")
        assembly.check_weights(weights, include_top, classes)
        start = x = assembly.image_input(
            input_shape, input_tensor, default_size=224, include_top=include_top, weights=weights
        )
        if include_preprocessing and assembly.channels_of(x) == 3:
            x = _normalized(x, name)
        x = _features(x, name, depths, filters)
        if include_top:
            assembly.check_activation(classifier_activation, weights)
            x = _norm(layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x), f"{name}_head_layernorm")
            x = layers.Dense(classes, activation=classifier_activation, name=f"{name}_head_dense")(x)
        else:
            x = _norm(assembly.pooled(x, pooling), None)

        def published():
            return f"{_BASE}{network}{'' if include_top else '_notop'}.h5", hashes[0 if include_top else 1]

        return assembly.finish(start, input_tensor, x, name, weights, published)

    return documented(
        build,
        f"ConvNeXt{size}: convolutions of 7x7 pixels in {sum(depths)} blocks of up to {filters[-1]} channels.",
        example,
        include_preprocessing="the model normalises pixels from 0 to 255; without it that is left to the caller.",
    )


def _normalized(x, name):
    means = [255 * mean for mean in CHANNEL_MEANS]
    variances = [(255 * deviation) ** 2 for deviation in CHANNEL_DEVIATIONS]
    return layers.Normalization(mean=means, variance=variances, name=f"{name}_prestem_normalization")(x)


def _features(x, name, depths, filters):
    stem = layers.Conv2D(filters[0], 4, strides=4, name=f"{name}_stem_conv")
    x = Sequential([stem, _layer_norm(f"{name}_stem_layernorm")], name=f"{name}_stem")(x)
    for i, (depth, count) in enumerate(zip(depths, filters, strict=True)):
        if i > 0:
            x = _halved(x, count, f"{name}_downsampling", i - 1)
        for j in range(depth):
            x = _block(x, count, f"{name}_stage_{i}_block_{j}")
    return x


def _halved(x, filters, prefix, i):
    """Half the image, `filters` channels."""
    convolution = layers.Conv2D(filters, 2, strides=2, name=f"{prefix}_conv_{i}")
    return Sequential([_layer_norm(f"{prefix}_layernorm_{i}"), convolution], name=f"{prefix}_block_{i}")(x)


def _block(x, filters, name):
    """Filter each channel, then widen and narrow again; what comes out is added, weighed by little at first."""
    made = layers.Conv2D(filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv")(x)
    made = _norm(made, f"{name}_layernorm")
    made = layers.Dense(4 * filters, name=f"{name}_pointwise_conv_1")(made)
    made = layers.Activation("gelu", name=f"{name}_gelu")(made)
    made = layers.Dense(filters, name=f"{name}_pointwise_conv_2")(made)
    made = LayerScale(1e-6, filters, name=f"{name}_layer_scale")(made)
    return x + layers.Activation("linear", name=f"{name}_identity")(made)


def _layer_norm(name):
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _norm(x, name):
    return _layer_norm(name)(x)


def preprocess_input(x, data_format=None):
    """`x` itself: ConvNeXt normalises pixels from 0 to 255 inside the model."""
    return x


ConvNeXtTiny = _convnext(
    "Tiny",
    (3, 3, 9, 3),
    (96, 192, 384, 768),
    (
        "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    """>>> keras.applications.ConvNeXtTiny(include_top=False, weights=None).count_params()
    27820128""",
)
ConvNeXtSmall = _convnext(
    "Small",
    (3, 3, 27, 3),
    (96, 192, 384, 768),
    (
        "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    """>>> keras.applications.ConvNeXtSmall(include_top=False, weights=None).count_params()
    49454688""",
)
ConvNeXtBase = _convnext(
    "Base",
    (3, 3, 27, 3),
    (128, 256, 512, 1024),
    (
        "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    """>>> keras.applications.ConvNeXtBase(include_top=False, weights=None).count_params()
    87566464""",
)
ConvNeXtLarge = _convnext(
    "Large",
    (3, 3, 27, 3),
    (192, 384, 768, 1536),
    (
        "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    """>>> keras.applications.ConvNeXtLarge(weights=None, input_shape=(16, 16, 3))
    Traceback (most recent call last):
    ValueError: Input size must be at least 32x32; Received: input_shape=(16, 16, 3)""",
)
ConvNeXtXLarge = _convnext(
    "XLarge",
    (3, 3, 27, 3),
    (256, 512, 1024, 2048),
    (
        "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
    """>>> keras.applications.ConvNeXtXLarge(weights=None, input_shape=(16, 16, 3))
    Traceback (most recent call last):
    ValueError: Input size must be at least 32x32; Received: input_shape=(16, 16, 3)""",
)
