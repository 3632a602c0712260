"""Recurrent layers: what rows_rnn.py cannot ask of Keras, bad input, and the kernels beside NumPy."""

import numpy as np
import pytest
from cases.recurrent import GATES, STEPS
from hypothesis import given, settings
from hypothesis import strategies as st

import fastkeras as keras
from fastkeras.engine import Function, GradientTape, config
from fastkeras.ops import _recurrence


def random(seed, *shape):
    return np.random.RandomState(seed).normal(0, 0.7, shape).astype("float32")


def weights_of(layer, seed=3):
    rng = np.random.RandomState(seed)
    layer.set_weights([rng.normal(0, 0.4, w.shape).astype("float32") for w in layer.get_weights()])


UNITS = ("LSTM", "GRU", "SimpleRNN")


# --- the kernels -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(STEPS)),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 9), st.integers(1, 20), st.integers(1, 40)),
    flags=st.fixed_dictionaries({n: st.booleans() for n in ("reverse", "sequences", "zero_masked", "save", "relu")}),
    bias=st.booleans(),
    masked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_kernels_are_what_numpy_says_in_float64(name, sizes, flags, bias, masked, seed):
    batch, steps, features, units = sizes
    columns = GATES[name] * units
    rng = np.random.RandomState(seed)
    shapes = [
        (batch, steps, features),
        *[(batch, units)] * (1 + (name == "lstm")),
        (features, columns),
        (units, columns),
    ]
    arrays = [rng.uniform(-1, 1, s) for s in shapes]
    if bias:
        arrays.append(rng.uniform(-1, 1, (2, columns) if name == "gru" else columns))
    mask = [rng.rand(batch, steps) < 0.6] if masked else []
    expected = STEPS[name](*arrays, *mask, bias=bias, mask=masked, **flags)
    for dtype, tolerance in (("float32", 2e-5), ("float64", 1e-12)):
        options = {"bias": arrays[-1].astype(dtype)} if bias else {}
        options |= {"mask": mask[0]} if masked else {}
        given = [a.astype(dtype) for a in (arrays[:-1] if bias else arrays)]
        got = getattr(_recurrence, name)(
            *map(keras.ops.convert_to_tensor, given),
            **{k: keras.ops.convert_to_tensor(v) for k, v in options.items()},
            **flags,
        )
        for g, e in zip(got, expected, strict=True):
            size = max(1, np.abs(e).max()) if flags["relu"] else 1  # with relu states grow
            np.testing.assert_allclose(g, e, rtol=tolerance, atol=tolerance * size)


@pytest.mark.parametrize("cls", UNITS)
@pytest.mark.parametrize("masked", [False, True])
def test_fused_equals_stepping(cls, masked):
    """The kernel and `unroll` agree, gradients of everything included, with and without `training`."""
    x, options = keras.ops.array(random(1, 19, 5, 3)), {"return_sequences": True, "return_state": True}
    mask = keras.ops.array(np.random.RandomState(2).rand(19, 5) < 0.7) if masked else None
    results = []
    for unroll, training in ((False, True), (False, False), (True, True)):
        layer = getattr(keras.layers, cls)(6, unroll=unroll, **options)
        layer.build(x.shape)
        weights_of(layer)
        with GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, mask=mask, training=training)
            total = sum(keras.ops.sum(y * random(7 + i, *y.shape)) for i, y in enumerate(outputs))
        results.append([*outputs, *tape.gradient(total, [x, *layer.trainable_variables])])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("units", [1, 5, 16, 40, 64, 77, 130])
