"""Sounds as spectrograms: which frequencies they have, frame by frame."""

import math
import warnings

import numpy as np

from fastkeras import initializers, ops, registry
from fastkeras.engine import config
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.layer import Layer
from fastkeras.layers.preprocessing.base import DataLayer
from fastkeras.layers.spatial import count_windows

_register = registry.register("keras.layers")
_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


def _with_window(config):
    """A layer's config with the values of its window, when it is no name."""
    return {**config, "window": registry.deserialize_keras_object(config["window"])}


@_register
class STFTSpectrogram(Layer):
    """Short-time Fourier transforms of signals, by a convolution whose kernels may be trained.

    Args:
        mode: "real" or "imag", both ("stft"), "magnitude" or its logarithm ("log"), "angle", or "psd" for the power,
            counted twice between the lowest and the highest frequency.
        frame_length, frame_step: size of a frame, and from one to the next: half its size by default.
        fft_length: size of the transform, which has `fft_length // 2 + 1` bins; by default the power of two that is
            not less than `frame_length`.
        window, periodic, scaling: of `initializers.STFT`.
        padding: "valid", or "same": one frame for every step.
        expand_dims: keep channels apart, as an image has them?
        data_format: "channels_last" or "channels_first".

    Input `(batch, time, channels)`; output `(batch, frames, channels * bins)`, or `(batch, frames, bins, channels)`
    with `expand_dims`; with channels first `(batch, channels * bins, frames)` or `(batch, channels, frames, bins)`.

    Raises:
        ValueError: for settings that there are not.
        TypeError: for inputs of another dtype than float16, float32 or float64.

    >>> import fastkeras as keras
    >>> keras.layers.STFTSpectrogram(frame_length=64)(keras.ops.ones((2, 640, 1))).shape
    (2, 19, 33)
    """

    def __init__(
        self,
        mode="log",
        frame_length=256,
        frame_step=None,
        fft_length=None,
        window="hann",
        periodic=False,
        scaling="density",
        padding="valid",
        expand_dims=False,
        data_format=None,
        **kwargs,
    ):
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(
                "`frame_step` should be a positive integer not greater than `frame_length`. "
                f"Received frame_step={frame_step}, frame_length={frame_length}"
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(
                "`fft_length` should be not less than `frame_length`. "
                f"Received fft_length={fft_length}, frame_length={frame_length}"
            )
        if fft_length is not None and fft_length & (fft_length - 1):
            warnings.warn(
                f"`fft_length` is recommended to be a power of two. Received fft_length={fft_length}", stacklevel=2
            )
        if mode not in _MODES:
            raise ValueError(f"Output mode is invalid, it must be one of {', '.join(_MODES)}. Received: mode={mode}")
        if padding not in ("valid", "same"):
            raise ValueError(f"Padding is invalid, it should be 'valid', 'same'. Received: padding={padding}")
        super().__init__(**kwargs)
        self.mode = mode
        self.frame_length, self.frame_step, self.fft_length = frame_length, frame_step, fft_length
        self.window, self.periodic, self.scaling = window, periodic, scaling
        self._kernels = {side: initializers.STFT(side, window, scaling, periodic) for side in self._sides}
        self.padding, self.expand_dims = padding, expand_dims
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)

    @property
    def _sides(self):
        return [self.mode] if self.mode in ("real", "imag") else ["real", "imag"]

    @property
    def _step(self):
        return self.frame_step or self.frame_length // 2

    @property
    def _bins(self):
        return (self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))) // 2 + 1

    def build(self, input_shape):
        for side, kernel in self._kernels.items():
            shape = (self.frame_length, 1, self._bins)
            setattr(self, f"{side}_kernel", self.add_weight(name=f"{side}_kernel", shape=shape, initializer=kernel))

    def call(self, inputs):
        if inputs.dtype not in ("float16", "float32", "float64"):
            raise TypeError(
                f"Invalid input type. Expected `float16`, `float32` or `float64`. Received: input type={inputs.dtype}"
            )
        spectra = self._spectra(inputs)
        if self.mode not in ("real", "imag", "stft"):
            spectra = self._combined(*ops.split(spectra, 2, axis=-1))
        return self._arranged(spectra)

    def _spectra(self, inputs):
        """(batch, channels, frames, bins), the real bins before the imaginary ones: every channel by itself."""
        if self.data_format == "channels_last":
            inputs = ops.transpose(inputs, (0, 2, 1))
        batch, channels, time = inputs.shape
        kernels = [getattr(self, f"{side}_kernel") for side in self._sides]
        kernel = ops.cast(ops.concatenate(kernels, axis=-1), inputs.dtype)
        signals = ops.reshape(inputs, (batch * channels, time, 1))
        spectra = ops.conv(signals, kernel, self._step, self.padding, data_format="channels_last")
        return ops.reshape(spectra, (batch, channels, *spectra.shape[1:]))

    def _combined(self, real, imag):
        if self.mode == "angle":
            return ops.arctan2(imag, real)
        power = ops.square(real) + ops.square(imag)
        if self.mode == "psd":
            return power + ops.pad(power[..., 1:-1], [(0, 0), (0, 0), (0, 0), (1, 1)])
        least = config.epsilon()
        magnitude = ops.sqrt(ops.maximum(power, least))
        return ops.log(ops.maximum(magnitude, least)) if self.mode == "log" else magnitude

    def _arranged(self, spectra):
        batch, channels, frames, bins = spectra.shape
        last = self.data_format == "channels_last"
        if self.expand_dims:
            return ops.transpose(spectra, (0, 2, 3, 1)) if last else spectra
        if last:
            return ops.reshape(ops.transpose(spectra, (0, 2, 1, 3)), (batch, frames, channels * bins))
        return ops.reshape(ops.transpose(spectra, (0, 1, 3, 2)), (batch, channels * bins, frames))

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        batch, (time, channels) = input_shape[0], input_shape[1:] if last else input_shape[:0:-1]

        def describe():
            return f"`input_shape={input_shape}`, `frame_length={self.frame_length}`, `frame_step={self._step}`."

        (frames,) = count_windows([time], [self.frame_length], [self._step], self.padding, describe)
        bins = self._bins * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (batch, frames, bins, channels) if last else (batch, channels, frames, bins)
        return (batch, frames, channels * bins) if last else (batch, channels * bins, frames)

    @classmethod
    def from_config(cls, config):
        return super().from_config(_with_window(config))


