"""keras.distillation beyond the figures of Keras (tests/reference/rows_distillation.py): outputs, files, errors."""

import numpy as np
import pytest

import fastkeras as keras

distillation = keras.distillation
X = np.random.RandomState(0).normal(size=(8, 3)).astype("float32")
Y = np.random.RandomState(1).normal(size=(8, 2)).astype("float32")


def model(units=2, features=3, outputs=1):
    x = keras.Input((features,))
    hidden = keras.layers.Dense(4, activation="relu", name="hidden")(x)
    heads = [keras.layers.Dense(units, name=f"head_{i}")(hidden) for i in range(outputs)]
    return keras.Model(x, heads[0] if outputs == 1 else heads)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def compiled(*losses):
    made = distillation.Distiller(model(), model(), list(losses))
    made.compile(keras.optimizers.Adam(0.05), "mse", metrics=["mae"])
    return made


def test_only_the_student_learns():
    distiller = compiled(distillation.FeatureDistillation("mse", "hidden", "hidden"))
    teacher, student = distiller.teacher.get_weights(), distiller.student.get_weights()
    distiller.fit(X, Y, verbose=0)
    assert all((a == b).all() for a, b in zip(teacher, distiller.teacher.get_weights(), strict=True))
    assert all((a != b).any() for a, b in zip(student, distiller.student.get_weights(), strict=True))
    np.testing.assert_array_equal(distiller.predict(X, verbose=0), distiller.student.predict(X, verbose=0))


def test_eager_steps_give_the_same_losses():
    distiller = compiled(distillation.LogitsDistillation(loss="mse"), distillation.FeatureDistillation("mae"))
    start, histories = distiller.student.get_weights(), []
    for run_eagerly in (False, True):
        distiller.student.set_weights(start)
        distiller.compile("sgd", "mse", run_eagerly=run_eagerly)
        histories.append(distiller.fit(X, Y, epochs=3, shuffle=False, verbose=0).history)
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)


def test_several_outputs():
    """The losses of the outputs add up, each a mean over its batch."""
    loss = distillation.LogitsDistillation(2.0, ["mse", None])
    distiller = distillation.Distiller(model(outputs=2), model(outputs=2), loss, student_loss_weight=0.25)
    distiller.compile("sgd", ["mse", "mae"])
    teacher, student = (m.predict(X, verbose=0) for m in (distiller.teacher, distiller.student))
    logs = distiller.evaluate(X, [Y, -Y], verbose=0, return_dict=True)
    on_labels = np.square(student[0] - Y).mean() + np.abs(student[1] + Y).mean()
    on_teacher = np.square((teacher[0] - student[0]) / 2).mean()
    np.testing.assert_allclose(logs["student_loss"], on_labels, rtol=1e-5)
    np.testing.assert_allclose(logs["distillation_loss"], on_teacher, rtol=1e-5)
    np.testing.assert_allclose(logs["loss"], 0.25 * on_labels + 0.75 * on_teacher, rtol=1e-5)


def test_a_loss_of_ones_own():
    class Difference(distillation.DistillationLoss):
        def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
            return keras.ops.max(keras.ops.abs(teacher_outputs - student_outputs))

    class OfEachSample(Difference):
        def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
            return keras.ops.max(keras.ops.abs(teacher_outputs - student_outputs), axis=-1)

    distiller = distillation.Distiller(Subclassed(), Subclassed(), Difference(), student_loss_weight=0.0)
    distiller.compile("sgd", "mse")
    loss = distiller.evaluate(X, Y, verbose=0, return_dict=True)["loss"]
    apart = distiller.teacher.predict(X, verbose=0) - distiller.student.predict(X, verbose=0)
    np.testing.assert_allclose(loss, np.abs(apart).max(), rtol=1e-5)
    with pytest.raises(ValueError, match=r"must return a scalar. Received: shape \(8,\) from OfEachSample"):
        compiled(OfEachSample()).evaluate(X, Y, verbose=0)


