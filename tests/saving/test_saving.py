"""Our own files: everything comes back bit for bit, and training goes on as if it had not stopped."""

import copy
import errno
import functools
import logging
import os
import pickle
import signal
import subprocess
import sys
import textwrap

import models_for_files
import numpy as np
import pytest
from models_for_files import ALL, MODELS, train

import fastkeras as keras

made = functools.partial(models_for_files.made, keras)


def state(model):
    return [v.numpy() for v in [*model.variables, *model.optimizer.variables]]


def assert_same(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


# the old format has no place for the state of the random numbers of mlp's dropout; the new ones merge what LoRA learned
LOSING = [("mlp", ".h5"), ("adapted", ".keras")]
RESUMING = [(n, e) for n in MODELS for e in (".keras", ".h5") if (n, e) not in LOSING]


@pytest.mark.parametrize(("name", "extension"), RESUMING)
def test_resumes_exactly(name, extension, tmp_path):
    model, x, y = made(name)
    train(model, x, y, 3)
    model.save(tmp_path / f"model{extension}")
    keras.utils.set_random_seed(99)  # nothing may depend on what the process has drawn since
    loaded = keras.saving.load_model(tmp_path / f"model{extension}")
    train(model, x, y, 4)
    train(loaded, x, y, 4)
    assert_same(model.get_weights(), loaded.get_weights())
    assert_same([v.numpy() for v in model.optimizer.variables], [v.numpy() for v in loaded.optimizer.variables])
    if extension == ".keras":
        assert_same(state(model), state(loaded))


@pytest.mark.parametrize("name", [name for name in ALL if name != "adapted"])
def test_weights_resume_exactly(name, tmp_path):
    model, x, y = made(name)
    train(model, x, y, 3)
    model.save_weights(tmp_path / "a.weights.h5")
    other, *_ = made(name, seed=5)
    train(other, x, y, 1)
    other.load_weights(tmp_path / "a.weights.h5")
    train(model, x, y, 3)
    train(other, x, y, 3)
    assert_same(state(model), state(other))


def test_compile_false_and_not_compiled(tmp_path, caplog):
    model, x, y = made("mlp")
    model.save(tmp_path / "a.keras")
    assert keras.saving.load_model(tmp_path / "a.keras", compile=False).optimizer is None
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    plain.save(tmp_path / "b.keras")
    assert not keras.saving.load_model(tmp_path / "b.keras").compiled
    plain.save(tmp_path / "b.h5")
    with caplog.at_level(logging.WARNING, "fastkeras"):
        assert not keras.saving.load_model(tmp_path / "b.h5").compiled
    assert "No training configuration found in the save file" in caplog.text


def test_h5_without_optimizer(tmp_path):
    model, x, y = made("functional")
    train(model, x, y, 2)
    model.save(tmp_path / "a.h5", include_optimizer=False)
    assert not keras.saving.load_model(tmp_path / "a.h5").compiled


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(copied):
    model, x, y = made("mlp")
    train(model, x, y, 2)
    twin = copied(model)
    train(model, x, y, 2)
    train(twin, x, y, 2)
    assert_same(state(model), state(twin))


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_with_lambdas(copied):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 3)])
    np.testing.assert_array_equal(copied(model).predict(np.ones((1, 2)), verbose=0), [[3, 3]])


def test_models_side_by_side(tmp_path):
    """Models list their layers anew each time they are asked: lists that come and go share addresses."""

    def part(units, functional):
        inputs = keras.Input((3,))
        dense, norm = keras.layers.Dense(units), keras.layers.BatchNormalization()
        return keras.Model(inputs, norm(dense(inputs))) if functional else keras.Sequential([inputs, dense, norm])

    x = inputs = keras.Input((3,))
    for functional in (True, False, False, True, False, True, True, False):
        x = part(3, functional)(x)
    model = keras.Model(inputs, x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_same(model.get_weights(), loaded.get_weights())


@pytest.mark.parametrize("extension", [".keras", ".h5"])
def test_frozen_layers_stay_frozen(tmp_path, extension):
    base = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), keras.layers.Dense(3)])
    base.layers[0].trainable = False
    frozen = keras.layers.Dense(4, trainable=False)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1)(frozen(base(inputs))))
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
    trained = [w.trainable for w in model.weights]
    assert trained == [False, False, True, True, False, False, True, True]
    model.save(tmp_path / f"model{extension}")
    loaded = keras.saving.load_model(tmp_path / f"model{extension}")
    assert [w.trainable for w in loaded.weights] == trained
    assert_same(state(model), state(loaded))


