"""Datasets of the sounds in a folder."""

import wave

import numpy as np

from fastkeras.utils.arguments import named
from fastkeras.utils.directories import check_arguments, datasets_of_files


def audio_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    sampling_rate=None,
    output_sequence_length=None,
    ragged=False,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    verbose=True,
):
    """Batches `(sounds, labels)` of the .wav files in a folder with one folder for each class, as a Dataset.

    Sounds are floats in [-1, 1) of shape `(batch, samples, channels)`, filled with zeros behind the shorter ones.

    Args:
        sampling_rate: what the files must have: sounds are not resampled.
        output_sequence_length: number of samples that every sound is cut or filled to.
        ragged: must be false: tensors are dense.
        others: as in `image_dataset_from_directory`.

    Raises:
        ValueError: for settings that there are not, when there are no files, and when a batch has a file of another
            sampling rate.
        OSError: when a batch has a file that is no WAV file of 16-bit PCM; it is named.
    """
    arguments = named(locals())
    check_arguments("audio", format="tf", **arguments)
    if ragged:
        raise ValueError(
            "Cannot set both `ragged` and `output_sequence_length`"
            if output_sequence_length is not None
            else f"[dataset] tensors are dense; leave `ragged` out. Received: ragged={ragged}"
        )
    if sampling_rate is not None and not isinstance(sampling_rate, int):
        raise ValueError(f"`sampling_rate` should have an integer value. Received: sampling_rate={sampling_rate}")
    if sampling_rate is not None and sampling_rate <= 0:
        raise ValueError(f"`sampling_rate` should be higher than 0. Received: sampling_rate={sampling_rate}")

    def read(paths):
        return _stacked([_sound(path, sampling_rate) for path in paths], output_sequence_length)

    return datasets_of_files((".wav",), read, "audio files", **arguments)


def _sound(path, sampling_rate):
    """`(samples, channels)` of a file."""
    try:
        with wave.open(path, "rb") as file:
            channels, width, rate, count = file.getparams()[:4]
            if width != 2:
                raise wave.Error(f"{8 * width} bits")
            values = np.frombuffer(file.readframes(count), "<i2").reshape(-1, channels)
    except (wave.Error, EOFError, ValueError) as error:
        raise OSError(f"[audio] not a WAV file of 16-bit PCM: {error}. Received: path={path}") from error
    if sampling_rate not in (None, rate):
        raise ValueError(
            f"[audio] sounds are not resampled. Received: sampling_rate={sampling_rate} for a file of {rate}: {path}"
        )
    return values.astype("float32") / 2**15


def _stacked(sounds, length):
    length = max(len(sound) for sound in sounds) if length is None else length
    batch = np.zeros((len(sounds), length, max(sound.shape[1] for sound in sounds)), "float32")
    for row, sound in zip(batch, sounds, strict=True):
        row[: len(sound), : sound.shape[1]] = sound[:length]
    return batch
