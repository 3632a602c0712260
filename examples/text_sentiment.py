"""Tells praise from complaint: words to numbers to vectors to an LSTM.

    python examples/text_sentiment.py [--small] [--output example-output]

The reviews are made by the script from a small grammar. "not", "never" and "far from" turn what follows them round and
"but" makes the second half count, so that a bag of words does not do. Leaves sentiment.png: reviews word by word in
the color of what the model thinks when it has read so far.
"""

import random

import numpy as np
from _common import arguments, save
from matplotlib import pyplot as plt

import fastkeras as keras
from fastkeras import layers

THINGS = "plot acting music camera script pacing ending dialogue cast soundtrack story humour".split()
GOOD = "great brilliant moving clever charming superb gripping fresh delightful convincing".split()
BAD = "dull awful boring clumsy stale weak tedious predictable lifeless annoying".split()
DEGREES = ["", "", "very", "really", "quite", "simply"]
TURNS = ["not", "never", "far from", "hardly"]
OPENINGS = ["", "", "honestly", "to be fair", "my friends said it all", "we saw it on friday", "for a sequel"]


def clause(source):
    """(words, is it praise?)"""
    praise = source.random() < 0.5
    turned = source.random() < 0.4
    word = source.choice(GOOD if praise != turned else BAD)
    turn = source.choice(TURNS) if turned else ""
    return f"the {source.choice(THINGS)} was {turn} {source.choice(DEGREES)} {word}", praise


def review(source):
    text, praise = clause(source)
    if source.random() < 0.5:
        second, praise = clause(source)
        text = f"{text} but {second}"
    return " ".join(f"{source.choice(OPENINGS)} {text}".split()), int(praise)


def draw(texts, thoughts, labels, path):
    figure, axis = plt.subplots(figsize=(13, 0.45 * len(texts) + 1), layout="constrained")
    colors = plt.colormaps["RdYlGn"]
    for row, (text, values, label) in enumerate(zip(texts, thoughts, labels)):
        at = 0.0
        for word, value in zip(text.split(), values):
            axis.text(at, -row, word, backgroundcolor=colors(value), fontsize=10, family="monospace")
            at += len(word) + 1.3
        axis.text(-12, -row, "praise" if label else "complaint", fontsize=10)
    axis.set(xlim=(-12, 105), ylim=(-len(texts) + 0.3, 1), title="What the model thinks at each word (red: complaint)")
    axis.axis("off")
    save(figure, path)


def main():
    options = arguments(__doc__)
    keras.utils.set_random_seed(2)
    source = random.Random(0)
    reviews = dict(review(source) for _ in range(400 if options.small else 8000))  # each once
    texts, labels = zip(*reviews.items())
    labels = np.array(labels)
    vectorize = layers.TextVectorization(output_mode="int", output_sequence_length=24)
    vectorize.adapt(list(texts))
    numbers = np.asarray(vectorize(list(texts)))
    print(f"{len(texts)} reviews, {vectorize.vocabulary_size()} words, such as: {texts[0]!r}")

    model = keras.Sequential(
        [
            keras.Input((24,), dtype="int32"),
            layers.Embedding(vectorize.vocabulary_size(), 24, mask_zero=True),
            layers.LSTM(32),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    held = len(texts) // 5
    model.fit(numbers[held:], labels[held:], epochs=1 if options.small else 8, verbose=2)
    loss, accuracy = model.evaluate(numbers[:held], labels[:held], verbose=0)
    print(f"\nTest loss {loss:.4f}, test accuracy {accuracy:.2%}")

    shown = [text for text in texts[:held] if len(text.split()) > 9][:10]
    counts = [len(text.split()) for text in shown]
    prefixes = [" ".join(text.split()[: n + 1]) for text, count in zip(shown, counts) for n in range(count)]
    thoughts = model.predict(np.asarray(vectorize(prefixes)), verbose=0)[:, 0]
    thoughts = np.split(thoughts, np.cumsum(counts)[:-1])
    draw(shown, thoughts, [labels[texts.index(text)] for text in shown], options.output / "sentiment.png")


if __name__ == "__main__":
    main()