@keras.saving.register_keras_serializable(package="test_saving")
class Steps(keras.layers.Layer):
    """Adds numbers, which its config describes by objects that live no longer than that takes."""

    def __init__(self, values, **kwargs):
        super().__init__(**kwargs)
        self.values = values

    def call(self, x):
        return x + sum(self.values)

    def get_config(self):
        constants = [keras.saving.serialize_keras_object(keras.initializers.Constant(v)) for v in self.values]
        return {**super().get_config(), "values": constants}

    @classmethod
    def from_config(cls, config):
        constants = [keras.saving.deserialize_keras_object(value) for value in config.pop("values")]
        return cls([constant.value for constant in constants], **config)


def test_objects_that_are_gone_are_not_shared(tmp_path):
    model = keras.Sequential([keras.Input((1,)), Steps([1.0, 20.0, 300.0])])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].values == [1.0, 20.0, 300.0]


def test_custom_objects(tmp_path):
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    def odd_loss(y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), Twice()])
    model.compile("sgd", odd_loss)
    model.save(tmp_path / "a.keras")
    with pytest.raises(keras.saving.ModelFileError, match="Could not locate class 'Twice'"):
        keras.saving.load_model(tmp_path / "a.keras")
    known = {"Twice": Twice, "odd_loss": odd_loss}
    loaded = keras.saving.load_model(tmp_path / "a.keras", custom_objects=known)
    with keras.saving.custom_object_scope(known):
        again = keras.saving.load_model(tmp_path / "a.keras")
    x = np.ones((3, 2), "float32")
    for other in (loaded, again):
        np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
        assert other.loss is odd_loss


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have a `quantize`")
@pytest.mark.filterwarnings("ignore:`build\\(\\)` was called on layer 'outer'")  # as in Keras
@pytest.mark.parametrize("quantized", [False, True])
def test_layers_that_build_late_keep_their_paths(tmp_path, quantized):
    """A layer without a `build` makes the weights inside when it is called, also after a file has called it built."""

    @keras.saving.register_keras_serializable("late")
    class Outer(keras.layers.Layer):
        def __init__(self, dtype=None, **kwargs):
            super().__init__(dtype=dtype, **kwargs)
            self.inner = keras.layers.Dense(3, dtype=dtype, name="inner")

        def call(self, x):
            return self.inner(x)

        def get_config(self):
            policies = keras.dtype_policies.DTypePolicyMap()
            if self.inner.quantization_mode is not None:
                policies[self.inner.path] = self.inner.dtype_policy
            return {**super().get_config(), **({"dtype": policies} if len(policies) else {})}

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Outer(name="outer")(inputs))
    if quantized:
        model.quantize("int8")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert sorted(w.path for w in loaded.weights) == sorted(w.path for w in model.weights)
    assert {w.path.split("/")[0] for w in loaded.weights} == {"outer"}
    x = np.random.RandomState(0).normal(size=(2, 4)).astype("float32")
    np.testing.assert_array_equal(loaded(x).numpy(), model(x).numpy())


def test_what_cannot_be_built_again_is_a_type_error_as_well(tmp_path):
    """Keras raises a TypeError where a config cannot be brought back, and a ValueError for a bad file."""

    @keras.saving.register_keras_serializable("without_from_config")
    class Growth:
        def __call__(self, x):
            return x * 2.0

        def get_config(self):
            return {}

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation=Growth())])
    model.save(tmp_path / "model.keras")
    for error in (ValueError, TypeError):
        with pytest.raises(error, match="Unable to reconstruct an instance of 'Growth'"):
            keras.saving.load_model(tmp_path / "model.keras")


