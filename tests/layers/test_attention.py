"""Attention: files, errors, and that heads look only where they may."""

import json

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastkeras as keras


def model():
    x = inputs = keras.Input((5, 6))
    x = keras.layers.GroupQueryAttention(3, 4, 2, dropout=0.1, use_gate=True, kernel_regularizer="l2", seed=1)(x, x)
    x = keras.layers.Attention(use_scale=True, score_mode="concat", dropout=0.1, seed=2)([x, x])
    x = keras.layers.AdditiveAttention(dropout=0.1, seed=3)([x, x], use_causal_mask=True)
    attention = keras.layers.MultiHeadAttention(2, 3, value_dim=4, dropout=0.1, use_gate=True, output_shape=7, seed=1)
    return keras.Model(inputs, attention(x, x))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files(tmp_path, suffix, recwarn):
    source, path = model(), tmp_path / f"attention{suffix}"
    source.save(path)
    loaded = keras.saving.load_model(path)
    x = np.random.RandomState(0).rand(2, 5, 6).astype("float32")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), source.predict(x, verbose=0))
    for ours, theirs in zip(loaded.layers, source.layers, strict=True):
        assert ours.get_config() == theirs.get_config()


def test_files_have_the_names_that_keras_looks_for(tmp_path):
    model().save(tmp_path / "model.h5")
    model().save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        classes = [layer["class_name"] for layer in json.loads(file.attrs["model_config"])["config"]["layers"]]
    assert classes[1:] == ["GroupedQueryAttention", "Attention", "AdditiveAttention", "MultiHeadAttention"]
    with h5py.File(tmp_path / "model.weights.h5") as file:
        layers = file["layers"]
        for name, prefix in (("grouped_query_attention", "_"), ("multi_head_attention", "")):
            assert {f"{prefix}{kind}_dense" for kind in ("query", "key", "value", "output")} < set(layers[name])
            assert "_gate_dense" in layers[name]


LAYERS = {
    "MultiHeadAttention": (keras.layers.MultiHeadAttention, {"num_heads": 2, "key_dim": 3}),
    "GroupQueryAttention": (
        keras.layers.GroupQueryAttention,
        {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
    ),
    "Attention": (keras.layers.Attention, {"use_scale": True}),
    "AdditiveAttention": (keras.layers.AdditiveAttention, {}),
}


@pytest.fixture(params=LAYERS)
def make(request):
    """A function of more settings: a function of (query, value), which is a layer of one kind and its tensors."""
    cls, settings = LAYERS[request.param]

    def making(**more):
        layer = cls(**settings, **more)
        projected = request.param not in ("Attention", "AdditiveAttention")
        return layer, lambda q, v, **call: layer(q, v, **call) if projected else layer([q, v], **call)

    return making


def test_a_query_sees_what_its_mask_shows(make):
    _, attend = make()
    x = np.random.RandomState(0).rand(1, 6, 4).astype("float32")
    before = attend(x, x, use_causal_mask=True).numpy()
    x[:, 4] += 1
    after = attend(x, x, use_causal_mask=True).numpy()
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).any(axis=-1).all()


def test_scores_of_a_functional_model(make):
    _, attend = make()
    query, value = keras.Input((None, 6)), keras.Input((7, 6))
    symbolic = attend(query, value, return_attention_scores=True)
    given = np.random.RandomState(0).rand(2, 5, 6).astype("float32"), np.ones((2, 7, 6), "float32")
    made = keras.Model([query, value], symbolic).predict(list(given), verbose=0)
    for announced, found, eager in zip(symbolic, made, attend(*given, return_attention_scores=True), strict=True):
        assert len(announced.shape) == found.ndim
        assert all(a in (None, n) for a, n in zip(announced.shape, found.shape, strict=True))
        np.testing.assert_allclose(found, eager, atol=1e-6)
    np.testing.assert_allclose(made[1].sum(-1), 1, rtol=1e-5)


def test_dropout_acts_on_the_scores_in_training_only(make):
    x = np.random.RandomState(0).rand(2, 5, 6).astype("float32")
    layer, attend = make(dropout=0.5, seed=1)
    still = attend(x, x).numpy()
    np.testing.assert_array_equal(attend(x, x).numpy(), still)
    a, b = (attend(x, x, training=True).numpy() for _ in range(2))
    assert np.abs(a - still).max() > 0 and np.abs(a - b).max() > 0
    twin, again = make(dropout=0.5, seed=1)
    again(x, x)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x, x, training=True).numpy(), a)


