"""Small models, written with the same code for Keras and for fastkeras, that stored files and tests share.

Each entry of MODELS is a function of the Keras namespace that returns (compiled model, x, y).
"""

import numpy as np


def arrays(seed, *shapes):
    random = np.random.RandomState(seed)
    return [random.uniform(-1, 1, shape).astype("float32") for shape in shapes]


def with_weights(model, seed=0):
    """The model with weights that do not depend on anybody's random numbers."""
    random = np.random.RandomState(seed)
    model.set_weights([np.abs(random.normal(0, 0.5, w.shape)).astype(w.dtype) for w in model.get_weights()])
    return model


def mlp(keras):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)),
            keras.layers.Dropout(0.5),
            keras.layers.BatchNormalization(momentum=0.8),
            keras.layers.Dense(3, activation="softmax", kernel_constraint="non_neg"),
        ],
        name="mlp",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    (x,) = arrays(1, (12, 6))
    return with_weights(model), x, np.arange(12) % 3


def functional(keras):
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = keras.layers.Dense(3, activation="tanh", name="shared")
    inner_input = keras.Input((3,))
    inner = keras.Model(inner_input, keras.layers.LayerNormalization()(inner_input), name="inner")
    total = keras.layers.Add()([inner(shared(a)), shared(b)])
    outputs = [keras.layers.Dense(1, name="value")(total), keras.layers.Dense(2, name="other")(total)]
    model = keras.Model([a, b], outputs, name="two_ends")
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        loss=["mse", keras.losses.LogCosh()],
        metrics=[["mae"], [keras.metrics.MeanSquaredError()]],
    )
    x1, x2, y1, y2 = arrays(2, (10, 4), (10, 4), (10, 1), (10, 2))
    return with_weights(model), [x1, x2], [y1, y2]


def schedule(keras):
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=2, decay_rate=0.5)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, activation="gelu"), keras.layers.Dense(1)], name="scheduled"
    )
    model.compile(keras.optimizers.RMSprop(rate, momentum=0.5, centered=True), "mse")
    x, y = arrays(3, (8, 3), (8, 1))
    return with_weights(model), x, y


def tokens(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=True),
            layers.LSTM(5, return_sequences=True, recurrent_regularizer="l2"),
            layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode="sum"),
            layers.SimpleRNN(4, return_sequences=True, go_backwards=True, use_bias=False),
            layers.TimeDistributed(layers.Dense(4, activation="tanh")),
            layers.RNN([layers.GRUCell(3, reset_after=False), layers.LSTMCell(2)]),
            layers.Dense(1),
        ],
        name="tokens",
    )
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    random = np.random.RandomState(4)
    return with_weights(model), random.randint(0, 9, (6, 6)).astype("int32"), random.randint(0, 2, (6, 1))


def images(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((9, 8, 2)),
            layers.ZeroPadding2D(1),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
            layers.MaxPooling2D(2, strides=1),
            layers.SeparableConv2D(3, (2, 3), padding="same", use_bias=False),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="tanh"),
            layers.Cropping2D(((1, 0), (0, 1))),
            layers.UpSampling2D(2),
            layers.AveragePooling2D((2, 3)),
            layers.Reshape((-1, 4)),
            layers.Conv1D(3, 4, padding="causal", dilation_rate=2),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ],
        name="images",
    )
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    x, y = arrays(5, (6, 9, 8, 2), (6, 2))
    return with_weights(model), x, y


def adapted(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(9, 4, lora_rank=2),
            layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d", lora_rank=2, lora_alpha=4),
            layers.Conv1D(3, 2, activation="tanh", lora_rank=1),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2, lora_rank=2, kernel_regularizer="l2"),
        ],
        name="adapted",
    )
    model.compile("adam", keras.losses.MeanSquaredError())
    random = np.random.RandomState(6)
    return with_weights(model), random.randint(0, 9, (6, 6)).astype("int32"), random.normal(size=(6, 2))


def nested(keras):
    class Block(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = keras.layers.Dense(3, activation="relu")
            self.many = [keras.layers.Dense(3), [keras.layers.Dense(3)], {"a": keras.layers.Dense(3)}]

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")
            for layer in (self.first, self.many[0], self.many[1][0], self.many[2]["a"]):
                layer.build((input_shape[0], 3))

        def call(self, x):
            x = self.first(x) * self.scale
            return self.many[2]["a"](self.many[1][0](self.many[0](x)))

    class Net(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.block = Block()
            self.head = keras.Sequential([keras.layers.Dense(2)])

        def call(self, x):
            return self.head(self.block(x))

    model = Net(name="net")
    x, y = arrays(4, (6, 3), (6, 2))
    model(x)
    model.compile(keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.9), "mse")
    return with_weights(model), x, y


# with a config of their own
MODELS = {
    "mlp": mlp, "functional": functional, "schedule": schedule, "images": images, "tokens": tokens, "adapted": adapted,
}  # fmt: skip
# The losses after a file is loaded are others: random numbers are each library's own, what LoRA learned is merged.
NEW_LOSSES = ("mlp", "adapted")
SUBCLASSED = {"nested": nested}  # weights only
ALL = {**MODELS, **SUBCLASSED}


def made(keras, name, seed=0):
    """(model, x, y), alike in every call."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    return ALL[name](keras)


def train(model, x, y, steps):
    """The losses of so many steps on one batch."""
    return [float(np.atleast_1d(model.train_on_batch(x, y))[0]) for _ in range(steps)]


def predictions(model, x):
    """What the model predicts, as a list of arrays."""
    outputs = model.predict(x, verbose=0)
    return [np.asarray(array) for array in (outputs if isinstance(outputs, list) else [outputs])]
