"""ConvLSTM1D, 2D, 3D: what rows_conv_lstm.py cannot ask of Keras, training, files, bad input."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers, ops
from fastkeras.engine import Function, GradientTape

RANKS = (1, 2, 3)
SPATIAL = {1: (5,), 2: (4, 5), 3: (3, 4, 2)}


def random(seed, *shape):
    return np.random.RandomState(seed).normal(0, 0.7, shape).astype("float32")


def films(rank, batch=2, steps=3, channels=2):
    return random(1, batch, steps, *SPATIAL[rank], channels)


def conv_lstm(rank, filters=3, kernel_size=2, **settings):
    return getattr(layers, f"ConvLSTM{rank}D")(filters, kernel_size, **settings)


@pytest.mark.parametrize("rank", RANKS)
def test_kernels_of_one_pixel_are_an_lstm_of_every_pixel(rank):
    x = films(rank)
    images, pixels = conv_lstm(rank, kernel_size=1, return_sequences=True), layers.LSTM(3, return_sequences=True)
    every = np.moveaxis(x, 1, -2).reshape(-1, 3, 2)
    pixels.build(every.shape)
    images.build(x.shape)
    images.set_weights([w.reshape(v.shape) for w, v in zip(pixels.get_weights(), images.weights, strict=True)])
    expected = pixels(every).numpy().reshape(2, *SPATIAL[rank], 3, 3)
    np.testing.assert_allclose(images(x), np.moveaxis(expected, -2, 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_traced_equals_eager(rank, data_format):
    settings = {"return_state": True, "return_sequences": True, "data_format": data_format, "recurrent_dropout": 0.3}
    x = ops.convert_to_tensor(films(rank) if data_format == "channels_last" else np.moveaxis(films(rank), -1, 2))
    mask = ops.array([[True, False, True], [False, True, True]])

    def run(layer, x):
        with GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, mask=mask, training=True)
            total = sum(ops.sum(y * random(7 + i, *y.shape)) for i, y in enumerate(outputs))
        return [*outputs, *tape.gradient(total, [x, *layer.trainable_variables])]

    eager, traced = (conv_lstm(rank, dropout=0.4, seed=1, **settings) for _ in range(2))
    eager.build(x.shape)
    traced.build(x.shape)
    traced.set_weights(eager.get_weights())
    for a, b in zip(run(eager, x), Function(lambda x: run(traced, x))(x), strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_training_learns_to_add_up(run_eagerly):
    """The sum of all steps of a pixel: an LSTM without activations can learn it."""
    x = np.random.RandomState(0).uniform(0, 0.5, (32, 3, 3, 3, 1)).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(x.shape[1:]), conv_lstm(2, 4, 1), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.03), "mse", run_eagerly=run_eagerly)
    losses = model.fit(x, x.sum(1), epochs=20, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize("rates", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}])
def test_dropout_acts_in_training_only_and_draws_anew_for_each_call(rates):
    layer, x = conv_lstm(2, seed=1, **rates), films(2)
    still = layer(x).numpy()
    np.testing.assert_array_equal(layer(x).numpy(), still)
    a, b = (layer(x, training=True).numpy() for _ in range(2))
    assert np.abs(a - still).max() > 0 and np.abs(a - b).max() > 0
    twin = conv_lstm(2, seed=1, **rates)
    twin.build(x.shape)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(twin(x, training=True).numpy(), a)


def test_every_gate_has_a_pattern_of_its_own_for_all_steps():
    """Without a recurrent kernel and with the identity as activation, c' - c tells the patterns of i and c."""
    linear = {"activation": "linear", "recurrent_activation": "linear", "unit_forget_bias": False, "dropout": 0.5}
    layer = conv_lstm(1, 1, 1, kernel_initializer="ones", recurrent_initializer="zeros", seed=3, **linear)
    inner, x = layer.cell, ops.ones((1, 40, 1))
    inner.build(x.shape)
    states = inner.get_initial_state(1)
    masks = [inner.get_dropout_mask(x).copy() for _ in range(2)]
    for a, b in zip(*masks, strict=True):
        np.testing.assert_array_equal(a, b)
    patterns = [m.numpy() for m in masks[0]]
    assert len(patterns) == 4 and (patterns[0] != patterns[2]).any()
    _, (_, carry) = inner(x, states, training=True)
    np.testing.assert_array_equal(carry, patterns[0] * patterns[2])