def test_subclassed_models_are_built_before_their_weights_are_read(tmp_path):
    class Plain(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = keras.layers.Dense(2)
            self.outer = keras.Sequential([keras.layers.BatchNormalization(), keras.layers.Dense(2)])

        def call(self, x):
            return self.outer(self.inner(x))

        def get_config(self):
            return {}

    class OfDict(Plain):
        def call(self, x):
            return self.outer(self.inner(x["a"]) + x["b"])

    a, b = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3), np.ones((4, 2), "float32")
    for cls, x in ((Plain, a), (OfDict, {"a": a, "b": b})):
        model = cls()
        expected = model(x).numpy()
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={cls.__name__: cls})
        np.testing.assert_array_equal(loaded(x), expected)


def test_own_store(tmp_path):
    """A layer may take its saving into its own hands, and keep what is no variable."""

    class Remembers(keras.layers.Layer):
        notes = np.zeros((0,))

        def save_own_variables(self, store):
            super().save_own_variables(store)
            store["notes"] = self.notes

        def load_own_variables(self, store):
            assert set(store.keys()) == {"notes"} and "notes" in store and len(store) == 1
            self.notes = store["notes"]

        def call(self, x):
            return x

    def make():
        layer = Remembers()
        return keras.Sequential([keras.Input((2,)), layer]), layer

    (model, layer), (other, other_layer) = make(), make()
    layer.notes = np.arange(1000.0)
    model.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(other_layer.notes, layer.notes)


def test_assets(tmp_path):
    @keras.saving.register_keras_serializable()
    class Words(keras.layers.Layer):
        words = ""

        def save_assets(self, folder):
            with open(os.path.join(folder, "words.txt"), "w") as file:
                file.write(self.words)

        def load_assets(self, folder):
            with open(os.path.join(folder, "words.txt")) as file:
                self.words = file.read()

        def call(self, x):
            return x

    layer = Words(name="..")  # names are not paths
    layer.words = "one\ntwo\n"
    keras.Sequential([keras.Input((2,)), layer]).save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    assert loaded.layers[0].words == layer.words
    assert os.listdir(tmp_path) == ["a.keras"]


def test_normalization_is_ready_after_loading(tmp_path):
    layer = keras.layers.Normalization()
    layer.adapt(np.array([[1.0, 2.0], [3.0, 6.0]], "float32"))
    model = keras.Sequential([keras.Input((2,)), layer])
    x = np.ones((1, 2), "float32")
    for extension in (".keras", ".h5"):
        model.save(tmp_path / f"a{extension}")
        loaded = keras.saving.load_model(tmp_path / f"a{extension}")
        np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_skip_mismatch(tmp_path):
    def make(units):
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(units)])

    saved, other = make(2), make(5)
    saved.save_weights(tmp_path / "a.weights.h5")
    before = other.get_weights()
    with pytest.raises(keras.saving.ModelFileError, match="A total of 1 objects could not be loaded"):
        other.load_weights(tmp_path / "a.weights.h5")
    assert_same(before, other.get_weights())
    with pytest.warns(UserWarning, match="A total of 1 objects could not be loaded"):
        other.load_weights(tmp_path / "a.weights.h5", skip_mismatch=True)
    assert_same(other.get_weights()[:2], saved.get_weights()[:2])
    assert_same(other.get_weights()[2:], before[2:])


def test_skip_mismatch_of_h5(tmp_path):
    def make(units):
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(units)])

    saved, other = make(2), make(5)
    saved.save(tmp_path / "a.h5")
    before = other.get_weights()
    with pytest.raises(keras.saving.ModelFileError, match="Shape mismatch in layer #1"):
        other.load_weights(tmp_path / "a.h5")
    assert_same(before, other.get_weights())
    with pytest.warns(UserWarning, match="Skipping loading weights: Shape mismatch in layer #1"):
        other.load_weights(tmp_path / "a.h5", skip_mismatch=True)
    assert_same(other.get_weights()[:2], saved.get_weights()[:2])
    with pytest.raises(keras.saving.ModelFileError, match="Layer count mismatch"):
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)]).load_weights(tmp_path / "a.h5")


def test_objects_to_skip(tmp_path):
    def make():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])

    saved, other = make(), make()
    saved.save_weights(tmp_path / "a.weights.h5")
    before = other.get_weights()
    other.load_weights(tmp_path / "a.weights.h5", objects_to_skip=[other.layers[0]])
    assert_same(other.get_weights()[:2], before[:2])
    assert_same(other.get_weights()[2:], saved.get_weights()[2:])


