"""Quantized layers and models: policies, files, compiled programs, training, errors. Figures: rows_quantization.py."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers, ops, quantizers

pytestmark = pytest.mark.filterwarnings("ignore:Layer (InputLayer|LayerNorm|Add|Softmax|Dropout).* does not have")


def numbers(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def transformer():
    ids = keras.Input((6,), dtype="int32")
    table = layers.ReversibleEmbedding(11, 8, name="tokens")
    x = table(ids)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    x = layers.EinsumDense("btd,df->btf", (None, 8), activation="relu")(x)
    return keras.Model(ids, table(layers.Dense(8, name="last")(x), reverse=True))


IDS = np.random.RandomState(1).randint(0, 11, (4, 6)).astype("int32")


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_model_is_quantized_predicts_and_is_saved(mode, tmp_path):
    model = transformer()
    before = model.predict(IDS, verbose=0)
    size = sum(v.numpy().nbytes for v in model.weights)
    model.quantize(mode)
    assert sum(v.numpy().nbytes for v in model.weights) < size
    after = model.predict(IDS, verbose=0)
    np.testing.assert_allclose(after, before, atol=(0.04 if mode == "int8" else 0.6) * np.abs(before).max())
    assert not np.array_equal(after, before)
    np.testing.assert_allclose(model(IDS), after, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [w.dtype for w in loaded.weights] == [w.dtype for w in model.weights]
    np.testing.assert_array_equal(loaded.predict(IDS, verbose=0), after)
    other = keras.models.clone_model(loaded)
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.predict(IDS, verbose=0), after)


def test_what_was_compiled_before_is_compiled_again():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    x = numbers(5, 4)
    model(x), model.predict(x, verbose=0)
    model.quantize("int8")
    layer = model.layers[0]
    expected = layer(x)
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


@pytest.mark.parametrize(
    "filters, chosen",
    [
        ("a", ["a1", "a2"]),
        (["1$", "b"], ["a1", "b2"]),
        (lambda layer: getattr(layer, "units", 0) == 2, ["a2", "b2"]),
    ],
)
def test_filters(filters, chosen):
    model = keras.Sequential([keras.Input((3,)), *(layers.Dense(int(n[1]), name=n) for n in ("a1", "a2", "b2"))])
    model.quantize("int8", filters=filters)
    assert [layer.name for layer in model.layers if layer.quantization_mode == "int8"] == chosen


def test_training_leaves_numbers_alone_and_trains_the_rest():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, name="first"), layers.Dense(2, name="second")])
    model.quantize("int8", filters="second")
    first, second = model.layers
    assert [v.name for v in second.trainable_variables] == ["bias"]
    kernel, scale, moving = second.kernel.numpy(), second.kernel_scale.numpy(), first.kernel.numpy()
    model.compile("sgd", "mse")
    model.fit(numbers(16, 4), numbers(16, 2, seed=1), epochs=2, verbose=0)
    np.testing.assert_array_equal(second.kernel.numpy(), kernel)
    np.testing.assert_array_equal(second.kernel_scale.numpy(), scale)
    assert np.abs(first.kernel.numpy() - moving).max() > 0


def test_layers_are_built_from_their_policy():
    layer = layers.Dense(3, dtype="int8_from_float32")
    layer.build((None, 4))
    assert (layer.kernel.dtype, layer.quantization_mode, layer.dtype) == ("int8", "int8", "float32")
    np.testing.assert_array_equal(layer(np.ones((2, 4), "float32")), np.zeros((2, 3)))
    layer = layers.Dense(3, dtype="int4/2_from_mixed_bfloat16")
    layer.build((None, 5))
    assert (layer.kernel_scale.shape, layer(numbers(2, 5)).dtype) == ((3, 3), "bfloat16")
    layer = layers.Embedding(5, 4)
    layer.build()
    layer.dtype_policy = "int8_from_float32"
    assert layer.embeddings.dtype == "int8" and layer.embeddings_scale.shape == (5,)
    with pytest.raises(
        NotImplementedError, match="Expected one of .'int8', 'int4'.. Received: quantization_mode=float8"
    ):
        layers.Dense(3, dtype="float8_from_float32").build((None, 4))
    with pytest.raises(NotImplementedError, match="Flatten does not have a `_int8_call` method"):
        layers.Flatten(dtype="int8_from_float32")(numbers(2, 3))


def test_layers_of_ones_own():
    class Doubled(layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(), initializer=lambda shape, dtype: 2.5)

        def call(self, inputs):
            return inputs * self.factor

        def quantize(self, mode, type_check=True, config=None):
            whole = ops.round(self.factor)
            del self.factor
            self.factor = self.add_weight(shape=(), dtype="int8", trainable=False)
            self.factor.assign(whole)
            self.dtype_policy = "int8_from_float32"

        def _int8_call(self, inputs):
            return inputs * ops.cast(self.factor, inputs.dtype)

        _is_quantized = property(lambda self: self.factor.dtype == "int8")

    class Wider(layers.Dense):
        pass

    model = keras.Sequential([keras.Input((2,)), Doubled(), Wider(3)])
    with pytest.warns(UserWarning, match="Layer Wider does not have a `quantize` method implemented"):
        model.quantize("int8")
    np.testing.assert_array_equal(model.layers[0](np.ones((1, 2), "float32")), [[2.0, 2.0]])
    assert model.layers[1].quantization_mode is None
    model.layers[1].quantize("int8", type_check=False)
    assert model.layers[1].kernel.dtype == "int8"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"mode": "int2"}, "Expected one of .* Received: mode=int2"),
        ({}, "You must provide either `mode` or `config`"),
        ({"mode": "gptq"}, "only int8 and int4 are supported. Received: mode=gptq"),
        ({"mode": "float8"}, "only int8 and int4 are supported. Received: mode=float8"),
        ({"config": quantizers.Float8QuantizationConfig()}, "only int8 and int4 are supported. Received: mode=float8"),
        ({"mode": "int8", "config": 3}, "must be an instance of `QuantizationConfig`"),
        ({"mode": "int8", "config": quantizers.Int4QuantizationConfig()}, "mode='int8' but config.mode='int4'"),
        ({"mode": "int8", "filters": 3}, "`filters` argument must be a regex string"),
        ({"mode": "int8", "wrong": 3}, "Unrecognized keyword arguments passed to Sequential"),
    ],
)
def test_errors(arguments, message):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    with pytest.raises(ValueError, match=message):
        model.quantize(**arguments)
    assert model.layers[0].quantization_mode is None


def test_quantized_once_and_when_built():
    layer = layers.Dense(3, dtype="mixed_float16", name="d")
    with pytest.raises(ValueError, match="isn't yet built. Layer 'd' .of type 'Dense'. is not built yet"):
        layer.quantize("int8")
    layer.build((None, 2))
    with pytest.raises(ValueError, match="doesn't work well with compute_dtype='float16'"):
        layer.quantize("int8")
    layer.quantize("int4")
    with pytest.raises(
        ValueError, match="already quantized with dtype_policy='int4/128_from_mixed_float16'. Received: mode=int4"
    ):
        layer.quantize("int4")
    with pytest.raises(NotImplementedError, match="Layer Dropout does not have a `quantize` method implemented."):
        dropout = layers.Dropout(0.5)
        dropout.build((None, 2))
        dropout.quantize("int8")


def test_configs():
    config = quantizers.Int8QuantizationConfig(weight_quantizer=quantizers.AbsMaxQuantizer(axis=0))
    again = quantizers.deserialize(quantizers.serialize(config))
    assert again.weight_quantizer.axis == (0,) and again.mode == "int8"
    assert quantizers.Int4QuantizationConfig.from_config({}).block_size is None
    assert quantizers.get(None) is None and isinstance(quantizers.get("AbsMaxQuantizer"), quantizers.AbsMaxQuantizer)
    wrong = quantizers.AbsMaxQuantizer(value_range=(0, 255), output_dtype="uint8")
    for make, message in (
        (lambda: quantizers.Int8QuantizationConfig(wrong), "requires a weight_quantizer with output_dtype='int8'"),
        (
            lambda: quantizers.Int4QuantizationConfig(wrong, block_size=None),
            "weight_quantizer with value_range=.-8, 7.",
        ),
        (lambda: quantizers.Int4QuantizationConfig(wrong), "does not support custom quantizers"),
        (lambda: quantizers.Int4QuantizationConfig(block_size=0), "Received: block_size=0"),
        (lambda: quantizers.AbsMaxQuantizer(value_range=(0, 255)), "Received: value_range=.0, 255."),
        (lambda: quantizers.get("nothing"), "Could not interpret quantizer identifier: nothing"),
        (lambda: quantizers.pack_int4(np.zeros(2, "int8"), dtype="int32"), "Expected dtype to be 'int8' or 'uint8'"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    with pytest.raises(NotImplementedError, match="Do not instantiate"):
        _ = quantizers.QuantizationConfig().mode
    with pytest.raises(NotImplementedError, match="does not implement get_config"):
        quantizers.Quantizer().get_config()
    with pytest.raises(TypeError, match="Expected int8 tensor for packing, got float32"):
        quantizers.pack_int4(np.zeros(2, "float32"))
