"""Normalisation by moments and norms."""

import math
import warnings

from fastkeras.engine import cast, config, convert_to_tensor, op, power, primitive
from fastkeras.ops._common import floating, normalize_axes, normalize_axis, reshape_to
from fastkeras.ops._reductions import mean, sum
from fastkeras.ops._shapes import expand_dims, moveaxis

_batch_norm, _layer_norm, _moments = primitive("batch_norm"), primitive("layer_norm"), primitive("moments")
_group_norm = primitive("group_norm")
_rsqrt, _square, _minimum = primitive("rsqrt"), primitive("square"), primitive("minimum")
_FLOAT16_MAX = 65504.0


def _wide(x):
    """`x` in floats in which statistics can be taken."""
    x = floating(x)
    return cast(x, "float32") if x.dtype in config.HALVES else x


@op
def moments(x, axes, keepdims=False, synchronized=False):
    """Mean and variance over `axes`.

    >>> import fastkeras as keras
    >>> mean, variance = keras.ops.moments([1.0, 3.0], axes=[0])
    >>> float(mean), float(variance)
    (2.0, 1.0)
    """
    if synchronized:
        raise NotImplementedError("[moments] there is one process to synchronize. Received: synchronized=True")
    x = floating(x)
    result = _moments(_wide(x), axes=normalize_axes(axes, x.ndim, "moments"), keepdims=bool(keepdims))
    if x.dtype in config.HALVES:
        clip = primitive("clip")
        return tuple(cast(clip(m, minimum=-_FLOAT16_MAX, maximum=_FLOAT16_MAX), x.dtype) for m in result)
    return tuple(result)


def _along(values, x, axis):
    """A vector of one value per index of `axis`, shaped to broadcast against `x`."""
    values = cast(convert_to_tensor(values), x.dtype)
    return reshape_to(values, shape=[-1 if a == axis else 1 for a in range(x.ndim)])


