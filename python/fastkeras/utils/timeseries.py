"""Datasets of windows of a series."""

import numpy as np

from fastkeras.data.base import dataset_of
from fastkeras.utils.directories import check_format


def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
):
    """Batches of windows of a series, as a Dataset: window i is data[i : i + sequence_length * sampling_rate : rate].

    Args:
        data: time along the first axis.
        targets: one for each window, by its first step; None for windows alone.
        sequence_stride: distance between windows.
        batch_size: None gives single windows.
        start_index, end_index: steps before the one and from the other on are not used.

    Raises:
        ValueError: for numbers that do not fit the data.

    >>> import numpy as np, fastkeras as keras
    >>> dataset = keras.utils.timeseries_dataset_from_array(np.arange(5), np.arange(5) * 10, sequence_length=3)
    >>> [(x.tolist(), y.tolist()) for x, y in dataset]
    [([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [0, 10, 20])]
    """
    size = len(data)
    for name, value, low, high in (
        ("start_index", start_index, 0, size),
        ("end_index", end_index, (start_index or 0) + 1, size),
        ("sampling_rate", sampling_rate, 1, size),
        ("sequence_stride", sequence_stride, 1, size),
    ):
        if value is not None and not low <= value < high:
            raise ValueError(f"`{name}` must be at least {low} and lower than {high}. Received: {name}={value}")
    check_format(format)
    start, end = start_index or 0, size if end_index is None else end_index
    count = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets))
    firsts = np.arange(0, max(count, 0), sequence_stride)
    if shuffle:
        seed = np.random.randint(10**6) if seed is None else seed
        np.random.RandomState(seed).shuffle(firsts)
    data = np.asarray(data)[start:end]
    targets = None if targets is None else np.asarray(targets)[start:end]
    steps = np.arange(sequence_length) * sampling_rate

    def make(chosen):
        first = firsts[chosen]
        windows = data[first[:, None] + steps]
        return windows if targets is None else (windows, targets[first])

    return dataset_of(len(firsts), make, batch_size, shuffle, seed, in_memory=True)
