"""Images as the functions of ops.image take them: alone or in batches, channels first or last."""

from fastkeras.engine import config, convert_to_tensor
from fastkeras.ops._shapes import expand_dims, squeeze, transpose
from fastkeras.ops.core import slice as cut


def image_of(images, data_format, name="images"):
    """(tensor, axis of the rows): the columns' axis is the next one. Errors call the images `name`."""
    images, data_format = convert_to_tensor(images), config.standardize_data_format(data_format)
    if len(images.shape) not in (3, 4):
        raise ValueError(
            f"Invalid {name} rank: expected rank 3 (single image) or rank 4 (batch of images). Received input with "
            f"shape: {name}.shape={images.shape}"
        )
    return images, len(images.shape) - (3 if data_format == "channels_last" else 2)


def channels_of(images, data_format):
    """(tensor, axis of the channels)."""
    images, rows = image_of(images, data_format)
    return images, len(images.shape) - 1 if rows == len(images.shape) - 3 else len(images.shape) - 3


def batched(images, rows):
    """The images as (batch, height, width, channels), and what brings such a result back into their own layout."""
    single, first = len(images.shape) == 3, rows == len(images.shape) - 2
    x = expand_dims(images, 0) if single else images

    def back(y):
        y = transpose(y, (0, 3, 1, 2)) if first else y
        return squeeze(y, 0) if single else y

    return transpose(x, (0, 2, 3, 1)) if first else x, back


def window(images, rows, starts, sizes):
    """The part of the images from `starts` on, `sizes` large."""
    first, shape = [0] * len(images.shape), list(images.shape)
    first[rows : rows + 2], shape[rows : rows + 2] = starts, sizes
    return cut(images, first, shape)
