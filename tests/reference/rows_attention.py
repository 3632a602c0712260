"""What real Keras computes for attention: outputs, scores, masks, a step of training, and a small transformer."""

import numpy as np
from layer_cases import config_of

TOLERANCE = {}


def tensors(*shapes):
    rng = np.random.RandomState(0)
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def filled(layer):
    rng = np.random.RandomState(1)
    layer.set_weights([(rng.standard_normal(w.shape) * 0.3).astype("float32") for w in layer.get_weights()])


def attention(settings, shapes=((2, 5, 6), (2, 7, 4)), cls="MultiHeadAttention", **call):
    def row(keras):
        layer = getattr(keras.layers, cls)(**settings)
        given = tensors(*shapes)
        layer(*given, **call)
        filled(layer)
        made = {"names": np.array([list(w.path.rsplit("/", 2)[-2].ljust(20).encode()) for w in layer.weights], "uint8")}
        output = layer(*given, **call)
        if call.get("return_attention_scores"):
            output, scores = output
            made["scores"] = keras.ops.convert_to_numpy(scores)
        made["output"] = keras.ops.convert_to_numpy(output)
        if "activity_regularizer" in settings:
            made["losses"] = np.array([float(loss) for loss in layer.losses])
            made["config"] = config_of(layer)
        return made

    return row


def grouped(shapes=((2, 5, 6), (2, 7, 6)), call=None, **settings):
    settings = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **settings}
    return attention(settings, shapes, "GroupQueryAttention", **(call or {}))


def unprojected(cls, shapes=((2, 5, 6), (2, 7, 6)), masks=None, call=None, **settings):
    """Attention and AdditiveAttention: output, scores, the mask that goes on, with and without scores asked for."""

    def row(keras):
        layer = getattr(keras.layers, cls)(**settings)
        given = tensors(*shapes)
        layer.build([x.shape for x in given])
        filled(layer)
        mask = None if masks is None else [None if m is None else keras.ops.convert_to_tensor(m) for m in masks]
        output, scores = layer(given, mask=mask, return_attention_scores=True, **(call or {}))
        made = {"output": np.asarray(output), "scores": np.asarray(scores), "config": config_of(layer)}
        made["alone"] = np.asarray(layer(given, mask=mask, **(call or {})))
        made["names"] = np.frombuffer(" ".join(f"{w.path}{tuple(w.shape)}" for w in layer.weights).encode(), "uint8")
        passed = getattr(output, "_keras_mask", None)
        return made if passed is None else {**made, "mask": np.asarray(passed)}

    return row


def unprojected_in_a_model(keras):
    """Masks of embeddings reach the layers and leave them; three losses."""
    tokens = keras.Input((6,), dtype="int32")
    words = keras.layers.Embedding(10, 4, mask_zero=True)(tokens)
    x = keras.layers.Attention(use_scale=True, score_mode="concat")([words, words])
    x = keras.layers.AdditiveAttention()([x, words], use_causal_mask=True)
    model = keras.Model(tokens, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(x)))
    filled(model)
    model.compile("sgd", "mse")
    given = np.array([[3, 4, 5, 0, 0, 0], [1, 2, 9, 8, 7, 6]])
    made = {"output": model.predict(given, verbose=0)}
    made["losses"] = np.array([float(model.train_on_batch(given, np.array([[1.0], [2.0]]))) for _ in range(3)])
    return made


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
    "penalties on the projections": attention({"num_heads": 2, "key_dim": 3, "activity_regularizer": "l2"}),
    "grouped": grouped(),
    "grouped scores": grouped(call={"return_attention_scores": True}),
    "grouped causal": grouped(call={"use_causal_mask": True}),
    "grouped causal scores in a window": grouped(
        sliding_window=2, dropout=0.3, call={"use_causal_mask": True, "return_attention_scores": True}
    ),
    "grouped mask": grouped(call={"attention_mask": HALF}),
    "grouped mask of values, one head": grouped(
        num_key_value_heads=1, call={"value_mask": HALF[:, 0], "query_mask": HALF[:, :, 0], "attention_mask": HALF}
    ),
    "grouped gate, no bias, penalties": grouped(use_gate=True, use_bias=False, activity_regularizer="l2"),
    "grouped key": grouped(((2, 5, 6), (2, 7, 6), (2, 7, 3)), num_key_value_heads=4),
    **{
        f"{cls} {name}": unprojected(cls, **options)
        for cls in ("Attention", "AdditiveAttention")
        for name, options in {
            "plain": {},
            "other scale": {"use_scale": cls == "Attention"},
            "key": {"shapes": ((2, 5, 6), (2, 7, 3), (2, 7, 6))},
            "causal": {"call": {"use_causal_mask": True}},
            "masks": {"masks": [HALF[:, :, 0], HALF[:, 0]]},
            "mask of values, causal": {"masks": [None, HALF[:, 1]], "call": {"use_causal_mask": True}},
            "mask of values alone": {"masks": [None, HALF[:, 1]]},
            "three masks": {"masks": [HALF[:, :, 3], HALF[:, 1], None], "shapes": ((2, 5, 6), (2, 7, 3), (2, 7, 6))},
            "values unseen": {"masks": [None, np.zeros((2, 7), bool)]},
            "two axes of batches": {"shapes": ((2, 3, 5, 6), (2, 3, 7, 6)), "call": {"use_causal_mask": True}},
        }.items()
    },
    "Attention concat": unprojected("Attention", score_mode="concat"),
    "Attention concat scaled": unprojected("Attention", score_mode="concat", use_scale=True, masks=[None, HALF[:, 0]]),
    "unprojected in a model": unprojected_in_a_model,
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
