"""What the published networks share: checking their arguments, their input, their head and their weights."""

import os
import warnings

from fastkeras import activations, layers
from fastkeras.engine import KerasTensor, config
from fastkeras.models import Functional
from fastkeras.utils.files import get_file
from fastkeras.utils.plotting import get_source_inputs


def channels_first():
    return config.image_data_format() == "channels_first"


def refuse_channels_first(family):
    if channels_first():
        raise ValueError(
            f"{family} does not support the `channels_first` image data format. Switch to `channels_last` by editing "
            "your local config file at ~/.keras/keras.json"
        )


def channels_of(x):
    return x.shape[1 if channels_first() else -1]


def batch_norm(x, name, **settings):
    return layers.BatchNormalization(axis=1 if channels_first() else -1, name=name, **settings)(x)


def relu(x, name):
    return layers.Activation("relu", name=name)(x)


def check_weights(weights, include_top, classes):
    if not (weights in ("imagenet", None) or os.path.exists(weights)):
        raise ValueError(
            "The `weights` argument should be either `None` (random initialization), `imagenet` (pre-training on "
            f"ImageNet), or the path to the weights file to be loaded. Received: weights={weights}"
        )
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(
            "If using `weights='imagenet'` with `include_top=True`, `classes` should be 1000. "
            f"Received: classes={classes}"
        )


def image_input(input_shape, input_tensor, *, default_size, include_top, weights, smallest=32):
    """The tensor that the network starts from: `input_tensor`, or a new Input of the shape that is asked for."""
    check_tensor(input_tensor)
    shape = _checked_shape(input_shape, default_size, include_top, weights, smallest)
    return layers.Input(shape=shape) if input_tensor is None else input_tensor


def check_tensor(input_tensor):
    if input_tensor is not None and not isinstance(input_tensor, KerasTensor):
        raise ValueError(
            f"input_tensor must be a valid Keras tensor type; Received {input_tensor} of type {type(input_tensor)}"
        )


def check_size(input_shape, smallest=32):
    if any(size is not None and size < smallest for size in image_size(input_shape)):
        raise ValueError(f"Input size must be at least {smallest}x{smallest}; Received: input_shape={input_shape}")


def image_size(shape):
    """(rows, columns) of an image shape without the batch."""
    return tuple(shape[1:3] if channels_first() else shape[:2])


def side_of(size, sizes):
    """The side of square images of one of the `sizes`; None for others."""
    return size[0] if size[0] == size[1] and size[0] in sizes else None


def published_size(size, sizes):
    """The input size whose published weights serve images of `size`; a warning when none was made for it."""
    if side_of(size, sizes):
        return size[0]
    expected = f"in {sizes}" if len(sizes) > 1 else sizes[0]
    warnings.warn(
        f"`input_shape` is undefined or non-square, or `rows` is not {expected}. Weights for input shape (224, 224) "
        "will be loaded as the default.",
        stacklevel=3,
    )
    return 224


def with_channels(rows, columns, channels):
    return (channels, rows, columns) if channels_first() else (rows, columns, channels)


def _checked_shape(input_shape, default_size, include_top, weights, smallest):
    axis = 0 if channels_first() else -1
    channels = 3
    if weights != "imagenet" and input_shape and len(input_shape) == 3:
        channels = input_shape[axis]
        if channels not in (1, 3):
            warnings.warn(
                "This model usually expects 1 or 3 input channels. However, it was passed an input_shape with "
                f"{channels} input channels.",
                stacklevel=4,
            )
    default = with_channels(default_size, default_size, channels)
    if weights == "imagenet" and include_top:
        if input_shape is not None and tuple(input_shape) != default:
            raise ValueError(
                "When setting `include_top=True` and loading `imagenet` weights, "
                f"`input_shape` should be {default}. Received: input_shape={input_shape}"
            )
        return default
    if not input_shape:
        return default if include_top else with_channels(None, None, 3)
    if len(input_shape) != 3:
        raise ValueError(f"`input_shape` must be a tuple of three integers. Received: input_shape={input_shape}")
    if input_shape[axis] != 3 and weights == "imagenet":
        raise ValueError(f"The input must have 3 channels; Received `input_shape={input_shape}`")
    check_size(input_shape, smallest)
    if include_top and None in input_shape:
        raise ValueError(
            f"If `include_top` is True, you should specify a static `input_shape`. Received: input_shape={input_shape}"
        )
    return tuple(input_shape)


def classifier(x, classes, activation, weights, **settings):
    """The layer of class scores. Published weights mean probabilities or logits, nothing else."""
    check_activation(activation, weights)
    return layers.Dense(classes, activation=activation, name="predictions", **settings)(x)


def check_activation(activation, weights):
    allowed = (activations.get("softmax"), activations.get(None))
    if weights is not None and activations.get(activation) not in allowed:
        raise ValueError(
            "Only `None` and `softmax` activations are allowed for the `classifier_activation` argument when using "
            f"pretrained weights, with `include_top=True`; Received: classifier_activation={activation}"
        )


def pooled(x, pooling, names=(None, None)):
    """What a network without its top ends in: features, or their average or maximum over the image."""
    if pooling == "avg":
        return layers.GlobalAveragePooling2D(name=names[0])(x)
    if pooling == "max":
        return layers.GlobalMaxPooling2D(name=names[1])(x)
    return x


def finish(start, input_tensor, x, name, weights, published):
    """The model from `start` to `x` with its weights.

    `published()` gives (url, hash) of the ImageNet weights, and the name of their file here where the url has another.
    """
    inputs = start if input_tensor is None else get_source_inputs(input_tensor)
    model = Functional(inputs, x, name=name)
    if weights == "imagenet":
        url, file_hash, *named = published()
        weights = get_file(
            named[0] if named else url.rsplit("/", 1)[1], url, cache_subdir="models", file_hash=file_hash
        )
    if weights is not None:
        model.load_weights(weights)
    return model


def correct_pad(x, kernel):
    """Zeros around `x` so that a strided "valid" window of `kernel` pixels sees what "same" did in the original."""
    sizes = x.shape[2:4] if channels_first() else x.shape[1:3]
    return tuple((kernel // 2 - (1 if size is None else 1 - size % 2), kernel // 2) for size in sizes)


def divisible(filters, divisor=8):
    """`filters` rounded to a multiple of `divisor`, never down by more than a tenth."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * filters else rounded
