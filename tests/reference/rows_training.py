"""Training: what fit, evaluate and predict return, from the same weights and the same order of samples."""

import warnings

import numpy as np


def _weights(model, seed=0):
    random = np.random.RandomState(seed)
    model.set_weights([random.normal(scale=0.3, size=w.shape).astype("float32") for w in model.get_weights()])
    return model


def _data(rows=50, features=8, classes=4, seed=1):
    random = np.random.RandomState(seed)
    return random.normal(size=(rows, features)).astype("float32"), random.randint(0, classes, size=rows)


def _classifier(k, **compile_arguments):
    layers = k.layers
    model = k.Sequential(
        [k.Input((8,)), layers.Dense(16, activation="relu"), layers.Dropout(0.0), layers.Dense(4, activation="softmax")]
    )
    arguments = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**{**arguments, **compile_arguments})
    return _weights(model)


def _figures(history, **more):
    return {**{name: np.array(values) for name, values in history.history.items()}, **more}


def first_losses(k):
    """The losses of the first ten steps of the mlp."""
    layers = k.layers
    model = k.Sequential(
        [
            k.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.0),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    random = np.random.RandomState(3)
    for layer in model.layers:
        if layer.get_weights():
            kernel, bias = layer.get_weights()
            limit = np.sqrt(6 / sum(kernel.shape))
            layer.set_weights([random.uniform(-limit, limit, kernel.shape).astype("float32"), bias])
    losses = []
    for _ in range(10):
        x, y = random.uniform(size=(32, 28, 28)).astype("float32"), random.randint(0, 10, size=32)
        losses.append(model.train_on_batch(x, y)[0])
    return {"losses": np.array(losses)}


def fit_with_validation(k):
    x, y = _data()
    history = _classifier(k).fit(
        x, y, batch_size=16, epochs=3, validation_split=0.2, validation_batch_size=4, shuffle=False, verbose=0
    )
    return _figures(history)


def evaluate_and_predict(k):
    x, y = _data()
    model = _classifier(k, optimizer=k.optimizers.SGD(0.1, momentum=0.9))
    model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    return {
        "evaluate": np.array(model.evaluate(x, y, batch_size=16, verbose=0)),
        "predict": model.predict(x, batch_size=16, verbose=0),
        "on_batch": np.array(model.test_on_batch(x, y)),
        "steps": np.array(model.evaluate(x, y, batch_size=16, steps=2, verbose=0)),
        **{f"w{i}": w for i, w in enumerate(model.get_weights())},
    }


def class_weights(k):
    x, y = _data()
    model = _classifier(k, weighted_metrics=["accuracy"])
    return _figures(model.fit(x, y, batch_size=16, epochs=2, class_weight={0: 2.0, 2: 0.5}, shuffle=False, verbose=0))


def sample_weights(k):
    x, y = _data()
    weights = np.random.RandomState(5).uniform(0, 2, size=50)
    model = _classifier(k, weighted_metrics=["accuracy"])
    history = model.fit(
        x, y, batch_size=16, epochs=2, sample_weight=weights, validation_data=(x, y, weights), shuffle=False, verbose=0
    )
    return _figures(history)


def several_outputs(k):
    layers = k.layers
    a, b = k.Input((8,), name="a"), k.Input((8,), name="b")
    joined = layers.Concatenate()([a, layers.Dense(8, name="inner")(b)])
    outputs = {"label": layers.Dense(4, name="label")(joined), "value": layers.Dense(1, name="value")(joined)}
    model = _weights(k.Model({"a": a, "b": b}, outputs))
    model.compile(
        "sgd",
        loss={"label": k.losses.SparseCategoricalCrossentropy(from_logits=True), "value": "mse"},
        loss_weights={"label": 1.0, "value": 0.5},
        metrics={"label": ["accuracy"], "value": ["mae", "mse"]},
    )
    x, y = _data()
    history = model.fit(
        {"a": x, "b": x[::-1]}, {"label": y, "value": x[:, :1]}, batch_size=16, epochs=2, shuffle=False, verbose=0,
        validation_data=({"a": x, "b": x}, {"label": y, "value": x[:, :1]}),
    )  # fmt: skip
    return _figures(history, **model.predict({"a": x, "b": x}, verbose=0))


def list_of_outputs(k):
    layers = k.layers
    inputs = k.Input((8,))
    shared = layers.Dense(6, activation="tanh")
    middle = shared(layers.Dense(8)(inputs))
    model = _weights(k.Model(inputs, [layers.Dense(1, name="one")(middle), layers.Dense(2, name="two")(middle)]))
    model.compile("adam", loss=["mse", "mae"], loss_weights=[2.0, 1.0], metrics=[["mae"], ["mse"]])
    x, _ = _data()
    history = model.fit(x, [x[:, :1], x[:, :2]], batch_size=16, epochs=2, shuffle=False, verbose=0)
    return _figures(history, evaluate=np.array(model.evaluate(x, [x[:, :1], x[:, :2]], verbose=0)))


def penalties(k):
    layers = k.layers
    model = k.Sequential(
        [
            k.Input((8,)),
            layers.Dense(6, kernel_regularizer="l2", activity_regularizer=k.regularizers.L1(0.01)),
            layers.Dense(1),
        ]
    )
    _weights(model).compile("rmsprop", "mse")
    x, _ = _data()
    return _figures(model.fit(x, x[:, :1], batch_size=16, epochs=3, shuffle=False, verbose=0))


def batch_normalization(k):
    layers = k.layers
    model = _weights(k.Sequential([k.Input((8,)), layers.Dense(6), layers.BatchNormalization(), layers.Dense(1)]))
    model.set_weights([np.abs(w) for w in model.get_weights()])
    model.compile("sgd", "mse", metrics=["mae"])
    x, _ = _data()
    history = model.fit(x, x[:, :1], batch_size=16, epochs=2, shuffle=False, verbose=0)
    return _figures(
        history, evaluate=np.array(model.evaluate(x, x[:, :1], verbose=0)), predict=model.predict(x, verbose=0)
    )


def steps_per_epoch(k):
    """An epoch of two of the four batches: the next epoch goes on where this one stopped."""
    x, y = _data(64)
    history = _classifier(k).fit(x, y, batch_size=16, epochs=4, steps_per_epoch=2, shuffle=False, verbose=0)
    return _figures(history)


def limited(k):
    """Limits of the settings, on what is longer and on what is not, with a batch size and without one."""
    x, y = _data()
    k.config.set_max_epochs(2)
    k.config.set_max_steps_per_epoch(3)
    made = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for size in (8, None):
                model = _classifier(k)
                history = model.fit(x, y, batch_size=size, epochs=3, validation_data=(x, y), shuffle=False, verbose=0)
                made |= {f"{name} {size}": values for name, values in _figures(history).items()}
                made[f"evaluate {size}"] = np.array(model.evaluate(x, y, batch_size=size, verbose=0))
                made[f"predict {size}"] = model.predict(x, batch_size=size, verbose=0)
                few = model.fit(x, y, steps_per_epoch=2, batch_size=size, shuffle=False, verbose=0)
                made |= {f"{name} of few {size}": values for name, values in _figures(few).items()}
    finally:
        k.config.set_max_epochs(None)
        k.config.set_max_steps_per_epoch(None)
    return made


def generator(k):
    x, y = _data()

    def batches():
        while True:
            for start in range(0, 48, 16):
                yield x[start : start + 16], y[start : start + 16]

    model = _classifier(k)
    history = model.fit(
        batches(), steps_per_epoch=3, epochs=2, shuffle=False, verbose=0, validation_data=batches(), validation_steps=2
    )
    return _figures(history, predict=model.predict((b for b in [(x[:5],), (x[5:9],)]), steps=2, verbose=0))


def dataset(k):
    x, y = _data()

    class Batches(k.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            rows = slice(index * 16, (index + 1) * 16)
            return x[rows], y[rows]

    model = _classifier(k)
    history = model.fit(Batches(), epochs=2, shuffle=False, verbose=0, class_weight={1: 3.0})
    return _figures(history, evaluate=np.array(model.evaluate(Batches(), verbose=0)))


def own_loss_and_metric(k):
    def half_square(y_true, y_pred):
        return k.ops.mean(k.ops.square(y_true - y_pred), axis=-1) / 2

    def largest(y_true, y_pred):
        return k.ops.max(k.ops.abs(y_true - y_pred), axis=-1)

    model = _weights(k.Sequential([k.Input((8,)), k.layers.Dense(2)]))
    model.compile(
        k.optimizers.Adam(0.01, clipnorm=0.5), half_square, metrics=[largest, k.metrics.MeanSquaredError("m")]
    )
    x, _ = _data()
    return _figures(model.fit(x, x[:, :2], batch_size=16, epochs=2, shuffle=False, verbose=0))


def frozen_layer(k):
    layers = k.layers
    model = _weights(k.Sequential([k.Input((8,)), layers.Dense(6), layers.Dense(1)]))
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    x, _ = _data()
    history = model.fit(x, x[:, :1], batch_size=16, epochs=2, shuffle=False, verbose=0)
    return _figures(history, **{f"w{i}": w for i, w in enumerate(model.get_weights())})


def masked(k):
    """Steps of zeros are no part of the loss: the mask goes through the layers (Keras on JAX loses it for metrics)."""
    layers = k.layers
    inputs = k.Input((5, 3))
    outputs = layers.Dense(2)(layers.Dropout(0.0)(layers.Activation("tanh")(layers.Masking()(inputs))))
    model = _weights(k.Model(inputs, outputs))
    model.compile("sgd", "mse")
    x = np.random.RandomState(2).normal(size=(20, 5, 3)).astype("float32")
    x[:, 3:] = 0
    x[::2, 2:] = 0
    history = model.fit(x, x[..., :2], batch_size=8, epochs=2, shuffle=False, verbose=0)
    return _figures(history, called=np.array(model(x)), predicted=model.predict(x, verbose=0))


def own_train_step(k):
    class Model(k.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return super().compute_loss(x, y, y_pred, sample_weight) + 0.1 * k.ops.mean(k.ops.square(y_pred))

    model = _weights(Model([k.Input((8,)), k.layers.Dense(2)]))
    model.compile("sgd", "mae", metrics=["mse"])
    x, _ = _data()
    return _figures(model.fit(x, x[:, :2], batch_size=16, epochs=2, shuffle=False, verbose=0))


def batch_shuffle(k):
    """The order of samples comes from NumPy's generator, so the figures agree even with shuffling."""
    x, y = _data()
    model = _classifier(k)
    model.train_on_batch(x, y)  # Keras draws one more order of samples to build a model that is new
    np.random.seed(7)
    first = model.fit(x, y, batch_size=16, epochs=2, verbose=0).history["loss"]
    second = model.fit(x, y, batch_size=16, epochs=2, shuffle="batch", verbose=0).history["loss"]
    return {"shuffled": np.array(first), "in_batches": np.array(second)}


ROWS = {
    row.__name__: row
    for row in (
        first_losses, fit_with_validation, evaluate_and_predict, class_weights, sample_weights, several_outputs,
        list_of_outputs, penalties, batch_normalization, steps_per_epoch, limited, generator, dataset,
        own_loss_and_metric, frozen_layer, masked, own_train_step, batch_shuffle,
    )
}  # fmt: skip
TOLERANCE = {"first_losses": 1e-5}