def test_saved_and_loaded_it_trains_on(tmp_path):
    losses = [distillation.LogitsDistillation(2.0, keras.losses.KLDivergence())]
    losses.append(distillation.FeatureDistillation("mae", "hidden", "hidden"))
    layers = [keras.Input((3,)), keras.layers.Dense(4, name="hidden"), keras.layers.Dense(2)]
    distiller = distillation.Distiller(model(), keras.Sequential(layers), losses, [0.5, 2.0], 0.3)
    distiller.compile(keras.optimizers.Adam(0.05), "mse", metrics=["mae"])
    distiller.fit(X, Y, epochs=2, verbose=0)
    distiller.save(tmp_path / "distiller.keras")
    loaded = keras.saving.load_model(tmp_path / "distiller.keras")
    assert (loaded.distillation_loss_weights, loaded.student_loss_weight) == ([0.5, 2.0], 0.3)
    assert loaded.distillation_losses[0].temperature == 2.0
    assert not loaded.teacher.trainable
    histories = [m.fit(X, Y, epochs=2, shuffle=False, verbose=0).history for m in (distiller, loaded)]
    assert histories[0] == histories[1]


def test_configs():
    several = distillation.FeatureDistillation(["mse", None, keras.losses.Huber(0.5)], "a")
    for loss in (distillation.LogitsDistillation(4.0, "mae"), several):
        config = keras.saving.serialize_keras_object(loss)
        assert config["module"] == "keras.distillation"
        copy = keras.saving.deserialize_keras_object(config)
        assert copy.get_config() == loss.get_config()


LOGITS = distillation.LogitsDistillation(loss="mse")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: distillation.LogitsDistillation(temperature=0), "temperature=0"),
        (lambda: distillation.LogitsDistillation(temperature="hot"), "temperature=hot"),
        (lambda: distillation.LogitsDistillation(loss=[None, None]), "at least one non-`None`"),
        (lambda: distillation.FeatureDistillation(loss=None), "at least one non-`None`"),
        (lambda: distillation.FeatureDistillation(loss="nothing"), "nothing"),
        (lambda: distillation.Distiller(model(), model(), None), "cannot be `None`"),
        (lambda: distillation.Distiller(model(), model(units=3), LOGITS), "output shapes are incompatible"),
        (lambda: distillation.Distiller(model(features=4), model(), LOGITS), "input shapes are incompatible"),
        (lambda: distillation.Distiller(model(outputs=2), model(), LOGITS), "as many outputs"),
        (lambda: distillation.Distiller("teacher", model(), LOGITS), "Teacher must be a keras.Model"),
        (lambda: distillation.Distiller(model(), model(), LOGITS, student_loss_weight=1.5), "student_loss_weight=1.5"),
        (lambda: distillation.Distiller(model(), model(), [LOGITS], [1.0, 2.0]), "distillation_loss_weights"),
        (
            lambda: distillation.Distiller(model(), model(), distillation.FeatureDistillation("mse", "hidden", "x")),
            "In student model: No such layer: x",
        ),
        (
            lambda: distillation.Distiller(Subclassed(), model(), distillation.FeatureDistillation("mse", "hidden")),
            "Functional or Sequential models",
        ),
        (lambda: compiled(LOGITS).compile("sgd"), "'loss' cannot be `None`"),
        (lambda: compiled(LOGITS).compile("sgd", "mse", loss_weights=[2.0]), "loss_weights"),
        (lambda: compiled(LOGITS).fit(X, Y, sample_weight=np.ones(8), verbose=0), "sample_weight"),
        (lambda: compiled(distillation.LogitsDistillation(loss=["mse", "mse"])).fit(X, Y, verbose=0), "structure"),
        (lambda: compiled(distillation.FeatureDistillation(loss=["mse"])).fit(X, Y, verbose=0), "Loss structure"),
    ],
)
def test_what_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        made()