@pytest.mark.parametrize("steps", [3, 9])
@pytest.mark.parametrize("cls", ["LSTM", "GRU"])
def test_one_sample_alone_has_the_bits_it_has_among_others(cls, steps, units):
    """It meets the weights row by row, in blocks that are copied from 8 steps on, to and fro; a batch meets tiles."""
    layer, x, before = getattr(keras.layers, cls)(units, return_sequences=True), random(0, 3, steps, 7), config.isa()
    layer.build(x.shape)
    weights_of(layer)
    try:
        for isa in config.available_isas():
            config.set_isa(isa)
            together = layer(x).numpy()
            for i in range(3):
                assert layer(x[i : i + 1]).numpy().tobytes() == together[i].tobytes()
    finally:
        config.set_isa(before)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_training_has_the_same_bits_for_any_number_of_threads(name, set_threads):
    def train():
        layer = getattr(keras.layers, name.upper())(40)
        model = keras.Sequential([keras.Input((9, 7)), layer, keras.layers.Dense(1)])
        weights_of(model)
        model.compile("sgd", "mse")
        model.train_on_batch(random(1, 70, 9, 7), random(2, 70, 1))
        return model.get_weights()

    results = []
    for threads in (1, 2):
        set_threads(threads)
        results.append(train())
    for a, b in zip(*results, strict=True):
        assert a.tobytes() == b.tobytes()


def test_second_derivatives_need_unroll():
    x = keras.ops.array(random(1, 2, 3, 2))

    def second(**options):
        layer = keras.layers.LSTM(3, **options)
        layer.build(x.shape)
        with GradientTape() as outer:
            outer.watch(x)
            with GradientTape() as inner:
                inner.watch(x)
                y = keras.ops.sum(layer(x))
            slope = keras.ops.sum(keras.ops.square(inner.gradient(y, x)))
        return outer.gradient(slope, x)

    assert np.abs(second(unroll=True).numpy()).max() > 0
    with pytest.raises(ValueError, match="no second derivative"):
        second()


# --- dropout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", UNITS)
@pytest.mark.parametrize(
    "rates", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"dropout": 0.4, "recurrent_dropout": 0.2}]
)
def test_dropout_acts_in_training_only_and_draws_anew_for_each_call(cls, rates):
    layer = getattr(keras.layers, cls)(8, seed=1, **rates)
    x = keras.ops.ones((4, 5, 6))
    still, again = layer(x).numpy(), layer(x).numpy()
    np.testing.assert_array_equal(still, again)
    a, b = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert np.abs(a - still).max() > 0 and np.abs(a - b).max() > 0
    twin = getattr(keras.layers, cls)(8, seed=1, **rates)
    twin.build(x.shape)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(twin(x, training=True).numpy(), a)


@pytest.mark.parametrize("cls", UNITS)
@pytest.mark.parametrize("rates", [{"recurrent_dropout": 0.5}, {"dropout": 0.4, "recurrent_dropout": 0.2}])
@pytest.mark.parametrize("options", [{"activation": "relu"}, {"go_backwards": True, "return_sequences": True}])
def test_dropout_in_the_kernels_is_that_of_single_steps(cls, rates, options):
    x = keras.ops.array(random(1, 6, 5, 4))
    mask = keras.ops.array([[True] * 5, [True, True, False, True, False]] * 3)
    layers = [getattr(keras.layers, cls)(8, seed=1, unroll=unroll, **rates, **options) for unroll in (False, True)]
    found = []
    for layer in layers:
        layer.build(x.shape)
        weights_of(layer)
        with GradientTape() as tape:
            tape.watch(x)
            y = layer(x, mask=mask, training=True)
        found.append([y, *tape.gradient(y, [x, *layer.trainable_variables])])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    assert layers[0].cell.fuses()


def test_input_dropout_is_one_pattern_for_all_steps():
    """Dropped inputs with an identity kernel: every step adds the same."""
    plain = {"use_bias": False, "kernel_initializer": "identity", "recurrent_initializer": "zeros"}
    cell = keras.layers.SimpleRNNCell(6, activation="linear", dropout=0.5, seed=2, **plain)
    y = keras.layers.RNN(cell, return_sequences=True)(keras.ops.ones((3, 4, 6)), training=True).numpy()
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y == y[:, :1]).all() and (y[0] != y[1]).any()


# --- state -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", UNITS)
def test_states_go_on_in_compiled_calls(cls):
    eager, compiled = (getattr(keras.layers, cls)(4, stateful=True) for _ in range(2))
    x = keras.ops.array(random(1, 2, 3, 5))
    for layer in (eager, compiled):
        layer.build(x.shape)
        weights_of(layer)
    run = Function(lambda t: compiled(t))
    for _ in range(3):
        np.testing.assert_allclose(run(x), eager(x), rtol=1e-5, atol=1e-6)
    assert not any(w.name == "rnn_state" for w in eager.weights)
    eager.reset_states()
    assert all((s.numpy() == 0).all() for s in eager.states)