@op
def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, each a vector along `axis`.

    >>> import fastkeras as keras
    >>> keras.ops.batch_normalization([[1.0], [3.0]], [2.0], [1.0], axis=-1, epsilon=0).numpy().tolist()
    [[-1.0], [1.0]]
    """
    x = floating(x)
    axis = normalize_axis(axis, x.ndim, "batch_normalization")
    factor = _rsqrt(_along(variance, x, axis) + epsilon)
    if scale is not None:
        factor = factor * _along(scale, x, axis)
    shift = -_along(mean, x, axis) * factor
    if offset is not None:
        shift = shift + _along(offset, x, axis)
    return x * factor + shift


def _given(*tensors):
    return [t for t in tensors if t is not None]


def batch_norm_train(x, gamma, beta, axis, epsilon):
    """(y, mean, variance): `x` normalised by its own moments over all axes but `axis`; gamma, beta may be None.

    >>> import fastkeras as keras
    >>> y, mean, variance = keras.ops.nn.batch_norm_train(keras.ops.array([[1.0], [3.0]]), None, None, -1, 0.0)
    >>> y.numpy().tolist(), mean.numpy().tolist(), variance.numpy().tolist()
    ([[-1.0], [1.0]], [2.0], [1.0])
    """
    x = floating(x)
    wide = _wide(x)
    weights = [cast(convert_to_tensor(w), wide.dtype) for w in _given(gamma, beta)]
    y, mean, variance = _batch_norm(
        wide, *weights, axis=axis, epsilon=float(epsilon), scale=gamma is not None, offset=beta is not None
    )
    return cast(y, x.dtype), mean, variance


def _normalized_rows(x, gamma, beta, axes, epsilon, centered=True):
    """The fused form, for the last axes and weights of their shape; None for others."""
    shape = list(x.shape[x.ndim - len(axes) :])
    if not axes or axes != list(range(x.ndim - len(axes), x.ndim)):
        return None
    if any(w.size != math.prod(shape) for w in _given(gamma, beta)):
        return None
    weights = [reshape_to(w, shape=shape) for w in _given(gamma, beta)]
    affine = {"scale": gamma is not None, "offset": beta is not None}
    y, _, _ = _layer_norm(x, *weights, axes=len(axes), epsilon=float(epsilon), centered=centered, **affine)
    return y


@op
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta` with moments over `axis`, one or several.

    gamma and beta have the shape of those axes; `epsilon` is `config.epsilon()` by default.

    >>> import fastkeras as keras
    >>> keras.ops.layer_normalization([1.0, 3.0], epsilon=0).numpy().tolist()
    [-1.0, 1.0]
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"[layer_normalization] unknown arguments. Received: {', '.join(sorted(kwargs))}")
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = convert_to_tensor(x)
    result_dtype, x = x.dtype, cast(x, config.result_type(x.dtype, "float32"))
    axes = sorted(normalize_axes(axis, x.ndim, "layer_normalization"))
    gamma, beta = (None if w is None else convert_to_tensor(w, x.dtype) for w in (gamma, beta))
    if rms_scaling:
        warnings.warn(
            "`rms_scaling=True` is deprecated: it divides by the standard deviation, not by the root mean square. "
            "Use `keras.ops.rms_normalization`.",
            stacklevel=3,
        )
    rows = None if rms_scaling else _normalized_rows(x, gamma, beta, axes, epsilon)
    if rows is not None:
        return cast(rows, result_dtype)

    shape = [d if a in axes else 1 for a, d in enumerate(x.shape)]

    def along(w):
        return reshape_to(w, shape=shape) if w.ndim != x.ndim and axes != [x.ndim - 1] else w

    center, variance = _moments(x, axes=axes, keepdims=True)
    factor = _rsqrt(variance + epsilon)
    if gamma is not None:
        factor = factor * along(gamma)
    if rms_scaling:
        return cast(x * factor, result_dtype)
    y = (x - center) * factor
    return cast(y if beta is None else y + along(beta), result_dtype)


def group_normalization(x, gamma, beta, groups, axis, epsilon):
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta` with moments of a sample and a group of channels.

    Channels lie along `axis`; gamma and beta, one value per channel, may be None.

    >>> import fastkeras as keras
    >>> x = keras.ops.array([[1.0, 3.0, 10.0, 20.0]])
    >>> keras.ops.nn.group_normalization(x, None, None, groups=2, axis=-1, epsilon=0.0).numpy().tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    channels = normalize_axis(axis, x.ndim, "group_normalization")
    if channels == 0:
        raise ValueError(
            f"[group_normalization] channels cannot be the first axis, that of the samples. Received: axis={axis}, "
            f"x.shape={x.shape}"
        )
    wide = moveaxis(cast(x, config.result_type(x.dtype, "float32")), channels, -1)
    weights = [cast(convert_to_tensor(w), wide.dtype) for w in _given(gamma, beta)]
    y, _ = _group_norm(
        wide, *weights, groups=groups, epsilon=float(epsilon), scale=gamma is not None, offset=beta is not None
    )
    return cast(moveaxis(y, -1, channels), x.dtype)


@op
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """`x / sqrt(mean(x^2) + epsilon) * scale` with the mean over `axis`, one or several.

    >>> import fastkeras as keras
    >>> keras.ops.rms_normalization([3.0, 3.0], epsilon=0).numpy().round(3).tolist()
    [1.0, 1.0]
    """
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = convert_to_tensor(x)
    result_dtype, x = x.dtype, cast(x, config.result_type(x.dtype, "float32"))
    if x.ndim == 0:
        x = expand_dims(x, 0)
    scale = None if scale is None else convert_to_tensor(scale, x.dtype)
    axes = sorted(normalize_axes(axis, x.ndim, "rms_normalization"))
    y = _normalized_rows(x, scale, None, axes, epsilon, centered=False)
    if y is None:
        y = x * _rsqrt(mean(_square(x), axis=tuple(axes), keepdims=True) + epsilon)
        y = y if scale is None else y * scale
    return cast(y, result_dtype)


@op
def normalize(x, axis=-1, order=2, epsilon=None):
    """`x / max(norm(x), epsilon)` with the norm of the given order over `axis`.

    >>> import fastkeras as keras
    >>> keras.ops.normalize([3.0, 4.0]).numpy().round(3)
    array([0.6, 0.8], dtype=float32)
    """
    if not isinstance(order, int) or not order >= 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = floating(x)
    if x.ndim == 0:
        x = expand_dims(x, 0)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else axis
    if order == 2:
        return x * _minimum(_rsqrt(sum(_square(x), axis=axes, keepdims=True)), 1.0 / epsilon)
    size = primitive("abs")(x)
    if order > 1:
        size = power(sum(power(size, float(order)), axis=axes, keepdims=True), 1.0 / order)
    else:
        size = sum(size, axis=axes, keepdims=True)
    return x / primitive("maximum")(size, epsilon)


@op
def psnr(x1, x2, max_val):
    """Peak signal-to-noise ratio `20 log10(max_val) - 10 log10(mean((x1 - x2)^2))`.

    >>> import fastkeras as keras
    >>> float(keras.ops.psnr([0.0, 0.0], [1.0, 1.0], max_val=10.0))
    20.0
    """
    x1, x2 = floating(x1), floating(x2)
    if x1.shape != x2.shape:
        raise ValueError(f"Input shapes {x1.shape} and {x2.shape} must match for PSNR calculation. ")
    log10 = primitive("log10")
    peak = convert_to_tensor(max_val, x2.dtype)
    return log10(peak) * 20.0 - log10(mean(_square(x1 - x2))) * 10.0
