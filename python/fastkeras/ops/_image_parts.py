"""Images with borders, without borders, in windows; windows of volumes."""

import numpy as np

from fastkeras.engine import cast, config, convert_to_tensor, op
from fastkeras.ops._common import floating, prod
from fastkeras.ops._convolution import conv
from fastkeras.ops._image_layout import image_of, window
from fastkeras.ops._shapes import expand_dims, pad, squeeze


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
    """Windows of images or volumes: (batch, rows, columns, values) with the height * width * channels values of each.

    Args:
        images: (batch, height, width, channels) or, with three sizes, (batch, depth, height, width, channels); also a
            single one; channels first as `data_format` says.
        size: height and width of a window, or one number; depth, height and width in a volume.
        strides: distance between windows; their size by default.
        dilation_rate: distance between the pixels of a window.

    Raises:
        TypeError: for a size that is no number or tuple.
        ValueError: for sizes of another length, and other ranks.

    >>> import fastkeras as keras
    >>> keras.ops.image.extract_patches(keras.ops.ones((2, 8, 8, 3)), (4, 4)).shape
    (2, 2, 2, 48)
    """
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(
            f"Invalid `size` argument. Expected an int or a tuple. Received: size={size} of type {type(size).__name__}"
        )
    size = (size, size) if isinstance(size, int) else tuple(size)
    if len(size) not in (2, 3):
        raise ValueError(
            f"Invalid `size` argument. Expected a tuple of length 2 or 3. Received: size={size} with length {len(size)}"
        )
    images, data_format = convert_to_tensor(images), config.standardize_data_format(data_format)
    rank = len(size) + 1
    if images.ndim not in (rank, rank + 1):
        raise ValueError(
            f"Invalid images rank: windows of {len(size)} sizes are part of an image of rank {rank}, or of a batch. "
            f"Received: images.shape={images.shape}"
        )
    x = floating(images if images.ndim > rank else expand_dims(images, 0))
    channels = x.shape[-1 if data_format == "channels_last" else 1]
    every = np.eye(prod(size) * channels).reshape(*size, channels, -1)
    y = conv(x, convert_to_tensor(every, dtype=x.dtype), strides or size, padding, data_format, dilation_rate)
    y = cast(y, images.dtype)
    return y if images.ndim > rank else squeeze(y, 0)


def extract_patches_3d(volumes, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Windows of volumes: (batch, layers, rows, columns, values) with depth * height * width * channels values each.

    Args:
        volumes: (batch, depth, height, width, channels) or a single one; channels first as `data_format` says.
        size: depth, height and width of a window, or one number.
        strides: distance between windows; their size by default.
        dilation_rate: distance between the pixels of a window.

    Raises:
        TypeError: for another number of sizes.
        ValueError: for another number of strides, and other ranks.

    >>> import fastkeras as keras
    >>> keras.ops.image.extract_patches_3d(keras.ops.ones((2, 9, 9, 9, 3)), 3).shape
    (2, 3, 3, 3, 81)
    """
    size = (size, size, size) if isinstance(size, int) else size
    if len(size) != 3:
        raise TypeError(f"Invalid `size` argument. Expected an int or a tuple of length 3. Received: size={size}")
    if not isinstance(strides, (int, type(None))) and len(strides) != 3:
        raise ValueError(f"Invalid `strides` argument. Received: strides={strides}")
    return extract_patches(volumes, size, strides, dilation_rate, padding, data_format)
