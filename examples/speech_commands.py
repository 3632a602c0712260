"""Recognizes spoken commands by their spectrograms.

    python examples/speech_commands.py [--small] [--output example-output]

The commands are synthesized: a buzzing voice through the resonances (formants) of a word's vowels, hiss where the word
has it, different pitch, speed and loudness each time, in noise. Leaves commands.png (a spectrogram of each word, and
which words are taken for which) and a WAV file of one take of each word to listen to.
"""

import wave

import numpy as np
from _common import arguments, save
from matplotlib import pyplot as plt

import fastkeras as keras
from fastkeras import layers, ops

RATE, LENGTH = 8000, 6144
FORMANTS = {"a": (750, 1200), "e": (450, 1900), "i": (280, 2300), "o": (450, 850), "u": (300, 750)}
WORDS = {"yes": "es", "no": "ou", "up": "a ", "down": "au", "left": "e s", "right": "ai ", "stop": "so ", "go": "o"}


def speak(word, random):
    """One take of a word: LENGTH samples in [-1, 1]."""
    pitch, speed, voice = random.uniform(90, 220), random.uniform(0.8, 1.25), random.uniform(0.88, 1.12)
    parts = []
    for sound in WORDS[word]:
        count = int(RATE * speed * (0.06 if sound == " " else random.uniform(0.13, 0.2)))
        time = np.arange(count) / RATE
        if sound == " ":
            parts.append(np.zeros(count))
        elif sound == "s":
            parts.append(0.25 * np.diff(random.standard_normal(count + 1)))
        else:
            harmonics = np.arange(pitch, 3500, pitch * (1 + random.uniform(-0.02, 0.02)))
            peaks = [1 / (1 + ((harmonics - formant * voice) / 90) ** 2) for formant in FORMANTS[sound]]
            phases = random.uniform(0, 2 * np.pi, (len(harmonics), 1))
            tones = np.sin(2 * np.pi * harmonics[:, None] * time + phases)
            parts.append((peaks[0] + 0.6 * peaks[1]) @ tones * np.hanning(count) ** 0.3)
    said = np.concatenate(parts)
    take = random.standard_normal(LENGTH) * 10 ** random.uniform(-2.5, -1.1)
    start = random.integers(0, LENGTH - len(said))
    take[start : start + len(said)] += said * random.uniform(0.5, 1.0)
    return take / abs(take).max()


def spectrograms(takes):
    """Decibels, scaled to about [-1, 1]: (takes, windows, frequencies, 1)."""
    real, imaginary = ops.stft(takes.astype("float32"), sequence_length=256, sequence_stride=128, fft_length=256)
    power = ops.square(real) + ops.square(imaginary)
    return ops.convert_to_numpy(ops.log10(power + 1e-3))[:, :, :112, None] / 3


def main():
    options = arguments(__doc__)
    keras.utils.set_random_seed(5)
    random = np.random.default_rng(1)
    names = list(WORDS)
    labels = random.integers(0, len(names), 160 if options.small else 2400)
    takes = np.stack([speak(names[label], random) for label in labels])
    x = spectrograms(takes)
    held = len(x) // 5
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(48, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dropout(0.2),
            layers.Dense(len(names), activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[held:], labels[held:], epochs=1 if options.small else 12, verbose=2)
    loss, accuracy = model.evaluate(x[:held], labels[:held], verbose=0)
    print(f"\nTest loss {loss:.4f}, test accuracy {accuracy:.2%}")

    guesses = model.predict(x[:held], verbose=0).argmax(axis=1)
    table = np.zeros((len(names), len(names)), int)
    np.add.at(table, (labels[:held], guesses), 1)
    figure = plt.figure(figsize=(13, 5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[3, 2])
    firsts = [int(np.flatnonzero(labels == i)[0]) for i in range(len(names))]
    for axis, name, first in zip(left.subplots(2, 4).flat, names, firsts):
        axis.imshow(
            x[first, :, :, 0].T, origin="lower", aspect="auto", extent=(0, LENGTH / RATE, 0, 3500), cmap="magma"
        )
        axis.set_title(name)
    left.supxlabel("seconds")
    left.supylabel("Hz")
    axis = right.subplots()
    axis.imshow(table, cmap="Blues")
    for (row, column), count in np.ndenumerate(table):
        if count:
            axis.text(column, row, count, ha="center", va="center", color="red" if row != column else "white")
    axis.set_xticks(range(len(names)), names, rotation=45)
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="heard", ylabel="said")
    save(figure, options.output / "commands.png")

    sounds = np.concatenate([takes[first] for first in firsts])
    with wave.open(str(options.output / "commands.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sounds * 32000).astype("<i2").tobytes())
    print(f"Sound: {options.output / 'commands.wav'}: {', '.join(names)}")


if __name__ == "__main__":
    main()
