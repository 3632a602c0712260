"""Dropout of attention: what the one kernel drops is what ops one after the other drop for the same seed."""

import functools

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.engine import Function, GradientTape, primitive

LAYERS = {
    "MultiHeadAttention": lambda **more: keras.layers.MultiHeadAttention(3, 5, value_dim=4, **more),
    "GroupQueryAttention": lambda **more: keras.layers.GroupQueryAttention(3, 4, 2, **more),
    "Attention": lambda **more: keras.layers.Attention(use_scale=True, **more),
}
TOLERANCE = {"float32": 3e-6, "float64": 1e-13, "mixed_bfloat16": 0.06}


def tensors(*shapes):
    rng = np.random.RandomState(0)
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def attend(layer, query, value, **call):
    return layer([query, value], **call) if isinstance(layer, keras.layers.Attention) else layer(query, value, **call)


def trained(layer, given, compiled, **call):
    """What comes out in training, and the gradients of all that it is made of."""

    def step(query, value):
        with GradientTape() as tape:
            tape.watch(query)
            tape.watch(value)
            found = attend(layer, query, value, training=True, **call)
            found = found[0] if call.get("return_attention_scores") else found
            total = keras.ops.sum(keras.ops.sin(keras.ops.cast(found, "float64")))
        gradients = tape.gradient(total, [query, value, *layer.trainable_variables])
        return [keras.ops.cast(x, "float64") for x in (found, *(g for g in gradients if g is not None))]

    return [x.numpy() for x in (Function(step) if compiled else step)(*map(keras.ops.convert_to_tensor, given))]


