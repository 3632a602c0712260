"""Members of a family of networks: functions that differ in numbers alone."""

import inspect

from fastkeras import layers
from fastkeras.applications import _assembly as assembly

_WEIGHTS = "https://storage.googleapis.com/tensorflow/keras-applications/{}_weights_tf_dim_ordering_tf_kernels{}.h5"
_ARGUMENTS = {
    "include_top": "with the classifier.",
    "weights": '`"imagenet"` (downloaded once), None (random) or the path of a weights file.',
    "input_shape": "(height, width, 3), each side {} or more; without it the size the network was published for.",
    "input_tensor": "a KerasTensor to start from.",
    "pooling": 'without the top, None, `"avg"` or `"max"` over the image.',
    "classes": "of the classifier.",
    "classifier_activation": "of the classifier; None for logits.",
    "include_preprocessing": "the model rescales pixels from 0 to 255; without it they must be between -1 and 1.",
    "name": "of the model.",
}


def kernels_file(path, include_top, hashes):
    """(url, hash) of published weights; `hashes` are of the files with and without the top."""
    return _WEIGHTS.format(path, "" if include_top else "_notop"), hashes[0 if include_top else 1]


def image_classifier(features, path, hashes, *, size=224, smallest=32, pools=(None, None)):
    """The `build` of `member` for a network that averages its features over the image and classifies them.

    Args:
        features: function of the image tensor; its module becomes that of the network.
        path, hashes: of the published weights, see `kernels_file`.
        size, smallest: sides of the images that the network was published for, and of the smallest that it takes.
        pools: names of the average and the maximum over the image, without the top.
    """

    def build(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
        assembly.check_weights(weights, include_top, classes)
        start = assembly.image_input(
            input_shape, input_tensor, default_size=size, smallest=smallest, include_top=include_top, weights=weights
        )
        x = features(start)
        if include_top:
            x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
            x = assembly.classifier(x, classes, classifier_activation, weights)
        else:
            x = assembly.pooled(x, pooling, pools)

        def published():
            return kernels_file(path, include_top, hashes)

        return assembly.finish(start, input_tensor, x, name, weights, published)

    build.__module__ = features.__module__
    return build


def member(build, network, title, example, smallest=32):
    """The public function of one network.

    Args:
        build: function of (include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
            name) that makes the model.
        network: its name in lower case, the default name of the model.
        title, example: see `documented`.
        smallest: side of the smallest images that it takes.
    """

    def function(
        include_top=True,
        weights="imagenet",
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        name=network,
    ):
        return build(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)

    function.__module__ = build.__module__
    return documented(function, title, example, smallest)


def documented(function, title, example, smallest=32, **arguments):
    """`function` with a name and a docstring.

    Args:
        title: the name of the function and one sentence about it, separated by ": ".
        example: a call and its result, for the docstring.
        smallest: side of the smallest images that the network takes.
        arguments: what those mean that `_ARGUMENTS` does not tell, or tells differently.
    """
    about = _ARGUMENTS | arguments
    described = "\n".join(
        f"        {name}: {about[name].format(smallest)}" for name in inspect.signature(function).parameters
    )
    function.__name__ = function.__qualname__ = title.split(":")[0]
    function.__doc__ = f"""{title}

    Args:
{described}

    Raises:
        ValueError: arguments that do not go together, images that are too small.

    >>> import fastkeras as keras
    {example}
    """
    return function
