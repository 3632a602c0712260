"""What both versions of EfficientNet are built from."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly

DROP_CONNECT = 0.2  # of the deepest blocks; it grows from 0 with the depth


def _initializer(scale, distribution):
    return {
        "class_name": "VarianceScaling",
        "config": {"scale": scale, "mode": "fan_out", "distribution": distribution},
    }


KERNELS = _initializer(2.0, "truncated_normal")


def conv(filters, kernel, name, **settings):
    settings = {"padding": "same", "kernel_initializer": KERNELS, **settings}
    return layers.Conv2D(filters, kernel, name=name, **settings)


def norm_swish(x, prefix, norm="bn", activation="activation", **settings):
    x = assembly.batch_norm(x, prefix + norm, **settings)
    return layers.Activation("swish", name=prefix + activation)(x)


def squeeze_excite(x, prefix, filters):
    """Weigh the channels by what `filters` numbers tell of the whole image."""
    channels = assembly.channels_of(x)
    weight = layers.GlobalAveragePooling2D(name=f"{prefix}se_squeeze")(x)
    weight = layers.Reshape(assembly.with_channels(1, 1, channels), name=f"{prefix}se_reshape")(weight)
    weight = conv(filters, 1, f"{prefix}se_reduce", activation="swish")(weight)
    weight = conv(channels, 1, f"{prefix}se_expand", activation="sigmoid")(weight)
    return layers.Multiply(name=f"{prefix}se_excite")([x, weight])


def narrow(x, shortcut, prefix, filters, stride, drop, **settings):
    """The end of a block that was widened."""
    x = conv(filters, 1, f"{prefix}project_conv", use_bias=False)(x)
    x = assembly.batch_norm(x, f"{prefix}project_bn", **settings)
    return add_shortcut(x, shortcut, prefix, stride, drop)


def add_shortcut(x, shortcut, prefix, stride, drop):
    """`x` and, where shapes allow, `shortcut`; `x` is left out for a share `drop` of the images."""
    if stride != 1 or assembly.channels_of(x) != assembly.channels_of(shortcut):
        return x
    if drop > 0:
        x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{prefix}drop")(x)
    return layers.Add(name=f"{prefix}add")([x, shortcut])


def head(x, include_top, dropout, classes, activation, weights, pooling):
    if not include_top:
        return assembly.pooled(x, pooling, ("avg_pool", "max_pool"))
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dropout(dropout, name="top_dropout")(x)
    uniform = _initializer(1 / 3, "uniform")
    return assembly.classifier(x, classes, activation, weights, kernel_initializer=uniform)
