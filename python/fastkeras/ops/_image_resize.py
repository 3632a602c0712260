"""Images of another size."""

import functools

import numpy as np

from fastkeras.engine import cast, convert_to_tensor, op
from fastkeras.ops import numpy as ops
from fastkeras.ops._arithmetic import round
from fastkeras.ops._common import floating
from fastkeras.ops._image_layout import image_of, window
from fastkeras.ops._indexing import take
from fastkeras.ops._products import tensordot
from fastkeras.ops._shapes import moveaxis, pad
from fastkeras.ops.core import saturate_cast

# Weight of a pixel at distance x from the place that is asked for, and the distance from which it is 0; m computes:
# NumPy, or ops where x may have no value yet.
_KERNELS = {
    "bilinear": (lambda x, m: m.maximum(0, 1 - x), 1),
    "bicubic": (
        lambda x, m: m.where(x <= 1, (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2) * (x < 2),
        2,
    ),
    "lanczos3": (lambda x, m: m.sinc(x) * m.sinc(x / 3) * (x < 3), 3),
    "lanczos5": (lambda x, m: m.sinc(x) * m.sinc(x / 5) * (x < 5), 5),
}
_METHODS = {  # of scale_and_translate
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), "bilinear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "bicubic"),
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}
_LEAST_TOTAL = 1000 * float(np.finfo("float32").eps)  # of the weights of a pixel that is not 0


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
    weights = kernel(np.abs(indices - place) / stretch, np) * ((indices >= 0) & (indices < size))
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


def _shares(size, wanted, scale, translation, method, antialias):
    """(size, wanted): how much of each pixel is in each pixel of a scaled and moved axis."""
    step = 1.0 / scale
    place = (np.arange(wanted, dtype="float32") + 0.5) * step - translation * step - 0.5
    stretch = ops.maximum(step, 1.0) if antialias else 1.0
    distance = ops.abs(place - np.arange(size, dtype="float32")[:, None]) / stretch
    kernel, _ = _KERNELS[_METHODS[method]]
    weights = kernel(distance, ops)
    total = ops.sum(weights, axis=0)
    seen = (place >= -0.5) & (place <= size - 0.5) & (ops.abs(total) > _LEAST_TOTAL)
    return ops.where(seen, weights / ops.where(seen, total, 1.0), 0.0)


@op
def scale_and_translate(images, output_shape, scale, translation, spatial_dims, method, antialias=True):
    """Images scaled and moved along some axes: what is at x comes to x * scale + translation, pixel i being at i + 0.5.

    Pixels of the result whose place lies outside the images are 0.

    Args:
        images: any tensor; integers become floats.
        output_shape: shape of the result; along the other axes it is that of `images`.
        scale, translation: (axes,), one number for each of `spatial_dims`; gradients flow to both.
        spatial_dims: the axes.
        method: `"linear"` (or `"bilinear"`, `"trilinear"`, `"triangle"`), `"cubic"` (or `"bicubic"`, `"tricubic"`),
            `"lanczos3"` or `"lanczos5"`.
        antialias: take all pixels into account where the images become smaller.

    Raises:
        ValueError: for other methods, and where the lengths of the arguments do not fit.

    >>> import fastkeras as keras
    >>> x = keras.ops.array([0.0, 1.0, 2.0])
    >>> y = keras.ops.image.scale_and_translate(x, (5,), [2.0], [-0.5], (0,), "linear")
    >>> y.numpy().tolist()
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    if method not in _METHODS:
        raise ValueError(
            f"Invalid value for argument `method`. Expected of one {set(_METHODS)}. Received: method={method}"
        )
    images, scale, translation = floating(images), floating(scale), floating(translation)
    if len(output_shape) != images.ndim:
        raise ValueError(
            "shape must have length equal to the number of dimensions of x. "
            f"Received: output_shape={output_shape}, images.shape={images.shape}"
        )
    if scale.shape != (len(spatial_dims),) or translation.shape != scale.shape:
        raise ValueError(
            "[scale_and_translate] scale and translation must have one number for each of spatial_dims. Received: "
            f"scale.shape={scale.shape}, translation.shape={translation.shape}, spatial_dims={spatial_dims}"
        )
    for i, axis in enumerate(spatial_dims):
        size, wanted = images.shape[axis], int(output_shape[axis])
        shares = _shares(size, wanted, scale[i], translation[i], method, bool(antialias))
        images = moveaxis(tensordot(images, cast(shares, images.dtype), axes=[[axis], [0]]), -1, axis)
    return images
