"""LoRA in models: training, files, layers of one's own, errors. Figures: rows_lora.py."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers

pytestmark = pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")


def numbers(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


X, Y = numbers(16, 4), numbers(16, 3, seed=1)


def dense(**more):
    layer = layers.Dense(3, **more)
    layer.build((None, 4))
    return layer


def learned(layer, seed=2):
    """The layer with values in A and B."""
    for variable in layer._factors:
        variable.assign(numbers(*variable.shape, seed=seed))
    return layer


def model_of(*made):
    return keras.Sequential([keras.Input((4,)), *made])


def test_the_formula():
    layer = dense(activation="tanh")
    before = layer(X)
    kernel = layer.kernel.numpy()
    layer.enable_lora(2, lora_alpha=5)
    assert (layer.lora_enabled, layer.lora_rank, layer.lora_alpha) == (True, 2, 5)
    np.testing.assert_array_equal(layer(X), before)  # B is 0
    learned(layer)
    a, b = layer.lora_kernel_a.numpy(), layer.lora_kernel_b.numpy()
    whole = kernel + 2.5 * a @ b
    np.testing.assert_allclose(layer.kernel, whole, rtol=1e-6)
    for training in (False, True):
        np.testing.assert_allclose(layer(X, training=training), np.tanh(X @ whole), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layer._kernel, kernel)


@pytest.mark.parametrize(
    "equation, mode",
    [(equation, mode) for equation in ("ab,bc->ac", "ab,cb->ac", "ab,cab->ac") for mode in (None, "int8", "int4")]
    + [("ab,b->ab", None)],
)
def test_any_equation(equation, mode):
    # B comes last where the kernel's last axis is the output's; elsewhere A B is made first.
    layer = layers.EinsumDense(equation, 4 if equation == "ab,b->ab" else 3)
    layer.build(X.shape)
    if mode:
        layer.quantize(mode)
    before = layer(X).numpy()
    layer.enable_lora(2)
    learned(layer)
    change = layer.lora_kernel_a.numpy() @ layer.lora_kernel_b.numpy()
    for training in (False, True):
        outputs = layer(X, training=training)
        np.testing.assert_allclose(outputs, before + np.einsum(equation, X, change), rtol=1e-4, atol=1e-5)


def test_fit_trains_a_b_and_the_bias():
    model = model_of(layers.Dense(5, activation="relu", lora_rank=2), layers.Dense(3))
    first, last = model.layers
    last.enable_lora(1)
    frozen = [layer._kernel.numpy() for layer in model.layers]
    assert [v.name for v in model.trainable_variables] == ["bias", "lora_kernel_a", "lora_kernel_b"] * 2
    assert first.lora_kernel_a.path == f"{first.path}/lora_kernel_a"
    model.compile("sgd", "mse")
    losses = model.fit(X, Y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    for layer, kernel in zip(model.layers, frozen, strict=True):
        np.testing.assert_array_equal(layer._kernel, kernel)
        assert np.abs(layer.lora_kernel_b.numpy()).max() > 0


def test_programs_made_before_are_made_again():
    model = model_of(layers.Dense(3))
    layer = model.layers[0]
    model(X), model.predict(X, verbose=0)
    layer.enable_lora(2)
    learned(layer)
    expected = X @ layer.kernel.numpy()
    np.testing.assert_allclose(model(X), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_a_trained_model_is_compiled_again():
    model = model_of(layers.Dense(3))
    model.compile("adam", "mse")
    model.layers[0].enable_lora(2)  # no optimizer was built yet
    model.fit(X, Y, verbose=0)
    model = model_of(layers.Dense(3))
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.layers[0].enable_lora(2)
    with pytest.raises(ValueError, match="Unknown variable: .*lora_kernel_a.*recreate a new optimizer"):
        model.fit(X, Y, verbose=0)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    assert np.abs(model.layers[0].lora_kernel_b.numpy()).max() > 0


def test_the_path_of_what_comes_later():
    class Outer(keras.Model):
        def __init__(self):
            super().__init__(name="outer")
            self.inner = layers.Dense(3, name="inner")

        def build(self, input_shape):
            self.inner.build(input_shape)

        def call(self, x):
            return self.inner(x)

    model = Outer()
    model.build((None, 4))
    model.inner.enable_lora(2)
    assert model.inner.lora_kernel_b.path == "outer/inner/lora_kernel_b"
    model.inner.quantize("int8")
    assert model.inner.kernel_scale.path == "outer/inner/kernel_scale"
    with pytest.raises(ValueError, match="cannot add new elements of state"):
        model.inner.more = keras.Variable(1.0)


@pytest.mark.parametrize("mode", [None, "int8", "int4"])
def test_files_hold_the_sum(mode, tmp_path):
    model = model_of(layers.Dense(5), layers.Dense(3, lora_rank=2))
    if mode:
        model.layers[0].quantize(mode)
    model.layers[0].enable_lora(2, lora_alpha=3)
    for layer in model.layers:
        learned(layer)
    before = model.predict(X, verbose=0)
    model.save(tmp_path / "a.keras")
    model.save_weights(tmp_path / "a.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    assert [layer.lora_enabled for layer in loaded.layers] == [True, True]
    assert not any(np.any(v.numpy()) for layer in loaded.layers for v in layer._factors)
    after = loaded.predict(X, verbose=0)
    plain = model_of(layers.Dense(5, dtype=model.layers[0].dtype_policy), layers.Dense(3))
    plain.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(plain.predict(X, verbose=0), after)
    if mode is None:
        np.testing.assert_array_equal(after, before)
    else:
        error = np.abs(after - before).max()
        assert 0 < error < (0.03 if mode == "int8" else 0.3) * np.abs(before).max()
    plain.save_weights(tmp_path / "b.weights.h5")
    model.load_weights(tmp_path / "b.weights.h5")
    np.testing.assert_array_equal(model.predict(X, verbose=0), after)


def test_a_file_keeps_the_dtype_of_the_weights():
    layer = learned(dense(dtype="mixed_bfloat16", lora_rank=2))
    assert layer(X).dtype == layer.kernel.dtype == "bfloat16"
    store = {}
    layer.save_own_variables(store)
    whole = layer._kernel.numpy() + layer.lora_kernel_a.numpy() @ layer.lora_kernel_b.numpy()
    np.testing.assert_allclose(store["0"], whole, rtol=1e-6, atol=1e-6)


def test_a_file_of_other_variables():
    layer = dense(lora_rank=2)
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"expected 2 variables, but received 1 .* Expected: \['kernel', 'bias'\]"):
        layer.load_own_variables({"0": np.zeros((4, 3))})
    for variable, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("mode", ["int8", "int4"])
@pytest.mark.parametrize("make", [layers.Dense, lambda n: layers.EinsumDense("ab,bc->ac", n)])
def test_quantized_before_or_after(mode, make):
    outputs = []
    for before in (True, False):
        layer = make(3)
        layer.build((None, 4))
        layer._kernel.assign(numbers(4, 3, seed=5))
        if before:
            layer.quantize(mode)
        layer.enable_lora(2)
        learned(layer)
        if not before:
            layer.quantize(mode)
        assert not layer._kernel.trainable and layer.lora_kernel_a.trainable
        assert layer.kernel.shape == (4, 3)
        outputs.append(layer(X).numpy())
    np.testing.assert_array_equal(*outputs)


def test_a_quantized_reversible_embedding_looks_up_alone():
    # As in Keras: `reverse` knows A and B while the table holds floats.
    layer = layers.ReversibleEmbedding(5, 4)
    layer.build()
    logits = layer(X, reverse=True).numpy()
    layer.enable_lora(2)
    learned(layer)
    assert np.abs(layer(X, reverse=True).numpy() - logits).max() > 0.1
    ids = np.arange(5)
    rows = layer(ids).numpy()
    for mode in ("int8", "int4"):
        twin = layers.ReversibleEmbedding(5, 4)
        twin.build()
        twin._embeddings.assign(layer._embeddings.numpy())
        twin.quantize(mode)
        plain = twin(X, reverse=True).numpy()
        twin.enable_lora(2)
        learned(twin)
        np.testing.assert_array_equal(twin(X, reverse=True), plain)
        np.testing.assert_allclose(twin(ids), rows, atol=0.01)


def test_untied_tables():
    layer = layers.ReversibleEmbedding(5, 4, tie_weights=False, lora_rank=2)
    layer.build()
    assert [v.name for v in layer.trainable_weights] == ["lora_embeddings_a", "lora_embeddings_b", "reverse_embeddings"]
    learned(layer)
    store = {}
    layer.save_own_variables(store)
    np.testing.assert_array_equal(store["0"], layer.embeddings)
    np.testing.assert_array_equal(store["1"], layer.reverse_embeddings)
    layer.quantize("int8")
    layer.save_own_variables(store)
    np.testing.assert_array_equal(store["2"], layer.reverse_embeddings)


def test_projections_of_attention(tmp_path):
    x = numbers(2, 5, 4)
    inputs = keras.Input((5, 4))
    attention = layers.MultiHeadAttention(2, 3)
    model = keras.Model(inputs, attention(inputs, inputs))
    for projection in (attention.query_dense, attention.value_dense):
        projection.enable_lora(2)
        learned(projection)
    assert len(model.trainable_variables) == 8 - 2 + 4
    model.compile("sgd", "mse")
    model.fit(x, x, verbose=0)
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_layers_of_ones_own():
    class Twice(layers.Dense):
        def build(self, input_shape):
            super().build(input_shape)
            self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

        def call(self, inputs, training=None):
            return super().call(2 * inputs, training=training) * self.factor

    layer = Twice(3, lora_rank=2, use_bias=False)
    layer(X)
    learned(layer)
    np.testing.assert_allclose(layer(X), 2 * X @ layer.kernel.numpy(), rtol=1e-5, atol=1e-6)
    store = {}
    layer.save_own_variables(store)
    assert sorted(store) == ["0", "1"]
    whole = layer.kernel.numpy()
    layer.load_own_variables(store)
    np.testing.assert_array_equal(layer.kernel, whole)


def test_a_layer_that_is_not_trained():
    layer = dense(trainable=False, lora_rank=2)
    assert layer.trainable_weights == []
    layer.trainable = True  # as in Keras: of all its weights
    assert [v.trainable for v in layer.weights] == [True] * 4
    with keras.GradientTape() as tape:
        total = keras.ops.sum(layer(X, training=True))
    gradient = tape.gradient(total, layer._kernel)
    np.testing.assert_allclose(gradient, np.repeat(X.sum(0)[:, None], 3, 1), rtol=1e-5, atol=1e-5)


def test_config():
    assert "lora_rank" not in layers.Dense(3).get_config() and "lora_alpha" not in layers.Dense(3).get_config()
    config = layers.EinsumDense("ab,bc->ac", 3, lora_rank=2).get_config()
    assert (config["lora_rank"], config["lora_alpha"]) == (2, 2)
    layer = dense()
    layer.enable_lora(np.int64(2), lora_alpha=8)
    assert keras.layers.serialize(layer)["config"]["lora_rank"] == 2
    twin = layers.Dense.from_config(layer.get_config())
    assert (twin.lora_rank, twin.lora_alpha, twin.lora_enabled) == (2, 8, False)


def built(layer, *shape):
    layer.build((None, *shape))
    return layer


KINDS = {
    "Dense": (lambda **more: layers.Dense(3, **more), (4,), "kernel"),
    "EinsumDense": (lambda **more: layers.EinsumDense("ab,bc->ac", 3, **more), (4,), "kernel"),
    "Embedding": (lambda **more: layers.Embedding(5, 4, **more), (), "embeddings"),
    "Conv2D": (lambda **more: layers.Conv2D(3, 2, **more), (5, 5, 4), "kernel"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_errors(kind):
    make, shape, role = KINDS[kind]
    with pytest.raises(ValueError, match="Cannot enable lora on a layer that isn't yet built"):
        make().enable_lora(2)
    with pytest.raises(AttributeError, match=f"You must build the layer before accessing `{role}`"):
        getattr(make(), role)
    constrained = {f"{role}_constraint": "max_norm"}
    rule = f"incompatible with {role.removesuffix('s')} constraints. .* remove the `{role}_constraint` argument"
    with pytest.raises(ValueError, match=rule):
        built(make(**constrained), *shape).enable_lora(2)
    with pytest.raises(ValueError, match=rule):
        built(make(**constrained, lora_rank=2), *shape)
    layer = built(make(), *shape)
    for rank in (0, -1, 2.5, "2"):
        with pytest.raises(ValueError, match=f"rank must be a positive integer. Received: rank={rank}"):
            layer.enable_lora(rank)
    with pytest.raises(ValueError, match="initializer identifier: nothing"):
        layer.enable_lora(2, b_initializer="nothing")
    assert not layer.lora_enabled and all("lora" not in v.name and v.trainable for v in layer.weights)
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="lora is already enabled. This can only be done once per layer"):
        layer.enable_lora(2)


def test_nothing_is_added_without_lora():
    def schedule(function):
        x = keras.ops.convert_to_tensor(X)
        return keras.engine.Function(function).compile(x).describe()

    layer = dense(use_bias=False)
    for training in (False, True):
        called = schedule(lambda x, training=training: layer(x, training=training))
        assert called == schedule(lambda x: keras.ops.matmul(x, layer._kernel))
