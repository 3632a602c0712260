"""Convolutions, pooling, borders and sizes of images, as Keras 2 calls them."""

from fastkeras import ops
from fastkeras.engine import config, convert_to_tensor


def conv1d(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """`ops.conv` of sequences; padding may be "causal"."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(x, kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """`ops.conv` of images."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d_transpose(x, kernel, output_shape, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """The transpose of `conv2d`: what a `conv2d` of these strides and this padding makes `x` of has `output_shape`.

    The batch size in `output_shape` may be None.
    """
    return ops.nn.conv_transpose_to(x, kernel, output_shape, strides, padding, data_format, dilation_rate)


def conv3d(x, kernel, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)):
    """`ops.conv` of volumes."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def depthwise_conv2d(x, depthwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """`ops.depthwise_conv` of images."""
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def separable_conv2d(
    x, depthwise_kernel, pointwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)
):
    """`ops.separable_conv` of images."""
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


def pool2d(x, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    """The greatest element ("max") or the mean ("avg") of every window of images."""
    return _pool(x, pool_size, strides, padding, data_format, pool_mode, rank=2)


def pool3d(x, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    """The greatest element ("max") or the mean ("avg") of every window of volumes."""
    return _pool(x, pool_size, strides, padding, data_format, pool_mode, rank=3)


def _pool(x, pool_size, strides, padding, data_format, pool_mode, rank):
    for name, sizes in (("pool_size", pool_size), ("strides", strides)):
        if len(sizes) != rank:
            raise ValueError(f"`{name}` must be a tuple of {rank} integers. Received: {name}={sizes}")
    if pool_mode not in ("max", "avg"):
        raise ValueError(f"Invalid pooling mode: it must be 'max' or 'avg'. Received: pool_mode={pool_mode}")
    pool = ops.max_pool if pool_mode == "max" else ops.average_pool
    return pool(x, pool_size, strides, padding, data_format)


def temporal_padding(x, padding=(1, 1)):
    """Zeros before and after the steps of `(batch, steps, channels)`."""
    if len(padding) != 2:
        raise ValueError(f"Expected `padding` to be a tuple of 2 integers. Received: padding={padding}")
    return ops.pad(x, ((0, 0), tuple(padding), (0, 0)))


def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    """Zeros around images: `((top, bottom), (left, right))`."""
    return _pad_spatially(x, padding, data_format, rank=2)


def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    """Zeros around volumes, before and after each of the three axes."""
    return _pad_spatially(x, padding, data_format, rank=3)


def _pad_spatially(x, padding, data_format, rank):
    if len(padding) != rank or any(len(pair) != 2 for pair in padding):
        raise ValueError(
            f"Expected `padding` to be a tuple of {rank} tuples of 2 integers. Received: padding={padding}"
        )
    widths = [(0, 0), *map(tuple, padding)]
    return ops.pad(x, _with_channels(widths, (0, 0), data_format))


def _with_channels(per_axis, of_channels, data_format):
    """A list with one entry for the batch and each spatial axis, with that of the channels at their place."""
    if config.standardize_data_format(data_format) == "channels_first":
        return [per_axis[0], of_channels, *per_axis[1:]]
    return [*per_axis, of_channels]


def resize_images(x, height_factor, width_factor, data_format, interpolation="nearest"):
    """`ops.image.resize` to images `height_factor` times as high and `width_factor` times as wide.

    "area" is "nearest" for such factors; "gaussian" and "mitchellcubic" raise ValueError.
    """
    data_format = config.standardize_data_format(data_format)
    x = convert_to_tensor(x)
    height, width = x.shape[2:] if data_format == "channels_first" else x.shape[1:3]
    return ops.image.resize(
        x,
        (height * int(height_factor), width * int(width_factor)),
        interpolation="nearest" if interpolation == "area" else interpolation,
        data_format=data_format,
    )


def resize_volumes(x, depth_factor, height_factor, width_factor, data_format):
    """Every voxel `depth_factor * height_factor * width_factor` times."""
    first = 2 if config.standardize_data_format(data_format) == "channels_first" else 1
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), first):
        x = ops.repeat(x, factor, axis=axis)
    return x
