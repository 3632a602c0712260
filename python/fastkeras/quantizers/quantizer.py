"""Quantizers: floats to int8 and a scale."""

import numpy as np

from fastkeras import ops
from fastkeras.engine import convert_to_numpy, convert_to_tensor
from fastkeras.registry import register


@register("keras.quantizers", "keras")
class Quantizer:
    """The base of quantizers: `quantizer(x)` gives `x` as few different numbers.

    Args:
        output_dtype: the dtype of these numbers.
    """

    def __init__(self, output_dtype="int8"):
        self.output_dtype = output_dtype

    def __call__(self, x):
        return x

    def get_config(self):
        """The arguments that make this quantizer again."""
        raise NotImplementedError(f"{self} does not implement get_config()")

    @classmethod
    def from_config(cls, config):
        """The quantizer that a config describes."""
        return cls(**config)


def abs_max_quantize(inputs, axis, value_range=(-127, 127), dtype="int8", epsilon=1e-7, to_numpy=False):
    """round(s x) in `value_range`, and the scale s = high / (max |x| + epsilon) over `axis`.

    Args:
        inputs: tensor of floats.
        axis: one axis or several, which share a scale.
        value_range: (low, high), what the numbers are clipped to.
        dtype: of the numbers.
        epsilon: keeps s finite.
        to_numpy: compute with NumPy, at once?

    Returns:
        The numbers, shaped as `inputs`, and s, with ones for `axis`.

    >>> import fastkeras as keras
    >>> numbers, scale = keras.quantizers.abs_max_quantize([[0.25, -1.0]], axis=-1)
    >>> numbers.numpy().tolist(), round(float(scale[0, 0]), 3)
    ([[32, -127]], 127.0)
    """
    low, high = value_range
    inputs = convert_to_tensor(inputs)
    if not to_numpy:
        largest = ops.max(ops.abs(inputs), axis=axis, keepdims=True)
        scale = ops.cast(ops.divide(high, ops.add(largest, epsilon)), inputs.dtype)
        return ops.cast(ops.clip(ops.round(ops.multiply(inputs, scale)), low, high), dtype), scale
    x = convert_to_numpy(inputs)
    largest = np.max(np.abs(x), axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=True)
    scale = np.divide(high, np.add(largest, epsilon))
    numbers = np.clip(np.round(np.multiply(x, scale)), low, high).astype(dtype)
    return convert_to_tensor(numbers), convert_to_tensor(scale, dtype=inputs.dtype)


@register("keras.quantizers")
class AbsMaxQuantizer(Quantizer):
    """`abs_max_quantize` with these arguments; `quantizer(x)` gives the numbers and their scale.

    Args:
        axis: one axis or several, which share a scale; those of the call by default, else the last.
        value_range: (low, high), what the numbers are clipped to.
        epsilon: keeps the scale finite.
        output_dtype: of the numbers.

    Raises:
        ValueError: when the range is not that of int8 where this is the dtype.

    >>> import fastkeras as keras
    >>> numbers, scale = keras.quantizers.AbsMaxQuantizer(axis=0)(keras.ops.array([[1.0, 2.0], [2.0, -4.0]]))
    >>> numbers.numpy().tolist(), scale.shape
    ([[64, 64], [127, -127]], (1, 2))
    """

    def __init__(self, axis=None, value_range=(-127, 127), epsilon=1e-7, output_dtype="int8"):
        super().__init__(output_dtype)
        self.axis = None if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.value_range = value_range
        self.epsilon = epsilon
        if output_dtype == "int8" and (value_range[0] < -128 or value_range[1] > 127):
            raise ValueError(
                "Quantizer with output_dtype='int8' requires value_range to be within the interval [-128, 127]. "
                f"Received: value_range={value_range}"
            )

    def __call__(self, x, axis=None, to_numpy=False):
        axis = next(given for given in (axis, self.axis, -1) if given is not None)
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self):
        config = {"value_range": self.value_range, "epsilon": self.epsilon, "output_dtype": self.output_dtype}
        return config if self.axis is None else {**config, "axis": self.axis}


def abs_max_quantize_grouped_with_zero_point(
    inputs, block_size, value_range=(-8, 7), dtype="int8", epsilon=1e-7, to_numpy=False
):
    """round(x / s) + z in `value_range`, with s and z for every `block_size` rows of a column.

    s = (max - min + epsilon) / (high - low), z = round(-min / s) + low; the last group is filled up with zeros.

    Args:
        inputs: floats (rows, columns).
        block_size: rows of a group.
        value_range: (low, high), what numbers and z are clipped to.
        dtype: of the numbers.
        epsilon: keeps s positive.
        to_numpy: compute with NumPy, at once?

    Returns:
        The numbers (rows, columns), s (groups, columns), and z (groups, columns) in int8.

    >>> import fastkeras as keras
    >>> numbers, scale, zero = keras.quantizers.abs_max_quantize_grouped_with_zero_point([[0.0], [1.5]], 2)
    >>> numbers.numpy().tolist(), zero.numpy().tolist()
    ([[-8], [7]], [[-8]])
    """
    low, high = value_range
    inputs = convert_to_tensor(inputs)
    rows, columns = inputs.shape
    groups = -(-rows // block_size)
    maths, x = (np, convert_to_numpy(inputs)) if to_numpy else (ops, inputs)
    filled = maths.concatenate([x, maths.zeros((groups * block_size - rows, columns), dtype=x.dtype)], axis=0)
    filled = maths.reshape(filled, (groups, block_size, columns))
    seen = filled if to_numpy or groups > 1 else x[None]  # Keras's tensors leave out what fills up a single group
    least, largest = maths.min(seen, axis=1, keepdims=True), maths.max(seen, axis=1, keepdims=True)
    if not to_numpy:  # and widen a group of equal numbers
        flat = least == largest
        least, largest = ops.where(flat, least - 1, least), ops.where(flat, largest + 1, largest)
    scale = maths.divide(maths.subtract(largest, least) + epsilon, high - low)
    zero = maths.clip(maths.round(maths.divide(-least, scale)) + low, low, high)
    numbers = maths.clip(maths.round(maths.divide(filled, scale)) + zero, low, high)
    numbers = maths.reshape(numbers, (groups * block_size, columns))[:rows]
    scale, zero = maths.squeeze(scale, axis=1), maths.squeeze(zero, axis=1)
    return tuple(
        convert_to_tensor(part, dtype=kind) for part, kind in ((numbers, dtype), (scale, inputs.dtype), (zero, "int8"))
    )
