"""What real Keras makes of sounds: kernels and windows of the Fourier transform, spectrograms."""

import functools

import numpy as np
from layer_cases import config_of

SIGNALS = np.random.RandomState(8).normal(0, 0.3, (2, 400)).astype("float32")
TOLERANCE = {}


def kernels(k):
    """Of both sides, for the windows that need SciPy in Keras, symmetric and periodic, in each scaling."""
    made = {}
    for window in ("hann", "hamming", "blackman", "bartlett", "boxcar", "nuttall", None):
        for scaling in ("density", "spectrum", None):
            for side, periodic in (("real", False), ("imag", True)):
                initializer = k.initializers.STFT(side, window, scaling, periodic)
                made[f"{side} {window} {scaling}"] = np.asarray(initializer((9, 1, 6)))
    values = np.linspace(-0.5, 1, 9)
    made["values"] = np.asarray(k.initializers.STFT("real", values, "spectrum")((9, 1, 6)))
    made["float64"] = np.asarray(k.initializers.get("stft")((8, 1, 5), dtype="float64"))
    return made


def first_weights(k):
    """What the layer does before it learns."""
    layer = k.layers.STFTSpectrogram(frame_length=16, frame_step=6, window="hamming", periodic=True)
    stereo = np.stack([SIGNALS, SIGNALS[::-1]], axis=-1)
    made = {"output": np.asarray(layer(stereo))}
    paths = " ".join(f"{w.path}{tuple(w.shape)}" for w in layer.weights)
    made |= {f"weight{i}": w for i, w in enumerate(layer.get_weights())}
    return {**made, "paths": np.frombuffer(paths.encode(), "uint8")}


def mel(settings, k):
    layer = k.layers.MelSpectrogram(**{"fft_length": 64, "sequence_stride": 32, "num_mel_bins": 12, **settings})
    return {"config": config_of(layer), "batch": np.asarray(layer(SIGNALS)), "single": np.asarray(layer(SIGNALS[1]))}


def mel_weights(k):
    matrix = k.layers.MelSpectrogram().linear_to_mel_weight_matrix
    settings = {"num_spectrogram_bins": 33, "sampling_rate": 16000, "lower_edge_hertz": 20, "upper_edge_hertz": 7600}
    return {"default": np.asarray(matrix()), "other": np.asarray(matrix(num_mel_bins=7, **settings))}


MEL = {
    "mel": {},
    "mel power": {"power_to_db": False, "window": "hamming", "sequence_length": 48},
    "mel magnitude": {"mag_exp": 1.0, "ref_power": 0.5, "top_db": 30.0, "sampling_rate": 8000},
    "mel floor": {"min_power": 0.5, "min_freq": 100.0, "max_freq": 4000.0, "window": None},
    "mel odd": {"fft_length": 63, "sequence_stride": 25},
}
ROWS = {
    "kernels": kernels,
    "first weights": first_weights,
    "mel weights": mel_weights,
    **{name: functools.partial(mel, settings) for name, settings in MEL.items()},
}
