"""Numbers of 4 bits, two in a byte."""

import numpy as np

from fastkeras import ops
from fastkeras.engine import config, convert_to_numpy, convert_to_tensor
from fastkeras.ops._quantized import unpack


def _check_dtype(dtype):
    if dtype not in ("int8", "uint8"):
        raise ValueError(f"Expected dtype to be 'int8' or 'uint8', but got '{dtype}'.")


def pack_int4(arr, axis=0, dtype="int8"):
    """Two neighbours along `axis` in one byte, the first in the low half; an odd length is filled up with a zero.

    Args:
        arr: numbers in [-8, 7], of `dtype`.
        axis: the axis that becomes half as long.
        dtype: "int8" or "uint8", of `arr` and of the result.

    Returns:
        The bytes, their shape, and the length of `axis` in `arr`.

    Raises:
        ValueError, TypeError: for another dtype.

    >>> import fastkeras as keras, numpy as np
    >>> packed, shape, length = keras.quantizers.pack_int4(np.array([1, -1, 7], "int8"))
    >>> packed.numpy().tolist(), shape, length
    ([-15, 7], (2,), 3)
    """
    _check_dtype(dtype)
    if config.standardize_dtype(arr.dtype) != dtype:
        raise TypeError(f"Expected {dtype} tensor for packing, got {config.standardize_dtype(arr.dtype)}.")
    numbers = np.moveaxis(convert_to_numpy(arr), axis, 0)
    length = len(numbers)
    if length % 2:
        numbers = np.concatenate([numbers, np.zeros_like(numbers[:1])])
    packed = (numbers[::2] & 15) | (numbers[1::2] << 4)
    packed = np.ascontiguousarray(np.moveaxis(packed, 0, axis))
    return convert_to_tensor(packed), packed.shape, length


def unpack_int4(packed, orig_len, axis=0, dtype="int8"):
    """What `pack_int4` packed.

    Args:
        packed: bytes.
        orig_len: the length of `axis` in the result.
        axis: the axis that becomes twice as long.
        dtype: "int8" for numbers in [-8, 7], "uint8" for 0 to 15.

    Raises:
        ValueError, TypeError: for another dtype.

    >>> import fastkeras as keras
    >>> keras.quantizers.unpack_int4(keras.ops.array([-15, 7], "int8"), 3).numpy().tolist()
    [1, -1, 7]
    """
    _check_dtype(dtype)
    packed = convert_to_tensor(packed)
    if packed.dtype not in ("int8", "uint8"):
        raise TypeError(f"Expected int8 or uint8 tensor for unpacking, got {packed.dtype}")
    return unpack(ops.cast(packed, dtype), axis % packed.ndim, orig_len)
