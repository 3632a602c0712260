"""remat and RematScope: the numbers are those of keeping everything, the memory is less."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import engine, layers, ops
from fastkeras.engine import GradientTape, TensorSpec

X = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")


class Block(layers.Layer):
    """Layers in a row, all of them between the block's input and its output."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def build(self, input_shape):
        for layer in self.inner:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return x

    def compute_output_shape(self, input_shape):
        for layer in self.inner:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape


def gradients(f, x, variables=()):
    def run(x):
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = f(x)
            loss = ops.sum(ops.sin(y))
        return y, *tape.gradient(loss, [x, *variables])

    return run, engine.Function(run)


def assert_same(f, x=X, variables=(), reset=lambda: None):
    """f and remat(f) have one result and one gradient, eagerly and compiled."""
    x = ops.convert_to_tensor(x)
    for kept, again in zip(gradients(f, x, variables), gradients(keras.remat(f), x, variables), strict=True):
        reset()
        expected = kept(x)
        reset()
        for a, b in zip(expected, again(x), strict=True):
            np.testing.assert_array_equal(a, b)


def test_without_a_tape_it_is_the_function():
    assert keras.remat(lambda a, b=1: (a, b))(3, b=None) == (3, None)
    assert keras.remat(ops.exp).__name__ == "exp"
    assert keras.remat(lambda x: x + 1)(keras.Input((3,))).shape == (None, 3)


def test_gradients_of_arguments_and_variables():
    w, b = keras.Variable(np.ones((8, 5), "float32") * 0.1), keras.Variable(0.5)
    assert_same(lambda x: ops.gelu(x @ w + b) * b, variables=[w, b])
    assert_same(lambda x: x)
    layer = layers.Dense(4, activation="tanh")
    layer.build((None, 8))
    assert_same(layer, variables=layer.trainable_variables)


def test_structures_of_arguments_and_results():
    def f(pair, scale=None):
        a, b = pair["a"], pair["b"]
        return {"sum": a + b, "same": a, "twice": [a * b, "text", None]} | {"again": scale * a}

    def run(f, x):
        with GradientTape() as tape:
            tape.watch(x)
            out = f({"a": x, "b": ops.exp(x)}, scale=3.0)
            loss = ops.sum(out["sum"] * out["same"]) + ops.sum(out["twice"][0]) + ops.sum(out["again"])
        assert out["twice"][1:] == ["text", None]
        return tape.gradient(loss, x)

    x = ops.convert_to_tensor(X)
    for make in (lambda f: f, engine.Function):
        np.testing.assert_array_equal(make(lambda x: run(f, x))(x), make(lambda x: run(keras.remat(f), x))(x))


def test_second_derivatives():
    def run(f):
        def go(x):
            with GradientTape() as outer:
                outer.watch(x)
                with GradientTape() as inner:
                    inner.watch(x)
                    y = ops.sum(f(x))
                first = inner.gradient(y, x)
            return outer.gradient(first, x)

        return go

    x = ops.convert_to_tensor(X)
    for make in (lambda f: f, engine.Function):
        np.testing.assert_allclose(make(run(keras.remat(lambda x: x * x * x)))(x), 6 * X, rtol=1e-6)
        np.testing.assert_allclose(make(run(keras.remat(keras.remat(lambda x: x * x * x))))(x), 6 * X, rtol=1e-6)


def test_both_times_the_same_is_drawn_and_assigned_once():
    seeds, count = keras.random.SeedGenerator(3), keras.Variable(0.0, trainable=False)

    def f(x):
        count.assign_add(1.0)
        noise = keras.random.normal((6, 8), seed=seeds)
        return keras.random.dropout(x * x, 0.5, seed=seeds) * noise * count

    def reset():
        seeds.state.assign([3, 0])
        count.assign(0.0)

    assert_same(f, reset=reset)
    assert float(count) == 1.0
    reset()
    x = ops.convert_to_tensor(X)
    with GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(keras.remat(f)(x))
        count.assign(100.0)  # what happens between the two is of no concern
    reset_count, grad = float(count), tape.gradient(y, x)
    reset()
    with GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(f(x))
    np.testing.assert_array_equal(grad, tape.gradient(y, x))
    assert reset_count == 100.0


def test_calls_inside_are_those_of_a_training_call():
    class Inside(layers.Layer):
        def __init__(self, wrap):
            super().__init__()
            self.dropout, self.norm = layers.Dropout(0.5, seed=1), layers.BatchNormalization()
            self.compute = wrap(lambda x: self.norm(self.dropout(x * x)))

        def call(self, x):
            return self.compute(x)

    def run(wrap):
        layer, x = Inside(wrap), ops.convert_to_tensor(X)
        with GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = ops.sum(y * y * x)
        return tape.gradient(loss, x), y, layer.norm.moving_mean

    for a, b in zip(run(keras.remat), run(lambda f: f), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)  # x also flows into the loss past the layer: another order


