"""fit, evaluate, predict and adapt with tf.data; what they compute is in rows_data.py."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.data import Dataset

X = np.random.RandomState(0).normal(size=(20, 3)).astype("float32")
Y = np.arange(20) % 2


class Recorder(keras.Model):
    """Keeps the first number of every batch."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.compile("sgd", "mse", run_eagerly=True)

    def call(self, x):
        return x

    def train_step(self, data):
        self.seen.append(int(data[0][0]))
        return {}


def pairs(dataset):
    return dataset.map(lambda x: (x, x))


def model(**arguments):
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    made.compile("sgd", "binary_crossentropy", **arguments)
    return made


def test_orders_of_epochs():
    recorder = Recorder()
    numbers = np.arange(40)
    recorder.fit(Dataset.from_tensor_slices((numbers, numbers)).shuffle(40, seed=1).batch(1), epochs=2, verbose=0)
    first, second = recorder.seen[:40], recorder.seen[40:]
    assert sorted(first) == sorted(second) == list(range(40)) and first != second
    recorder = Recorder()
    fixed = Dataset.from_tensor_slices((numbers, numbers)).shuffle(40, seed=1, reshuffle_each_iteration=False)
    recorder.fit(fixed.batch(1), epochs=2, verbose=0)
    assert recorder.seen[:40] == recorder.seen[40:] != sorted(recorder.seen[:40])


def test_an_endless_dataset_goes_on_where_it_was():
    recorder = Recorder()
    recorder.fit(pairs(Dataset.range(5).repeat().batch(1)), epochs=3, steps_per_epoch=3, verbose=0)
    assert recorder.seen == [0, 1, 2, 3, 4, 0, 1, 2, 3]


def test_functions_run_once_for_every_element():
    calls = []

    def work(x, y):
        calls.append(len(x))
        return x, y

    model().fit(Dataset.from_tensor_slices((X, Y)).batch(8).map(work), epochs=2, verbose=0)
    assert calls == [8, 8, 4] * 2


def test_passes_of_other_lengths():
    """A dataset may have more batches in one epoch than in another."""
    lengths = iter([2, 4, 3])
    dataset = Dataset.from_generator(lambda: iter(range(next(lengths))), "int32", ()).batch(1)
    recorder = Recorder()
    with pytest.warns(UserWarning, match="ran out of data"):
        recorder.fit(pairs(dataset), epochs=3, verbose=0)
    assert recorder.seen == [0, 1, 0, 1, 2, 3, 0, 1, 2]


def test_learning_from_batches_that_a_function_changes():
    dataset = Dataset.from_tensor_slices((X, (X.sum(1) > 0).astype("float32"))).shuffle(20).batch(5)
    changed = dataset.map(lambda x, y: (x * 3, y[:, None]), num_parallel_calls=2).cache().prefetch(2)
    made = model(metrics=["accuracy"])
    history = made.fit(changed, epochs=60, validation_data=changed, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and history["val_accuracy"][-1] > 0.8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, d: m.fit(d, Y), "`y` should not be passed.*part of the tf.data.Dataset"),
        (lambda m, d: m.fit(d.repeat()), "steps_per_epoch=None"),
        (lambda m, d: m.evaluate(d.repeat()), "without end"),
        (lambda m, d: m.predict(d.repeat()), "without end"),
        (lambda m, d: m.fit(d, validation_data=d.repeat(), verbose=0), "`validation_steps`"),
        (lambda m, d: m.fit(d, validation_split=0.5), "`validation_split` is only supported"),
        (lambda m, d: m.fit(d.take(0)), "at least one"),
        (lambda m, d: m.fit(d.filter(lambda x, y: False)), "at least one"),
        (lambda m, d: m.fit(d.map(lambda x, y: (x, y, y)), class_weight={0: 1}), "You cannot `class_weight`"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call(model(), Dataset.from_tensor_slices((X, Y[:, None])).batch(5))


def test_layers_adapt_to_datasets():
    dataset = Dataset.from_tensor_slices({"x": X, "word": ["a", "b", "b", "c"] * 5}).batch(6)
    normalization = keras.layers.Normalization()
    normalization.adapt(dataset.map(lambda row: row["x"]))
    np.testing.assert_allclose(normalization.mean.numpy()[0], X.mean(0), rtol=1e-5)
    words = dataset.map(lambda row: row["word"])
    for layer in (keras.layers.StringLookup(), keras.layers.TextVectorization()):
        layer.adapt(words)
        assert layer.get_vocabulary()[-3:] == ["b", "c", "a"]
    bins = keras.layers.Discretization(num_bins=2)
    bins.adapt(dataset.map(lambda row: row["x"]))
    assert len(bins.bin_boundaries) == 1
    space = keras.utils.FeatureSpace({"word": "string_categorical"})
    space.adapt(dataset.map(lambda row: {"word": row["word"]}))
    assert space({"word": ["c"]}).shape == (1, 4)


def test_predict_goes_in_the_order_of_the_dataset():
    made = model()
    whole = made.predict(X, verbose=0)
    reversed_rows = Dataset.from_tensor_slices(X[::-1]).repeat(2)
    for dataset in (reversed_rows.batch(3), reversed_rows.batch(3).take(4), reversed_rows.map(lambda x: x).batch(7)):
        expected = np.concatenate([whole[::-1]] * 2)
        found = made.predict(dataset, verbose=0)
        np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-5)
