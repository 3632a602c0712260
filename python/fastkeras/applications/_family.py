"""Members of a family of networks: functions that differ in numbers alone."""

_WEIGHTS = "https://storage.googleapis.com/tensorflow/keras-applications/{}_weights_tf_dim_ordering_tf_kernels{}.h5"


def kernels_file(path, include_top, hashes):
    """(url, hash) of published weights; `hashes` are of the files with and without the top."""
    return _WEIGHTS.format(path, "" if include_top else "_notop"), hashes[0 if include_top else 1]


def member(build, network, title, example):
    """The public function of one network.

    Args:
        build: function of (include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
            name) that makes the model.
        network: its name in lower case, the default name of the model.
        title: the name of the function and one sentence about it, separated by ": ".
        example: a call and its result, for the docstring.
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

    function.__name__ = function.__qualname__ = title.split(":")[0]
    function.__module__ = build.__module__
    function.__doc__ = f"""{title}

    Args:
        include_top: with the classifier.
        weights: `"imagenet"` (downloaded once), None (random) or the path of a weights file.
        input_tensor: a KerasTensor to start from.
        input_shape: (height, width, 3), each side 32 or more; without it the size the network was published for.
        pooling: without the top, None, `"avg"` or `"max"` over the image.
        classes: of the classifier.
        classifier_activation: of the classifier; None for logits.
        name: of the model.

    Raises:
        ValueError: arguments that do not go together, images that are too small.

    >>> import fastkeras as keras
    {example}
    """
    return function
