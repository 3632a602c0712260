"""Products of floats with int8, and numbers of 4 bits."""

from fastkeras.engine import primitive

_quantized_matmul, _unpack_int4 = primitive("quantized_matmul"), primitive("unpack_int4")


def quantized_matmul(x, kernel, scale, epsilon, transpose=False):
    """round(s x) kernel / (s scale), with s = 127 / (max |x| + epsilon) for each row of `x`; products are of int8.

    Args:
        x: float32 (..., k).
        kernel: int8 (k, n), or (n, k) with `transpose`.
        scale: float32 (n,).

    The gradient of `x` is that of `x @ (kernel / scale)`.
    """
    return _quantized_matmul(x, kernel, scale, epsilon=float(epsilon), transpose=bool(transpose))


def unpack(x, axis, length):
    """`length` numbers of 4 bits along `axis`, from bytes that hold two: -8 to 7 of int8, 0 to 15 of uint8."""
    return _unpack_int4(x, axis=axis, length=int(length))
