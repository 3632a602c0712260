"""Products of floats with int8."""

from fastkeras.engine import primitive

_quantized_matmul = primitive("quantized_matmul")


def quantized_matmul(x, kernel, scale, epsilon, transpose=False):
    """round(s x) kernel / (s scale), with s = 127 / (max |x| + epsilon) for each row of `x`; products are of int8.

    Args:
        x: float32 (..., k).
        kernel: int8 (k, n), or (n, k) with `transpose`.
        scale: float32 (n,).

    The gradient of `x` is that of `x @ (kernel / scale)`.
    """
    return _quantized_matmul(x, kernel, scale, epsilon=float(epsilon), transpose=bool(transpose))