@pytest.mark.parametrize("zero_output_for_mask", [False, True])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_masked_steps_are_as_if_they_were_not_there(zero_output_for_mask, go_backwards):
    settings = {"return_sequences": True, "return_state": True, "go_backwards": go_backwards}
    layer = conv_lstm(2, zero_output_for_mask=zero_output_for_mask, **settings)
    x, mask = films(2, batch=1, steps=4), np.array([[True, False, True, False]])
    y, h, c = layer(x, mask=mask)
    expected = layer(x[:, mask[0]])
    y = y.numpy()
    seen, unseen = ([1, 3], [0, 2]) if go_backwards else ([0, 2], [1, 3])
    for got, wanted in zip((y[:, seen], h, c), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    for step in unseen:
        stays = step > 0 and not zero_output_for_mask
        np.testing.assert_array_equal(y[0, step], y[0, step - 1] if stays else np.zeros_like(y[0, 0]))
    assert layer.compute_mask(x, mask)[0] is mask and layer.compute_mask(x, mask)[1:] == [None, None]


@pytest.mark.parametrize("stateful", [False, True])
def test_states_go_on_in_compiled_calls(stateful):
    layer, x = conv_lstm(2, stateful=stateful), films(2)
    run = Function(lambda x: layer(x))
    layer.build(x.shape)
    first, second = run(x).numpy(), run(x).numpy()
    assert (np.abs(first - second).max() > 0) == stateful
    assert not any(w.name == "rnn_state" for w in layer.weights)
    if stateful:
        layer.reset_state()
        np.testing.assert_array_equal(run(x), first)
        with pytest.raises(ValueError, match="Expected batch size: 2"):
            layer(films(2, batch=3))


def test_open_batch_and_time():
    x = keras.Input((None, 4, 5, 2))
    y, h, c = conv_lstm(2, padding="same", strides=2, return_sequences=True, return_state=True)(x)
    assert (y.shape, h.shape, c.shape) == ((None, None, 2, 3, 3), (None, 2, 3, 3), (None, 2, 3, 3))
    model = keras.Model(x, conv_lstm(2)(y))
    for batch, steps in ((2, 5), (3, 1)):
        assert model.predict(random(1, batch, steps, 4, 5, 2), verbose=0).shape == (batch, 1, 2, 3)
    with pytest.raises(ValueError, match="the batch size must be static"):
        conv_lstm(2, stateful=True)(x)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_holds_everything(tmp_path, suffix):
    x = keras.Input((3, 4, 5, 2))
    y = conv_lstm(2, return_sequences=True, dropout=0.1, strides=(1, 2), kernel_regularizer="l2", seed=4)(x)
    y = layers.Bidirectional(conv_lstm(2, return_sequences=True, unroll=True))(y)
    model = keras.Model(x, conv_lstm(2, dilation_rate=2, padding="same", activity_regularizer="l1")(y))
    model.save(tmp_path / f"model{suffix}")
    again = keras.saving.load_model(tmp_path / f"model{suffix}")
    np.testing.assert_array_equal(again.predict(films(2), verbose=0), model.predict(films(2), verbose=0))
    assert [(w.name, w.shape) for w in again.weights] == [(w.name, w.shape) for w in model.weights]
    for ours, theirs in ((again.layers[i], model.layers[i]) for i in (1, 3)):
        assert ours.get_config() == theirs.get_config()


def test_settings_are_those_of_the_cell():
    layer = conv_lstm(2, 4, (1, 2), padding="SAME", recurrent_dropout=3.0)
    assert (layer.filters, layer.kernel_size, layer.padding, layer.recurrent_dropout) == (4, (1, 2), "same", 1.0)
    assert layer.cell.name == "conv_lstm_cell"


def test_mixed_precision():
    x = films(2)
    mixed, plain = conv_lstm(2, dtype="mixed_bfloat16"), conv_lstm(2)
    y = mixed(x)
    plain.build(x.shape)
    plain.set_weights(mixed.get_weights())
    assert (y.dtype, mixed.cell.kernel.dtype) == ("bfloat16", "float32")
    np.testing.assert_allclose(ops.cast(y, "float32"), plain(x), atol=0.03)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filters": 0}, "argument `filters`, expected a positive integer, got 0"),
        ({"kernel_size": (2, 2, 2)}, "`kernel_size` argument must be a tuple of 2 integers"),
        ({"strides": 0}, "`strides` argument must be a tuple of 2 integers.*do not satisfy"),
        (
            {"strides": 2, "dilation_rate": 2},
            r"dilation_rate > 1`. Received: strides=\(2, 2\) and dil",
        ),
        ({"padding": "causal"}, "`padding` argument must be one of"),
        ({"data_format": "last"}, "data_format"),
        ({"implementation": 1}, "implementation is not supported. Received: implementation=1"),
        ({"use_cudnn": True}, "Unrecognized keyword arguments"),
        ({"colour": "red"}, "Unrecognized keyword arguments"),
    ],
)
def test_bad_arguments(settings, message):
    with pytest.raises(ValueError, match=message):
        conv_lstm(2, **settings)


def test_bad_calls():
    x = films(2)
    with pytest.raises(ValueError, match="expected ndim=5, found ndim=4"):
        conv_lstm(2)(x[0])
    with pytest.raises(ValueError, match="only support static input shapes for the spatial dimension"):
        conv_lstm(2)(keras.Input((3, None, 5, 2)))
    with pytest.raises(ValueError, match="channel axis of the inputs must have a size"):
        conv_lstm(2)(keras.Input((3, 4, 5, None)))
    with pytest.raises(ValueError, match="zero or negative"):
        conv_lstm(2, kernel_size=5)(x)
    with pytest.raises(ValueError, match="at least one time step"):
        conv_lstm(2)(x[:, :0])
    layer = conv_lstm(2)
    layer(x)
    with pytest.raises(ValueError, match=r"expected shape=\(None, 4, 5, 2\), found shape=\(2, 3, 5, 2\)"):
        layer(x[:, :, 1:])
    state = ops.zeros((2, 3, 4, 3))
    for states in ([state], [state, state[:1]], [state, state[0, 0]], [ops.zeros((2, 3))] * 2):
        with pytest.raises(ValueError, match=r"initial_state must have.*expected \[\(2, 3, 4, 3\), \(2, 3, 4, 3\)\]"):
            layer(x, initial_state=states)
    assert layer(x[:0]).shape == (0, 3, 4, 3)
