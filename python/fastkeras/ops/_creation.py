"""Tensors made of numbers: filled, counting, spaced; windows."""

import numpy as np

from fastkeras.engine import cast, config, convert_to_tensor, is_symbolic, op, primitive
from fastkeras.ops._common import (
    NUMBERS,
    broadcast,
    floating_together,
    is_float,
    normalize_axis,
    reshape_to,
)

_add, _subtract, _multiply, _power = primitive("add"), primitive("subtract"), primitive("multiply"), primitive("power")


@op
def array(x, dtype=None):
    """A tensor of the values of `x`: a number, nested lists, an array.

    >>> import fastkeras as keras
    >>> keras.ops.array([1, 2, 3]).dtype
    'int32'
    """
    return convert_to_tensor(x, dtype)


def _shape(shape, tag):
    sizes = [shape] if isinstance(shape, (int, np.integer)) else list(shape)
    if any(n is None or n < 0 for n in sizes):
        raise ValueError(f"[{tag}] a shape holds sizes that are not negative. Received: shape={shape}")
    return [int(n) for n in sizes]


@op
def full(shape, fill_value, dtype=None):
    """A tensor of `shape` filled with `fill_value` (a number, or a tensor that broadcasts).

    >>> import fastkeras as keras
    >>> keras.ops.full((2,), 7, dtype="int32").numpy().tolist()
    [7, 7]
    """
    return broadcast(convert_to_tensor(fill_value, dtype or config.floatx()), shape=_shape(shape, "full"))


@op
def zeros(shape, dtype=None):
    """A tensor of zeros.

    >>> import fastkeras as keras
    >>> keras.ops.zeros((2,)).numpy().tolist()
    [0.0, 0.0]
    """
    return full(shape, 0, dtype)


@op
def ones(shape, dtype=None):
    """A tensor of ones.

    >>> import fastkeras as keras
    >>> keras.ops.ones((2,)).numpy().tolist()
    [1.0, 1.0]
    """
    return full(shape, 1, dtype)


@op
def empty(shape, dtype=None):
    """A tensor whose values do not matter: zeros.

    >>> import fastkeras as keras
    >>> keras.ops.empty((2, 3)).shape
    (2, 3)
    """
    return full(shape, 0, dtype)


def _like(x, value, dtype):
    x = x if hasattr(x, "shape") else convert_to_tensor(x)
    return full(x.shape, value, dtype or x.dtype)


@op
def full_like(x, fill_value, dtype=None):
    """`fill_value` in the shape and dtype of `x`.

    >>> import fastkeras as keras
    >>> keras.ops.full_like([1, 2], 7).numpy().tolist()
    [7, 7]
    """
    return _like(x, fill_value, dtype)


@op
def zeros_like(x, dtype=None):
    """Zeros in the shape and dtype of `x`.

    >>> import fastkeras as keras
    >>> keras.ops.zeros_like([1, 2]).numpy().tolist()
    [0, 0]
    """
    return _like(x, 0, dtype)


@op
def ones_like(x, dtype=None):
    """Ones in the shape and dtype of `x`.

    >>> import fastkeras as keras
    >>> keras.ops.ones_like([5, 6]).numpy().tolist()
    [1, 1]
    """
    return _like(x, 1, dtype)


@op
def empty_like(x, dtype=None):
    """A tensor in the shape and dtype of `x` whose values do not matter: zeros.

    >>> import fastkeras as keras
    >>> keras.ops.empty_like([5, 6]).shape
    (2,)
    """
    return _like(x, 0, dtype)


# --- counting -------------------------------------------------------------------------------------------------------


def _number(x, tag):
    """A Python number from a number or a concrete scalar: it decides a shape."""
    if is_symbolic(x):
        raise NotImplementedError(f"[{tag}] the bounds decide the shape and must be known while tracing. Received: {x}")
    return x if isinstance(x, NUMBERS) else np.asarray(x).item()


@op
def arange(start, stop=None, step=None, dtype=None):
    """start, start + step, ... below `stop`; from 0 when only one number is given.

    >>> import fastkeras as keras
    >>> keras.ops.arange(1, 7, 2).numpy().tolist()
    [1, 3, 5]
    """
    if dtype is None:
        given = [v for v in (start, stop, step) if v is not None]
        dtype = config.result_type(*(getattr(v, "dtype", type(v)) for v in given))
    dtype = config.standardize_dtype(dtype)
    start, stop, step = (None if v is None else _number(v, "arange") for v in (start, stop, step))
    if step == 0:
        raise ValueError("[arange] step must not be zero. Received: step=0")
    if stop is None:
        start, stop = 0, start
    return convert_to_tensor(np.arange(start, stop, 1 if step is None else step), dtype)