def test_losses_of_layers_inside_have_gradients_and_are_there_once():
    def step(block, x):
        with GradientTape() as tape:
            y = block(x, training=True)
            loss = ops.sum(y) + sum(block.losses)
        return loss, len(block.losses), tape.gradient(loss, block.trainable_variables), len(block.losses)

    def make(mode):
        keras.utils.set_random_seed(1)
        with keras.RematScope(mode):
            return Block([layers.Dense(4, activity_regularizer="l2"), layers.ActivityRegularization(0.1)])

    loss, n, expected, _ = step(make(None), X)
    found, m, grads, after = step(make("full"), X)
    assert (m, after) == (n, n) == (2, 2)
    np.testing.assert_array_equal(found, loss)
    for a, b in zip(grads, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("mode", ["full", "activations"])
def test_losses_of_probabilities(mode, eager):
    def train(mode):
        keras.utils.set_random_seed(1)
        with keras.RematScope(mode):
            model = keras.Sequential([keras.Input((8,)), layers.Dense(4, "gelu"), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=eager)
        return model.fit(X, np.arange(6) % 3, epochs=3, shuffle=False, verbose=0).history["loss"]

    np.testing.assert_allclose(train(mode), train(None), rtol=1e-6)


def test_trainable_variables_are_not_assigned_inside():
    with keras.RematScope():
        layer = layers.SpectralNormalization(layers.Dense(3))
    layer.build((None, 8))
    with GradientTape(), pytest.raises(ValueError, match="a trainable variable cannot be assigned inside"):
        layer(X, training=True)


def test_masks_reach_the_layers_inside():
    ids = np.array([[1, 2, 0], [3, 0, 0]])

    def grads(mode):
        keras.utils.set_random_seed(1)
        with keras.RematScope(mode):
            model = keras.Sequential([layers.Embedding(5, 4, mask_zero=True), layers.GRU(3), layers.Dense(1)])
            nested = keras.Sequential([model, layers.Dense(1)])
        with GradientTape() as tape:
            loss = ops.sum(nested(ids))
        return tape.gradient(loss, nested.trainable_variables)

    for a, b in zip(grads("full"), grads(None), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_mixed_precision():
    def grads(mode):
        keras.utils.set_random_seed(1)
        with keras.RematScope(mode):
            block = Block([layers.Dense(8, "gelu", dtype="mixed_bfloat16") for _ in range(2)], dtype="mixed_bfloat16")
        with GradientTape() as tape:
            loss = ops.sum(ops.cast(block(X), "float32"))
        return tape.gradient(loss, block.trainable_variables)

    for a, b in zip(grads("full"), grads(None), strict=True):
        assert a.dtype == "float32"
        np.testing.assert_array_equal(a, b)


# --- RematScope -----------------------------------------------------------------------------------------------------


def calls(make, monkeypatch, mode, **settings):
    """What is made within a scope, and how many remat functions a call of it makes."""
    made = []
    for module in ("fastkeras.engine.operation", "fastkeras.layers.remat"):
        monkeypatch.setattr(f"{module}.remat", lambda f: made.append(f) or f)
    with keras.RematScope(mode, **settings):
        layer = make()
    layer(X)
    return len(made)


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"mode": "full"}, 3),
        ({"mode": None}, 0),
        ({"mode": "activations"}, 2),
        ({"mode": "larger_than"}, 0),
        ({"mode": "larger_than", "output_size_threshold": 30}, 1),
        ({"mode": "list_of_layers", "layer_names": ["narrow", "other"]}, 1),
    ],
)
def test_modes(monkeypatch, settings, expected):
    def make():
        inner = [layers.Dense(30, "relu", name="wide"), layers.Dense(5, "tanh", name="narrow")]
        return keras.Sequential([keras.Input((8,)), *inner])

    assert calls(make, monkeypatch, **settings) == expected


def test_scopes_nest_and_end():
    with keras.RematScope():
        with keras.RematScope("list_of_layers", layer_names=["a"]):
            inner = layers.Dense(1)
        outer = layers.Dense(1)
    after = layers.Dense(1)
    assert inner._remat_mode == ("list_of_layers", 1024, ["a"])
    assert outer._remat_mode == ("full", 1024, [])
    assert after._remat_mode is None
    with pytest.raises(ValueError, match="Invalid mode 'all'. Supported modes are: 'full', 'activations'"):
        keras.RematScope("all")


# --- memory ---------------------------------------------------------------------------------------------------------


def dense_blocks(mode):
    with keras.RematScope(mode):
        blocks = [Block([layers.Dense(256, "gelu"), layers.Dropout(0.1, seed=i), layers.Dense(64)]) for i in range(6)]
    return keras.Sequential([keras.Input((64,)), *blocks, layers.Dense(1)]), np.ones((512, 64), "float32")


def conv_blocks(mode):
    def inner():
        return [layers.Conv2D(16, 3, padding="same"), layers.BatchNormalization(), layers.Activation("silu")]

    with keras.RematScope(mode):
        blocks = [Block([*inner(), *inner(), layers.Conv2D(4, 3, padding="same")]) for _ in range(4)]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(1)]
    images = np.random.default_rng(1).normal(size=(8, 24, 24, 4)).astype("float32")
    return keras.Sequential([keras.Input((24, 24, 4)), *blocks, *head]), images


@pytest.mark.parametrize("make, share", [(dense_blocks, 0.5), (conv_blocks, 0.6)])
def test_a_training_step_takes_less_memory(make, share):
    def train(mode):
        keras.utils.set_random_seed(1)
        model, x = make(mode)
        model.compile("adam", "mse")
        y = np.ones((len(x), 1), "float32")
        losses = model.fit(x, y, batch_size=len(x), epochs=3, shuffle=False, verbose=0).history["loss"]
        step = engine.Function(model.make_train_function().fn)
        specs = (TensorSpec(x.shape), TensorSpec(y.shape))
        return losses, step.compile(specs).memory_bytes, model.get_weights()

    losses, memory, weights = train(None)
    found, less, others = train("full")
    np.testing.assert_allclose(found, losses, rtol=1e-6)
    for a, b in zip(others, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert less < share * memory
