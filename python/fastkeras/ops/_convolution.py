"""Convolution and pooling of images, `(batch, spatial..., channels)` or channels first."""

from fastkeras.engine import config, op, primitive
from fastkeras.ops._common import floating, floating_together
from fastkeras.ops._shapes import repeat, reshape, transpose

_conv, _depthwise_conv = primitive("conv"), primitive("depthwise_conv")
_conv_input_grad = primitive("conv_input_grad")
_max_pool, _average_pool = primitive("max_pool"), primitive("average_pool")


def per_axis(value, rank):
    """One number for all spatial axes, or one each."""
    return [int(value)] * rank if isinstance(value, int) else [int(v) for v in value]


def channels_last(x, data_format):
    return x if data_format == "channels_last" else transpose(x, (0, *range(2, x.ndim), 1))


def as_given(y, data_format):
    return y if data_format == "channels_last" else transpose(y, (0, y.ndim - 1, *range(1, y.ndim - 1)))


def _same(size, window, stride):
    """Zeros before and after an axis so that every stride-th element has a window; the odd one goes after."""
    missing = max((-(-size // stride) - 1) * stride + window - size, 0)
    return [missing // 2, missing - missing // 2]


def _pads(shape, kernel, strides, padding, dilation, describe):
    """Zeros before and after each spatial axis.

    Raises:
        ValueError: where the output would be empty, and for an unknown padding.
    """
    windows = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if padding == "same":
        return [n for size in zip(shape, windows, strides, strict=True) for n in _same(*size)]
    if padding == "causal" and len(windows) == 1:
        return [n for w in windows for n in (w - 1, 0)]
    if padding != "valid":
        raise ValueError(f"`padding` must be either `'valid'` or `'same'`. Received {padding}.")
    if any(size - window < 0 for size, window in zip(shape, windows, strict=True)):
        raise ValueError(f"Computed output size would be zero or negative. Received {describe()}")
    return [0] * (2 * len(windows))


def geometry(x, kernel, strides, padding, dilation_rate):
    """The attributes of a convolution of channels-last images."""
    rank = x.ndim - 2
    if kernel.ndim != x.ndim:
        raise ValueError(
            "Kernel shape must have the same length as input, but received "
            f"kernel of shape {kernel.shape} and input of shape {x.shape}."
        )
    strides, dilation = per_axis(strides, rank), per_axis(dilation_rate, rank)
    if len(dilation) != rank:
        raise ValueError(
            "Dilation must be None, scalar or tuple/list of length of inputs' spatial shape, but received "
            f"`dilation_rate={dilation_rate}` and input of shape {x.shape}."
        )

    def describe():
        return (
            f"`inputs shape={x.shape}`, `kernel shape={kernel.shape}`, `dilation_rate={dilation}`, "
            f"`strides={strides}`, `padding={padding}`."
        )

    pads = _pads(x.shape[1:-1], kernel.shape[:-2], strides, padding, dilation, describe)
    return {"strides": strides, "dilation": dilation, "pads": pads}


def _check_channels(x, kernel, axis, data_format):
    if x.shape[-1] != kernel.shape[axis]:
        raise ValueError(
            "The number of input channels must match the kernel's input channels. Received: "
            f"input channels={x.shape[-1]}, kernel input channels={kernel.shape[axis]}, data_format='{data_format}'."
        )


def _each_channel(x, kernel, sides):
    """Convolution of every channel alone with a kernel (spatial..., 1, filters) or (spatial..., channels, multiplier).

    Several filters of a channel meet as many copies of it, since vectors lie along channels: 4x28x28x16 with two each
    1.7 -> 0.19 ms on Zen 4, in groups 0.31; 4x28x28x96 with one, 7x7 taps, in groups 23 ms instead of 1.2.
    """
    filters = kernel.shape[-2] * kernel.shape[-1]
    if 0 < x.shape[-1] < filters:
        x = repeat(x, filters // x.shape[-1], axis=-1)
    channels = x.shape[-1]
    return _depthwise_conv(x, reshape(kernel, (*kernel.shape[:-2], channels, filters // max(channels, 1))), **sides)


@op
def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution over one to three spatial axes.

    Args:
        inputs: `(batch, spatial..., channels)`, or `(batch, channels, spatial...)` with "channels_first".
        kernel: `(spatial..., channels / groups, filters)`: fewer channels than the inputs have mean groups.
        strides, dilation_rate: one int, or one per spatial axis.
        padding: "valid", or "same": zeros around, so that stride 1 keeps the size. Any case.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` by default.

    Raises:
        ValueError: when the channels do not fit, or the kernel is larger than the inputs.

    >>> import fastkeras as keras
    >>> keras.ops.conv(keras.ops.ones((1, 4, 4, 2)), keras.ops.ones((3, 3, 2, 5))).shape
    (1, 2, 2, 5)
    """
    data_format = config.standardize_data_format(data_format)
    x, kernel = floating_together(inputs, kernel)
    x = channels_last(x, data_format)
    channels, own = x.shape[-1], kernel.shape[-2]
    if channels % max(own, 1) > 0 or (own == 0) != (channels == 0):
        raise ValueError(
            "The number of input channels must be evenly divisible by kernel's in_channels. "
            f"Received input channels {channels} and kernel in_channels {own}. "
        )
    groups = channels // own if own else 1
    if kernel.shape[-1] % groups:
        raise ValueError(
            "The number of filters must be evenly divisible by the number of groups. "
            f"Received: groups={groups}, filters={kernel.shape[-1]}."
        )
    sides = geometry(x, kernel, strides, padding.lower(), dilation_rate)
    if 1 < groups == channels:
        y = _each_channel(x, kernel, sides)
    else:
        y = _conv(x, kernel, groups=groups, **sides)
    return as_given(y, data_format)


@op
def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution of every channel alone, with the `multiplier` kernels that it has.

    Args:
        kernel: `(spatial..., channels, multiplier)`.

    The other arguments are those of `conv`. The result has `channels * multiplier` channels.

    >>> import fastkeras as keras
    >>> keras.ops.depthwise_conv(keras.ops.ones((1, 4, 4, 2)), keras.ops.ones((3, 3, 2, 1))).shape
    (1, 2, 2, 2)
    """
    data_format = config.standardize_data_format(data_format)
    x, kernel = floating_together(inputs, kernel)
    x = channels_last(x, data_format)
    _check_channels(x, kernel, -2, data_format)
    y = _each_channel(x, kernel, geometry(x, kernel, strides, padding.lower(), dilation_rate))
    return as_given(y, data_format)


@op
def separable_conv(
    inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """`depthwise_conv`, then a `conv` with a kernel of one pixel.

    Args:
        depthwise_kernel: `(spatial..., channels, multiplier)`.
        pointwise_kernel: `(1..., channels * multiplier, filters)`.

    >>> import fastkeras as keras
    >>> ones = keras.ops.ones
    >>> keras.ops.separable_conv(ones((1, 4, 4, 2)), ones((3, 3, 2, 1)), ones((1, 1, 2, 6))).shape
    (1, 2, 2, 6)
    """
    data_format = config.standardize_data_format(data_format)
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format)


def transposed_size(size, window, stride, padding, output_padding):
    """Of one axis of a transposed convolution: the output's size, and the zeros before and after it that a convolution
    back to `size` has.

    >>> import fastkeras as keras
    >>> keras.ops.nn.transposed_size(4, window=3, stride=2, padding="same", output_padding=None)
    (8, 0, 1)
    """
    if padding == "valid":
        extra = max(stride - window, 0) if output_padding is None else output_padding
        return (size - 1) * stride + window + extra, 0, 0
    if output_padding is None:
        pads = stride + window - 2
    else:
        pads = window + window % 2 - 2 + output_padding
    left = min(pads // 2 + pads % 2, window - 1)
    return (size - 1) * stride + 2 - window + pads, window - 1 - left, window - 1 - (pads - left)


def _windows(kernel, dilation):
    """The size of a dilated kernel along each spatial axis."""
    return [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]


def _transposed(inputs, kernel, strides, dilation_rate, data_format):
    """The tensors of a transposed convolution, images with their channels last, its strides and its dilation."""
    x, kernel = floating_together(inputs, kernel)
    x = channels_last(x, data_format)
    _check_channels(x, kernel, -1, data_format)
    return x, kernel, per_axis(strides, x.ndim - 2), per_axis(dilation_rate, x.ndim - 2)


@op
def conv_transpose(inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1):
    """The transpose of `conv`: every input element adds the kernel, times itself, to the output.

    Args:
        inputs: `(batch, spatial..., channels)`.
        kernel: `(spatial..., filters, channels)`.
        output_padding: rows that the output has beyond the least; one int, or one per spatial axis.

    The other arguments are those of `conv`. With "same" and no `output_padding` the output is `strides` times as large.

    >>> import fastkeras as keras
    >>> x, kernel = keras.ops.ones((1, 4, 4, 2)), keras.ops.ones((3, 3, 5, 2))
    >>> keras.ops.conv_transpose(x, kernel, strides=2, padding="same").shape
    (1, 8, 8, 5)
    """
    data_format, padding = config.standardize_data_format(data_format), padding.lower()
    if padding not in ("valid", "same"):
        raise ValueError(f"The `padding` argument must be one of 'valid', 'same'. Received: padding={padding}")
    x, kernel, strides, dilation = _transposed(inputs, kernel, strides, dilation_rate, data_format)
    more = [None] * len(strides) if output_padding is None else per_axis(output_padding, len(strides))
    windows = _windows(kernel, dilation)
    sizes = [
        transposed_size(*axis[:3], padding, axis[3]) for axis in zip(x.shape[1:-1], windows, strides, more, strict=True)
    ]
    # A pad below zero, of zeros beyond what the inputs reach, is a longer output without that pad.
    y = _conv_input_grad(
        x,
        kernel,
        strides=strides,
        dilation=dilation,
        pads=[max(n, 0) for _, before, after in sizes for n in (before, after)],
        groups=1,
        shape=[max(size, 0) for size, _, _ in sizes],
    )
    return as_given(y, data_format)


@op
def conv_transpose_to(inputs, kernel, output_shape, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """`conv_transpose` to images of `output_shape`: a `conv` with the same arguments brings that shape to the inputs'.

    Args:
        output_shape: a whole shape; the batch size may be None.

    Raises:
        ValueError: when such a `conv` gives another shape than that of the inputs.

    >>> import fastkeras as keras
    >>> x, kernel = keras.ops.ones((1, 2, 2, 2)), keras.ops.ones((3, 3, 5, 2))
    >>> keras.ops.nn.conv_transpose_to(x, kernel, (None, 6, 5, 5), strides=2).shape
    (1, 6, 5, 5)
    """
    data_format, padding = config.standardize_data_format(data_format), padding.lower()
    x, kernel, strides, dilation = _transposed(inputs, kernel, strides, dilation_rate, data_format)
    sizes = [int(n) for n in (output_shape[2:] if data_format == "channels_first" else output_shape[1:-1])]
    windows = _windows(kernel, dilation)
    pads = _pads(sizes, windows, strides, padding, [1] * len(sizes), lambda: f"output_shape={output_shape}")
    padded = [n + before + after for n, before, after in zip(sizes, pads[::2], pads[1::2], strict=True)]
    made = [(n - window) // stride + 1 for n, window, stride in zip(padded, windows, strides, strict=True)]
    batch, filters = output_shape[0], output_shape[1 if data_format == "channels_first" else -1]
    if (made, filters) != (list(x.shape[1:-1]), kernel.shape[-2]) or batch not in (None, x.shape[0]):
        raise ValueError(
            f"[conv_transpose] a convolution of `output_shape` must have the shape of the inputs. Received: "
            f"output_shape={output_shape}, inputs.shape={inputs.shape}, kernel.shape={kernel.shape}, "
            f"strides={strides}, padding={padding}"
        )
    y = _conv_input_grad(x, kernel, strides=strides, dilation=dilation, pads=pads, groups=1, shape=sizes)
    return as_given(y, data_format)


def _pooling(primitive_op, inputs, pool_size, strides, padding, data_format):
    data_format = config.standardize_data_format(data_format)
    x = channels_last(floating(inputs), data_format)
    size = per_axis(pool_size, x.ndim - 2)
    strides = size if strides is None else per_axis(strides, x.ndim - 2)
    if padding not in ("valid", "same"):
        raise ValueError(f"Invalid padding '{padding}', must be 'same' or 'valid'.")

    def describe():
        return f"`inputs.shape={x.shape}`, `pool_size={size}`, `strides={strides}`, `padding={padding}`."

    pads = _pads(x.shape[1:-1], size, strides, padding, [1] * len(size), describe)
    return as_given(primitive_op(x, size=size, strides=strides, pads=pads), data_format)


@op
def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The greatest element of every window, channel by channel.

    Args:
        inputs: `(batch, spatial..., channels)`, or channels first.
        pool_size, strides: one int, or one per spatial axis; strides are `pool_size` by default.
        padding: "valid", or "same": as many windows as strides fit into the size; they end at the border.
        data_format: "channels_last" or "channels_first".

    >>> import fastkeras as keras
    >>> keras.ops.max_pool(keras.ops.array([[[1.0], [3.0], [2.0], [0.0]]]), 2).numpy().ravel().tolist()
    [3.0, 2.0]
    """
    return _pooling(_max_pool, inputs, pool_size, strides, padding.lower(), data_format)


@op
def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The mean of every window, channel by channel, over those elements that lie in the inputs.

    The arguments are those of `max_pool`.

    >>> import fastkeras as keras
    >>> keras.ops.average_pool(keras.ops.array([[[1.0], [3.0], [2.0]]]), 2, padding="same").numpy().ravel().tolist()
    [2.0, 2.0]
    """
    return _pooling(_average_pool, inputs, pool_size, strides, padding.lower(), data_format)
