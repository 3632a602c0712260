"""Strings as data: models that take words, from datasets and from tensors of strings."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers
from fastkeras.data import Dataset, Strings

TEXTS = ["a b", "c d e", "e", "b a"]
LABELS = np.arange(4, dtype="float32")[:, None]


def vectorization():
    words = layers.TextVectorization(output_sequence_length=3)
    words.adapt(TEXTS)
    return words


def head():
    return [
        layers.Embedding(8, 3, embeddings_initializer=keras.initializers.RandomUniform(seed=1)),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1, kernel_initializer=keras.initializers.RandomUniform(seed=2)),
    ]


def functional():
    text, number = keras.Input((), dtype="string"), keras.Input((1,))
    x = vectorization()(text)
    for layer in head():
        x = layer(x)
    return keras.Model([text, number], layers.Add()([x, number]))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.words, self.rest = vectorization(), keras.Sequential(head())

    def call(self, x):
        return self.rest(self.words(x))


def sequential():
    return keras.Sequential([vectorization(), *head()])


def numbers_of(model):
    """The same model behind its words, and what the words are as numbers."""
    return keras.Sequential(head()), np.asarray(vectorization()(TEXTS))


@pytest.mark.parametrize("make", [sequential, Subclass])
@pytest.mark.parametrize("given", ["dataset", "stream", "tensor"])
def test_training_on_words_is_training_on_their_numbers(make, given):
    model = make()
    twin, numbers = numbers_of(model)
    for m in (model, twin):
        m.compile("sgd", "mse", metrics=["mae"])
    dataset = Dataset.from_tensor_slices((TEXTS, LABELS)).batch(2)
    if given == "tensor":
        history = model.fit(Strings(TEXTS), LABELS, batch_size=2, epochs=2, shuffle=False, verbose=0)
    else:
        history = model.fit(dataset.map(lambda x, y: (x, y)) if given == "stream" else dataset, epochs=2, verbose=0)
    expected = twin.fit(numbers, LABELS, batch_size=2, epochs=2, shuffle=False, verbose=0)
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-6)
    evaluated = model.evaluate(dataset, verbose=0)
    np.testing.assert_allclose(evaluated, twin.evaluate(numbers, LABELS, verbose=0), rtol=1e-6)
    predicted = model.predict(Strings(TEXTS) if given == "tensor" else dataset.map(lambda x, y: x), verbose=0)
    np.testing.assert_allclose(predicted, twin.predict(numbers, verbose=0), rtol=1e-6)


def test_words_beside_numbers():
    model = functional()
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = (Strings(TEXTS), np.ones((4, 1), "float32")), LABELS
    history = model.fit(x, y, validation_data=(x, y), batch_size=3, verbose=0).history
    assert sorted(history) == ["loss", "mae", "val_loss", "val_mae"]
    predicted = model.predict(list(x), verbose=0)
    np.testing.assert_allclose(predicted, model(x).numpy(), rtol=1e-6)
    np.testing.assert_allclose(predicted, model.predict_on_batch(x), rtol=1e-6)
    loss, mae = model.test_on_batch(x, y)
    np.testing.assert_allclose([loss, mae], [np.mean((predicted - y) ** 2), np.mean(abs(predicted - y))], rtol=1e-5)
    model.train_on_batch(x, y)
    assert model.test_on_batch(x, y)[0] < loss


def test_calls_take_arrays_of_strings():
    for make in (sequential, Subclass):
        model = make()
        values = [model(x).numpy() for x in (np.array(TEXTS), np.array(TEXTS, object), Strings(TEXTS))]
        assert values[0].shape == (4, 1)
        np.testing.assert_array_equal(values[0], values[1])
        np.testing.assert_array_equal(values[0], values[2])


def test_batches_of_words_follow_the_arguments():
    model = sequential()
    model.compile("sgd", "mse")
    sizes = []
    counted = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: sizes.append(batch))
    model.fit(Strings(TEXTS), LABELS, steps_per_epoch=2, verbose=0, callbacks=[counted])
    assert sizes == [0, 1]
    with pytest.raises(ValueError, match="shuffle='batch'"):
        model.fit(Strings(TEXTS), LABELS, shuffle="batch", verbose=0)


def test_arrays_of_str_are_no_data():
    model = sequential()
    with pytest.raises(ValueError, match="Invalid dtype: str160"):
        model.predict(np.array(TEXTS), verbose=0)
    with pytest.raises(ValueError, match="Only input tensors"):
        model("a b")


def test_layers_that_adapt_are_no_metrics():
    model = Subclass()
    assert [layer.name for layer in model.layers] == [model.words.name, model.rest.name]
    model.compile("sgd", "mse")
    assert [m.name for m in model.metrics] == ["loss"]
    assert model.words.metrics == []
