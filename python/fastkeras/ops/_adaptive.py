"""Adaptive pooling: images of any size to a size that is given."""

import numpy as np

from fastkeras.engine import config, op, primitive
from fastkeras.ops._common import floating, integer_constant
from fastkeras.ops._convolution import as_given, channels_last, per_axis

_max_pool, _average_pool = primitive("max_pool"), primitive("average_pool")
_concatenate, _take = primitive("concatenate"), primitive("take")


def _pooled(pool, inputs, output_size, data_format):
    data_format = config.standardize_data_format(data_format)
    inputs = floating(inputs)
    x = channels_last(inputs, data_format)
    sizes = per_axis(output_size, x.ndim - 2)
    if x.ndim not in (3, 4, 5) or len(sizes) != x.ndim - 2 or min(sizes) < 1 or 0 in x.shape[1:-1]:
        raise ValueError(
            "Adaptive pooling supports only 1D/2D/3D inputs with elements, and one positive `output_size` per axis. "
            f"Received: inputs.shape={inputs.shape}, output_size={output_size}"
        )
    for axis, count in enumerate(sizes, 1):
        x = _pooled_along(pool, x, axis, count)
    return as_given(x, data_format)


def _pooled_along(pool, x, axis, count):
    rank, n = x.ndim - 2, x.shape[axis]

    def windows(size, stride):
        sizes, strides = [1] * rank, [1] * rank
        sizes[axis - 1], strides[axis - 1] = size, stride
        return pool(x, size=sizes, strides=strides, pads=[0] * (2 * rank))

    small = -(-n // count)
    if n % count == 0:
        return windows(small, small)
    # The windows are `small`, or one longer: they are picked from all windows of these two sizes.
    i = np.arange(count)
    starts = i * n // count
    longer = -(-(i + 1) * n // count) - starts > small
    every = windows(small, 1)
    if longer.any():
        starts = np.where(longer, starts + every.shape[axis], starts)
        every = _concatenate(every, windows(small + 1, 1), axis=axis)
    return _take(every, integer_constant(starts), axis=axis)


@op
def adaptive_average_pool(inputs, output_size, data_format=None):
    """The means of `output_size` windows along each spatial axis: inputs of any size become outputs of that size.

    Window i of m along n elements goes from `floor(i n / m)` to `ceil((i + 1) n / m)`, without it.

    Args:
        inputs: `(batch, spatial..., channels)`, or channels first.
        output_size: one int, or one per spatial axis.
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: for inputs that are empty or have other than one to three spatial axes, and for other sizes.

    >>> import fastkeras as keras
    >>> keras.ops.adaptive_average_pool(keras.ops.array([[[1.0], [3.0], [2.0]]]), 2).numpy().ravel().tolist()
    [2.0, 2.5]
    """
    return _pooled(_average_pool, inputs, output_size, data_format)


@op
def adaptive_max_pool(inputs, output_size, data_format=None):
    """The greatest elements of the windows of `adaptive_average_pool`; the arguments are the same.

    >>> import fastkeras as keras
    >>> keras.ops.adaptive_max_pool(keras.ops.array([[[1.0], [3.0], [2.0]]]), 2).numpy().ravel().tolist()
    [3.0, 3.0]
    """
    return _pooled(_max_pool, inputs, output_size, data_format)
