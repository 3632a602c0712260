"""Floats that are rounded to fewer numbers and stay floats."""

from fastkeras import ops
from fastkeras.engine import config, convert_to_tensor, op


@op
def fake_quant_with_min_max_vars(inputs, min_vals, max_vals, num_bits=8, narrow_range=False, axis=None):
    """Rounds `inputs` to 2^num_bits evenly spaced numbers between `min_vals` and `max_vals`, one of which is zero.

    Args:
        inputs: floats.
        min_vals, max_vals: the ends, scalars or one per channel; they are shifted a little so that zero is met.
        num_bits: the number of bits.
        narrow_range: leave out the lowest number?
        axis: the axis of the channels; None: there is one.

    Gradients go to `inputs` between the ends, and to the ends for what lies outside of them.

    >>> import fastkeras as keras
    >>> keras.quantizers.fake_quant_with_min_max_vars([-1.0, 0.4, 2.0], 0.0, 1.5, num_bits=2).numpy().tolist()
    [0.0, 0.5, 1.5]
    """
    inputs, min_vals, max_vals = (convert_to_tensor(x) for x in (inputs, min_vals, max_vals))
    channel = None if axis is None else axis % inputs.ndim
    first, last = int(bool(narrow_range)), (1 << int(num_bits)) - 1

    @ops.custom_gradient
    def rounded(x, low, high):
        lowest, highest, scale, inverse = _nudged(low, high, first, last)
        zero = ops.floor(ops.add(ops.multiply(-lowest, inverse), 0.5))
        steps = ops.multiply(ops.subtract(ops.clip(ops.cast(x, lowest.dtype), lowest, highest), lowest), inverse)
        y = ops.cast(ops.multiply(ops.floor(ops.add(ops.subtract(steps, zero), 0.5)), scale), x.dtype)

        def gradients(*args, upstream=None):
            dy = args[0] if upstream is None else upstream
            axes = None if channel is None else [i for i in range(dy.ndim) if i != channel]

            def outside(mask, end):
                return ops.reshape(ops.sum(ops.where(mask, dy, 0.0), axis=axes), end.shape)

            inside = ops.logical_and(x >= lowest, x <= highest)
            return ops.where(inside, dy, 0.0), outside(x <= lowest, low), outside(x >= highest, high)

        return y, gradients

    return rounded(inputs, min_vals, max_vals)


def _nudged(low, high, first, last):
    """The ends moved so that zero is one of the numbers `first` to `last`; the distance of two, and its inverse."""
    dtype = config.result_type(low.dtype, "float32")
    low, high = ops.cast(low, dtype), ops.cast(high, dtype)
    width = ops.subtract(high, low)
    scale, inverse = ops.divide(width, last - first), ops.divide(last - first, width)
    zero = ops.round(ops.clip(first - ops.divide(low, scale), first, last))
    return ops.multiply(first - zero, scale), ops.multiply(last - zero, scale), scale, inverse


def compute_float8_scale(amax, scale, dtype_max, margin=0):
    """The scale amax 2^margin / dtype_max, by which values up to `amax` are divided to fit a float8.

    `scale` itself where `amax` is zero or not finite.

    >>> import fastkeras as keras
    >>> float(keras.quantizers.compute_float8_scale(keras.ops.array(896.0), keras.ops.array(1.0), 448.0))
    2.0
    """
    before = ops.reciprocal(scale)
    factor = ops.divide(ops.divide(dtype_max, amax), 2**margin)
    usable = ops.logical_and(amax > 0.0, ops.isfinite(amax))
    return ops.reciprocal(ops.where(usable, factor, before))


def compute_float8_amax_history(x, amax_history):
    """The history of largest values, moved on by one, with max |x| in its first place.

    >>> import fastkeras as keras
    >>> history = keras.ops.array([1.0, 2.0, 3.0])
    >>> keras.quantizers.compute_float8_amax_history([-4.0], history).numpy().tolist()
    [4.0, 3.0, 1.0]
    """
    amax_history = convert_to_tensor(amax_history)
    largest = ops.reshape(ops.cast(ops.max(ops.abs(x)), amax_history.dtype), [1])
    return ops.scatter_update(ops.roll(amax_history, shift=-1), [[0]], largest)


def quantize_and_dequantize(inputs, scale, quantized_dtype, compute_dtype):
    """`inputs / scale`, rounded to a narrow float dtype, times `scale`.

    Args:
        inputs: floats.
        scale: their scale.
        quantized_dtype: "float8_e4m3fn" (3 bits of fraction, up to 448), "float8_e5m2" (2 bits, up to 57344) or another
            float dtype; larger values become the largest.
        compute_dtype: the dtype of the result.

    >>> import fastkeras as keras
    >>> keras.quantizers.quantize_and_dequantize([1.06, 500.0], 1.0, "float8_e4m3fn", "float32").numpy().tolist()
    [1.0, 448.0]
    """
    import ml_dtypes

    kind = ml_dtypes.finfo(quantized_dtype)
    largest, scale = float(kind.max), ops.cast(scale, compute_dtype)
    x = ops.clip(ops.divide(inputs, scale), -largest, largest)
    exponent = ops.maximum(ops.floor(ops.log2(ops.abs(x))), kind.minexp)
    step = ops.exp2(exponent - kind.nmant)
    return ops.multiply(ops.cast(ops.multiply(ops.round(ops.divide(x, step)), step), compute_dtype), scale)
