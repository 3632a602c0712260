"""Grey, and hue, saturation and value, of images."""

import numpy as np

from fastkeras.engine import cast, op
from fastkeras.ops._arithmetic import abs, clip, mod
from fastkeras.ops._common import floating
from fastkeras.ops._comparison import where
from fastkeras.ops._image_layout import channels_of
from fastkeras.ops._joining import split, stack
from fastkeras.ops._shapes import squeeze


@op
def rgb_to_grayscale(images, data_format=None):
    """0.2989 R + 0.587 G + 0.114 B; images of one channel as they are.

    >>> import fastkeras as keras
    >>> keras.ops.image.rgb_to_grayscale(keras.ops.ones((2, 2, 3))).shape
    (2, 2, 1)
    """
    images, axis = channels_of(images, data_format)
    if images.shape[axis] not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). Received input with shape: "
            f"images.shape={images.shape}"
        )
    if images.shape[axis] == 1:
        return images
    red, green, blue = split(floating(images), 3, axis=axis)
    return cast(red * 0.2989 + green * 0.587 + blue * 0.114, images.dtype)


def _planes(images, data_format):
    images, axis = channels_of(images, data_format)
    if "float" not in images.dtype:
        raise ValueError(f"Invalid images dtype: expected float dtype. Received: images.dtype={images.dtype}")
    return [squeeze(plane, axis) for plane in split(images, 3, axis=axis)], axis


@op
def rgb_to_hsv(images, data_format=None):
    """Hue, saturation and value of colours in [0, 1].

    >>> import fastkeras as keras
    >>> keras.ops.image.rgb_to_hsv([[[0.0, 0.5, 0.0]]]).numpy().round(3).tolist()
    [[[0.3330000042915344, 1.0, 0.5]]]
    """
    (red, green, blue), axis = _planes(images, data_format)
    tiny = float(np.finfo("float64" if red.dtype == "float64" else "float32").eps)
    red, green, blue = (where(abs(plane) < tiny, 0.0, plane) for plane in (red, green, blue))
    value = where(red > green, red, green)
    value = where(value > blue, value, blue)
    least = where(red < green, red, green)
    reach = value - where(least < blue, least, blue)
    saturation = where(value > 0, reach / where(value > 0, value, 1.0), 0.0)
    step = 1.0 / (6.0 * where(reach > 0, reach, 1.0))
    hue = where(value == green, step * (blue - red) + 2 / 6, step * (red - green) + 4 / 6)
    hue = where(value == red, step * (green - blue), hue)
    hue = where(reach > 0, hue, 0.0) + cast(hue < 0.0, hue.dtype)
    return stack([hue, saturation, value], axis=axis)


@op
def hsv_to_rgb(images, data_format=None):
    """Red, green and blue of colours given by hue, saturation and value.

    >>> import fastkeras as keras
    >>> keras.ops.image.hsv_to_rgb([[[0.0, 1.0, 0.5]]]).numpy().tolist()
    [[[0.5, 0.0, 0.0]]]
    """
    (hue, saturation, value), axis = _planes(images, data_format)
    turn = mod(hue, 1.0) * 6.0
    shares = (abs(turn - 3.0) - 1.0, 2.0 - abs(turn - 2.0), 2.0 - abs(turn - 4.0))
    return stack([value * (1.0 - saturation + saturation * clip(s, 0.0, 1.0)) for s in shares], axis=axis)
