"""Images seen from another side, and images that are bent."""

from fastkeras.engine import cast, convert_to_tensor, op
from fastkeras.ops._creation import ones_like, zeros_like
from fastkeras.ops._image_filters import bell, smoothed
from fastkeras.ops._image_layout import image_of
from fastkeras.ops._image_sampling import check_modes, grid, read_at
from fastkeras.ops._joining import concatenate
from fastkeras.ops._shapes import expand_dims, reshape
from fastkeras.ops.linalg import solve


def _points(name, points):
    points = cast(convert_to_tensor(points), "float32")
    if points.ndim not in (2, 3) or points.shape[-2:] != (4, 2):
        raise ValueError(
            f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. "
            f"Received shape: {points.shape}"
        )
    return points if points.ndim == 3 else expand_dims(points, 0)


def homography(start, end):
    """The eight numbers, `(batch, 8)`, of the projection that takes the points `end` to `start`.

    u = (h0 x + h1 y + h2) / (h6 x + h7 y + 1) is h0 x + h1 y + h2 - u x h6 - u y h7 = u: linear in the numbers, and so
    for v; four points make eight equations.
    """
    plane = concatenate([end, ones_like(end[..., :1])], axis=-1)
    none = zeros_like(plane)
    affine = concatenate([concatenate([plane, none], axis=-1), concatenate([none, plane], axis=-1)], axis=1)
    target = concatenate([start[..., 0], start[..., 1]], axis=1)
    bent = expand_dims(-target, -1) * concatenate([end, end], axis=1)
    return solve(concatenate([affine, bent], axis=-1), target)


@op
def perspective_transform(images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None):
    """Images as a projection of the plane shows them: what is at `start_points` moves to `end_points`.

    Pixel (x, y) of the result is the images' pixel (h0 x + h1 y + h2, h3 x + h4 y + h5) / (h6 x + h7 y + 1), and
    `fill_value` outside; the four pairs of points decide the numbers h.

    Args:
        images: (height, width, channels) or a batch of them; channels first as `data_format` says.
        start_points, end_points: (4, 2), four points (x, y) for all images, or (batch, 4, 2).
        interpolation: `"nearest"` or `"bilinear"`.

    Raises:
        ValueError: for other shapes and interpolations, and for points of which three lie on a line (NaN in a
            compiled function).

    >>> import fastkeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(4.0), (2, 2, 1))
    >>> corners = [[0, 0], [1, 0], [0, 1], [1, 1]]
    >>> turned = [[1, 0], [1, 1], [0, 0], [0, 1]]
    >>> keras.ops.image.perspective_transform(x, corners, turned, interpolation="nearest").numpy()[..., 0].tolist()
    [[2.0, 0.0], [3.0, 1.0]]
    """
    check_modes(interpolation)
    images, rows = image_of(images, data_format)
    start, end = _points("start_points", start_points), _points("end_points", end_points)
    if start.shape != end.shape:
        raise ValueError(
            "start_points and end_points must have the same shape. "
            f"Received start_points.shape={start.shape}, end_points.shape={end.shape}"
        )
    numbers = homography(start, end)
    h = [reshape(numbers[:, i], (-1, 1, 1)) for i in range(8)]
    down, right = grid(images, rows, "float32")
    depth = h[6] * right + h[7] * down + 1.0
    coordinates = [(h[i] * right + h[i + 1] * down + h[i + 2]) / depth for i in (3, 0)]
    return read_at(coordinates, images, rows, interpolation, "constant", fill_value)


@op
def elastic_transform(
    images,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    """Images bent like rubber: every pixel is read `alpha` times a smooth random field away.

    The field is normal noise of deviation `sigma`, down and to the right on their own, blurred by a Gaussian of
    deviation `sigma` that is cut off at three deviations (Simard, Steinkraus and Platt, 2003).

    Args:
        images: (height, width, channels) or a batch of them; channels first as `data_format` says.
        alpha: how far pixels move.
        sigma: how smooth the field is.
        interpolation: `"nearest"` or `"bilinear"`.
        fill_mode, fill_value: beyond the border, as in `affine_transform`.
        seed: int, `SeedGenerator` or None.

    Raises:
        ValueError: for other modes and ranks.

    >>> import fastkeras as keras
    >>> keras.ops.image.elastic_transform(keras.ops.ones((8, 8, 3)), seed=1).shape
    (8, 8, 3)
    """
    return bent(images, alpha, sigma, sigma, interpolation, fill_mode, fill_value, seed, data_format)


def bent(images, alpha, sigma, largest_sigma, interpolation, fill_mode, fill_value, seed, data_format):
    """`elastic_transform` for a `sigma` that may have no value yet, and is at most `largest_sigma`."""
    from fastkeras import random  # made of ops: it can only be met at call time

    check_modes(interpolation, fill_mode)
    images, rows = image_of(images, data_format)
    count = images.shape[0] if images.ndim == 4 else 1
    noise = random.normal((count, *images.shape[rows : rows + 2], 2), dtype="float32", seed=seed)
    sigma = cast(sigma, "float32")
    kernel = bell(int(6 * float(largest_sigma)) | 1, sigma, reach=3 * sigma)
    move = cast(alpha, "float32") * smoothed(noise * sigma, (kernel, kernel), "same")
    coordinates = [at + move[..., i] for i, at in enumerate(grid(images, rows, "float32"))]
    return read_at(coordinates, images, rows, interpolation, fill_mode, fill_value)