def _ends(start, stop, dtype):
    """Both as tensors of floats of one dtype, which has all the digits that values of `dtype` have."""
    if dtype is not None and config.standardize_dtype(dtype) == "float64":
        return convert_to_tensor(start, dtype), convert_to_tensor(stop, dtype)
    return floating_together(start, stop)


@op
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """`num` values spaced evenly from `start` to `stop` (numbers or tensors), along a new `axis`.

    Returns the values, and the step as well when `retstep`.

    >>> import fastkeras as keras
    >>> keras.ops.linspace(0, 1, 5).numpy().tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if num < 0:
        raise ValueError(f"`num` must be a non-negative integer. Received: num={num}")
    num = int(num)
    start, stop = _ends(start, stop, dtype)
    intervals = max(num - 1 if endpoint else num, 1)
    step = primitive("divide")(_subtract(stop, start), intervals if num > (1 if endpoint else 0) else float("nan"))
    shape = np.broadcast_shapes(start.shape, stop.shape)
    axis = normalize_axis(axis, len(shape) + 1, "linspace")
    fraction = (np.arange(num) / intervals).reshape([-1 if d == axis else 1 for d in range(len(shape) + 1)])
    fraction = convert_to_tensor(fraction, start.dtype)
    unit = [*shape[:axis], 1, *shape[axis:]]
    start, stop = (reshape_to(broadcast(t, shape=list(shape)), shape=unit) for t in (start, stop))
    # Weighing both ends meets them exactly.
    values = _add(_multiply(start, _subtract(1, fraction)), _multiply(stop, fraction))
    if dtype is not None:
        if not is_float(config.standardize_dtype(dtype)):
            values = primitive("floor")(values)
        values = cast(values, dtype)
    return (values, step) if retstep else values


@op
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """`base` to the power of `num` exponents spaced evenly from `start` to `stop`.

    >>> import fastkeras as keras
    >>> keras.ops.logspace(0, 3, 4, base=2).numpy().tolist()
    [1.0, 2.0, 4.0, 8.0]
    """
    values = _power(float(base), linspace(*_ends(start, stop, dtype), num, endpoint, axis=axis))
    return values if dtype is None else cast(values, dtype)


@op
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`num` values from `start` to `stop` (of one sign), each the same multiple of the one before.

    >>> import fastkeras as keras
    >>> keras.ops.geomspace(1, 8, 4).numpy().round(4).tolist()
    [1.0, 2.0, 4.0, 8.0]
    """
    start, stop = _ends(start, stop, dtype)
    log, magnitude = primitive("log"), primitive("abs")
    exponents = linspace(log(magnitude(start)), log(magnitude(stop)), num, endpoint, axis=axis)
    sign = broadcast(primitive("sign")(start), shape=list(np.broadcast_shapes(start.shape, stop.shape)))
    axis = normalize_axis(axis, exponents.ndim, "geomspace")
    sign = reshape_to(sign, shape=[*sign.shape[:axis], 1, *sign.shape[axis:]])
    values = _multiply(sign, primitive("exp")(exponents))
    return values if dtype is None else cast(values, dtype)


# --- windows --------------------------------------------------------------------------------------------------------


def _window(make, x, tag, *parameters):
    size = int(_number(x, tag))
    return convert_to_tensor(make(size, *parameters), config.floatx())


@op
def bartlett(x):
    """The triangular window of `x` points.

    >>> import fastkeras as keras
    >>> keras.ops.bartlett(5).numpy().tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window(np.bartlett, x, "bartlett")


@op
def blackman(x):
    """The Blackman window of `x` points.

    >>> import fastkeras as keras
    >>> keras.ops.blackman(3).numpy().round(4).tolist()
    [-0.0, 1.0, -0.0]
    """
    return _window(np.blackman, x, "blackman")


@op
def hamming(x):
    """The Hamming window of `x` points.

    >>> import fastkeras as keras
    >>> keras.ops.hamming(3).numpy().round(4).tolist()
    [0.07999999821186066, 1.0, 0.07999999821186066]
    """
    return _window(np.hamming, x, "hamming")


@op
def hanning(x):
    """The Hann window of `x` points.

    >>> import fastkeras as keras
    >>> keras.ops.hanning(3).numpy().tolist()
    [0.0, 1.0, 0.0]
    """
    return _window(np.hanning, x, "hanning")


@op
def kaiser(x, beta):
    """The Kaiser window of `x` points with shape parameter `beta`.

    >>> import fastkeras as keras
    >>> keras.ops.kaiser(3, 0.0).numpy().tolist()
    [1.0, 1.0, 1.0]
    """
    return _window(np.kaiser, x, "kaiser", float(_number(beta, "kaiser")))