# --- messages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m, d: m.save(d / "a"), ValueError, "Invalid filepath extension for saving"),
        (lambda m, d: m.save(d / "a.keras", bad=1), ValueError, r"not supported: \['bad'\]"),
        (lambda m, d: m.save(d / "a", save_format="tf"), ValueError, "`save_format` argument is deprecated"),
        (lambda m, d: m.save(d / "a", zipped=False), ValueError, "zipped=False"),
        (lambda m, d: m.save(d / "none" / "a.keras"), FileNotFoundError, "none"),
        (lambda m, d: m.save_weights(d / "a.h5"), ValueError, "must end in `.weights.h5`"),
        (lambda m, d: m.load_weights(d / "a.npz"), ValueError, "File format not supported"),
        (lambda m, d: m.load_weights(d / "a.weights.h5"), FileNotFoundError, "a.weights.h5"),
        (lambda m, d: m.load_weights(d / "a.keras", by_name=True), ValueError, "`by_name` only supports"),
        (lambda m, d: m.load_weights(d / "a.keras", objects_to_skip=[]), ValueError, "`objects_to_skip` only supports"),
        (lambda m, d: keras.saving.load_model(d / "a.keras"), ValueError, "File not found: filepath=.*a.keras"),
        (lambda m, d: keras.saving.load_model(d / "a.h5"), FileNotFoundError, "a.h5"),
        (lambda m, d: keras.saving.load_model(d / "a.txt"), ValueError, "File format not supported"),
        (lambda m, d: keras.saving.load_model(d), ValueError, "not folders"),
    ],
)
def test_wrong_calls(small, tmp_path, call, error, words):
    with pytest.raises(error, match=words):
        call(small, tmp_path)
    assert os.listdir(tmp_path) == []


def test_not_built(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="not yet been built"):
        model.save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="not yet been built"):
        model.load_weights(tmp_path / "a.weights.h5")
    with pytest.warns(UserWarning, match="not yet been built"):
        model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    assert loaded(np.ones((1, 3))).shape == (1, 1)


@pytest.mark.parametrize("answers", [["n"], ["maybe", "n"], ["y"]])
def test_overwrite_is_asked_for(small, tmp_path, monkeypatch, capsys, answers):
    path = tmp_path / "a.keras"
    path.write_bytes(b"old")
    left, asked = list(answers), []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or left.pop(0))
    small.save(path, overwrite=False)
    assert asked[0] == f"[WARNING] {path} already exists - overwrite? [y/n]"
    assert (path.read_bytes() == b"old") == (answers[-1] == "n")
    assert capsys.readouterr().out == ("" if answers[-1] == "n" else "[TIP] Next time specify overwrite=True!\n")


# --- whole or not at all ---------------------------------------------------------------------------------------------

WRITERS = {
    "a.keras": lambda model, path: model.save(path),
    "a.h5": lambda model, path: model.save(path),
    "a.weights.h5": lambda model, path: model.save_weights(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_full_disk(small, tmp_path, monkeypatch, name):
    path = tmp_path / name
    WRITERS[name](small, path)
    old = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        WRITERS[name](small, path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_error_while_saving(tmp_path, name):
    class Breaks(keras.layers.Layer):
        def get_config(self):
            raise RuntimeError("cannot be saved")

        def save_own_variables(self, store):
            raise RuntimeError("cannot be saved")

        def call(self, x):
            return x

    path = tmp_path / name
    path.write_bytes(b"old")
    model = keras.Sequential([keras.Input((2,)), Breaks()])
    with pytest.raises(RuntimeError, match="cannot be saved"):
        WRITERS[name](model, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [name]


def test_killed_at_any_time(small, tmp_path):
    """Kill a process that saves over and over: what is there is a whole file."""
    path = tmp_path / "a.keras"
    script = """
        import sys, fastkeras as keras
        model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(500)])
        model.save(sys.argv[1])
        print("first", flush=True)
        while True:
            model.save(sys.argv[1])
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), path], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"first\n"
        try:
            process.wait(timeout=0.3)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert keras.saving.load_model(path).count_params() == 50 * 500 + 500
