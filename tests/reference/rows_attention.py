"""What real Keras computes for attention: outputs, scores, masks, a step of training, and a small transformer."""

import numpy as np

TOLERANCE = {}


def tensors(*shapes):
    rng = np.random.RandomState(0)
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def filled(layer):
    rng = np.random.RandomState(1)
    layer.set_weights([(rng.standard_normal(w.shape) * 0.3).astype("float32") for w in layer.get_weights()])


def attention(settings, shapes=((2, 5, 6), (2, 7, 4)), **call):
    def row(keras):
        layer = keras.layers.MultiHeadAttention(**settings)
        given = tensors(*shapes)
        layer(*given, **call)
        filled(layer)
        made = {"names": np.array([list(w.path.rsplit("/", 2)[-2].ljust(20).encode()) for w in layer.weights], "uint8")}
        output = layer(*given, **call)
        if call.get("return_attention_scores"):
            output, scores = output
            made["scores"] = keras.ops.convert_to_numpy(scores)
        made["output"] = keras.ops.convert_to_numpy(output)
        return made

    return row


def with_masks(keras):
    """Masks of embeddings reach the layer and leave it."""
    tokens = keras.Input((6,), dtype="int32")
    words = keras.layers.Embedding(10, 4, mask_zero=True)(tokens)
    looked = keras.layers.MultiHeadAttention(2, 3)(words, words, use_causal_mask=True)
    model = keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(looked))
    filled(model)
    return {"output": model.predict(np.array([[3, 4, 5, 0, 0, 0], [1, 2, 9, 8, 7, 6]]), verbose=0)}


def transformer(keras):
    """Ten losses of an encoder block on top of an embedding."""
    tokens = keras.Input((12,), dtype="int32")
    words = keras.layers.Embedding(50, 8)(tokens)
    x = keras.layers.LayerNormalization(epsilon=1e-6)(words + keras.layers.MultiHeadAttention(2, 8)(words, words))
    x = keras.layers.LayerNormalization(epsilon=1e-6)(x + keras.layers.Dense(8)(keras.layers.Dense(8, "relu")(x)))
    x = keras.layers.Dense(2, "softmax")(keras.layers.GlobalAveragePooling1D()(x))
    model = keras.Model(tokens, x)
    filled(model)
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.RandomState(2)
    x, y = rng.randint(0, 50, (320, 12)), rng.randint(0, 2, 320)
    losses = [model.train_on_batch(x[i : i + 32], y[i : i + 32]) for i in range(0, 320, 32)]
    return {"losses": np.array([float(loss) for loss in losses])}


def op(**settings):
    def row(keras):
        query, key, value = tensors((2, 5, 4, 3), (2, 6, settings.pop("heads", 4), 3), (2, 6, 4, 3))
        value = value[:, :, : key.shape[2]]
        found = keras.ops.dot_product_attention(query, key, value, **settings)
        return {"output": keras.ops.convert_to_numpy(found)}

    return row


HALF = np.random.RandomState(4).uniform(size=(2, 5, 7)) > 0.5
ROWS = {
    "plain": attention({"num_heads": 2, "key_dim": 3}),
    "scores": attention({"num_heads": 2, "key_dim": 3}, return_attention_scores=True),
    "causal": attention({"num_heads": 2, "key_dim": 3}, use_causal_mask=True),
    "causal scores": attention(
        {"num_heads": 2, "key_dim": 3, "sliding_window": 2}, use_causal_mask=True, return_attention_scores=True
    ),
    "mask": attention({"num_heads": 3, "key_dim": 2}, attention_mask=HALF),
    "mask, values of another size": attention(
        {"num_heads": 3, "key_dim": 2, "value_dim": 5}, attention_mask=HALF, return_attention_scores=True
    ),
    "gate, no bias, output shape": attention(
        {"num_heads": 2, "key_dim": 3, "use_gate": True, "use_bias": False, "output_shape": (2, 3)}
    ),
    "two axes": attention({"num_heads": 2, "key_dim": 3}, shapes=((2, 3, 4, 6), (2, 5, 4, 6))),
    "one of two axes": attention({"num_heads": 2, "key_dim": 3, "attention_axes": 2}, shapes=((2, 3, 4, 6),) * 2),
    "key": attention({"num_heads": 2, "key_dim": 3}, shapes=((2, 5, 6), (2, 7, 4), (2, 7, 3))),
    "masks of embeddings": with_masks,
    "transformer": transformer,
    "op": op(),
    "op causal": op(is_causal=True, scale=0.3),
    "op mask and bias": op(
        mask=np.random.RandomState(5).uniform(size=(2, 1, 5, 6)) > 0.4,
        bias=np.random.RandomState(6).standard_normal((1, 4, 5, 6)).astype("float32"),
    ),
    "op two heads serve four": op(heads=2),
}