def test_mixed_precision(make):
    x = np.random.RandomState(0).rand(2, 5, 6).astype("float32")
    layer, attend = make(dtype="mixed_bfloat16")
    twin, plain = make()
    output, scores = attend(x, x, return_attention_scores=True, use_causal_mask=True)
    plain(x, x)
    twin.set_weights(layer.get_weights())
    assert (output.dtype, scores.dtype) == ("bfloat16", "bfloat16")
    np.testing.assert_allclose(keras.ops.cast(output, "float32"), plain(x, x, use_causal_mask=True), atol=0.05)


def test_one_head_per_head_is_attention_of_many_heads():
    x = np.random.RandomState(0).rand(2, 5, 6).astype("float32")
    grouped, many = keras.layers.GroupQueryAttention(3, 2, 2), keras.layers.MultiHeadAttention(2, 3)
    expected = many(x, x)
    grouped(x, x)
    grouped.set_weights(many.get_weights())
    np.testing.assert_array_equal(grouped(x, x), expected)


def test_masks_need_not_be_bool():
    x, shown = np.random.RandomState(0).rand(2, 5, 6).astype("float32"), np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]])
    layer = keras.layers.Attention()
    np.testing.assert_array_equal(layer([x, x], mask=[shown, shown]), layer([x, x], mask=[shown > 0, shown > 0]))


def softmax_of_products(query, key, value, mask, causal):
    """In float64; a query that sees nothing sees all alike."""
    logits = np.einsum("btnh,bsnh->bnts", query, key) / np.sqrt(query.shape[-1])
    seen = mask & (np.tri(*logits.shape[2:], dtype=bool) | (not causal))
    weights = np.exp(np.where(seen, logits, -1e300) - np.where(seen, logits, -1e300).max(-1, keepdims=True))
    return np.einsum("bnts,bsnd->btnd", weights / weights.sum(-1, keepdims=True), value)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(*(st.integers(1, n) for n in (3, 70, 300, 3, 20, 20))),
    shared=st.tuples(*[st.booleans()] * 4),
    masked=st.booleans(),
    causal=st.booleans(),
)
def test_any_shape_and_mask(sizes, shared, masked, causal):
    (batch, queries, keys, heads, size, width), rng = sizes, np.random.default_rng(0)
    query, key, value = (
        rng.standard_normal(shape).astype("float32")
        for shape in ((batch, queries, heads, size), (batch, keys, heads, size), (batch, keys, heads, width))
    )
    full = (batch, heads, queries, keys)
    mask = rng.random([1 if one else n for one, n in zip(shared, full, strict=True)]) < 0.6 if masked else None
    found = keras.ops.dot_product_attention(query, key, value, mask=mask, is_causal=causal).numpy()
    wide = [x.astype("float64") for x in (query, key, value)]
    exact = softmax_of_products(*wide, np.broadcast_to(True if mask is None else mask, full), causal)
    np.testing.assert_allclose(found, exact, atol=2e-5)


