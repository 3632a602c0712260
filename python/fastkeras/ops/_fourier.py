"""Fourier transforms along the last axes, of pairs of tensors: real and imaginary parts."""

import math

import numpy as np

from fastkeras.engine import cast, convert_to_tensor, op, primitive
from fastkeras.ops._common import broadcast, floating, integer_constant, is_float, part, reshape_to
from fastkeras.ops._shapes import pad, swapaxes

_fft, _multiply, _scatter = primitive("fft"), primitive("multiply"), primitive("scatter")


@op
def extract_sequences(x, sequence_length, sequence_stride):
    """Windows of `sequence_length` along the last axis, `sequence_stride` apart: (..., windows, sequence_length).

    >>> import fastkeras as keras
    >>> keras.ops.extract_sequences([1, 2, 3, 4], 2, 2).numpy().tolist()
    [[1, 2], [3, 4]]
    """
    x = convert_to_tensor(x)
    if sequence_length < 1 or sequence_stride < 1 or not x.ndim or sequence_length > x.shape[-1]:
        raise ValueError(
            "[extract_sequences] length and stride must be positive and the window fit the axis. Received: "
            f"sequence_length={sequence_length}, sequence_stride={sequence_stride}, x.shape={x.shape}"
        )
    # Windows are whole runs of as many elements as divide their length and their distance.
    *lead, length = x.shape
    run = math.gcd(sequence_length, sequence_stride)
    starts = np.arange(0, length - sequence_length + 1, sequence_stride) // run
    runs = reshape_to(part(x, x.ndim - 1, 0, length // run * run), shape=[*lead, length // run, run])
    places = integer_constant(starts[:, None] + np.arange(sequence_length // run))
    return reshape_to(primitive("take")(runs, places, axis=x.ndim - 1), shape=[*lead, len(starts), sequence_length])


def _of_rank(x, least):
    if x.ndim < least:
        raise ValueError(f"Input `x` must have at least {least} dimensions. Received shape: {x.shape}")
    return x


def _complex(x, least=1):
    """A (real, imaginary) pair as two float tensors of rank `least` or more."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}")
    real, imag = (convert_to_tensor(t) for t in x)
    if real.shape != imag.shape:
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary. Both the real and imaginary parts should "
            f"have the same shape. Received: x[0].shape = {real.shape}, x[1].shape = {imag.shape}"
        )
    if not is_float(real.dtype) or not is_float(imag.dtype):
        raise ValueError(f"At least one tensor in input `x` is not of type float. Received: x={x}.")
    return _of_rank(real, least), imag


def _transform(*parts, inverse=False):
    """All numbers of the transform of (real, imaginary); `inverse` does not divide by their count."""
    length = parts[0].shape[-1]
    return tuple(_fft(*parts, inverse=inverse, length=length, size=length, real=False))


def _transform2(x, inverse=False):
    rows = (swapaxes(t, -1, -2) for t in _transform(*_complex(x, 2), inverse=inverse))
    return tuple(swapaxes(t, -1, -2) for t in _transform(*rows, inverse=inverse))


@op
def fft(x):
    """The discrete Fourier transform of (real, imaginary) along the last axis, as such a pair.

    `y[k] = sum(x[j] * exp(-2 pi i j k / n))`.

    >>> import fastkeras as keras
    >>> real, imag = keras.ops.fft((keras.ops.array([1.0, 0.0]), keras.ops.array([0.0, 0.0])))
    >>> real.numpy().tolist()
    [1.0, 1.0]
    """
    return _transform(*_complex(x))


@op
def fft2(x):
    """The discrete Fourier transform of (real, imaginary) along the last two axes, as such a pair.

    >>> import fastkeras as keras
    >>> real, imag = keras.ops.fft2((keras.ops.ones((2, 2)), keras.ops.zeros((2, 2))))
    >>> real.numpy().tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    return _transform2(x)


@op
def ifft2(x):
    """The inverse of `fft2`.

    >>> import fastkeras as keras
    >>> real, imag = keras.ops.ifft2((keras.ops.ones((2, 2)), keras.ops.zeros((2, 2))))
    >>> real.numpy().tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    parts = _transform2(x, inverse=True)
    rows, columns = parts[0].shape[-2:]
    return tuple(_multiply(t, 1 / (rows * columns)) for t in parts)


@op
def rfft(x, fft_length=None):
    """The first half of the transform of real numbers along the last axis, (real, imaginary).

    `fft_length` cuts the axis or fills it with zeros.

    >>> import fastkeras as keras
    >>> real, imag = keras.ops.rfft(keras.ops.array([1.0, 0.0, 0.0, 0.0]))
    >>> real.numpy().tolist()
    [1.0, 1.0, 1.0]
    """
    x = _of_rank(floating(x), 1)
    length = x.shape[-1] if fft_length is None else int(fft_length)
    return tuple(_fft(_first(x, length), inverse=False, length=length, size=length // 2 + 1, real=False))


@op
def irfft(x, fft_length=None):
    """The `fft_length` real numbers whose `rfft` is (real, imaginary): an even number of them by default.

    >>> import fastkeras as keras
    >>> keras.ops.irfft(keras.ops.rfft(keras.ops.array([1.0, 2.0, 3.0, 4.0]))).numpy().round(4).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    parts = _complex(x)
    length = 2 * (parts[0].shape[-1] - 1) if fft_length is None else int(fft_length)
    parts = [_first(t, length // 2 + 1) for t in parts]
    # The numbers left out are mirror images of those given, but for the first and, of an even length, the last.
    k = np.arange(parts[0].shape[-1])
    weights = np.where((k == 0) | (2 * k == length), 1, 2) / max(length, 1)
    parts = [_multiply(t, convert_to_tensor(weights, t.dtype)) for t in parts]
    return _fft(*parts, inverse=True, length=length, size=length, real=True)


def _first(x, size):
    """As many elements of the last axis, or those there are."""
    return part(x, x.ndim - 1, 0, size) if 0 <= size < x.shape[-1] else x


def _window(window, sequence_length, fft_length, dtype):
    """The window, filled with zeros on both sides to `fft_length`; ones throughout when it is None."""
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )
    if window is None:
        return convert_to_tensor(np.ones(fft_length), dtype)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f'If a string is passed to `window`, it must be one of `"hann"`, `"hamming"`. Received: window={window}'
            )
        # The periodic forms: one point of the symmetric window is left out.
        window = {"hann": np.hanning, "hamming": np.hamming}[window](sequence_length + 1)[:-1]
    window = cast(convert_to_tensor(window), dtype)
    if tuple(window.shape) != (sequence_length,):
        raise ValueError(
            f"The shape of `window` must be equal to [sequence_length]. Received: window shape={window.shape}"
        )
    left = (fft_length - sequence_length) // 2
    return pad(window, (left, fft_length - sequence_length - left))


@op
def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """The transforms of windows along the last axis, (real, imaginary) of shape (..., windows, bins).

    Windows of `fft_length` begin `sequence_stride` apart; `center` reflects half a window at both ends first.
    `window`: "hann", "hamming", `sequence_length` numbers, or None for none.

    >>> import fastkeras as keras
    >>> real, imag = keras.ops.stft(keras.ops.ones((8,)), 4, 2, 4)
    >>> real.shape
    (5, 3)
    """
    x = convert_to_tensor(x)
    if x.dtype not in ("float32", "float64"):
        raise TypeError(f"Invalid input type. Expected `float32` or `float64`. Received: input type={x.dtype}")
    weights = _window(window, sequence_length, fft_length, x.dtype)
    if center:
        x = pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    return rfft(_multiply(extract_sequences(x, fft_length, sequence_stride), weights))


def _overlapped(frames, stride):
    """Frames (..., count, length), `stride` apart, added to one signal."""
    *lead, count, length = frames.shape
    places = (stride * np.arange(count)[:, None] + np.arange(length)).reshape(-1)
    start = broadcast(convert_to_tensor(0, frames.dtype), shape=[*lead, stride * (count - 1) + length])
    frames = reshape_to(frames, shape=[*lead, count * length])
    return _scatter(start, integer_constant(places), frames, axis=len(lead), reduction="add")


@op
def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """The signal whose `stft` is (real, imaginary): overlapping windows added, weights divided out.

    `length` cuts or fills the result. Without a window it is `fft_length / sequence_stride` times the signal, as in
    Keras on JAX.

    >>> import fastkeras as keras
    >>> parts = keras.ops.stft(keras.ops.ones((8,)), 4, 2, 4)
    >>> keras.ops.istft(parts, 4, 2, 4).numpy().round(4).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    parts = _complex(x, 2)
    weights = _window(window, sequence_length, fft_length, parts[0].dtype)
    frames = _multiply(irfft(parts, fft_length), weights)
    squares = broadcast(_multiply(weights, weights), shape=list(frames.shape[-2:]))
    power = _overlapped(squares, sequence_stride)
    seen = primitive("greater")(power, 1e-10)
    signal = primitive("divide")(_overlapped(frames, sequence_stride), primitive("where")(seen, power, 1))
    if window is None:
        signal = _multiply(signal, fft_length / sequence_stride)
    axis, total = signal.ndim - 1, signal.shape[-1]
    start = fft_length // 2 if center else 0
    if length is not None:
        signal = part(signal, axis, start, min(start + length, total))
        return pad(signal, [(0, 0)] * axis + [(0, length - signal.shape[-1])])
    return part(signal, axis, start, total - start)
