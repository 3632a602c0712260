"""Attention: files, errors, and that heads look only where they may."""

import numpy as np
import pytest

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
    with pytest.raises(ValueError, match="JAX on TPU"):
        keras.ops.dot_product_attention(x, x, x, attn_logits_soft_cap=1.0)
