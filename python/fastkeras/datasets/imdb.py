"""IMDB film reviews, as sequences of word numbers, with their sentiment."""

import json

import numpy as np

from fastkeras.datasets import _source

_HASH = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """`(x_train, y_train), (x_test, y_test)`: 25000 lists of word numbers each, labels 0 and 1.

    Args:
        path: name of the file in the cache.
        num_words: keep the most frequent words only; all if None.
        skip_top: leave out so many of the most frequent ones.
        maxlen: leave out reviews of so many words or more.
        seed: of the order of the reviews.
        start_char: number put before every review, or None.
        oov_char: number put where a word was left out; None closes the gap.
        index_from: number of the most frequent word.
    """
    if kwargs:
        raise TypeError(f"Unrecognized keyword arguments: {kwargs}.")
    arrays = _source.load_arrays(_source.fetch(path, _HASH, "imdb.npz"))
    random, parts = np.random.RandomState(seed), []
    for part in ("train", "test"):
        x, labels = _source.shuffled(random, arrays[f"x_{part}"], arrays[f"y_{part}"])
        x = _source.marked(x, start_char, index_from)
        if maxlen:
            x, labels = _source.shorter_than(maxlen, x, labels)
            if not x:
                raise ValueError(
                    f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. "
                    "Increase maxlen."
                )
        parts.append((x, labels))
    (x_train, y_train), (x_test, y_test) = parts
    xs = _source.limited(x_train + x_test, num_words, skip_top, oov_char)
    count = len(x_train)
    return (_source.ragged(xs[:count]), np.asarray(y_train)), (_source.ragged(xs[count:]), np.asarray(y_test))


def get_word_index(path="imdb_word_index.json"):
    """{word: number}, without the shift by `index_from`.

    Args:
        path: name of the file in the cache.
    """
    with open(_source.fetch(path, "bfafd718b763782e994055a2d397834f", "imdb_word_index.json")) as file:
        return json.load(file)
