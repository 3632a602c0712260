"""Blocks of images moved into channels and back: pixel shuffles, and the windows of a convolution as columns."""

import numpy as np

from fastkeras.engine import config, convert_to_tensor, op, primitive
from fastkeras.ops._common import part, prod, slice_of
from fastkeras.ops._joining import stack
from fastkeras.ops._shapes import pad, reshape, transpose

_place = primitive("place")


def _image(x, tag, block_size, data_format):
    """The tensor and the sizes (batch, height, width, channels) in it."""
    if block_size < 2:
        raise ValueError(f"`block_size` must be at least 2. Received: block_size={block_size}")
    x = convert_to_tensor(x)
    if x.ndim != 4:
        raise ValueError(f"`{tag}` requires a 4D input tensor. Received: x.shape={x.shape}")
    first = config.standardize_data_format(data_format) == "channels_first"
    batch, *sizes = x.shape
    height, width, channels = sizes[1:] + sizes[:1] if first else sizes
    return x, first, (batch, height, width, channels)


@op
def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels moved into blocks of pixels, the reverse of `space_to_depth`: (batch, height, width, channels) ->
    (batch, height block_size, width block_size, channels / block_size²).

    Args:
        x: images; with `data_format="channels_first"` (batch, channels, height, width).
        block_size: height and width of a block, at least 2.

    Raises:
        ValueError: for other ranks, a smaller block, channels that do not fill blocks.

    >>> import fastkeras as keras
    >>> keras.ops.depth_to_space([[[[1, 2, 3, 4]]]], 2).numpy().tolist()
    [[[[1], [2]], [[3], [4]]]]
    """
    x, first, (batch, height, width, channels) = _image(x, "depth_to_space", block_size, data_format)
    if channels % block_size**2:
        raise ValueError(
            f"The number of channels must be divisible by block_size**2 ({block_size**2}). Received: x.shape={x.shape}"
        )
    channels, rows, columns = channels // block_size**2, height * block_size, width * block_size
    if first:
        x = transpose(reshape(x, (batch, channels, block_size, block_size, height, width)), (0, 1, 4, 2, 5, 3))
        return reshape(x, (batch, channels, rows, columns))
    x = transpose(reshape(x, (batch, height, width, block_size, block_size, channels)), (0, 1, 3, 2, 4, 5))
    return reshape(x, (batch, rows, columns, channels))


@op
def space_to_depth(x, block_size, data_format="channels_last"):
    """Blocks of pixels moved into the channels: (batch, height, width, channels) -> (batch, height / block_size,
    width / block_size, channels block_size²).

    Args:
        x: images; with `data_format="channels_first"` (batch, channels, height, width).
        block_size: height and width of a block, at least 2.

    Raises:
        ValueError: for other ranks, a smaller block, images that are no whole number of blocks.

    >>> import fastkeras as keras
    >>> keras.ops.space_to_depth([[[[1], [2]], [[3], [4]]]], 2).numpy().tolist()
    [[[[1, 2, 3, 4]]]]
    """
    x, first, (batch, height, width, channels) = _image(x, "space_to_depth", block_size, data_format)
    if height % block_size or width % block_size:
        raise ValueError(
            f"Height and width must be divisible by block_size ({block_size}). Received: x.shape={x.shape}"
        )
    rows, columns, depth = height // block_size, width // block_size, channels * block_size**2
    if first:
        x = transpose(reshape(x, (batch, channels, rows, block_size, columns, block_size)), (0, 1, 3, 5, 2, 4))
        return reshape(x, (batch, depth, rows, columns))
    x = transpose(reshape(x, (batch, rows, block_size, columns, block_size, channels)), (0, 1, 3, 2, 4, 5))
    return reshape(x, (batch, rows, columns, depth))


class _Windows:
    """Where the windows of a convolution lie on images, tap by tap of its kernel."""

    def __init__(self, size, kernel_size, dilation, padding, stride):
        kernel, self.dilation, self.padding, self.stride = map(_pair, (kernel_size, dilation, padding, stride))
        self.taps = list(np.ndindex(*kernel))
        self.padded = [n + 2 * p for n, p in zip(size, self.padding, strict=True)]
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, self.dilation, strict=True)]
        self.counts = [(n - r) // s + 1 for n, r, s in zip(self.padded, reach, self.stride, strict=True)]
        if min(self.counts) < 1:
            raise ValueError(
                f"Windows must fit into the padded images. Received: kernel_size={kernel_size}, dilation={dilation}, "
                f"padding={padding} for images of {tuple(size)}"
            )

    def start(self, tap):
        return [0, 0, *(t * d for t, d in zip(tap, self.dilation, strict=True))]

    step = property(lambda self: [1, 1, *self.stride])


def _pair(x):
    return (x, x) if isinstance(x, int) else tuple(x)


@op
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of a convolution as columns (im2col): (batch, channels, height, width) -> (batch, channels
    kernel_size², windows).

    Args:
        x: images, channels first.
        kernel_size: height and width of a window, or one number for both, as all that follows.
        dilation: distance between the pixels of a window.
        padding: zeros before and after every line.
        stride: distance between windows.

    Raises:
        ValueError: for other ranks, and where no window fits.

    >>> import fastkeras as keras
    >>> keras.ops.unfold([[[[1, 2, 3], [4, 5, 6]]]], kernel_size=2).numpy().tolist()
    [[[1, 2], [2, 3], [4, 5], [5, 6]]]
    """
    x = convert_to_tensor(x)
    if x.ndim != 4:
        raise ValueError(f"Input must be a 4D tensor. Received: input.shape={x.shape}")
    windows = _Windows(x.shape[2:], kernel_size, dilation, padding, stride)
    x = pad(x, [(0, 0), (0, 0), *((p, p) for p in windows.padding)])
    columns = []
    for tap in windows.taps:
        start = windows.start(tap)
        last = [a + (n - 1) * s for a, n, s in zip(start[2:], windows.counts, windows.stride, strict=True)]
        stop = [*x.shape[:2], *(n + 1 for n in last)]
        columns.append(slice_of(x, start=start, stop=stop, step=windows.step))
    return reshape(stack(columns, axis=2), (x.shape[0], x.shape[1] * len(columns), prod(windows.counts)))