@_register
class MelSpectrogram(DataLayer):
    """Spectrograms whose frequencies are put together as the ear does: `mel(f) = 1127 log(1 + f / 700)`.

    Args:
        fft_length, sequence_stride, sequence_length, window: of `ops.stft`; `sequence_length` is `fft_length` by
            default.
        sampling_rate: samples per second.
        num_mel_bins, min_freq, max_freq: number of bands, and the frequencies where they begin and end: half the
            sampling rate by default.
        power_to_db: put out decibels?
        top_db: how far below the greatest one of the batch decibels may be.
        mag_exp: exponent of magnitudes: 1 for magnitudes, 2 for power.
        min_power: least power.
        ref_power: what 0 decibels are.

    Input `(samples,)` or `(batch, samples)`; output `(bands, frames)` or `(batch, bands, frames)`.

    Raises:
        ValueError: when `sequence_length` is greater than `fft_length`.

    >>> import fastkeras as keras
    >>> layer = keras.layers.MelSpectrogram(fft_length=256, sequence_stride=128, num_mel_bins=20)
    >>> layer(keras.ops.ones((2, 1024))).shape
    (2, 20, 9)
    """

    def __init__(
        self,
        fft_length=2048,
        sequence_stride=512,
        sequence_length=None,
        window="hann",
        sampling_rate=16000,
        num_mel_bins=128,
        min_freq=20.0,
        max_freq=None,
        power_to_db=True,
        top_db=80.0,
        mag_exp=2.0,
        min_power=1e-10,
        ref_power=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.fft_length, self.sequence_stride = fft_length, sequence_stride
        self.sequence_length, self.window = sequence_length or fft_length, window
        if self.sequence_length > fft_length:
            raise ValueError(
                "`fft_length` must be greater than or equal to `sequence_length`. "
                f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
            )
        self.sampling_rate, self.num_mel_bins = sampling_rate, num_mel_bins
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db, self.mag_exp = power_to_db, top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power

    def call(self, inputs):
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        real, imag = ops.stft(
            ops.cast(inputs, dtype), self.sequence_length, self.sequence_stride, self.fft_length, self.window
        )
        power = ops.square(real) + ops.square(imag)
        bands = self.linear_to_mel_weight_matrix(
            self.num_mel_bins, real.shape[-1], self.sampling_rate, self.min_freq, self.max_freq, dtype
        )
        mel = ops.matmul(ops.power(power, self.mag_exp / 2), bands)
        if self.power_to_db:
            mel = self._decibels(mel)
        return ops.cast(ops.swapaxes(mel, -1, -2), self.compute_dtype)

    def _decibels(self, power):
        reference = 10 * math.log10(max(abs(self.ref_power), self.min_power))
        decibels = 10 * ops.log10(ops.maximum(power, self.min_power)) - reference
        return ops.maximum(decibels, ops.max(decibels) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins=20,
        num_spectrogram_bins=129,
        sampling_rate=8000,
        lower_edge_hertz=125.0,
        upper_edge_hertz=3800.0,
        dtype="float32",
    ):
        """What each of the frequencies from 0 to half the sampling rate adds to each band, as a matrix.

        A band is a triangle in mel from the middle of the band before to that of the band after; 0 Hz is in none.
        """
        frequencies = np.linspace(0, sampling_rate / 2, num_spectrogram_bins)[1:, None]
        edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        lower, middle, upper = edges[:-2], edges[1:-1], edges[2:]
        rising = (_mel(frequencies) - lower) / (middle - lower)
        falling = (upper - _mel(frequencies)) / (upper - middle)
        weights = np.maximum(0, np.minimum(rising, falling))
        return ops.convert_to_tensor(np.pad(weights, [(1, 0), (0, 0)]), dtype=dtype)

    def compute_output_shape(self, input_shape):
        samples = input_shape[-1]
        frames = None
        if samples is not None:
            frames = (samples + 2 * (self.fft_length // 2) - self.fft_length) // self.sequence_stride + 1
        return (*input_shape[:-1], self.num_mel_bins, frames)

    @classmethod
    def from_config(cls, config):
        return super().from_config(_with_window(config))


def _mel(hertz):
    return 1127 * np.log(1 + hertz / 700)
