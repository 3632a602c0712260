"""What rows cannot say: randomness, adapt, Lambda, statistics, Input."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers, ops
from fastkeras.engine import Function

pytestmark = pytest.mark.usefixtures("fresh_names")


def test_dropout_drops_at_its_rate_and_keeps_the_mean():
    x = np.ones((200, 100), "float32")
    y = layers.Dropout(0.3, seed=1)(x, training=True).numpy()
    assert abs((y == 0).mean() - 0.3) < 0.01
    np.testing.assert_allclose(np.unique(y), [0.0, 1 / 0.7], rtol=1e-6)
    np.testing.assert_array_equal(layers.Dropout(0.3, seed=1)(x, training=True), y)
    layer = layers.Dropout(0.3, seed=1)
    assert (layer(x, training=True).numpy() != layer(x, training=True).numpy()).any()
    np.testing.assert_array_equal(layers.Dropout(1.0)(x, training=True), 0 * x)
    assert layers.Dropout(0.0).variables == []


def test_every_traced_run_draws_anew():
    layer = layers.Dropout(0.5)
    step = Function(lambda x: layer(x, training=True))
    x = np.ones((10, 10), "float32")
    assert (step(x).numpy() != step(x).numpy()).any()


@pytest.mark.parametrize(
    "layer, shape, axes",
    [
        (layers.SpatialDropout1D(0.5), (8, 5, 6), (1,)),
        (layers.SpatialDropout2D(0.5), (8, 3, 4, 6), (1, 2)),
        (layers.SpatialDropout2D(0.5, data_format="channels_first"), (8, 6, 3, 4), (2, 3)),
        (layers.SpatialDropout3D(0.5), (8, 2, 3, 4, 6), (1, 2, 3)),
        (layers.Dropout(0.5, noise_shape=(None, 1, 6)), (8, 5, 6), (1,)),
    ],
)
def test_whole_features_are_dropped(layer, shape, axes):
    y = layer(np.ones(shape, "float32"), training=True).numpy()
    np.testing.assert_array_equal(y.min(axis=axes), y.max(axis=axes))
    assert 0 < (y == 0).mean() < 1


@pytest.mark.parametrize(
    "layer, mean, stddev",
    [
        (layers.GaussianNoise(0.5, seed=1), 1.0, 0.5),
        (layers.GaussianDropout(0.2, seed=1), 1.0, 0.5),
    ],
)
def test_noise_has_the_announced_moments(layer, mean, stddev):
    y = layer(np.ones((300, 300), "float32"), training=True).numpy()
    np.testing.assert_allclose([y.mean(), y.std()], [mean, stddev], atol=0.01)


@pytest.mark.parametrize("apart", [0.0, 1000.0])
def test_moments_of_groups_do_not_cancel(apart, isa):
    """Far from zero, and where the channels of a group are far from each other."""
    x = np.random.RandomState(3).normal(1000, 1, (2, 80, 90, 6)).astype("float32")
    x += (apart * np.arange(6)).astype("float32")
    y = layers.GroupNormalization(2, epsilon=0.0)(x).numpy()
    wide = x.astype("float64").reshape(2, -1, 2, 3)
    want = (wide - wide.mean((1, 3), keepdims=True)) / wide.std((1, 3), keepdims=True)
    np.testing.assert_allclose(y, want.reshape(x.shape), rtol=1e-5, atol=2e-4)


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.RandomState(0).normal(size=(400, 400)).astype("float32")
    y = layers.AlphaDropout(0.3, seed=2)(x, training=True).numpy()
    np.testing.assert_allclose([y.mean(), y.std()], [0.0, 1.0], atol=0.02)


def test_batch_normalization_follows_the_statistics():
    layer = layers.BatchNormalization(momentum=0.9)
    x = np.random.RandomState(0).normal(3.0, 2.0, (64, 4)).astype("float32")
    for _ in range(100):
        layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x.mean(0), rtol=1e-3)
    np.testing.assert_allclose(layer.moving_variance.numpy(), x.var(0), rtol=1e-3)
    layer.trainable = False
    before = layer.get_weights()
    layer(x + 5, training=True)
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_normalization_adapts():
    data = np.random.RandomState(0).normal(5.0, 3.0, (100, 4)).astype("float32")
    for given in (data, ops.convert_to_tensor(data), [data[:30], data[30:]], ((b, 0) for b in (data[:50], data[50:]))):
        layer = layers.Normalization()
        layer.adapt(given)
        np.testing.assert_allclose(layer(data), (data - data.mean(0)) / data.std(0), rtol=1e-4, atol=1e-4)
    inverse = layers.Normalization(invert=True)
    inverse.adapt(data)
    np.testing.assert_allclose(inverse(layer(data)), data, rtol=1e-4, atol=1e-4)
    one = layers.Normalization(axis=None)
    one.adapt(data)
    assert one.mean.shape == (1, 1)
    with pytest.raises(ValueError, match="data with an incompatible shape"):
        layer.adapt(data[:, :3])
    with pytest.raises(ValueError, match="received an empty iterable"):
        layers.Normalization().adapt([])
    with pytest.raises(TypeError, match="Unsupported data type"):
        layers.Normalization().adapt(3)
    twin = layers.Normalization()
    twin.build((None, 4))
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(twin(data), layer(data))


def test_lambda_layer():
    layer = layers.Lambda(lambda x, power: x**power, arguments={"power": 3})
    np.testing.assert_array_equal(layer(np.array([2.0], "float32")), [8.0])
    assert layer(keras.Input((4,))).shape == (None, 4)
    assert layers.Lambda(lambda x: x, output_shape=(7,)).compute_output_shape((3, 2)) == (3, 7)
    assert layers.Lambda(lambda x: x, output_shape=lambda s: (s[0], 1)).compute_output_shape((3, 2)) == (3, 1)
    telling = layers.Lambda(lambda x, training=None: x * 2.0 if training else x)
    np.testing.assert_array_equal(telling(np.ones(1, "float32"), training=True), [2.0])


def test_lambda_layer_is_code_and_loads_as_such():
    layer = layers.Lambda(lambda x: x + 1.0)
    config = layers.serialize(layer)
    assert config["config"]["function"]["class_name"] == "__lambda__"
    with pytest.raises(ValueError, match="safe_mode=False"):
        layers.deserialize(config)
    with pytest.raises(ValueError, match="safe_mode=False"):
        layers.Lambda.from_config(config["config"])
    again = layers.Lambda.from_config(config["config"], safe_mode=False)
    np.testing.assert_array_equal(again(np.ones(1, "float32")), [2.0])
    assert isinstance(keras.saving.deserialize_keras_object(config, safe_mode=False), layers.Lambda)


def named(x):
    return x * 3.0


def test_lambda_layer_of_a_named_function():
    config = layers.serialize(layers.Lambda(named, output_shape=(2,)))
    with pytest.raises(ValueError, match="Could not locate function 'named'"):
        layers.deserialize(config)
    layer = layers.deserialize(config, custom_objects={"named": named})
    np.testing.assert_array_equal(layer(np.ones(2, "float32")), [3.0, 3.0])


def test_merge_functions():
    a, b = np.full((1, 2), 6.0, "float32"), np.full((1, 2), 2.0, "float32")
    expected = {"add": 8, "subtract": 4, "multiply": 12, "average": 4, "maximum": 6, "minimum": 2}
    for name, value in expected.items():
        np.testing.assert_array_equal(getattr(layers, name)([a, b]), np.full((1, 2), value))
    assert layers.concatenate([a, b]).shape == (1, 4)
    np.testing.assert_array_equal(layers.dot([a, b]), [[24.0]])


def test_thresholded_relu_is_a_layer_of_keras_2(tmp_path):
    layer = layers.ThresholdedReLU(theta=2)
    np.testing.assert_array_equal(layer(np.array([-3, 1, 2, 2.5, np.nan], "float32")), [0, 0, 0, 2.5, np.nan])
    stored = layers.serialize(layer)
    assert (stored["module"], stored["config"]["name"]) == ("keras._legacy.layers", "thresholded_re_lu")
    for config in (stored, {**stored, "module": "keras.layers"}, {k: stored[k] for k in ("class_name", "config")}):
        assert layers.deserialize(config).get_config() == layer.get_config()
    model = keras.Sequential([keras.Input((3,)), layer])
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"model{suffix}")
        assert keras.saving.load_model(tmp_path / f"model{suffix}").layers[0].theta == 2.0


def spectral_model():
    inner = layers.Conv2D(3, 2, use_bias=False)
    return keras.Sequential([keras.Input((4, 4, 2)), layers.SpectralNormalization(inner, power_iterations=50)])


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_spectral_normalization_trains_from_the_normalized_kernel(run_eagerly):
    """A step is one of plain training with the kernel divided by its largest singular value before."""
    rng = np.random.RandomState(0)
    x, y = rng.normal(size=(8, 4, 4, 2)).astype("float32"), rng.normal(size=(8, 3, 3, 3)).astype("float32")
    model = spectral_model()
    kernel = model.layers[0].kernel.numpy()
    model.compile("sgd", "mse", run_eagerly=run_eagerly)
    loss = model.fit(x, y, batch_size=8, verbose=0).history["loss"][0]
    plain = keras.Sequential([keras.Input((4, 4, 2)), layers.Conv2D(3, 2, use_bias=False)])
    plain.set_weights([kernel / np.linalg.norm(kernel.reshape(-1, 3), 2)])
    plain.compile("sgd", "mse", run_eagerly=run_eagerly)
    np.testing.assert_allclose(loss, plain.fit(x, y, batch_size=8, verbose=0).history["loss"][0], rtol=1e-4)
    np.testing.assert_allclose(model.get_weights()[0], plain.get_weights()[0], rtol=1e-3, atol=1e-4)


def test_spectral_normalization_in_a_file(tmp_path):
    model, x = spectral_model(), np.random.RandomState(0).rand(2, 4, 4, 2).astype("float32")
    model.layers[0](x, training=True)
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"model{suffix}")
        again = keras.saving.load_model(tmp_path / f"model{suffix}")
        for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert again.layers[0].power_iterations == 50
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
        assert again.layers[0].kernel is again.layers[0].layer.kernel


@pytest.mark.parametrize("traced", [True, False])
def test_spectral_normalization_leaves_a_kernel_of_zeros_alone(traced):
    layer = layers.SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    layer.build((2, 4))
    before = layer.get_weights()

    def call(x):
        return layer(x, training=True)

    np.testing.assert_array_equal((Function(call) if traced else call)(np.ones((2, 4), "float32")), np.zeros((2, 3)))
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_spectral_normalization_of_embeddings_of_ids():
    layer = layers.SpectralNormalization(layers.Embedding(4, 3))
    y = layer(np.array([[1, 2]]), training=True)
    np.testing.assert_array_equal(y[0], layer.layer.embeddings.numpy()[1:3])
    assert layer(keras.Input((2,), dtype="int32")).dtype == y.dtype == "float32"


def test_spectral_normalization_in_mixed_precision_keeps_a_float32_kernel():
    layer = layers.SpectralNormalization(layers.Dense(3, dtype="mixed_bfloat16"), dtype="mixed_bfloat16")
    x = np.random.RandomState(0).rand(2, 4).astype("float32")
    layer.build(x.shape)
    kernel = layer.normalized_weights()[1].numpy()
    assert layer(x, training=True).dtype == "bfloat16"
    np.testing.assert_array_equal(layer.kernel, kernel)


def test_input():
    x = keras.Input((3, None), batch_size=2, dtype="int32", name="ids")
    assert (x.shape, x.dtype, x.name) == ((2, 3, None), "int32", "ids")
    assert keras.Input(batch_shape=(2, 3)).shape == (2, 3)
    assert keras.Input(tensor=x) is x
    layer = x._keras_history.operation
    again = layers.InputLayer.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.output.shape == x.shape
