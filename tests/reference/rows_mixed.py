"""Layers and models under mixed policies and in halves all through: dtypes, outputs, five steps of training.

bfloat16 has 8 bits, float16 has 11, and rounding may come at other places than in Keras: outputs agree within a few of
their steps.
"""

import functools

import numpy as np

HALVES = ("bfloat16", "float16")


def _random(seed, *shape, scale=1.0):
    return np.random.RandomState(seed).normal(scale=scale, size=shape).astype("float32")


def _weighted(k, model):
    random = np.random.RandomState(5)
    model.set_weights([w if w.ndim == 1 else random.normal(scale=0.2, size=w.shape) for w in model.get_weights()])
    return model


def _dtype_bits(k, x):
    """16 or 32, so that dtypes are figures too."""
    return 16 if k.backend.standardize_dtype(x.dtype) in HALVES else 32


def _trained(k, half, make, x, y, loss="sparse_categorical_crossentropy", optimizer="sgd"):
    """Outputs before, losses of five steps, dtypes; the policy is global while the model is made."""
    k.config.set_dtype_policy(f"mixed_{half}")
    try:
        model = _weighted(k, k.Sequential([k.Input(x.shape[1:]), *make(k.layers)]))
        model.compile(optimizer, loss, metrics=["mae" if loss == "mse" else "accuracy"])
        output = model(x)
        losses = [model.train_on_batch(x, y)[0] for _ in range(5)]
        slots = [v for v in model.optimizer.variables if "float" in str(v.dtype)]
        return {
            "output": k.ops.convert_to_numpy(k.ops.cast(output, "float32")),
            "losses": np.array(losses, "float32"),
            "bits": np.array([_dtype_bits(k, v) for v in (output, *model.weights)]),
            "variable_bits": np.array([_dtype_bits(k, v) for v in slots]),
        }
    finally:
        k.config.set_dtype_policy("float32")


def _classes(n, classes=4):
    return np.random.RandomState(9).randint(0, classes, size=n)


def mlp(k, half):
    def make(layers):
        return [layers.Dense(16, activation="relu"), layers.Dropout(0.0), layers.Dense(4, activation="softmax")]

    return _trained(k, half, make, _random(1, 32, 12), _classes(32), optimizer="adam")


def float32_head(k, half):
    def make(layers):
        return [layers.Dense(16, activation="tanh"), layers.Dense(4), layers.Activation("softmax", dtype="float32")]

    return _trained(k, half, make, _random(1, 32, 12), _classes(32))


def convolutional(k, half):
    def make(layers):
        return [
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(2, padding="same"),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax", dtype="float32"),
        ]

    return _trained(k, half, make, _random(2, 8, 10, 10, 3), _classes(8))


def normalized(k, half):
    def make(layers):
        return [
            layers.Dense(12),
            layers.LayerNormalization(),
            layers.Activation("gelu"),
            layers.BatchNormalization(),
            layers.Dense(3),
        ]

    return _trained(k, half, make, _random(3, 16, 7), _random(4, 16, 3), loss="mse")


def grouped(k, half):
    def make(layers):
        return [
            layers.Conv2D(6, 3),
            layers.GroupNormalization(3),
            layers.Activation("silu"),
            layers.Conv2D(4, 2, strides=2),
            layers.GroupNormalization(-1, scale=False),
            layers.GlobalMaxPooling2D(),
            layers.Dense(3),
        ]

    return _trained(k, half, make, _random(20, 8, 9, 9, 2), _random(21, 8, 3), loss="mse")


def lstm(k, half):
    def make(layers):
        return [layers.LSTM(6, return_sequences=True), layers.GRU(5), layers.Dense(2)]

    return _trained(k, half, make, _random(5, 6, 7, 4), _random(6, 6, 2), loss="mse")


