"""Reductions, comparisons, products, and what else computes with the values of tensors."""

import numpy as np

from fastkeras import ops
from fastkeras.config import image_data_format
from fastkeras.engine import convert_to_tensor


def all(x, axis=None, keepdims=False):
    """Are all values true?"""
    return ops.all(ops.cast(x, "bool"), axis=axis, keepdims=keepdims)


def any(x, axis=None, keepdims=False):
    """Is any value true?"""
    return ops.any(ops.cast(x, "bool"), axis=axis, keepdims=keepdims)


def argmax(x, axis=-1):
    """Index of the largest value."""
    return ops.argmax(x, axis=axis)


def argmin(x, axis=-1):
    """Index of the smallest value."""
    return ops.argmin(x, axis=axis)


def max(x, axis=None, keepdims=False):
    """Largest value."""
    return ops.max(x, axis=axis, keepdims=keepdims)


def mean(x, axis=None, keepdims=False):
    """Mean, of integers and booleans as well."""
    return ops.mean(x, axis=axis, keepdims=keepdims)


def min(x, axis=None, keepdims=False):
    """Smallest value."""
    return ops.min(x, axis=axis, keepdims=keepdims)


def prod(x, axis=None, keepdims=False):
    """Product."""
    return ops.prod(x, axis=axis, keepdims=keepdims)


def std(x, axis=None, keepdims=False):
    """Standard deviation."""
    return ops.std(x, axis=axis, keepdims=keepdims)


def sum(x, axis=None, keepdims=False):
    """Sum."""
    return ops.sum(x, axis=axis, keepdims=keepdims)


def var(x, axis=None, keepdims=False):
    """Variance."""
    return ops.var(x, axis=axis, keepdims=keepdims)


def equal(x, y):
    """`x == y`, elementwise."""
    return ops.equal(x, y)


def greater(x, y):
    """`x > y`, elementwise."""
    return ops.greater(x, y)


def greater_equal(x, y):
    """`x >= y`, elementwise."""
    return ops.greater_equal(x, y)


def less(x, y):
    """`x < y`, elementwise."""
    return ops.less(x, y)


def less_equal(x, y):
    """`x <= y`, elementwise."""
    return ops.less_equal(x, y)


def maximum(x, y):
    """The larger of `x` and `y`, elementwise."""
    return ops.maximum(x, y)


def minimum(x, y):
    """The smaller of `x` and `y`, elementwise."""
    return ops.minimum(x, y)


def not_equal(x, y):
    """`x != y`, elementwise."""
    return ops.not_equal(x, y)


def batch_dot(x, y, axes=None):
    """Dot product of each sample of `x` with that of `y`, along `axes` (by default the last of x, the one before last
    of y); the samples are the first axis of both. A result of rank 1 gets a second axis.
    """
    x, y = convert_to_tensor(x), convert_to_tensor(y)
    if axes is None:
        axes = (x.ndim - 1, 1 if y.ndim == 2 else y.ndim - 2)
    axes = (axes, axes) if isinstance(axes, int) else axes
    first, second = (axis % tensor.ndim for axis, tensor in zip(axes, (x, y), strict=True))
    if 0 in (first, second):
        raise ValueError(f"[batch_dot] the first axis is that of the samples. Received: axes={axes}")
    x = ops.moveaxis(x, first, -1)
    y = ops.moveaxis(y, second, 1)
    x_shape, y_shape = tuple(x.shape), tuple(y.shape)
    product = ops.matmul(ops.reshape(x, (x_shape[0], -1, x_shape[-1])), ops.reshape(y, (y_shape[0], y_shape[1], -1)))
    return ops.reshape(product, (x_shape[0], *(x_shape[1:-1] + y_shape[2:] or (1,))))


def batch_normalization(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    """`(x - mean) / sqrt(var + epsilon) * gamma + beta`; vectors lie along `axis`. beta and gamma may be None."""
    x = convert_to_tensor(x)
    mean, var, beta, gamma = (_along(parameter, x, axis) for parameter in (mean, var, beta, gamma))
    factor = ops.rsqrt(var + epsilon)
    y = (x - mean) * (factor if gamma is None else factor * gamma)
    return y if beta is None else y + beta


def _along(parameter, x, axis):
    """A vector shaped to broadcast against `x`, lying along `axis`; other tensors, and None, as they are."""
    if parameter is None or convert_to_tensor(parameter).ndim != 1:
        return parameter
    return ops.reshape(parameter, [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


def bias_add(x, bias, data_format=None):
    """Add a bias to the channels of `x`."""
    x, bias = convert_to_tensor(x), convert_to_tensor(bias)
    if (data_format or image_data_format()) == "channels_first" and x.ndim > 2:
        bias = ops.reshape(bias, (-1, *[1] * (x.ndim - 2)))
    return x + bias


def clip(x, min_value, max_value):
    """Values limited to `[min_value, max_value]`; None is no limit."""
    low = -np.inf if min_value is None else min_value
    return ops.clip(x, low, np.inf if max_value is None else np.maximum(max_value, low))


def dot(x, y):
    """Product along the last axis of `x` and the one before last of `y`."""
    return ops.dot(x, y)


def hard_sigmoid(x):
    """`clip(0.2 x + 0.5, 0, 1)`: that of Keras 2."""
    return ops.clip(convert_to_tensor(x) * 0.2 + 0.5, 0.0, 1.0)


def in_top_k(predictions, targets, k):
    """Is each target among the `k` largest predictions?"""
    return ops.in_top_k(targets, predictions, k)


def l2_normalize(x, axis=None):
    """`x / max(||x||, 1e-6)`."""
    x = convert_to_tensor(x)
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))


def pow(x, a):
    """Power."""
    return ops.power(x, a)


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """`x` above `threshold` (no more than `max_value`), `alpha (x - threshold)` below."""
    x = convert_to_tensor(x)
    below = alpha * (x - threshold)
    above = x if max_value is None else ops.minimum(x, max_value)
    return ops.where(x >= threshold, above, below)


def switch(condition, then_expression, else_expression):
    """One of two expressions, by a condition (for all, or elementwise)."""
    then_value = then_expression() if callable(then_expression) else then_expression
    else_value = else_expression() if callable(else_expression) else else_expression
    condition = ops.cast(condition, "bool")
    missing = convert_to_tensor(then_value).ndim - condition.ndim
    return ops.where(ops.reshape(condition, (*condition.shape, *[1] * missing)), then_value, else_value)
