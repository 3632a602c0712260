"""Attention: files, errors, and that heads look only where they may."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastkeras as keras


def model():
    inputs = keras.Input((5, 6))
    attention = keras.layers.MultiHeadAttention(2, 3, value_dim=4, dropout=0.1, use_gate=True, output_shape=7, seed=1)
    return keras.Model(inputs, attention(inputs, inputs))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files(tmp_path, suffix, recwarn):
    source, path = model(), tmp_path / f"attention{suffix}"
    source.save(path)
    loaded = keras.saving.load_model(path)
    x = np.random.RandomState(0).rand(2, 5, 6).astype("float32")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), source.predict(x, verbose=0))
    assert loaded.layers[-1].get_config() == source.layers[-1].get_config()


def test_a_query_sees_what_its_mask_shows():
    layer = keras.layers.MultiHeadAttention(2, 3)
    x = np.random.RandomState(0).rand(1, 6, 4).astype("float32")
    before = layer(x, x, use_causal_mask=True).numpy()
    x[:, 4] += 1
    after = layer(x, x, use_causal_mask=True).numpy()
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).any(axis=-1).all()


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
