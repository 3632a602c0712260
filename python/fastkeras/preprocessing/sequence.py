"""keras.preprocessing.sequence: sequences brought to one length, windows of series, pairs of words."""

import json
import random

import numpy as np

from fastkeras.utils.arrays import pad_sequences
from fastkeras.utils.pydataset import PyDataset

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series and the targets that follow them.

    Args:
        data: the series, time along its first axis.
        targets: one for each step of `data`.
        length: steps that a window covers.
        sampling_rate: distance between the steps of a window.
        stride: distance between windows.
        start_index, end_index: steps before and after are not used.
        shuffle: draw windows at random.
        reverse: latest step first.

    Raises:
        ValueError: when no window fits, or there are not as many targets as steps.

    >>> x, y = TimeseriesGenerator([0, 1, 2, 3, 4], [0, 10, 20, 30, 40], length=2)[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1], [1, 2], [2, 3]], [20, 30, 40])
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ValueError(
                f"Data and targets have to be of same length. Data length is {len(data)} while target length is "
                f"{len(targets)}"
            )
        self.data, self.targets = data, targets
        self.length, self.sampling_rate, self.stride = length, sampling_rate, stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse = shuffle, reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}` is disallowed, as no part of "
                "the sequence would be left to be used as current step."
            )

    def __len__(self):
        reach = self.batch_size * self.stride
        return (self.end_index - self.start_index + reach) // reach

    def __getitem__(self, index):
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            reach = self.batch_size * self.stride
            first = self.start_index + reach * index
            rows = np.arange(first, min(first + reach, self.end_index + 1), self.stride)
        samples = np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])
        targets = np.array([self.targets[row] for row in rows])
        return (samples[:, ::-1] if self.reverse else samples), targets

    def get_config(self):
        """The settings, with data and targets as JSON.

        Raises:
            TypeError: when they are not of JSON's types.
        """
        names = ("length", "sampling_rate", "stride", "start_index", "end_index", "shuffle", "reverse", "batch_size")
        config = {name: getattr(self, name) for name in names}
        for name in ("data", "targets"):
            values = getattr(self, name)
            try:
                config[name] = json.dumps(values.tolist() if isinstance(values, np.ndarray) else values)
            except TypeError as error:
                raise TypeError(f"{name.capitalize()} not JSON Serializable: {values}") from error
        return config

    def to_json(self, **kwargs):
        """The generator as JSON; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def make_sampling_table(size, sampling_factor=1e-5):
    """For each rank of word frequency the chance that word2vec takes the word: min(1, sqrt(factor / frequency)).

    The frequency of rank r is taken from Zipf's law, 1 / frequency = r (log r + 0.577) + 1/2 - 1 / (12 r).

    >>> make_sampling_table(3).round(5).tolist()
    [0.00315, 0.00315, 0.00548]
    """
    rank = np.arange(size)
    rank[0] = 1
    rarity = rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank)
    return np.minimum(1, np.sqrt(sampling_factor * rarity))


def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
):
    """Pairs of words that are near each other (label 1) and pairs with a random word (label 0).

    Args:
        sequence: word numbers; 0 is no word.
        vocabulary_size: random words are drawn from 1 to it, without it.
        window_size: how far near is.
        negative_samples: random pairs for each real one.
        shuffle: mix the pairs?
        categorical: labels `[0, 1]` and `[1, 0]`.
        sampling_table: the chance with which each word is taken.
        seed: of the mixing; everything is drawn with Python's `random`.

    Returns:
        (pairs, labels), two lists.

    >>> skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])
    """
    pairs = []
    for i, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        near = range(max(0, i - window_size), min(len(sequence), i + window_size + 1))
        pairs += [[word, sequence[j]] for j in near if j != i and sequence[j]]
    one, zero = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels = [one] * len(pairs)
    if negative_samples > 0:
        count = int(len(labels) * negative_samples)
        words = [pair[0] for pair in pairs]
        random.shuffle(words)
        pairs += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [zero] * count
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else seed
        for values in (pairs, labels):
            random.seed(seed)
            random.shuffle(values)
    return pairs, labels
