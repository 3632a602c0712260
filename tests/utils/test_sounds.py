"""Datasets of WAV files."""

import wave

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.utils import audio_dataset_from_directory


def write(path, values, rate=8000, width=2):
    """A file of `values`, (samples, channels)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(values.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(values.astype("<i2").tobytes() if width == 2 else bytes(values.size * width))


@pytest.fixture
def folder(tmp_path):
    for c, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for i in range(3):
            write(tmp_path / name / f"{i}.wav", np.full((4 + i, 1 + c), 2**14 * (1 - 2 * c)))
    return tmp_path


def sounds(folder, **settings):
    return audio_dataset_from_directory(folder, **{"verbose": False, "shuffle": False, **settings})


def test_batches_are_filled_with_zeros(folder):
    dataset = sounds(folder, batch_size=4)
    assert dataset.class_names == ["cat", "dog"]
    (x, y), (rest, labels) = dataset
    assert x.shape == (4, 6, 2) and x.dtype == "float32" and rest.shape == (2, 6, 2)
    assert y.tolist() == [0, 0, 0, 1] and labels.tolist() == [1, 1]
    assert x[0, :, 0].tolist() == [0.5] * 4 + [0.0] * 2
    assert x[3].tolist() == [[-0.5, -0.5]] * 4 + [[0.0, 0.0]] * 2


def test_sounds_are_cut_or_filled_to_a_length(folder):
    lengths = [x.shape for x, _ in sounds(folder, batch_size=None, output_sequence_length=5)]
    assert lengths == [(5, 1)] * 3 + [(5, 2)] * 3
    (x,) = sounds(folder, labels=None, output_sequence_length=5, sampling_rate=8000)
    assert x[0, :, 0].tolist() == [0.5] * 4 + [0.0] and x[2, :, 0].tolist() == [0.5] * 5


def test_full_scale(folder):
    write(folder / "cat" / "0.wav", np.array([[-(2**15)], [2**15 - 1]]))
    x, _ = next(iter(sounds(folder, batch_size=None)))
    assert x.numpy().ravel().tolist() == [-1.0, 1 - 2**-15]


def test_training_and_validation(folder):
    train, validation = sounds(folder, validation_split=0.5, subset="both", batch_size=2, label_mode="binary")
    assert len(train.file_paths) == len(validation.file_paths) == 3
    model = keras.Sequential([keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    stereo = train.map(lambda x, y: (np.broadcast_to(x[..., :1], (*x.shape[:2], 2)), y))
    assert len(model.fit(stereo, epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"ragged": True}, "ragged=True"),
        ({"ragged": True, "output_sequence_length": 3}, "Cannot set both"),
        ({"sampling_rate": 8000.0}, "sampling_rate=8000.0"),
        ({"sampling_rate": 0}, "sampling_rate=0"),
        ({"label_mode": "dense"}, "label_mode"),
        ({"labels": [1]}, "lengths"),
        ({"validation_split": 0.01, "subset": "validation"}, "No audio files"),
    ],
)
def test_errors(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        sounds(folder, **settings)


def test_files_that_cannot_be_read_are_named(folder):
    with pytest.raises(ValueError, match=r"sampling_rate=16000 for a file of 8000: .*0\.wav"):
        list(sounds(folder, sampling_rate=16000))
    write(folder / "dog" / "1.wav", np.ones((3, 1)), width=1)
    with pytest.raises(OSError, match=r"8 bits.*1\.wav"):
        list(sounds(folder))
    (folder / "dog" / "1.wav").write_bytes(b"no sound")
    with pytest.raises(OSError, match=r"16-bit PCM.*1\.wav"):
        list(sounds(folder))
