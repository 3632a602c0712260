"""Steps, losses and layers of one's own in a model that is trained."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers, ops

X = np.random.RandomState(0).normal(size=(50, 4)).astype("float32")
Y = X[:, :1] * 2 + 1


def regression(**arguments):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
    return model


class Custom(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)
        self.tracker = keras.metrics.Mean(name="loss")
        self.mae = keras.metrics.MeanAbsoluteError(name="mae")
        self.traces = 0

    def call(self, x):
        return self.dense(x)

    @property
    def metrics(self):
        return [self.tracker, self.mae]

    def train_step(self, data):
        self.traces += 1
        x, y = data
        with keras.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = keras.losses.mean_squared_error(y, y_pred)
            loss = ops.mean(loss)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.tracker.update_state(loss)
        self.mae.update_state(y, y_pred)
        return {"loss": self.tracker.result(), "mae": self.mae.result(), "last": loss}

    def test_step(self, data):
        x, y = data
        self.mae.update_state(y, self(x))
        return {"mae": self.mae.result()}


def test_own_train_step():
    model = Custom()
    model.compile(optimizer=keras.optimizers.SGD(0.05))
    history = model.fit(X, Y, batch_size=10, epochs=30, verbose=0, validation_data=(X, Y)).history
    assert set(history) == {"loss", "mae", "last", "val_mae"}
    assert history["loss"][-1] < 0.05 * history["loss"][0]
    assert model.traces <= 2  # once per shape of a batch, not once per step


class OfKeras2(keras.Model):
    """The loss and metrics that `compile` was given, by the names of TensorFlow's Keras 2."""

    def train_step(self, data):
        x, y = data
        with keras.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.compiled_metrics.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


def test_names_of_keras_2_in_a_train_step():
    inputs = keras.Input((X.shape[1],))
    model = OfKeras2(inputs, layers.Dense(1)(inputs))
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=[keras.metrics.MeanAbsoluteError(name="mae")])
    with pytest.warns(match="compiled_loss.*is deprecated"), pytest.warns(match="compiled_metrics.*is deprecated"):
        mae = model.fit(X, Y, batch_size=10, epochs=30, verbose=0).history["mae"]
    assert mae[-1] < 0.3 * mae[0]


class Adversaries(keras.Model):
    """No `call`: its training step is all there is to do."""

    def __init__(self):
        super().__init__()
        self.maker = keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(4)])
        self.judge = keras.Sequential([keras.Input((4,)), layers.Dense(1)])

    def train_step(self, x):
        with keras.GradientTape() as tape:
            loss = ops.mean(self.judge(x)) - ops.mean(self.judge(self.maker(x)))
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"score": loss}


def test_model_without_call_needs_only_its_steps():
    model = Adversaries()
    model.compile("sgd")
    history = model.fit(X, batch_size=10, epochs=2, verbose=0).history
    assert set(history) == {"score"} and history["score"][1] < history["score"][0]
    assert len(model.weights) == 6
    with pytest.raises(NotImplementedError, match="Model Adversaries does not have a `call"):
        model.predict(X, verbose=0)


def test_functions_are_logged_in_snake_case():
    def meanError(y_true, y_pred):  # noqa: N802
        return ops.abs(y_true - y_pred)

    model = regression(metrics=[meanError, lambda y_true, y_pred: ops.abs(y_true - y_pred)])
    assert list(model.evaluate(X, Y, verbose=0, return_dict=True)) == ["lambda", "loss", "mean_error"]


def test_own_compute_loss():
    class Doubled(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return 2 * ops.mean(ops.square(y - y_pred))

    model = Doubled([keras.Input((4,)), layers.Dense(1)])
    model.compile("sgd")
    loss = model.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(loss, 2 * np.mean((model.predict(X, verbose=0) - Y) ** 2), rtol=1e-5)


def test_edited_models_are_traced_anew():
    model = regression()
    model.fit(X, Y, verbose=0)
    frozen = model.layers[0].get_weights()[0]
    model.layers[0].trainable = False
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], frozen)
    model.optimizer.learning_rate = 0.0
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
