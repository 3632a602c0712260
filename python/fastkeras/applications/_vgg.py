"""VGG: stacks of 3x3 convolutions (Simonyan and Zisserman, 2014)."""

from fastkeras import layers
from fastkeras.applications import _assembly as assembly
from fastkeras.applications._family import kernels_file, member


def vgg_network(network, title, convolutions, hashes, example):
    """The public function of a VGG.

    Args:
        network: its name in lower case. title: see `_family.member`.
        convolutions: how many in the blocks of 64, 128, 256, 512 and 512 filters.
        hashes: of the weights files with and without the top.
        example: see `_family.member`.
    """

    def build(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
        assembly.check_weights(weights, include_top, classes)
        start = x = assembly.image_input(
            input_shape, input_tensor, default_size=224, include_top=include_top, weights=weights
        )
        for block, (filters, count) in enumerate(zip((64, 128, 256, 512, 512), convolutions, strict=True), 1):
            for i in range(1, count + 1):
                x = layers.Conv2D(filters, 3, activation="relu", padding="same", name=f"block{block}_conv{i}")(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        if include_top:
            x = layers.Flatten(name="flatten")(x)
            x = layers.Dense(4096, activation="relu", name="fc1")(x)
            x = layers.Dense(4096, activation="relu", name="fc2")(x)
            x = assembly.classifier(x, classes, classifier_activation, weights)
        else:
            x = assembly.pooled(x, pooling)

        def published():
            return kernels_file(f"{network}/{network}", include_top, hashes)

        return assembly.finish(start, input_tensor, x, name, weights, published)

    return member(build, network, title, example)
