"""Spectrograms: against NumPy's Fourier transform, trained, saved, in bad hands."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers
from fastkeras.engine import Function

RATE = 8000


def tone(hertz, samples=1024):
    return np.sin(2 * np.pi * hertz * np.arange(samples) / RATE).astype("float32")


def test_spectrogram_is_a_fourier_transform():
    x = np.random.RandomState(1).normal(size=(2, 200, 1)).astype("float32")
    layer = layers.STFTSpectrogram("stft", frame_length=32, frame_step=20, fft_length=64, scaling=None)
    frames = np.lib.stride_tricks.sliding_window_view(x[..., 0], 32, axis=1)[:, ::20] * np.hanning(32)
    expected = np.fft.rfft(frames, n=64)
    real, imag = np.split(layer(x).numpy(), 2, axis=-1)
    np.testing.assert_allclose(real, expected.real, atol=1e-4)
    np.testing.assert_allclose(imag, expected.imag, atol=1e-4)


def test_every_channel_is_on_its_own():
    x = np.random.RandomState(1).normal(size=(2, 100, 3)).astype("float32")
    layer = layers.STFTSpectrogram("magnitude", frame_length=16, expand_dims=True)
    together = layer(x).numpy()
    for c in range(3):
        np.testing.assert_allclose(together[..., c], layer(x[..., c : c + 1])[..., 0], rtol=1e-5, atol=1e-6)


def test_spectrogram_learns_and_is_saved(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((256, 1)),
            layers.STFTSpectrogram("magnitude", frame_length=32, window=np.hamming(32)),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )
    x = np.stack([tone(hertz, 256) for hertz in (500, 1500) * 8])[..., None]
    y = np.arange(16) % 2
    model.compile(keras.optimizers.Adam(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    kernels = [w.numpy() for w in model.layers[0].weights]
    losses = model.fit(x, y, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert all((w.numpy() != before).any() for w, before in zip(model.layers[0].weights, kernels, strict=True))
    model.save(tmp_path / "tones.keras")
    loaded = keras.models.load_model(tmp_path / "tones.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"mode": "power"}, "mode=power"),
        ({"frame_step": 300}, "frame_step=300"),
        ({"frame_step": 0}, "frame_step=0"),
        ({"fft_length": 128}, "fft_length=128"),
        ({"scaling": "amplitude"}, "scaling=amplitude"),
        ({"padding": "causal"}, "padding=causal"),
        ({"window": "gothic"}, "gothic"),
        ({"data_format": "last"}, "data_format"),
    ],
)
def test_settings_of_spectrograms(settings, message):
    with pytest.raises(ValueError, match=message):
        layers.STFTSpectrogram(**settings)


def test_inputs_of_spectrograms():
    with pytest.raises(TypeError, match="input type=bfloat16"):
        layers.STFTSpectrogram(dtype="bfloat16")(np.ones((1, 300, 1)))
    with pytest.raises(ValueError, match="zero or negative"):
        layers.STFTSpectrogram().compute_output_shape((1, 200, 1))
    with pytest.raises(ValueError, match="shape of `window`"):
        layers.STFTSpectrogram(window=[1.0, 2.0])(np.ones((1, 300, 1)))
    with pytest.warns(UserWarning, match="power of two"):
        layers.STFTSpectrogram(fft_length=300)


def test_tones_are_in_their_bands():
    layer = layers.MelSpectrogram(256, 128, sampling_rate=RATE, num_mel_bins=16, power_to_db=False)
    bands = [int(np.argmax(layer(tone(hertz)).numpy().sum(axis=-1))) for hertz in (200, 1000, 3000)]
    assert bands == sorted(set(bands))
    weights = layer.linear_to_mel_weight_matrix(16, 129, RATE, layer.min_freq, layer.max_freq).numpy()
    assert bands == [int(np.argmax(weights[round(hertz / RATE * 256)])) for hertz in (200, 1000, 3000)]


@pytest.mark.parametrize("fft_length", [63, 64])
@pytest.mark.parametrize("samples", [99, 100, 124, 125])
def test_announced_frames(fft_length, samples):
    layer = layers.MelSpectrogram(fft_length, 25, num_mel_bins=4)
    assert layer.compute_output_shape((2, samples)) == layer(np.ones((2, samples))).shape
    assert layer.compute_output_shape((None,)) == (4, None)


def test_decibels_end_below_the_loudest():
    quiet = np.concatenate([tone(1000), 1e-4 * tone(1000)])
    levels = layers.MelSpectrogram(256, 128, sampling_rate=RATE, num_mel_bins=8, top_db=20.0)(quiet).numpy()
    np.testing.assert_allclose(levels.max() - levels.min(), 20.0, rtol=1e-5)


def test_mel_spectrogram_of_a_config():
    layer = layers.MelSpectrogram(64, 32, window=np.hanning(64), num_mel_bins=8, dtype="float64")
    twin = layers.MelSpectrogram.from_config(layer.get_config())
    outputs = layer(tone(500))
    assert outputs.dtype == "float64"
    np.testing.assert_array_equal(twin(tone(500)), outputs)
    with pytest.raises(ValueError, match="sequence_length=65"):
        layers.MelSpectrogram(64, sequence_length=65)


def test_mel_spectrogram_in_a_compiled_model(tmp_path):
    layer = layers.MelSpectrogram(64, 32, num_mel_bins=8)
    x = np.stack([tone(hertz, 256) for hertz in (500, 1500) * 4])
    np.testing.assert_allclose(Function(lambda x: layer(x))(x), layer(x), rtol=1e-4, atol=1e-3)
    model = keras.Sequential([keras.Input((256,)), layer, layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(x, np.arange(8) % 2, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "mel.keras")
    loaded = keras.models.load_model(tmp_path / "mel.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