def check_agreement(make, given, tolerance, compiled=False, **call):
    """Where scores are asked for, one op comes after the other."""
    layer, twin = make(), make()
    for each in (layer, twin):
        attend(each, *given)
    twin.set_weights([w + 0.1 * np.random.RandomState(1).standard_normal(w.shape) for w in layer.get_weights()])
    layer.set_weights(twin.get_weights())
    found = trained(layer, given, compiled, **call)
    expected = trained(twin, given, compiled, return_attention_scores=True, **call)
    assert len(found) == len(expected)
    largest = max(np.abs(g).max() for g in expected[1:])  # that of a bias of keys is but rounding
    for i, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_allclose(ours, theirs, atol=tolerance * (largest if i else 1 + np.abs(theirs).max()))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("causal", [False, True], ids=["", "causal"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("cls", LAYERS)
def test_one_kernel_drops_what_the_ops_drop(cls, dtype, rate, causal, compiled):
    given = [x.astype("float64") if dtype == "float64" else x for x in tensors((3, 33, 6), (3, 41, 6))]
    make = functools.partial(LAYERS[cls], dropout=rate, seed=3, dtype=dtype)
    check_agreement(make, given, TOLERANCE[dtype], compiled, use_causal_mask=causal)


@pytest.mark.parametrize("cls", LAYERS)
def test_training_stores_no_mask(cls):
    x, layer = tensors((2, 5, 6))[0], LAYERS[cls](dropout=0.1)
    attend(layer, x, x)

    def step(t):
        with GradientTape() as tape:
            tape.watch(t)
            total = keras.ops.sum(attend(layer, t, t, training=True))
        return tape.gradient(total, t)

    schedule = Function(step).compile(x).describe()
    assert "attention_grad(" in schedule
    assert "dropout" not in schedule


@pytest.mark.parametrize("cls", ["MultiHeadAttention", "GroupQueryAttention"])
def test_with_masks(cls, isa):
    given = tensors((2, 9, 6), (2, 130, 6))
    shown = np.random.RandomState(2).rand(2, 130) < 0.6
    masks = {"value_mask": shown, "attention_mask": np.random.RandomState(3).rand(2, 9, 130) < 0.8}
    for causal in (False, True):
        make = functools.partial(LAYERS[cls], dropout=0.3, seed=3)
        check_agreement(make, given, TOLERANCE["float32"], use_causal_mask=causal, **masks)


@pytest.mark.parametrize("causal", [False, True], ids=["", "causal"])
def test_long_sequences_draw_again_for_the_gradient(causal):
    given = tensors((1, 1000, 2), (1, 1100, 2))  # probabilities of more than 32 MB
    make = functools.partial(keras.layers.MultiHeadAttention, 8, 2, dropout=0.1, seed=3)
    check_agreement(make, given, TOLERANCE["float32"], use_causal_mask=causal)


def test_every_call_drops_others_and_a_program_as_eager_calls(set_threads):
    x = tensors((4, 50, 6))[0]
    calls = []
    for threads, compiled in ((1, False), (1, True), (2, True)):
        set_threads(threads)
        layer = keras.layers.MultiHeadAttention(2, 8, dropout=0.4, seed=5)
        layer(x, x)
        layer.set_weights(tensors(*(w.shape for w in layer.get_weights())))
        run = Function(lambda t, layer=layer: layer(t, t, training=True)) if compiled else None
        calls.append([(run(x) if run else layer(x, x, training=True)).numpy() for _ in range(2)])
        assert np.abs(calls[-1][0] - calls[-1][1]).max() > 0.01
    np.testing.assert_allclose(calls[0], calls[1], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(calls[1], calls[2])


def test_models_train_alike_in_programs_and_eagerly():
    x, y = tensors((32, 20, 4), (32, 1))
    weights = []
    for eagerly in (False, True):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((20, 4))
        found = keras.layers.MultiHeadAttention(2, 4, dropout=0.2, seed=1)(inputs, inputs)
        model = keras.Model(inputs, keras.layers.Dense(1)(found[:, 0]))
        model.compile("sgd", "mse", run_eagerly=eagerly)
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for compiled, eager in zip(*weights, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-5)


def test_attention_of_another_kind_calculates_its_own_scores():
    class Distance(keras.layers.Attention):
        def _calculate_scores(self, query, key):
            apart = keras.ops.expand_dims(query, 2) - keras.ops.expand_dims(key, 1)
            return -keras.ops.sum(keras.ops.square(apart), axis=-1)

    query, value = tensors((2, 5, 4), (2, 7, 4))
    found, scores = Distance()([query, value], return_attention_scores=True)
    np.testing.assert_array_equal(Distance()([query, value]), found)
    np.testing.assert_allclose(scores.numpy() @ value, found, atol=1e-6)


@pytest.mark.parametrize("product", ["keys,queries", "queries,keys"])
def test_products_of_heads_turn_no_scores(product):
    query, key = tensors((2, 5, 3, 4), (2, 7, 3, 4))
    letters = {"queries": "bqhd", "keys": "bkhd"}
    subscripts = ",".join(letters[name] for name in product.split(",")) + "->bhqk"
    given = [query if name == "queries" else key for name in product.split(",")]
    program = Function(lambda a, b: keras.ops.einsum(subscripts, a, b)).compile(*given)
    assert program.describe().count("transpose") == 2  # one for each operand
    np.testing.assert_allclose(program(*given), np.einsum(subscripts, *given), rtol=1e-5, atol=1e-5)


def test_products_read_turned_matrices_where_they_are():
    query, key = tensors((2, 5, 4), (2, 7, 4))
    program = Function(lambda q, k: keras.ops.matmul(q, keras.ops.swapaxes(k, -1, -2))).compile(query, key)
    assert "transpose" not in program.describe()
    np.testing.assert_allclose(program(query, key), query @ np.swapaxes(key, 1, 2), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("seed", "rate", "message"),
    [
        ([], 0.1, "with a rate, a seed. Received: 3 tensors"),
        ([np.zeros(2, "int32")], 0.1, r"seed must be uint32 of shape \(2,\). Received: int32 \(2,\)"),
        ([np.zeros(2, "uint32")], 1.0, r"rate must be in \[0, 1\). Received: rate=1"),
    ],
)
def test_wrong_seeds_and_rates(seed, rate, message):
    x = np.ones((1, 2, 3, 4), "float32")
    with pytest.raises(ValueError, match=message):
        primitive("attention")(x, x, x, *seed, scale=1.0, causal=False, save=False, rate=rate)