@op
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The images whose windows are the columns of `x`, summed where windows overlap (col2im): the reverse of `unfold`,
    (batch, channels kernel_size², windows) -> (batch, channels, height, width).

    Args:
        x: columns.
        output_size: height and width of the images, or one number for both.
        kernel_size, dilation, padding, stride: as of `unfold`.

    Raises:
        ValueError: for other ranks, and where rows or columns of `x` do not fit the windows.

    >>> import fastkeras as keras
    >>> keras.ops.fold([[[1, 2], [2, 3], [4, 5], [5, 6]]], (2, 3), kernel_size=2).numpy().tolist()
    [[[[1, 4, 3], [4, 10, 6]]]]
    """
    x = convert_to_tensor(x)
    if x.ndim != 3:
        raise ValueError(f"Input must be a 3D tensor. Received: input.shape={x.shape}")
    windows = _Windows(_pair(output_size), kernel_size, dilation, padding, stride)
    batch, rows, columns = x.shape
    taps = len(windows.taps)
    if rows % taps or columns != prod(windows.counts):
        raise ValueError(
            f"The input must have a multiple of {taps} rows (the size of the kernel) and {prod(windows.counts)} "
            f"columns, one per window. Received: input.shape={x.shape}"
        )
    x = reshape(x, (batch, rows // taps, taps, *windows.counts))
    shape = [batch, rows // taps, *windows.padded]
    total = 0
    for i, tap in enumerate(windows.taps):
        total = total + _place(x[:, :, i], shape=shape, start=windows.start(tap), step=windows.step, value=0)
    for axis, p in enumerate(windows.padding, 2):
        total = part(total, axis, p, shape[axis] - p)
    return total
