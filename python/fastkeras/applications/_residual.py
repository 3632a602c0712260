"""ResNet: residual networks of both versions (He et al., 2015 and 2016)."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications._family import image_classifier, member


def residual_network(version, network, title, counts, hashes, example):
    """The public function of a ResNet.

    Args:
        version: 1, or 2, where normalisation and relu come before the convolutions.
        network: its name in lower case. title: see `_family.member`.
        counts: blocks per stack of 64, 128, 256 and 512 filters.
        hashes: of the weights files with and without the top.
        example: see `_family.member`.
    """
    stack, before = {1: (_stack_v1, False), 2: (_stack_v2, True)}[version]

    def features(start):
        x = layers.ZeroPadding2D(3, name="conv1_pad")(start)
        x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
        if not before:
            x = assembly.relu(_norm(x, "conv1_bn"), "conv1_relu")
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        for i, count in enumerate(counts):
            x = stack(x, 64 * 2**i, count, i, f"conv{i + 2}")
        if before:
            x = assembly.relu(_norm(x, "post_bn"), "post_relu")
        return x

    build = image_classifier(features, f"resnet/{network}", hashes, pools=("avg_pool", "max_pool"))
    return member(build, network, title, example)


def _norm(x, name):
    return assembly.batch_norm(x, name, epsilon=1.001e-5)


def _stack_v1(x, filters, blocks, index, name):
    """`blocks` bottlenecks; the first one halves the image, except in the first stack."""
    for i in range(1, blocks + 1):
        x = _block_v1(x, filters, 2 if i == 1 and index > 0 else 1, i == 1, f"{name}_block{i}")
    return x


def _block_v1(x, filters, stride, widen, name):
    shortcut = x
    if widen:
        shortcut = _norm(layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x), f"{name}_0_bn")
    x = _norm(layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x), f"{name}_1_bn")
    x = assembly.relu(x, f"{name}_1_relu")
    x = _norm(layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x), f"{name}_2_bn")
    x = assembly.relu(x, f"{name}_2_relu")
    x = _norm(layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x), f"{name}_3_bn")
    return assembly.relu(layers.Add(name=f"{name}_add")([shortcut, x]), f"{name}_out")


def _stack_v2(x, filters, blocks, index, name):
    """`blocks` bottlenecks; the last one halves the image, except in the last stack."""
    for i in range(1, blocks + 1):
        x = _block_v2(x, filters, 2 if i == blocks and index < 3 else 1, i == 1, f"{name}_block{i}")
    return x


def _block_v2(x, filters, stride, widen, name):
    before = assembly.relu(_norm(x, f"{name}_preact_bn"), f"{name}_preact_relu")
    if widen:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(before)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(before)
    x = assembly.relu(_norm(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = assembly.relu(_norm(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])
