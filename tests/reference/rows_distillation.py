"""What real Keras computes when a student learns from a teacher: losses, and the first steps of trainings."""

import numpy as np
from rows_nn import numbers

Y = np.random.RandomState(3).randint(0, 3, (12,)).astype("int32")


def dense(keras, units, seed):
    """A model of three logits, with a layer "hidden" and its normalization."""
    x = keras.Input((4,))
    hidden = keras.layers.Dense(units, activation="tanh", name="hidden")(x)
    hidden = keras.layers.BatchNormalization(momentum=0.8, name="normal")(hidden)
    model = keras.Model(x, keras.layers.Dense(3)(hidden))
    random = np.random.RandomState(seed)
    model.set_weights([np.abs(random.normal(scale=0.7, size=w.shape)).astype("float32") for w in model.get_weights()])
    return model


def losses(keras):
    teacher, student, made = numbers(5, 4), numbers(5, 4, seed=1), {}
    kinds = {
        "names": "mse",
        "functions": keras.losses.mean_absolute_error,
        "divergence": keras.losses.KLDivergence(),
        "default": None,
    }
    kinds["crossentropy"] = keras.losses.CategoricalCrossentropy(from_logits=True)
    kinds["similarity"] = "cosine_similarity"
    for name, loss in kinds.items():
        given = {} if loss is None else {"loss": loss}
        logits = keras.distillation.LogitsDistillation(temperature=2.5, **given)
        features = keras.distillation.FeatureDistillation(**given)
        made[f"logits {name}"] = logits.compute_loss(*map(keras.ops.convert_to_tensor, (teacher, student)))
        made[f"features {name}"] = features.compute_loss(*map(keras.ops.convert_to_tensor, (teacher, student)))
    pair = [keras.ops.convert_to_tensor(x) for x in (teacher, student)]
    several = keras.distillation.LogitsDistillation(loss=[keras.losses.KLDivergence(), None, "mae"])
    made["several"] = several.compute_loss([*pair, pair[0]], [*reversed(pair), pair[1]])
    return made


X = numbers(12, 4, seed=2)


def _trained(distiller, y, **settings):
    history = distiller.fit(X, y, batch_size=5, epochs=3, shuffle=False, verbose=0, **settings).history
    made = {name: np.array(values) for name, values in history.items()}
    return made | {"predictions": distiller.predict(X, verbose=0)}


def logits(share):
    def row(keras):
        loss = keras.distillation.LogitsDistillation(2.0, keras.losses.KLDivergence())
        distiller = keras.distillation.Distiller(
            dense(keras, 6, 0), dense(keras, 3, 1), loss, student_loss_weight=share
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        distiller.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
        made = _trained(distiller, Y, validation_data=(X[:4], Y[:4]))
        return made | {f"evaluate {k}": v for k, v in distiller.evaluate(X, Y, verbose=0, return_dict=True).items()}

    return row


def features(keras):
    losses = [
        keras.distillation.FeatureDistillation("mse", "hidden", "hidden"),
        keras.distillation.FeatureDistillation("mae", "normal", "normal"),
        keras.distillation.LogitsDistillation(loss="mse"),
    ]
    distiller = keras.distillation.Distiller(dense(keras, 5, 0), dense(keras, 5, 1), losses, [0.5, 2.0, 1.5], 0.3)
    distiller.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    # Nothing is evaluated: Keras runs the student's layers with training=True there, which moves statistics.
    return _trained(distiller, np.eye(3, dtype="float32")[Y])


ROWS = {
    "losses": losses,
    "logits": logits(0.4),
    "teacher_only": logits(0),
    "labels_only": logits(1.0),
    "features": features,
}
