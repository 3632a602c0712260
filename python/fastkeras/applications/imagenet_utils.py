"""Images as the published networks saw them, and the names of the 1,000 ImageNet classes."""

import functools
import json

import numpy as np

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.utils.files import get_file

_CLASS_INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
# mode: (scale, mean, deviation) of RGB in the order that the network reads.
_TORCH = (1 / 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # of blue, green, red


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
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"Expected mode to be one of `caffe`, `tf` or `torch`. Received: mode={mode}")
    if data_format is None:
        data_format = config.image_data_format()
    elif data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            "Expected data_format to be one of `channels_first` or `channels_last`. "
            f"Received: data_format={data_format}"
        )
    in_place = isinstance(x, np.ndarray)
    if in_place and not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    if mode == "tf":
        if in_place:
            x /= 127.5
            x -= 1.0
            return x
        return x / 127.5 - 1.0
    axis = len(x.shape) - 1 if data_format == "channels_last" else len(x.shape) - 3
    shape = [3 if i == axis else 1 for i in range(len(x.shape))]
    if mode == "caffe":
        x = np.flip(x, axis) if in_place else ops.flip(x, axis)
        mean, deviation = _CAFFE_MEAN, None
    else:
        scale, mean, deviation = _TORCH
        if in_place:
            x *= scale
        else:
            x = x * scale
    mean = np.reshape(np.array(mean, "float32"), shape)
    if in_place:
        x -= mean
        if deviation is not None:
            x /= np.reshape(np.array(deviation, "float32"), shape)
        return x
    x = x - mean
    return x if deviation is None else x / np.reshape(np.array(deviation, "float32"), shape)


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
