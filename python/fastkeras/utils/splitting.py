"""A dataset in two: for training and for validation."""

import random

import numpy as np

from fastkeras.data import INFINITE_CARDINALITY, Dataset
from fastkeras.engine import nest
from fastkeras.utils.pydataset import PyDataset


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None):
    """Two datasets of the first and of the last samples: `(left, right)`.

    Args:
        dataset: an array, a list or tuple of arrays with as many samples, a PyDataset, or a Dataset.
        left_size, right_size: number of samples, or their share; one of them may be left out, for what is left.
        shuffle: take the samples in random order, the same for the same `seed`?
        preferred_backend: None or `"tensorflow"`: the datasets are those of tf.data.

    Returns:
        two Datasets: of single samples, which `batch(size)` puts together, or of batches when `dataset` has them.

    Raises:
        TypeError: for other datasets and other types of sizes.
        ValueError: for arrays that do not go together, and sizes that do not fit them.

    >>> import numpy as np, fastkeras as keras
    >>> left, right = keras.utils.split_dataset(np.arange(5), left_size=0.6)
    >>> [x.tolist() for x in left.batch(2)], [int(x) for x in right]
    ([[0, 1], [2]], [3, 4])
    """
    if preferred_backend not in (None, "tensorflow"):
        raise ValueError(
            f"[split_dataset] the datasets are those of tf.data. Received: preferred_backend={preferred_backend}"
        )
    if not isinstance(dataset, (np.ndarray, list, tuple, PyDataset, Dataset)):
        raise TypeError(
            "The `dataset` argument must be a `tf.data.Dataset`, an array, a list/tuple of arrays or a "
            f"`keras.utils.PyDataset`. Received: dataset={dataset} of type {type(dataset)}"
        )
    if left_size is None and right_size is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. "
            "Received: left_size=None and right_size=None"
        )

    def part(count):
        order = list(range(count))
        sizes = _sizes(left_size, right_size, count)
        if shuffle:
            random.Random(seed).shuffle(order)
        return order[: sizes[0]], order[-sizes[1] :]

    samples, batch_size = _samples(dataset)
    parts = samples._parted(part)
    return tuple(part if batch_size is None else part.batch(batch_size) for part in parts)


def _samples(dataset):
    """(the dataset of single samples, the size of the batches that they were in or None)."""
    if isinstance(dataset, Dataset):
        if dataset._stream.size == INFINITE_CARDINALITY:
            raise _unsplittable(dataset)
        return (dataset, None) if dataset._batching is None else dataset._batching[:2]
    if isinstance(dataset, PyDataset):
        return _of_batches(dataset)
    if isinstance(dataset, np.ndarray):
        return Dataset.from_tensor_slices(dataset), None
    kind = type(dataset).__name__
    if not dataset:
        raise ValueError(
            f"Received an empty {kind} dataset. Please provide a non-empty {kind} of arrays. "
            f"Received: dataset={dataset}"
        )
    for i, array in enumerate(dataset):
        if not isinstance(array, np.ndarray):
            raise ValueError(f"Expected a {kind} of `numpy.ndarray` objects, Received: {type(array)} at index {i}.")
        if len(array) != len(dataset[0]):
            raise ValueError(
                f"Received a {kind} of NumPy arrays with different lengths. Mismatch found at index {i}, "
                f"Expected shape={dataset[0].shape} Received shape={array.shape}. "
                f"Please provide a {kind} of NumPy arrays of the same length."
            )
    return Dataset.from_tensor_slices(tuple(dataset)), None


def _of_batches(dataset):
    """The samples of all batches, which are kept, and the size of the first batch."""
    if not dataset.num_batches:
        raise _unsplittable(dataset)
    batches = [dataset[i] for i in range(dataset.num_batches)]
    samples = nest.map(lambda *parts: np.concatenate([np.asarray(part) for part in parts]), *batches)
    return Dataset.from_tensor_slices(samples), len(nest.flatten(batches[0])[0])


def _unsplittable(dataset):
    return ValueError(
        "Received a dataset that is empty or has no end; only one with samples can be split. "
        f"Received: dataset={dataset}"
    )


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
