"""Images blurred, their edges, and how alike two images are: small kernels moved over every channel."""

import numpy as np

from fastkeras.engine import cast, convert_to_tensor, op
from fastkeras.ops._arithmetic import abs, maximum
from fastkeras.ops._common import floating
from fastkeras.ops._comparison import where
from fastkeras.ops._convolution import depthwise_conv
from fastkeras.ops._image_layout import batched, image_of
from fastkeras.ops._image_sampling import in_floats
from fastkeras.ops._joining import stack
from fastkeras.ops._reductions import mean, sum
from fastkeras.ops._shapes import reshape, squeeze, tile
from fastkeras.ops._transcendental import exp

_SMALLEST_SIGMA = 1e-6  # stands for 0


def bell(size, sigma, reach=None):
    """`size` weights exp(-0.5 (i / sigma)^2) whose sum is 1, i counted from the middle; none beyond `reach`."""
    place = convert_to_tensor(np.arange(size) - (size - 1) / 2, dtype="float32")
    weights = exp(-0.5 * (place / maximum(cast(sigma, "float32"), _SMALLEST_SIGMA)) ** 2)
    if reach is not None:
        weights = where(abs(place) <= reach, weights, 0.0)
    return weights / sum(weights)


def smoothed(x, kernels, padding):
    """Every channel of (batch, height, width, channels) convolved with a kernel along rows, one along columns."""
    for kernel, sides in zip(kernels, ((-1, 1), (1, -1)), strict=True):
        kernel = tile(reshape(cast(kernel, x.dtype), (*sides, 1, 1)), (1, 1, x.shape[-1], 1))
        x = depthwise_conv(x, kernel, padding=padding, data_format="channels_last")
    return x


@op
def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """Images blurred by a Gaussian, with zeros around them.

    Args:
        images: (height, width, channels) or a batch of them; channels first as `data_format` says.
        kernel_size: pixels of the kernel along the width and along the height, in this order, as in Keras.
        sigma: standard deviations along the width and along the height.

    Raises:
        ValueError: for other ranks.

    >>> import fastkeras as keras
    >>> x = keras.ops.reshape(keras.ops.array([0.0, 0.0, 1.0, 0.0, 0.0]), (1, 5, 1))
    >>> keras.ops.image.gaussian_blur(x, (3, 1)).numpy().ravel().round(3).tolist()
    [0.0, 0.27399998903274536, 0.4519999921321869, 0.27399998903274536, 0.0]
    """
    images, rows = image_of(images, data_format)
    x, back = batched(images, rows)
    kernels = [bell(kernel_size[i], sigma[i]) for i in (1, 0)]
    return back(in_floats(lambda x: smoothed(x, kernels, "same"), x))


_DOWN = np.outer([-1, 0, 1], [1, 2, 1])
_SOBEL = np.stack([_DOWN, _DOWN.T], axis=-1).reshape(3, 3, 1, 2)


@op
def sobel_edges(images, data_format=None):
    """How fast images become lighter downwards and to the right, by the operator of Sobel, with zeros around them.

    The result has an axis more, `[dy, dx]`, where dy weighs the row below minus the row above with 1, 2, 1.

    Args:
        images: (batch, height, width, channels), or channels first as `data_format` says.

    Raises:
        ValueError: for other ranks, and for images of a dtype without negative numbers.

    >>> import fastkeras as keras
    >>> x = keras.ops.reshape(keras.ops.array([[0.0, 0.0, 1.0]] * 3), (1, 3, 3, 1))
    >>> keras.ops.image.sobel_edges(x)[0, 1, 1, 0].numpy().tolist()
    [0.0, 4.0]
    """
    images = convert_to_tensor(images)
    if images.ndim != 4:
        raise ValueError(
            f"Invalid images rank: expected rank 4 (batch of images). Received: images.shape={images.shape}"
        )
    if images.dtype.startswith(("uint", "bool")):
        raise ValueError(
            f"[sobel_edges] edges have signs, which the dtype of images has not. Received: images.dtype={images.dtype}"
        )
    images, rows = image_of(images, data_format)
    x, back = batched(images, rows)
    kernel = np.tile(_SOBEL, (1, 1, x.shape[-1], 1))
    edges = in_floats(lambda x: depthwise_conv(x, kernel, padding="same", data_format="channels_last"), x)
    return stack([back(edges[..., i::2]) for i in (0, 1)], axis=-1)


@op
def ssim(image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format=None):
    """Structural similarity of two images, or of each pair of two batches: 1 for equal images.

    The mean over all windows of (2 m1 m2 + c1) (2 s12 + c2) / ((m1^2 + m2^2 + c1) (s1^2 + s2^2 + c2)), where m, s^2
    and s12 are means, variances and covariance in a Gaussian window, c1 = (k1 max_val)^2 and c2 = (k2 max_val)^2
    (Wang, Bovik, Sheikh and Simoncelli, 2004). It has the dtype of `image1`.

    Args:
        image1, image2: (height, width, channels) or batches of them, of one shape; channels first as `data_format`
            says.
        max_val: the greatest value that pixels can have.
        filter_size, filter_sigma: of the window.

    Raises:
        ValueError: for other shapes, and images smaller than the window.

    >>> import fastkeras as keras
    >>> x = keras.ops.reshape(keras.ops.arange(16.0) / 16, (4, 4, 1))
    >>> [round(float(keras.ops.image.ssim(x, y, filter_size=3)), 3) for y in (x, 1 - x)]
    [1.0, -0.853]
    """
    image1, rows = image_of(image1, data_format, "image1")
    image2, _ = image_of(image2, data_format, "image2")
    if image1.shape != image2.shape:
        raise ValueError(
            "[ssim] image1 and image2 must have the same shape. "
            f"Received: image1.shape={image1.shape}, image2.shape={image2.shape}"
        )
    x, _ = batched(floating(image1), rows)
    y, _ = batched(cast(image2, x.dtype), rows)
    kernel = bell(filter_size, filter_sigma)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (
        smoothed(z, (kernel, kernel), "valid") for z in (x, y, x * x, y * y, x * y)
    )
    xx, yy, xy = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    alike = (2.0 * xy + c1) * (2.0 * (mean_xy - xy) + c2)
    each = mean(alike / ((xx + yy + c1) * (mean_xx - xx + mean_yy - yy + c2)), axis=(1, 2, 3))
    return cast(each if image1.ndim == 4 else squeeze(each, 0), image1.dtype)
