"""Images as the published networks saw them, and the names of the 1,000 ImageNet classes."""

import functools
import json
import operator

import numpy as np

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.utils.files import get_file

_CLASS_INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
CHANNEL_MEANS, CHANNEL_DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of pixels from 0 to 1
# mode: Keras's steps (in a functional model, its layers), with numbers per channel in the order that the network reads.
_STEPS = {
    "tf": ((operator.truediv, 127.5), (operator.sub, 1.0)),
    "torch": (
        (operator.truediv, 255.0),
        (operator.add, np.negative(CHANNEL_MEANS)),
        (operator.truediv, CHANNEL_DEVIATIONS),
    ),
    "caffe": ((operator.add, (-103.939, -116.779, -123.68)),),  # blue, green, red
}


def preprocess_input(x, data_format=None, mode="caffe"):
    """Pixels from 0 to 255 as a network of that family was trained on.

    `"tf"`: x / 127.5 - 1. `"torch"`: (x / 255 - mean) / deviation of the ImageNet channels. `"caffe"`: RGB becomes BGR,
    minus the ImageNet mean of each channel.

    Args:
        x: array or tensor, (height, width, 3) or (batch, height, width, 3), or with channels first. As in Keras, an
            array of floats is changed in place.
        data_format: `"channels_last"` or `"channels_first"`; default: `config.image_data_format()`.
        mode: `"caffe"`, `"tf"` or `"torch"`.

    Raises:
        ValueError: an unknown mode or data format.

    >>> import fastkeras as keras, numpy as np
    >>> keras.applications.imagenet_utils.preprocess_input(np.array([[[0.0, 127.5, 255.0]]]), mode="tf")
    array([[[-1.,  0.,  1.]]])
    """
    if mode not in _STEPS:
        raise ValueError(f"Expected mode to be one of `caffe`, `tf` or `torch`. Received: mode={mode}")
    if data_format is None:
        data_format = config.image_data_format()
    elif data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            "Expected data_format to be one of `channels_first` or `channels_last`. "
            f"Received: data_format={data_format}"
        )
    dtype = "float64" if isinstance(x, np.ndarray) else "float32"
    axis = len(x.shape) - (1 if data_format == "channels_last" else 3)
    along = (-1, *[1] * (len(x.shape) - 1 - axis))
    steps = [(act, np.reshape(np.array(number, dtype), along)) for act, number in _STEPS[mode]]
    if not isinstance(x, np.ndarray):
        x = ops.flip(x, axis) if mode == "caffe" else x
        return _take(steps, x)
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    x = np.flip(x, axis) if mode == "caffe" else x  # a view
    x[...] = _take(steps, x)
    return x


def _take(steps, x):
    for act, number in steps:
        x = act(x, number)
    return x


@functools.lru_cache(maxsize=1)
def _class_index():
    path = get_file(
        "imagenet_class_index.json",
        _CLASS_INDEX,
        cache_subdir="models",
        file_hash="c2c37ea517e94d9795004a39431a14cb",
    )
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def decode_predictions(preds, top=5):
    """The best classes of each image by name: lists of (WordNet id, name, score), best first.

    Args:
        preds: (batch, 1000) scores of the ImageNet classes.
        top: how many classes per image.

    Raises:
        ValueError: `preds` has another shape.
    """
    if len(preds.shape) != 2 or preds.shape[1] != 1000:
        raise ValueError(
            "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape (samples, 1000)). "
            f"Received array with shape: {preds.shape}"
        )
    names = _class_index()
    scores = ops.convert_to_numpy(preds)
    return [[(*names[str(i)], row[i]) for i in row.argsort()[::-1][:top]] for row in scores]
