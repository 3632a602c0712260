"""A dataset in two: for training and for validation."""

import random

import numpy as np

from fastkeras.engine import nest
from fastkeras.utils.batched import BatchDataset
from fastkeras.utils.pydataset import PyDataset


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None):
    """Two datasets of the first and of the last samples: `(left, right)`.

    Args:
        dataset: an array, a list or tuple of arrays with as many samples, or a PyDataset.
        left_size, right_size: number of samples, or their share; one of them may be left out, for what is left.
        shuffle: take the samples in random order, the same for the same `seed`?
        preferred_backend: must be None: other libraries' datasets are not made.

    Returns:
        two PyDatasets: of single samples, which `batch(size)` puts together, or of batches when `dataset` has them.

    Raises:
        TypeError: for other datasets and other types of sizes.
        ValueError: for arrays that do not go together, and sizes that do not fit them.

    >>> import numpy as np, fastkeras as keras
    >>> left, right = keras.utils.split_dataset(np.arange(5), left_size=0.6)
    >>> [x.tolist() for x in left.batch(2)], [int(x) for x in right]
    ([[0, 1], [2]], [3, 4])
    """
    if preferred_backend is not None:
        raise ValueError(
            "[split_dataset] the datasets are PyDatasets, not those of another library. "
            f"Received: preferred_backend={preferred_backend}"
        )
    if not isinstance(dataset, (np.ndarray, list, tuple, PyDataset)):
        raise TypeError(
            "The `dataset` argument must be an array, a list/tuple of arrays or a `keras.utils.PyDataset`. "
            f"Received: dataset={dataset} of type {type(dataset)}"
        )
    if left_size is None and right_size is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. "
            "Received: left_size=None and right_size=None"
        )
    whole = _samples(dataset)
    order = list(range(whole.count))
    left_size, right_size = _sizes(left_size, right_size, len(order))
    if shuffle:
        random.Random(seed).shuffle(order)
    return whole.only(order[:left_size]), whole.only(order[-right_size:])


def _samples(dataset):
    """The dataset as a BatchDataset, in which samples can be chosen."""
    if isinstance(dataset, BatchDataset):
        return dataset
    if isinstance(dataset, PyDataset):
        return _of_batches(dataset)
    if isinstance(dataset, np.ndarray):
        return BatchDataset(len(dataset), lambda chosen: dataset[chosen], None)
    arrays = tuple(dataset)
    kind = type(dataset).__name__
    if not arrays:
        raise ValueError(
            f"Received an empty {kind} dataset. Please provide a non-empty {kind} of arrays. "
            f"Received: dataset={dataset}"
        )
    for i, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            raise ValueError(f"Expected a {kind} of `numpy.ndarray` objects, Received: {type(array)} at index {i}.")
        if len(array) != len(arrays[0]):
            raise ValueError(
                f"Received a {kind} of NumPy arrays with different lengths. Mismatch found at index {i}, "
                f"Expected shape={arrays[0].shape} Received shape={array.shape}. "
                f"Please provide a {kind} of NumPy arrays of the same length."
            )
    return BatchDataset(len(arrays[0]), lambda chosen: tuple(array[chosen] for array in arrays), None)


def _of_batches(dataset):
    """The samples of all batches, which are kept, in batches as large as the first one."""
    if not dataset.num_batches:
        raise ValueError(
            "Received a dataset that is empty or has no end; only one with samples can be split. "
            f"Received: num_batches={dataset.num_batches}"
        )
    batches = [dataset[i] for i in range(dataset.num_batches)]
    samples = nest.map(lambda *parts: np.concatenate([np.asarray(part) for part in parts]), *batches)
    count, size = (len(nest.flatten(batch)[0]) for batch in (samples, batches[0]))
    return BatchDataset(count, lambda chosen: nest.map(lambda part: part[chosen], samples), size)


def _sizes(left_size, right_size, total):
    """How many samples go left and right."""
    sizes = []
    for name, size in (("left_size", left_size), ("right_size", right_size)):
        if size is not None and type(size) not in (int, float):
            raise TypeError(f"Invalid `{name}` Type. Expected: int or float or None, Received: {name}={size}.")
        if size is not None and not 0 < size < (total if isinstance(size, int) else 1):
            raise ValueError(
                f"`{name}` should be either a positive integer smaller than {total}, or a float within the range "
                f"`[0, 1]`. Received: {name}={size}"
            )
        sizes.append(round(size * total) if isinstance(size, float) else size)
    if isinstance(left_size, float) and isinstance(right_size, float) and left_size + right_size > 1:
        raise ValueError(
            "The sum of `left_size` and `right_size` is greater than 1. It must be less than or equal to 1. "
            f"Received: left_size={left_size}, right_size={right_size}"
        )
    left, right = sizes
    left = total - right if left is None else left
    right = total - left if right is None else right
    if left + right > total:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be smaller than the {total}. "
            f"Received: left_size + right_size = {left + right} and total_length = {total}"
        )
    for side, size in (("left", left), ("right", right)):
        if size == 0:
            raise ValueError(
                f"With `dataset` of length={total}, `left_size`={left} and `right_size`={right}. Resulting {side} side "
                "dataset split will be empty. Adjust any of the aforementioned parameters"
            )
    return left, right