def test_stateful_fit_and_predict_of_batches():
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, 3, 4)), keras.layers.LSTM(3, stateful=True), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    model.fit(random(1, 6, 3, 4), random(2, 6, 1), batch_size=2, shuffle=False, verbose=0)
    before = [s.numpy() for s in model.layers[0].states]
    first, second = (model.predict(random(1, 2, 3, 4), verbose=0) for _ in range(2))
    assert np.abs(before[0]).max() > 0 and (first != second).any()


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", UNITS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_rows_that_are_masked_throughout_keep_their_state(cls, activation):
    layer = getattr(keras.layers, cls)(4, activation=activation, return_sequences=True)
    y = layer(random(1, 2, 3, 5), mask=keras.ops.array([[False] * 3, [True] * 3])).numpy()
    assert (y[0] == 0).all() and (y[1] != 0).any()


@pytest.mark.parametrize("cls", UNITS)
def test_bad_calls(cls):
    layer = getattr(keras.layers, cls)(4)
    with pytest.raises(ValueError, match="at least one time step"):
        layer(np.zeros((2, 0, 3), "float32"))
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        getattr(keras.layers, cls)(4)(np.zeros((2, 3), "float32"))
    x = keras.ops.ones((2, 5, 3))
    layer(x)
    states = 2 if cls == "LSTM" else 1
    for shape in ((2, 5), (3, 4)):
        with pytest.raises(ValueError, match="initial_state must have one tensor"):
            layer(x, initial_state=[keras.ops.ones(shape)] * states)
    with pytest.raises(ValueError, match="initial_state must have one tensor"):
        layer(x, initial_state=[keras.ops.ones((2, 4))] * (states + 1))
    with pytest.raises(ValueError):
        layer(keras.ops.ones((2, 5, 4)))
    with pytest.raises(ValueError, match="expected a positive integer, got 0"):
        getattr(keras.layers, cls)(0)
    with pytest.raises(ValueError, match="Unrecognized keyword arguments"):
        getattr(keras.layers, cls)(4, colour="red")
    assert layer(keras.ops.ones((0, 5, 3))).shape == (0, 4)


def test_bad_stateful_calls():
    layer = keras.layers.LSTM(4, stateful=True)
    with pytest.raises(ValueError, match="the batch size must be static"):
        layer(keras.Input((5, 3)))
    layer = keras.layers.LSTM(4, stateful=True)
    layer(keras.ops.ones((2, 5, 3)))
    with pytest.raises(ValueError, match="Expected batch size: 2"):
        layer(keras.ops.ones((3, 5, 3)))


def test_cudnn():
    x = keras.ops.ones((2, 5, 3))
    with pytest.raises(ValueError, match="Expected one of {'auto', True, False}"):
        keras.layers.LSTM(4, use_cudnn="yes")
    assert keras.layers.LSTM(4, use_cudnn=True)(x).shape == (2, 4)
    with pytest.raises(ValueError, match="cuDNN is not supported for this layer configuration"):
        keras.layers.GRU(4, use_cudnn=True, reset_after=False)(x)
    for option in ({"recurrent_dropout": 0.5}, {"activation": "relu"}, {"unroll": True}):
        with pytest.raises(ValueError, match="cuDNN is not supported for this layer configuration"):
            keras.layers.LSTM(4, use_cudnn=True, **option)(x)


def test_ids_outside_of_the_vocabulary():
    """They raise where values are known; in a compiled step they give NaN, and no row of the table moves for them."""
    table = keras.layers.Embedding(5, 3)
    for ids in ([5], [-6]):
        with pytest.raises(IndexError, match="indices must lie in"):
            table(np.array(ids))
    model = keras.Sequential([keras.Input((2,), dtype="int32"), table])
    y = model.predict(np.array([[1, 7]]), verbose=0)
    assert np.isnan(y[0, 1]).all() and np.isfinite(y[0, 0]).all()


