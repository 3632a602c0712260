"""keras.ops.image: images as tensors (height, width, channels), alone or in batches."""

import functools
import itertools

import numpy as np

from fastkeras.engine import cast, config, convert_to_tensor, op
from fastkeras.ops._arithmetic import abs, clip, floor, mod, round
from fastkeras.ops._common import floating
from fastkeras.ops._comparison import where
from fastkeras.ops._convolution import conv
from fastkeras.ops._indexing import take
from fastkeras.ops._joining import split, stack
from fastkeras.ops._shapes import expand_dims, pad, reshape, squeeze, transpose
from fastkeras.ops.core import saturate_cast
from fastkeras.ops.core import slice as cut

__all__ = [
    "affine_transform",
    "crop_images",
    "extract_patches",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
]

_FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
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


def _image(images, data_format):
    """(tensor, axis of the rows): the columns' axis is the next one."""
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={data_format}"
        )
    images = convert_to_tensor(images)
    if len(images.shape) not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). Received input with "
            f"shape: images.shape={images.shape}"
        )
    return images, len(images.shape) - (3 if data_format == "channels_last" else 2)


def _channels(images, data_format):
    images, rows = _image(images, data_format)
    return images, len(images.shape) - 1 if rows == len(images.shape) - 3 else len(images.shape) - 3


@op
def rgb_to_grayscale(images, data_format=None):
    """0.2989 R + 0.587 G + 0.114 B; images of one channel as they are.

    >>> import fastkeras as keras
    >>> keras.ops.image.rgb_to_grayscale(keras.ops.ones((2, 2, 3))).shape
    (2, 2, 1)
    """
    images, axis = _channels(images, data_format)
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
    images, axis = _channels(images, data_format)
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
    hue = where(reach > 0, hue, 0.0) + where(hue < 0.0, 1.0, 0.0)
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


# --- resizing ---


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
    images, rows = _image(images, data_format)
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


def _window(images, rows, starts, sizes):
    """The part of the images from `starts` on, `sizes` large."""
    first, shape = [0] * len(images.shape), list(images.shape)
    first[rows : rows + 2], shape[rows : rows + 2] = starts, sizes
    return cut(images, first, shape)


def _crop_to(images, rows, size):
    full = images.shape[rows : rows + 2]
    sizes = [max(min(n, m), 1) for n, m in zip(full, _fitting(images, rows, size), strict=True)]
    return _window(images, rows, [(n - m) // 2 for n, m in zip(full, sizes, strict=True)], sizes)


def _pad_to(images, rows, size, fill_value):
    full = images.shape[rows : rows + 2]
    borders = [(max(n, m) - n) // 2 for n, m in zip(full, _fitting(images, rows, size), strict=True)]
    widths = [(0, 0)] * len(images.shape)
    widths[rows : rows + 2] = [(n, n) for n in borders]
    return pad(images, widths, constant_values=fill_value)


# --- sampling at coordinates ---


def _round(x):
    """Halves away from zero."""
    return where(x < 0, -floor(0.5 - x), floor(x + 0.5))


def _mirrored(index, size):
    reach = size - 1
    return abs((index + reach) % (2 * reach) - reach) if reach else index * 0


_INSIDE = {
    "constant": lambda index, size: clip(index, 0, size - 1),
    "nearest": lambda index, size: clip(index, 0, size - 1),
    "wrap": lambda index, size: index % size,
    "mirror": _mirrored,
    "reflect": lambda index, size: (_mirrored(2 * index + 1, 2 * size + 1) - 1) // 2,
}


def _sample(x, sizes, coordinates, order, fill_mode, fill_value):
    """Rows of `x` at coordinates, one tensor for each of `sizes`, whose product is the number of rows of an image.

    `x` is (images, rows, channels), a coordinate (images, ...); the result is (images, ..., channels).
    """
    count, rows, channels = x.shape
    flat = reshape(x, (count * rows, channels))
    start = reshape(
        convert_to_tensor(np.arange(count, dtype="int32") * rows), (count, *(1,) * (coordinates[0].ndim - 1))
    )
    choices = []  # for each dimension: (index, weight) pairs
    for at in coordinates:
        if order == 0:
            choices.append([(cast(_round(at), "int32"), None)])
        else:
            low = floor(at)
            index, share = cast(low, "int32"), at - low
            choices.append([(index, 1 - share), (index + 1, share)])
    total = None
    for corner in itertools.product(*choices):
        place, valid, weight = start, None, None
        for (index, share), size, stride in zip(corner, sizes, _strides(sizes), strict=True):
            place = place + _INSIDE[fill_mode](index, size) * stride
            if fill_mode == "constant":
                inside = (index >= 0) & (index < size)
                valid = inside if valid is None else valid & inside
            if share is not None:
                weight = share if weight is None else weight * share
        part = take(flat, place, axis=0)
        if valid is not None:
            part = where(expand_dims(valid, -1), part, cast(fill_value, part.dtype))
        if weight is not None:
            part = part * expand_dims(weight, -1)
        total = part if total is None else total + part
    return total


def _strides(sizes):
    return [int(np.prod(sizes[i + 1 :], dtype=int)) for i in range(len(sizes))]


def _check_fill(fill_mode):
    if fill_mode not in _FILL_MODES:
        raise ValueError(
            f"Invalid value for argument `fill_mode`. Expected of one {set(_FILL_MODES)}. Received: "
            f"fill_mode={fill_mode}"
        )


def _in_floats(compute, x):
    """`compute(x)` in floats, back in the dtype of `x`."""
    result = compute(floating(x))
    return cast(result if "float" in x.dtype else _round(result), x.dtype)


@op
def affine_transform(images, transform, interpolation="bilinear", fill_mode="constant", fill_value=0, data_format=None):
    """Pixel (x, y) of the result is the images' pixel (a0 x + a1 y + a2, b0 x + b1 y + b2), x along the width.

    Args:
        images: (height, width, channels) or a batch of them.
        transform: the eight numbers a0, a1, a2, b0, b1, b2, c0, c1, or a row of them for each image; c0 and c1 are 0.
        interpolation: `"nearest"` or `"bilinear"`.
        fill_mode: beyond the border `"constant"` (`fill_value`), `"nearest"`, `"wrap"`, `"mirror"` or `"reflect"`.

    Raises:
        ValueError: for other modes and ranks.

    >>> import fastkeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(4.0), (1, 4, 1))
    >>> keras.ops.image.affine_transform(x, keras.ops.array([1.0, 0, 1, 0, 1, 0, 0, 0])).numpy().ravel().tolist()
    [1.0, 2.0, 3.0, 0.0]
    """
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            "Invalid value for argument `interpolation`. Expected of one {'nearest', 'bilinear'}. Received: "
            f"interpolation={interpolation}"
        )
    _check_fill(fill_mode)
    images, rows = _image(images, data_format)
    transform = floating(convert_to_tensor(transform))
    if len(transform.shape) not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms). Received "
            f"input with shape: transform.shape={transform.shape}"
        )
    single, first = len(images.shape) == 3, rows == len(images.shape) - 2
    x = expand_dims(images, 0) if single else images
    x = transpose(x, (0, 2, 3, 1)) if first else x
    transform = expand_dims(transform, 0) if len(transform.shape) == 1 else transform
    count, height, width, channels = x.shape
    a0, a1, a2, b0, b1, b2 = (reshape(transform[:, i], (-1, 1, 1)) for i in range(6))
    down = convert_to_tensor(np.arange(height).reshape(1, height, 1), dtype=transform.dtype)
    right = convert_to_tensor(np.arange(width).reshape(1, 1, width), dtype=transform.dtype)
    coordinates = [b0 * right + b1 * down + b2, a0 * right + a1 * down + a2]

    def sample(x):
        x = reshape(x, (count, height * width, channels))
        order = 0 if interpolation == "nearest" else 1
        return _sample(x, (height, width), coordinates, order, fill_mode, fill_value)

    y = _in_floats(sample, x)
    y = transpose(y, (0, 3, 1, 2)) if first else y
    return squeeze(y, 0) if single else y