def embedding(k, half):
    def make(layers):
        return [layers.Embedding(20, 6), layers.Flatten(), layers.Dense(4, activation="softmax", dtype="float32")]

    tokens = np.random.RandomState(7).randint(0, 20, size=(16, 5))
    return _trained(k, half, make, tokens, _classes(16))


def attention(k, half):
    k.config.set_dtype_policy(f"mixed_{half}")
    try:
        x = _random(8, 2, 5, 8)
        layer = k.layers.MultiHeadAttention(2, 4)
        layer.build(x.shape, x.shape)
        y = _weighted(k, layer)(x, x)
        return {"output": k.ops.convert_to_numpy(k.ops.cast(y, "float32")), "bits": np.array(_dtype_bits(k, y))}
    finally:
        k.config.set_dtype_policy("float32")


def per_layer(k, half):
    """One mixed layer, one in a half all through, in a float32 model."""
    layers = k.layers
    mixed, narrow = layers.Dense(6, dtype=f"mixed_{half}"), layers.Dense(5, dtype=half)
    inputs = k.Input((4,))
    outputs = layers.Dense(3)(narrow(mixed(inputs)))
    model = _weighted(k, k.Model(inputs, outputs))
    model.compile("sgd", "mse")
    x, y = _random(10, 8, 4), _random(11, 8, 3)
    output = model(x)
    losses = [model.train_on_batch(x, y) for _ in range(5)]
    return {
        "output": k.ops.convert_to_numpy(output),
        "losses": np.array(losses, "float32"),
        "bits": np.array([_dtype_bits(k, t) for t in (output, mixed.output, narrow.output, *model.weights)]),
    }


def nested_autocast(k, half):
    """A layer inside another reads its variables in its own compute dtype; autocast=False leaves inputs alone."""

    class Scaled(k.layers.Layer):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
            self.plain = self.add_weight(shape=(), initializer="ones", name="plain", autocast=False)
            self.inner.build(input_shape)

        def call(self, x):
            self.seen = [_dtype_bits(k, t) for t in (x, self.scale, self.plain, self.scale * 2.0)]
            return self.inner(x)

    x = _random(12, 3, 4)
    seen = []
    for inner in ("float32", f"mixed_{half}", half):
        for autocast in (True, False):
            layer = Scaled(k.layers.Dense(2, dtype=inner), dtype=f"mixed_{half}", autocast=autocast)
            y = layer(x)
            seen.append([layer.seen[0], layer.seen[2], _dtype_bits(k, y), *(_dtype_bits(k, w) for w in layer.weights)])
            if autocast:
                seen[-1] += [layer.seen[1], layer.seen[3]]
            else:
                seen[-1] += [0, 0]
    return {"bits": np.array(seen)}


def overflow(k, half):
    """Gradients beyond 65504: the scale of the loss is halved until a step succeeds. bfloat16 holds them."""
    k.config.set_dtype_policy(f"mixed_{half}")
    try:
        model = _weighted(k, k.Sequential([k.Input((6,)), k.layers.Dense(5), k.layers.Dense(3)]))
        model.compile(k.optimizers.SGD(1e-3), "mse")
        x, y = _random(13, 8, 6, scale=4), _random(14, 8, 3)
        scales, sums = [], []
        for _ in range(5):
            model.train_on_batch(x, y)
            scales.append(float(getattr(model.optimizer, "dynamic_scale", 1.0)))
            sums.append(sum(float(np.abs(w).sum()) for w in model.get_weights()))
        return {"scales": np.array(scales), "weights": np.array(sums, "float32")}
    finally:
        k.config.set_dtype_policy("float32")


_MODELS = (
    mlp,
    float32_head,
    convolutional,
    normalized,
    grouped,
    lstm,
    embedding,
    attention,
    per_layer,
    nested_autocast,
    overflow,
)
ROWS = {f"{row.__name__}_{half}": functools.partial(row, half=half) for row in _MODELS for half in HALVES}
TOLERANCE = {name: 1e-2 if name.endswith("bfloat16") else 2e-3 for name in ROWS}
