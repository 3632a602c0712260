"""Images with borders, without borders, in windows."""

import numpy as np

from fastkeras.engine import cast, convert_to_tensor, op
from fastkeras.ops._common import floating
from fastkeras.ops._convolution import conv
from fastkeras.ops._image_layout import batched, image_of, window
from fastkeras.ops._shapes import pad


def _sides(size, before, after, target, names, of):
    """The third of before + size + after = target, where two are given ('pad': added, 'crop': taken away)."""
    given = [value is not None for value in (before, after, target)]
    if sum(given) != 2:
        raise ValueError(
            f"Must specify exactly two of {', '.join(names)}. Received: "
            + ", ".join(f"{name}={value}" for name, value in zip(names, (before, after, target), strict=True))
        )
    sign = 1 if of == "pad" else -1
    if before is None:
        before = sign * (target - size) - after
    elif after is None:
        after = sign * (target - size) - before
    else:
        target = size + sign * (before + after)
    for name, value in zip(names, (before, after, target), strict=True):
        if value < 0 or (name == names[2] and value == 0):
            raise ValueError(f"`{name}` must be {'positive' if name == names[2] else '>= 0'}. Received: {name}={value}")
    return before, after, target


@op
def pad_images(
    images,
    top_padding=None,
    left_padding=None,
    bottom_padding=None,
    right_padding=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images with borders of zeros; of top, bottom and target height two are given, and so for the width.

    >>> import fastkeras as keras
    >>> x = keras.ops.ones((2, 3, 1))
    >>> keras.ops.image.pad_images(x, 1, 0, target_height=5, target_width=4).shape
    (5, 4, 1)
    """
    images, rows = image_of(images, data_format)
    widths = [(0, 0)] * len(images.shape)
    height, width = images.shape[rows : rows + 2]
    names = ("top_padding", "bottom_padding", "target_height"), ("left_padding", "right_padding", "target_width")
    widths[rows] = _sides(height, top_padding, bottom_padding, target_height, names[0], "pad")[:2]
    widths[rows + 1] = _sides(width, left_padding, right_padding, target_width, names[1], "pad")[:2]
    return pad(images, widths)


@op
def crop_images(
    images,
    top_cropping=None,
    left_cropping=None,
    bottom_cropping=None,
    right_cropping=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images without their borders; of top, bottom and target height two are given, and so for the width.

    >>> import fastkeras as keras
    >>> x = keras.ops.ones((5, 4, 1))
    >>> keras.ops.image.crop_images(x, 1, 0, target_height=2, target_width=3).shape
    (2, 3, 1)
    """
    images, rows = image_of(images, data_format)
    height, width = images.shape[rows : rows + 2]
    names = ("top_cropping", "bottom_cropping", "target_height"), ("left_cropping", "right_cropping", "target_width")
    top, _, new_height = _sides(height, top_cropping, bottom_cropping, target_height, names[0], "crop")
    left, _, new_width = _sides(width, left_cropping, right_cropping, target_width, names[1], "crop")
    return window(images, rows, (top, left), (new_height, new_width))


@op
def extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Windows of the images: (batch, rows, columns, height * width * channels) of the windows.

    Args:
        size: height and width of a window, or one number.
        strides: distance between windows; their size by default.
        dilation_rate: distance between the pixels of a window.

    >>> import fastkeras as keras
    >>> keras.ops.image.extract_patches(keras.ops.ones((2, 8, 8, 3)), (4, 4)).shape
    (2, 2, 2, 48)
    """
    images, rows = image_of(images, data_format)
    height, width = (size, size) if isinstance(size, int) else size
    strides = (height, width) if strides is None else strides
    x, back = batched(images, rows)
    channels = x.shape[-1]
    every = np.eye(height * width * channels).reshape(height, width, channels, -1)
    y = conv(
        floating(x),
        convert_to_tensor(every, dtype=floating(x).dtype),
        strides=strides,
        padding=padding,
        data_format="channels_last",
        dilation_rate=dilation_rate,
    )
    return back(cast(y, images.dtype))
