"""NASNet: cells that a search found, each of which reads the two before it (Zoph et al., 2017)."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications import imagenet_utils
from fastkeras.applications._family import documented
from fastkeras.applications.imagenet_utils import decode_predictions
from fastkeras.engine import name_scope

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

_BASE = "https://storage.googleapis.com/tensorflow/keras-applications/nasnet/"


def _nasnet(kind, size, stem, filters, repeats, skip_reduction, hashes, example):
    """The public function of one size of the network.

    Args:
        kind: the size in lower case. size: side of the images it was published for.
        stem, filters: channels of the first convolution, and of a part of the first cells.
        repeats: cells per stage.
        skip_reduction: the first cell of a stage reads past the one that halved the image.
        hashes: of the weights files with and without the top.
        example: see `_family.documented`.
    """

    def build(
        input_shape=None,
        include_top=True,
        weights="imagenet",
        input_tensor=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        name=f"nasnet_{kind}",
    ):
        assembly.refuse_channels_first("NASNet")
        assembly.check_weights(weights, include_top, classes)
        start = assembly.image_input(
            input_shape or (size, size, 3),
            input_tensor,
            default_size=size,
            include_top=include_top,
            weights=weights,
        )
        if None in start.shape[1:]:
            raise ValueError(
                "The cells of a NASNet depend on the size of the image: the input_shape argument must be static (no "
                f"None entries). Received: input_shape={start.shape[1:]}"
            )
        x = _features(start, stem, filters, repeats, skip_reduction)
        if include_top:
            x = layers.GlobalAveragePooling2D()(x)
            x = assembly.classifier(x, classes, classifier_activation, weights)
        else:
            x = assembly.pooled(x, pooling)

        def published():
            end, cached, file_hash = ("", "", hashes[0]) if include_top else ("-no-top", "_no_top", hashes[1])
            return f"{_BASE}NASNet-{kind}{end}.h5", file_hash, f"nasnet_{kind}{cached}.h5"

        return assembly.finish(start, input_tensor, x, name, weights, published)

    return documented(
        build,
        f"NASNet{kind.title()}: {3 * repeats} normal cells, and four that halve the image.",
        example,
        input_shape=f"(height, width, 3), each side {{}} or more; {size} without it.",
    )


def _features(x, stem, filters, repeats, skip_reduction):
    x = _norm(_conv(x, stem, 3, "stem_conv1", strides=2, padding="valid"), "stem_bn1")
    x, before = _reduced(x, None, filters // 4, "stem_1")
    x, before = _reduced(x, before, filters // 2, "stem_2")
    for stage in range(3):
        first = stage * repeats
        if stage > 0:
            x, whole = _reduced(x, before, filters, f"reduce_{first}")
            before = before if skip_reduction else whole
            first += 1
        for i in range(first, first + repeats):
            x, before = _normal(x, before, filters, str(i))
        filters *= 2
    return layers.Activation("relu")(x)


def _normal(x, before, filters, name):
    """What a cell makes of `x` and the cell before it, and `x`."""
    with name_scope(f"normal_A_block_{name}"):
        p = _adjusted(before, x, filters, name)
        h = _squeezed(x, filters, "normal", name)
        with name_scope("block_1"):
            left = _separable(h, filters, 5, f"normal_left1_{name}")
            right = _separable(p, filters, 3, f"normal_right1_{name}")
            x1 = layers.add([left, right], name=f"normal_add_1_{name}")
        with name_scope("block_2"):
            left = _separable(p, filters, 5, f"normal_left2_{name}")
            right = _separable(p, filters, 3, f"normal_right2_{name}")
            x2 = layers.add([left, right], name=f"normal_add_2_{name}")
        with name_scope("block_3"):
            x3 = layers.add([_averaged(h, f"normal_left3_{name}"), p], name=f"normal_add_3_{name}")
        with name_scope("block_4"):
            sides = [_averaged(p, f"normal_{side}4_{name}") for side in ("left", "right")]
            x4 = layers.add(sides, name=f"normal_add_4_{name}")
        with name_scope("block_5"):
            x5 = layers.add([_separable(h, filters, 3, f"normal_left5_{name}"), h], name=f"normal_add_5_{name}")
        return layers.concatenate([p, x1, x2, x3, x4, x5], name=f"normal_concat_{name}"), x


def _reduced(x, before, filters, name):
    """The same by a cell that halves the image."""
    with name_scope(f"reduction_A_block_{name}"):
        p = _adjusted(before, x, filters, name)
        h = _squeezed(x, filters, "reduction", name)
        padded = layers.ZeroPadding2D(assembly.correct_pad(h, 3), name=f"reduction_pad_1_{name}")(h)
        with name_scope("block_1"):
            left = _separable(h, filters, 5, f"reduction_left1_{name}", stride=2)
            right = _separable(p, filters, 7, f"reduction_right1_{name}", stride=2)
            x1 = layers.add([left, right], name=f"reduction_add_1_{name}")
        with name_scope("block_2"):
            left = layers.MaxPooling2D(3, strides=2, name=f"reduction_left2_{name}")(padded)
            right = _separable(p, filters, 7, f"reduction_right2_{name}", stride=2)
            x2 = layers.add([left, right], name=f"reduction_add_2_{name}")
        with name_scope("block_3"):
            left = layers.AveragePooling2D(3, strides=2, name=f"reduction_left3_{name}")(padded)
            right = _separable(p, filters, 5, f"reduction_right3_{name}", stride=2)
            x3 = layers.add([left, right], name=f"reduction_add3_{name}")
        with name_scope("block_4"):
            x4 = layers.add([x2, _averaged(x1, f"reduction_left4_{name}")])
        with name_scope("block_5"):
            left = _separable(x1, filters, 3, f"reduction_left4_{name}")
            right = layers.MaxPooling2D(3, strides=2, name=f"reduction_right5_{name}")(padded)
            x5 = layers.add([left, right], name=f"reduction_add4_{name}")
        return layers.concatenate([x2, x3, x4, x5], name=f"reduction_concat_{name}"), x


def _adjusted(before, x, filters, name):
    """The cell before `x`, as large as `x` where that is smaller, else with `filters` channels."""
    with name_scope("adjust_block"):
        if before is None:
            return x
        if before.shape[-2] != x.shape[-2]:
            with name_scope(f"adjust_reduction_block_{name}"):
                return _norm(_every_second(before, filters, name), f"adjust_bn_{name}")
        if before.shape[-1] != filters:
            with name_scope(f"adjust_projection_block_{name}"):
                p = layers.Activation("relu")(before)
                return _norm(_conv(p, filters, 1, f"adjust_conv_projection_{name}"), f"adjust_bn_{name}")
        return before


def _every_second(x, filters, name):
    """Every second pixel of every second line, and the pixels between them on the lines between."""
    x = layers.Activation("relu", name=f"adjust_relu_1_{name}")(x)
    even = _sampled(x, filters // 2, 1, name)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = layers.Cropping2D(((1, 0), (1, 0)))(x)
    return layers.concatenate([even, _sampled(x, filters // 2, 2, name)])


def _sampled(x, filters, i, name):
    x = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{name}")(x)
    return _conv(x, filters, 1, f"adjust_conv_{i}_{name}")


def _squeezed(x, filters, kind, name):
    x = _conv(layers.Activation("relu")(x), filters, 1, f"{kind}_conv_1_{name}")
    return _norm(x, f"{kind}_bn_1_{name}")


def _separable(x, filters, kernel, name, stride=1):
    """Two separable convolutions; the first one may halve the image."""
    with name_scope(f"separable_conv_block_{name}"):
        for i, step in enumerate((stride, 1), 1):
            x = layers.Activation("relu")(x)
            if step == 2:
                x = layers.ZeroPadding2D(assembly.correct_pad(x, kernel), name=f"separable_conv_1_pad_{name}")(x)
            x = layers.SeparableConv2D(
                filters,
                kernel,
                strides=step,
                padding="valid" if step == 2 else "same",
                use_bias=False,
                name=f"separable_conv_{i}_{name}",
            )(x)
            x = _norm(x, f"separable_conv_{i}_bn_{name}")
    return x


def _conv(x, filters, kernel, name, strides=1, padding="same"):
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _norm(x, name):
    return assembly.batch_norm(x, name, momentum=0.9997, epsilon=1e-3)


def _averaged(x, name):
    return layers.AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def preprocess_input(x, data_format=None):
    """Pixels from 0 to 255 as NASNet reads them: x / 127.5 - 1 (see `imagenet_utils.preprocess_input`)."""
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


NASNetMobile = _nasnet(
    "mobile",
    224,
    32,
    44,
    4,
    False,
    ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
    """>>> keras.applications.NASNetMobile((64, 64, 3), include_top=False, weights=None).count_params()
    4269716""",
)
NASNetLarge = _nasnet(
    "large",
    331,
    96,
    168,
    6,
    True,
    ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
    """>>> keras.applications.NASNetLarge((64, 64, 3), include_top=False, weights=None).count_params()
    84916818""",
)
