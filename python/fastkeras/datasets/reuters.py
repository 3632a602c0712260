"""Reuters newswires, as sequences of word numbers, with their topics."""

import json

import numpy as np

from fastkeras.datasets import _source

_HASH = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
_LABELS = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass crude
nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel
rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """`(x_train, y_train), (x_test, y_test)`: lists of word numbers and 46 topics.

    Args:
        test_split: fraction of the newswires kept for testing.
        path, num_words, skip_top, maxlen, seed, start_char, oov_char, index_from: as in `imdb.load_data`.
    """
    arrays = _source.load_arrays(_source.fetch(path, _HASH, "reuters.npz"))
    xs, labels = _source.shuffled(np.random.RandomState(seed), arrays["x"], arrays["y"])
    xs = _source.marked(xs, start_char, index_from)
    if maxlen:
        xs, labels = _source.shorter_than(maxlen, xs, labels)
    xs = _source.limited(xs, num_words, skip_top, oov_char)
    cut = int(len(xs) * (1 - test_split))
    return (
        (_source.ragged(xs[:cut]), np.array(labels[:cut])),
        (_source.ragged(xs[cut:]), np.array(labels[cut:])),
    )


def get_word_index(path="reuters_word_index.json"):
    """{word: number}, without the shift by `index_from`.

    Args:
        path: name of the file in the cache.
    """
    with open(_source.fetch(path, "4d44cc38712099c9e383dc6e5f11a921", "reuters_word_index.json")) as file:
        return json.load(file)


def get_label_names():
    """The names of the topics, in the order of their labels."""
    return tuple(_LABELS.split())