def test_bad_cells_and_wrappers():
    layers = keras.layers
    with pytest.raises(ValueError, match="should have a `call` method"):
        layers.RNN(object())
    with pytest.raises(ValueError, match="should have a `state_size` attribute"):
        layers.RNN(layers.Dense(2))
    with pytest.raises(ValueError, match="All cells must have a `state_size`"):
        layers.StackedRNNCells([layers.Dense(2)])
    with pytest.raises(ValueError, match="Invalid merge mode"):
        layers.Bidirectional(layers.LSTM(2), merge_mode="max")
    with pytest.raises(ValueError, match="different `go_backwards`"):
        layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2))
    with pytest.raises(ValueError, match='same value for attribute "return_sequences"'):
        layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2, go_backwards=True, return_sequences=True))
    with pytest.raises(AttributeError, match="must be stateful"):
        layers.Bidirectional(layers.LSTM(2)).reset_states()
    with pytest.raises(ValueError, match="at least 3 dimensions"):
        layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3), "float32"))
    with pytest.raises(ValueError, match="must match the input's first two dimensions"):
        layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3, 4), "float32"), mask=keras.ops.ones((2, 4), "bool"))


@pytest.mark.parametrize("layer", [keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN])
def test_inputs_of_ints(layer):
    layer, x = layer(2), np.arange(12).reshape(2, 3, 2)
    np.testing.assert_array_equal(layer(x).numpy(), layer(x.astype("float32")).numpy())


# --- shapes, names, files --------------------------------------------------------------------------------------------


def test_open_batch_and_time():
    x = keras.Input((None, 3))
    y, h, c = keras.layers.LSTM(4, return_sequences=True, return_state=True)(x)
    assert (y.shape, h.shape, c.shape) == ((None, None, 4), (None, 4), (None, 4))
    z = keras.layers.Bidirectional(keras.layers.GRU(2))(y)
    model = keras.Model(x, z)
    for batch, steps in ((2, 5), (3, 1)):
        assert model.predict(random(1, batch, steps, 3), verbose=0).shape == (batch, 4)


def model_of_everything():
    tokens = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(tokens)
    x = keras.layers.LSTM(5, return_sequences=True, dropout=0.1)(x)
    x = keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True))(x)
    x = keras.layers.TimeDistributed(keras.layers.Dense(4))(x)
    x = keras.layers.RNN([keras.layers.SimpleRNNCell(3), keras.layers.LSTMCell(2)])(x)
    return keras.Model(tokens, x)


def test_a_file_holds_everything(tmp_path):
    model, x = model_of_everything(), np.random.RandomState(0).randint(0, 9, (4, 6))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert [(w.name, w.shape) for w in again.weights] == [(w.name, w.shape) for w in model.weights]


def test_weights_of_both_directions_can_be_given():
    first = [random(i, *s) for i, s in enumerate([(3, 8), (2, 8), (8,)] * 2)]
    layer = keras.layers.Bidirectional(keras.layers.LSTM(2), weights=first)
    layer.build((None, 4, 3))
    for a, b in zip(layer.get_weights(), first, strict=True):
        np.testing.assert_array_equal(a, b)


def test_penalty_on_the_output():
    for cls in UNITS:
        layer = getattr(keras.layers, cls)(4, activity_regularizer="l2")
        y = layer(keras.ops.ones((2, 3, 5)))
        np.testing.assert_allclose(layer.losses[0], 0.01 * np.sum(np.square(y.numpy())) / 2, rtol=1e-5)


def test_a_users_subclass_of_a_cell_is_asked():
    class Doubled(keras.layers.LSTMCell):
        def call(self, inputs, states, training=False):
            output, states = super().call(inputs, states, training=training)
            return 2 * output, states

    x = keras.ops.array(random(1, 2, 3, 5))
    doubled, plain = keras.layers.RNN(Doubled(4)), keras.layers.RNN(keras.layers.LSTMCell(4))
    for layer in (doubled, plain):
        layer.build(x.shape)
        weights_of(layer)
    np.testing.assert_allclose(doubled(x), 2 * plain(x).numpy(), rtol=1e-5)