@op
def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0):
    """`inputs` at `coordinates`: the result has the shape `coordinates.shape[1:]`.

    Args:
        coordinates: first axis as long as `inputs` has dimensions.
        order: 0 takes the nearest value, 1 interpolates.
        fill_mode: as in `affine_transform`.

    Raises:
        ValueError: for other orders, modes and shapes.

    >>> import fastkeras as keras
    >>> keras.ops.image.map_coordinates(keras.ops.array([0.0, 10.0]), [[0.25, 1.0]], order=1).numpy().tolist()
    [2.5, 10.0]
    """
    inputs, coordinates = convert_to_tensor(inputs), floating(convert_to_tensor(coordinates))
    if coordinates.shape[0] != len(inputs.shape):
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. Received inputs with shape: "
            f"{inputs.shape} and coordinate leading dim of {coordinates.shape[0]}"
        )
    if len(coordinates.shape) < 2:
        raise ValueError(
            f"Invalid coordinates rank: expected at least rank 2. Received input with shape: {coordinates.shape}"
        )
    _check_fill(fill_mode)
    if order not in (0, 1):
        raise ValueError(f"Invalid value for argument `order`. Expected one of [0, 1]. Received: order={order}")
    places = [expand_dims(coordinates[i], 0) for i in range(coordinates.shape[0])]

    def sample(x):
        found = _sample(reshape(x, (1, -1, 1)), inputs.shape, places, order, fill_mode, fill_value)
        return reshape(found, coordinates.shape[1:])

    return _in_floats(sample, inputs)


# --- borders and parts ---


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
    images, rows = _image(images, data_format)
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
    images, rows = _image(images, data_format)
    height, width = images.shape[rows : rows + 2]
    names = ("top_cropping", "bottom_cropping", "target_height"), ("left_cropping", "right_cropping", "target_width")
    top, _, new_height = _sides(height, top_cropping, bottom_cropping, target_height, names[0], "crop")
    left, _, new_width = _sides(width, left_cropping, right_cropping, target_width, names[1], "crop")
    return _window(images, rows, (top, left), (new_height, new_width))


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
    images, rows = _image(images, data_format)
    height, width = (size, size) if isinstance(size, int) else size
    strides = (height, width) if strides is None else strides
    single, last = len(images.shape) == 3, rows == len(images.shape) - 3
    x = expand_dims(images, 0) if single else images
    x = x if last else transpose(x, (0, 2, 3, 1))
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
    y = cast(y, images.dtype)
    y = y if last else transpose(y, (0, 3, 1, 2))
    return squeeze(y, 0) if single else y
