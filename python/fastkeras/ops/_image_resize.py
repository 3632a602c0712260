"""Images of another size."""

import functools

import numpy as np

from fastkeras.engine import convert_to_tensor, op
from fastkeras.ops._arithmetic import round
from fastkeras.ops._common import floating
from fastkeras.ops._image_layout import image_of, window
from fastkeras.ops._indexing import take
from fastkeras.ops._shapes import pad
from fastkeras.ops.core import saturate_cast

# Weight of a pixel at distance x from the place that is asked for, and the distance from which it is 0.
_KERNELS = {
    "bilinear": (lambda x: np.maximum(0, 1 - x), 1),
    "bicubic": (
        lambda x: np.where(x <= 1, (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2) * (x < 2),
        2,
    ),
    "lanczos3": (lambda x: np.sinc(x) * np.sinc(x / 3) * (x < 3), 3),
    "lanczos5": (lambda x: np.sinc(x) * np.sinc(x / 5) * (x < 5), 5),
}


@functools.lru_cache(64)
def _taps(size, wanted, interpolation, antialias):
    """(indices, weights), both (taps, wanted): pixel i of the result is the sum over t of weights x[indices]."""
    scale = size / wanted
    place = (np.arange(wanted) + 0.5) * scale - 0.5
    if interpolation == "nearest":
        return np.floor((np.arange(wanted) + 0.5) * scale).astype("int32")[None], None
    kernel, support = _KERNELS[interpolation]
    stretch = max(scale, 1) if antialias else 1
    count = int(np.ceil(2 * support * stretch)) + 1
    indices = np.floor(place - support * stretch).astype(int) + np.arange(count + 1)[:, None]
    weights = kernel(np.abs(indices - place) / stretch) * ((indices >= 0) & (indices < size))
    weights = weights / weights.sum(0)
    used = np.abs(weights).max(1) > 0
    return np.clip(indices[used], 0, size - 1).astype("int32"), weights[used]


def _resize_axis(x, axis, wanted, interpolation, antialias):
    indices, weights = _taps(x.shape[axis], wanted, interpolation, antialias)
    if weights is None:
        return take(x, indices[0], axis=axis)
    shape = [1] * len(x.shape)
    shape[axis] = wanted
    total = None
    for index, weight in zip(indices, weights, strict=True):
        part = take(x, index, axis=axis) * convert_to_tensor(weight.reshape(shape), dtype=x.dtype)
        total = part if total is None else total + part
    return total


@op
def resize(
    images,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Images of another size; the centres of pixels are at halves.

    Args:
        images: (height, width, channels) or a batch of them; channels first as `data_format` says.
        size: `(height, width)`.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        antialias: take all pixels into account when the image becomes smaller.
        crop_to_aspect_ratio: cut the middle out in the proportions of `size` first.
        pad_to_aspect_ratio: add borders of `fill_value` in the proportions of `size` first.

    Raises:
        ValueError: for other interpolations, sizes and ranks.

    >>> import fastkeras as keras
    >>> keras.ops.image.resize(keras.ops.ones((4, 4, 3)), (2, 3)).shape
    (2, 3, 3)
    """
    if interpolation not in ("nearest", *_KERNELS):
        raise ValueError(
            "Invalid value for argument `interpolation`. Expected of one "
            f"{('nearest', *_KERNELS)}. Received: interpolation={interpolation}"
        )
    if fill_mode != "constant":
        raise ValueError(
            f"Invalid value for argument `fill_mode`. Only `'constant'` is supported. Received: fill_mode={fill_mode}"
        )
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError("Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.")
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers. Received: size={size}")
    if size[0] <= 0 or size[1] <= 0:
        raise ValueError(f"`size` must have positive height and width. Received: size={size}")
    images, rows = image_of(images, data_format)
    if crop_to_aspect_ratio:
        images = _crop_to(images, rows, size)
    elif pad_to_aspect_ratio:
        images = _pad_to(images, rows, size, fill_value)
    dtype = images.dtype
    if interpolation != "nearest":
        images = floating(images)
    for axis, wanted in zip((rows, rows + 1), size, strict=True):
        if images.shape[axis] != wanted:
            images = _resize_axis(images, axis, int(wanted), interpolation, bool(antialias))
    return images if images.dtype == dtype else saturate_cast(round(images), dtype)


def _fitting(images, rows, size):
    """Height and width of a box in the proportions of `size`: as wide, and as high, as the images."""
    height, width = images.shape[rows : rows + 2]
    return int(width * size[0] / size[1]), int(height * size[1] / size[0])


def _crop_to(images, rows, size):
    full = images.shape[rows : rows + 2]
    sizes = [max(min(n, m), 1) for n, m in zip(full, _fitting(images, rows, size), strict=True)]
    return window(images, rows, [(n - m) // 2 for n, m in zip(full, sizes, strict=True)], sizes)


def _pad_to(images, rows, size, fill_value):
    full = images.shape[rows : rows + 2]
    borders = [(max(n, m) - n) // 2 for n, m in zip(full, _fitting(images, rows, size), strict=True)]
    widths = [(0, 0)] * len(images.shape)
    widths[rows : rows + 2] = [(n, n) for n in borders]
    return pad(images, widths, constant_values=fill_value)
