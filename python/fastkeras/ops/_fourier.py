"""Fourier transforms. They are NumPy's: eager only and without gradients."""

import numpy as np

from fastkeras.engine import convert_to_tensor, op, primitive
from fastkeras.ops._common import floating, integer_constant, is_float, numpy_values
from fastkeras.ops._shapes import pad


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
    starts = np.arange(0, x.shape[-1] - sequence_length + 1, sequence_stride)
    return primitive("take")(x, integer_constant(starts[:, None] + np.arange(sequence_length)), axis=x.ndim - 1)


def _complex(x, tag):
    """A (real, imaginary) pair of float tensors as one complex array, and their dtype."""
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
    a, b = numpy_values(tag, real, imag)
    return a + 1j * b, real.dtype


def _pair(values, dtype):
    return convert_to_tensor(values.real, dtype), convert_to_tensor(values.imag, dtype)


@op
def fft(x):
    """The discrete Fourier transform of (real, imaginary) along the last axis, as such a pair. Eager only.

    >>> import fastkeras as keras
    >>> real, imag = keras.ops.fft((keras.ops.array([1.0, 0.0]), keras.ops.array([0.0, 0.0])))
    >>> real.numpy().tolist()
    [1.0, 1.0]
    """
    values, dtype = _complex(x, "fft")
    return _pair(np.fft.fft(values), dtype)


@op
def fft2(x):
    """The discrete Fourier transform of (real, imaginary) along the last two axes, as such a pair. Eager only.

    >>> import fastkeras as keras
    >>> real, imag = keras.ops.fft2((keras.ops.ones((2, 2)), keras.ops.zeros((2, 2))))
    >>> real.numpy().tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    values, dtype = _complex(x, "fft2")
    return _pair(np.fft.fft2(values), dtype)


@op
def ifft2(x):
    """The inverse of `fft2`. Eager only.

    >>> import fastkeras as keras
    >>> real, imag = keras.ops.ifft2((keras.ops.ones((2, 2)), keras.ops.zeros((2, 2))))
    >>> real.numpy().tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    values, dtype = _complex(x, "ifft2")
    return _pair(np.fft.ifft2(values), dtype)


@op
def rfft(x, fft_length=None):
    """The first half of the transform of real numbers along the last axis, (real, imaginary). Eager only.

    `fft_length` cuts the axis or fills it with zeros.

    >>> import fastkeras as keras
    >>> real, imag = keras.ops.rfft(keras.ops.array([1.0, 0.0, 0.0, 0.0]))
    >>> real.numpy().tolist()
    [1.0, 1.0, 1.0]
    """
    x = floating(x)
    (values,) = numpy_values("rfft", x)
    return _pair(np.fft.rfft(values, n=fft_length), x.dtype)


@op
def irfft(x, fft_length=None):
    """The real numbers whose `rfft` is (real, imaginary). Eager only.

    >>> import fastkeras as keras
    >>> keras.ops.irfft(keras.ops.rfft(keras.ops.array([1.0, 2.0, 3.0, 4.0]))).numpy().round(4).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    values, dtype = _complex(x, "irfft")
    return convert_to_tensor(np.fft.irfft(values, n=fft_length), dtype)


def _window(window, sequence_length, fft_length, tag):
    """The window, filled with zeros on both sides to `fft_length`; ones throughout when it is None."""
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )
    if window is None:
        return np.ones(fft_length)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f'If a string is passed to `window`, it must be one of `"hann"`, `"hamming"`. Received: window={window}'
            )
        # The periodic forms: one point of the symmetric window is left out.
        values = {"hann": np.hanning, "hamming": np.hamming}[window](sequence_length + 1)[:-1]
    else:
        (values,) = numpy_values(tag, convert_to_tensor(window))
    if values.shape != (sequence_length,):
        raise ValueError(
            f"The shape of `window` must be equal to [sequence_length]. Received: window shape={values.shape}"
        )
    left = (fft_length - sequence_length) // 2
    return np.pad(values.astype("float64"), (left, fft_length - sequence_length - left))


@op
def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """The transforms of windows along the last axis, (real, imaginary) of shape (..., windows, bins). Eager only.

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
    weights = _window(window, sequence_length, fft_length, "stft")
    if center:
        x = pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    (frames,) = numpy_values("stft", extract_sequences(x, fft_length, sequence_stride))
    return _pair(np.fft.rfft(frames * weights), x.dtype)


@op
def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """The signal whose `stft` is (real, imaginary): overlapping windows added, weights divided out. Eager only.

    `length` cuts or fills the result.

    >>> import fastkeras as keras
    >>> parts = keras.ops.stft(keras.ops.ones((8,)), 4, 2, 4)
    >>> keras.ops.istft(parts, 4, 2, 4).numpy().round(4).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    values, dtype = _complex(x, "istft")
    if values.ndim < 2:
        raise ValueError(f"Input `x` must have at least 2 dimensions. Received shape: {values.shape}")
    weights = _window(window, sequence_length, fft_length, "istft")
    frames = np.fft.irfft(values, n=fft_length) * weights
    count = frames.shape[-2]
    total = fft_length + sequence_stride * (count - 1)
    signal, power = np.zeros((*frames.shape[:-2], total)), np.zeros(total)
    for i in range(count):
        at = i * sequence_stride
        signal[..., at : at + fft_length] += frames[..., i, :]
        power[at : at + fft_length] += weights**2
    signal /= np.where(power > 1e-10, power, 1)
    start = fft_length // 2 if center else 0
    if length is not None:
        signal = signal[..., start : start + length]
        signal = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, length - signal.shape[-1])])
    elif center:
        signal = signal[..., start : total - fft_length // 2]
    return convert_to_tensor(signal, dtype)