def test_a_scale_may_be_learned():
    x, scale = np.random.RandomState(0).rand(2, 3, 2, 4).astype("float32"), keras.Variable(0.7)
    with keras.GradientTape() as tape:
        y = keras.ops.dot_product_attention(x, x, x, scale=scale)
        loss = keras.ops.sum(keras.ops.square(y))
    assert tape.gradient(loss, scale).numpy() != 0
    np.testing.assert_allclose(y.numpy(), keras.ops.dot_product_attention(x, x, x, scale=0.7).numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 0, "key_dim": 2}, "`num_heads`, expected a positive integer. Received: num_heads=0"),
        ({"num_heads": 1, "key_dim": 2.5}, "`key_dim`, expected a positive integer. Received: key_dim=2.5"),
        ({"num_heads": 1, "key_dim": 2, "value_dim": 0}, "positive integer or `None`. Received: value_dim=0"),
        ({"num_heads": 1, "key_dim": 2, "sliding_window": 0}, "`sliding_window` must be `None` or a positive integer"),
        ({"num_heads": 1, "key_dim": 2, "attention_axes": "a"}, "`attention_axes` must be an int, list, or tuple"),
        ({"num_heads": 1, "key_dim": 2, "flash_attention": True}, "Flash attention is not supported"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        keras.layers.MultiHeadAttention(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"head_dim": 0}, "`head_dim`, expected a positive integer. Received: head_dim=0"),
        ({"num_query_heads": -4}, "Received: num_query_heads=-4"),
        ({"num_key_value_heads": 0}, "Received: num_key_value_heads=0"),
        ({"num_key_value_heads": 3}, "`num_query_heads` must be divisible by `num_key_value_heads`.*num_query_heads=4"),
        (
            {"sliding_window": 1.5},
            "`None` or a positive integer. Received: sliding_window=1.5",
        ),
        ({"flash_attention": True}, "Flash attention is not supported"),
    ],
)
def test_wrong_arguments_of_groups(arguments, message):
    with pytest.raises(ValueError, match=message):
        keras.layers.GroupQueryAttention(**{"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": 2, **arguments})


def test_wrong_calls_of_groups():
    x = np.ones((2, 4, 8, 3), "float32")
    with pytest.raises(ValueError, match="must be equal"):
        keras.layers.GroupQueryAttention(2, 2, 1)(x[0], x[0], x[0, :, :5])
    with pytest.raises(ValueError, match=r"must be \(batch, queries, features\). Received: query_shape=\(2, 4, 8, 3\)"):
        keras.layers.GroupQueryAttention(2, 2, 1)(x, x)
    with pytest.raises(ValueError, match="`query_shape` and `value_shape` must be equal, but are 3, 5"):
        keras.layers.GroupQueryAttention(2, 2, 1)(keras.Input((4, 3)), keras.Input((4, 5)))


@pytest.mark.parametrize("cls", ["Attention", "AdditiveAttention"])
def test_wrong_calls_without_projections(cls):
    layer, x = getattr(keras.layers, cls)(), keras.ops.ones((2, 5, 6))
    with pytest.raises(ValueError, match=f"{cls} layer must be called on a list of inputs, namely"):
        layer(x)
    with pytest.raises(ValueError, match="must be called on a list"):
        layer((x, x))
    with pytest.raises(ValueError, match=r"accepts inputs list of length 2 or 3, namely.*Received length: 1"):
        layer([x])
    with pytest.raises(ValueError, match="mask must be a list, namely"):
        layer([x, x], mask=x[:, :, 0])
    with pytest.raises(ValueError, match="accepts mask list of length 2 or 3"):
        layer([x, x], mask=[x[:, :, 0]])
    with pytest.raises(ValueError, match="mask must be a list, namely"):
        layer.compute_mask([x, x], mask=x)


def test_wrong_arguments_without_projections():
    with pytest.raises(ValueError, match=r"Expected one of {'dot', 'concat'}. Received: score_mode=scaled_dot"):
        keras.layers.Attention(score_mode="scaled_dot")
    with pytest.raises(ValueError, match="score_mode is not supported. Received: score_mode=dot"):
        keras.layers.AdditiveAttention(score_mode="dot")


def test_wrong_tensors():
    x = np.ones((2, 4, 8, 3), "float32")
    with pytest.raises(ValueError, match="must be equal"):
        keras.layers.MultiHeadAttention(1, 2)(x[0], x[0], x[0, :, :5])
    with pytest.raises(ValueError, match="only supports 4D inputs"):
        keras.ops.dot_product_attention(x[0], x, x)
    with pytest.raises(ValueError, match="multiple of the number of key heads"):
        keras.ops.dot_product_attention(x, x[:, :, :3], x[:, :, :3])
    with pytest.raises(ValueError, match=r"mask must broadcast to \(2, 8, 4, 4\). Received: shape \(1, 1, 5, 4\)"):
        keras.ops.dot_product_attention(x, x, x, mask=np.ones((5, 4), bool))
    with pytest.raises(ValueError, match="queries, keys and values must fit"):
        keras.ops.dot_product_attention(x, x[..., :2], x)
    with pytest.raises(ValueError, match="JAX on TPU"):
        keras.ops.dot_product_attention(x, x, x, attn_logits_soft_cap=1.0)
