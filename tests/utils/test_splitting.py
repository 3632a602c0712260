"""split_dataset: which samples go where, as what; sizes that do not fit."""

import random

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.utils import split_dataset, timeseries_dataset_from_array

X, Y = np.arange(20).reshape(10, 2), np.arange(10)


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ({"left_size": 0.8}, (8, 2)),
        ({"left_size": 3}, (3, 7)),
        ({"right_size": 0.25}, (8, 2)),
        ({"right_size": 1}, (9, 1)),
        ({"left_size": 2, "right_size": 5}, (2, 5)),
        ({"left_size": 0.5, "right_size": 0.5}, (5, 5)),
    ],
)
def test_sizes(sizes, expected):
    left, right = split_dataset(Y, **sizes)
    assert (len(left), len(right)) == expected
    assert [int(y) for y in left] == list(range(expected[0]))
    assert [int(y) for y in right] == list(range(10 - expected[1], 10))


@pytest.mark.parametrize("kind", [list, tuple])
def test_arrays_that_go_together(kind):
    left, right = split_dataset(kind([X, Y]), left_size=6, shuffle=True, seed=3)
    pairs = [(x.tolist(), int(y)) for part in (left, right) for x, y in part]
    assert all(x == [2 * y, 2 * y + 1] for x, y in pairs)
    order = list(range(10))
    random.Random(3).shuffle(order)  # Keras's order
    assert [y for _, y in pairs] == order


def test_batches_for_training():
    left, right = split_dataset((X.astype("float32"), Y.astype("float32")), left_size=7)
    assert [len(y) for _, y in left.batch(3)] == [3, 3, 1]
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert "val_loss" in model.fit(left.batch(3), validation_data=right.batch(3), verbose=0).history
    for wrong in (left.batch(3), left):
        with pytest.raises(ValueError, match="batch_size=0"):
            wrong.batch(0)


def test_datasets_keep_their_batches():
    series = timeseries_dataset_from_array(Y, Y, 3, batch_size=3)  # eight windows
    left, right = split_dataset(series, left_size=5)
    assert [y.tolist() for _, y in left] == [[0, 1, 2], [3, 4]]
    assert [y.tolist() for _, y in right] == [[5, 6, 7]]
    shuffled = series.unbatch().shuffle(8, seed=1).map(lambda x, y: y).batch(3)
    left, right = split_dataset(shuffled, left_size=5)
    assert [len(y) for y in left] == [3, 2]
    assert sorted(int(y) for part in (left, right) for y in part.unbatch()) == list(range(8))
    with pytest.raises(ValueError, match="has no end"):
        split_dataset(series.repeat(), left_size=5)


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = slice(index * 3, index * 3 + 3)
        return {"x": X[rows]}, Y[rows]


def test_datasets_of_yours():
    left, right = split_dataset(Pairs(), right_size=4)
    assert [y.tolist() for _, y in left] == [[0, 1, 2], [3, 4, 5]]
    assert [(x["x"][:, 0].tolist(), y.tolist()) for x, y in right] == [([12, 14, 16], [6, 7, 8]), ([18], [9])]


@pytest.mark.parametrize(
    "dataset, settings, error, message",
    [
        (Y, {}, ValueError, "At least one"),
        (Y, {"left_size": 10}, ValueError, "left_size=10"),
        (Y, {"left_size": 0}, ValueError, "left_size=0"),
        (Y, {"right_size": 1.0}, ValueError, "right_size=1.0"),
        (Y, {"right_size": -0.1}, ValueError, "right_size=-0.1"),
        (Y, {"left_size": "half"}, TypeError, "left_size=half"),
        (Y, {"left_size": 0.6, "right_size": 0.6}, ValueError, "greater than 1"),
        (Y, {"left_size": 6, "right_size": 6}, ValueError, "= 12"),
        (Y, {"left_size": 0.01}, ValueError, "left side dataset split will be empty"),
        ([], {"left_size": 1}, ValueError, "empty list"),
        ([X, [1, 2]], {"left_size": 1}, ValueError, "at index 1"),
        ((X, Y[:5]), {"left_size": 1}, ValueError, "different lengths"),
        ("text", {"left_size": 1}, TypeError, "dataset=text"),
        (Y, {"left_size": 1, "preferred_backend": "torch"}, ValueError, "preferred_backend=torch"),
    ],
)
def test_errors(dataset, settings, error, message):
    with pytest.raises(error, match=message):
        split_dataset(dataset, **settings)
