"""Random tensors as pure functions of a seed tensor (uint32, shape (2,)); `fastkeras.random` is the public face.

Element i depends on the seed and on i alone. Halves are drawn in float32.
"""

from fastkeras.engine import cast, config, convert_to_tensor, primitive
from fastkeras.ops._arithmetic import maximum, minimum, nextafter
from fastkeras.ops._common import NUMBERS, broadcast, floating, normalize_axis
from fastkeras.ops._comparison import where
from fastkeras.ops._joining import stack

_uniform, _normal = primitive("random_uniform"), primitive("random_normal")
_truncated, _integers = primitive("random_truncated_normal"), primitive("random_integers")
_permutation, _categorical = primitive("random_permutation"), primitive("random_categorical")
_log_gamma, _binomial = primitive("random_log_gamma"), primitive("random_binomial")
_dropout, _take, _exp, _sigmoid = primitive("dropout"), primitive("take"), primitive("exp"), primitive("sigmoid")


def _sizes(shape):
    return [int(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,))]


def _drawn_dtype(dtype):
    return "float64" if dtype == "float64" else "float32"


def _draw(run, seed, shape, dtype, **numbers):
    dtype = config.standardize_dtype(dtype)
    settings = {name: float(value) for name, value in numbers.items()}
    return cast(run(seed, shape=_sizes(shape), dtype=_drawn_dtype(dtype), **settings), dtype)


def uniform(seed, shape, minval, maxval, dtype):
    """In [minval, maxval), both numbers or tensors that broadcast."""
    if not isinstance(minval, NUMBERS) or not isinstance(maxval, NUMBERS):
        return uniform(seed, shape, 0, 1, dtype) * (maxval - minval) + minval
    y = _draw(_uniform, seed, shape, dtype, minval=minval, maxval=maxval)
    if y.dtype == _drawn_dtype(y.dtype):
        return y
    # float16 and bfloat16 round up to `maxval`, which is outside.
    return maximum(minimum(y, nextafter(cast(maxval, y.dtype), -float("inf"))), minval)


def _scaled(run, seed, shape, mean, stddev, dtype):
    if isinstance(mean, NUMBERS) and isinstance(stddev, NUMBERS):
        return _draw(run, seed, shape, dtype, mean=mean, stddev=stddev)
    return _draw(run, seed, shape, dtype, mean=0, stddev=1) * stddev + mean


def normal(seed, shape, mean, stddev, dtype):
    return _scaled(_normal, seed, shape, mean, stddev, dtype)


def truncated_normal(seed, shape, mean, stddev, dtype):
    """Normal numbers no further than two standard deviations from the mean."""
    return _scaled(_truncated, seed, shape, mean, stddev, dtype)


def randint(seed, shape, minval, maxval, dtype):
    return _integers(seed, shape=_sizes(shape), minval=int(minval), maxval=int(maxval), dtype=dtype)


def dropout(seed, inputs, rate, noise_shape=None):
    """`inputs / (1 - rate)`, or 0 with probability `rate`; where noise_shape has 1 the axis shares its fate."""
    x = floating(inputs)
    wide = cast(x, "float32") if x.dtype in config.HALVES else x
    if noise_shape is None or tuple(noise_shape) == x.shape:
        return cast(_dropout(wide, seed, rate=float(rate))[0], x.dtype)
    kept = _uniform(seed, shape=_sizes(noise_shape), dtype="float32", minval=0.0, maxval=1.0) >= rate
    return cast(where(kept, wide / (1.0 - rate), 0.0), x.dtype)


def shuffle(seed, x, axis):
    x = convert_to_tensor(x)
    axis = normalize_axis(axis, x.ndim, "shuffle")
    return _take(x, _permutation(seed, n=x.shape[axis]), axis=axis)


def categorical(seed, logits, num_samples, dtype):
    logits = floating(logits)
    wide = cast(logits, "float32") if logits.dtype in config.HALVES else logits
    return cast(_categorical(wide, seed, num_samples=int(num_samples)), dtype)


def _parameter(value, shape, dtype):
    return broadcast(convert_to_tensor(value, dtype), shape=shape)


def gamma(seed, shape, alpha, dtype):
    return cast(_exp(_log_gamma(seed, _parameter(alpha, _sizes(shape), _drawn_dtype(dtype)))), dtype)


def beta(seed, shape, alpha, beta, dtype):
    """x / (x + y) of two gamma variates; by their logarithms, as small ones underflow."""
    drawn, shape = _drawn_dtype(dtype), _sizes(shape)
    logs = _log_gamma(seed, stack([_parameter(alpha, shape, drawn), _parameter(beta, shape, drawn)]))
    return cast(_sigmoid(logs[0] - logs[1]), dtype)


def binomial(seed, shape, counts, probabilities, dtype):
    drawn, shape = _drawn_dtype(dtype), _sizes(shape)
    return cast(_binomial(seed, _parameter(counts, shape, drawn), _parameter(probabilities, shape, drawn)), dtype)
