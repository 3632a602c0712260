"""Images read at coordinates that lie between pixels or outside."""

import itertools

import numpy as np

from fastkeras.engine import cast, convert_to_tensor, op
from fastkeras.ops._arithmetic import abs, clip, floor
from fastkeras.ops._common import floating
from fastkeras.ops._comparison import where
from fastkeras.ops._image_layout import batched, image_of
from fastkeras.ops._indexing import take
from fastkeras.ops._shapes import expand_dims, reshape


def _round(x):
    """Halves away from zero."""
    return where(x < 0, -floor(0.5 - x), floor(x + 0.5))


def _mirrored(index, size):
    reach = size - 1
    return abs((index + reach) % (2 * reach) - reach) if reach else index * 0


# For each fill mode: where an index that may lie outside is read.
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
    if fill_mode not in _INSIDE:
        raise ValueError(
            f"Invalid value for argument `fill_mode`. Expected of one {set(_INSIDE)}. Received: fill_mode={fill_mode}"
        )


def in_floats(compute, x):
    """`compute(x)` in floats, back in the dtype of `x`."""
    result = compute(floating(x))
    return cast(result if "float" in x.dtype else _round(result), x.dtype)


def check_modes(interpolation, fill_mode="constant"):
    """ValueError where one of the two is unknown."""
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            "Invalid value for argument `interpolation`. Expected of one {'nearest', 'bilinear'}. Received: "
            f"interpolation={interpolation}"
        )
    _check_fill(fill_mode)


def grid(images, rows, dtype):
    """Row and column of every pixel, `(1, height, 1)` and `(1, 1, width)`."""
    height, width = images.shape[rows : rows + 2]
    down, right = np.arange(height).reshape(1, height, 1), np.arange(width).reshape(1, 1, width)
    return convert_to_tensor(down, dtype=dtype), convert_to_tensor(right, dtype=dtype)


def read_at(coordinates, images, rows, interpolation, fill_mode, fill_value):
    """The images with every pixel read at another place: rows and columns, `(batch or 1, height, width)` each."""
    x, back = batched(images, rows)
    count, height, width, channels = x.shape
    order = 0 if interpolation == "nearest" else 1

    def read(x):
        x = reshape(x, (count, height * width, channels))
        return _sample(x, (height, width), coordinates, order, fill_mode, fill_value)

    return back(in_floats(read, x))


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
    check_modes(interpolation, fill_mode)
    images, rows = image_of(images, data_format)
    transform = floating(convert_to_tensor(transform))
    if len(transform.shape) not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms). Received "
            f"input with shape: transform.shape={transform.shape}"
        )
    transform = expand_dims(transform, 0) if len(transform.shape) == 1 else transform
    a0, a1, a2, b0, b1, b2 = (reshape(transform[:, i], (-1, 1, 1)) for i in range(6))
    down, right = grid(images, rows, transform.dtype)
    coordinates = [b0 * right + b1 * down + b2, a0 * right + a1 * down + a2]
    return read_at(coordinates, images, rows, interpolation, fill_mode, fill_value)


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

    return in_floats(sample, inputs)
