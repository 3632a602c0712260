"""Callbacks beyond the figures of tests/reference: scripted logs, bursts, files, errors."""

import http.server
import json
import sys

import numpy as np
import pytest
from helpers import serving

import fastkeras as keras
from fastkeras.callbacks.callback import pythonify_logs


class FakeModel:
    """What a callback sees of a model: weights that count, metrics, a flag."""

    def __init__(self, metrics=()):
        self.metrics = list(metrics)
        self.stop_training = False
        self.weight = 0
        self.optimizer = keras.optimizers.SGD(1.0)

    def get_weights(self):
        return [np.array(self.weight)]

    def set_weights(self, weights):
        self.weight = int(weights[0])


def play(callback, values, name="val_loss", model=None):
    """Runs a callback over epochs with these values; returns the model and the epoch after which it stopped."""
    model = model or FakeModel()
    callbacks = keras.callbacks.CallbackList([callback], model=model)
    callbacks.on_train_begin()
    for epoch, value in enumerate(values):
        callbacks.on_epoch_begin(epoch)
        model.weight = epoch
        callbacks.on_epoch_end(epoch, {name: value})
        if model.stop_training:
            break
    callbacks.on_train_end()
    return model, epoch


@pytest.mark.parametrize(
    ("arguments", "values", "stopped", "weight"),
    [
        ({}, [3, 2, 1, 0], 3, 3),
        ({}, [3, 2, 2, 0], 2, 1),
        ({"patience": 2}, [3, 2, 2, 1, 1, 1, 0], 5, 3),
        ({"min_delta": 1}, [3, 2.5, 0], 1, 0),
        ({"patience": 1}, [1, 2, 3, 0], 1, 0),  # one epoch without improvement is enough
        ({"mode": "max", "monitor": "val_loss"}, [1, 2, 1, 5], 2, 1),
        ({"patience": 2}, [3, 2.9, 2.95, 0.5], 3, 3),
        ({"patience": 2, "baseline": 1.0}, [3, 2.9, 2.95, 0.5], 2, 1),  # never reached, so no patience is won
        ({"start_from_epoch": 2}, [0, 5, 4, 3, 3.5], 4, 3),
        ({"patience": 3}, [4, 3, 2, 1], 3, 3),  # training ends by itself: the best weights come back all the same
        ({"patience": 9}, [1, 2, 3], 2, 0),
        ({}, [float("nan"), 1.0, 0.5], 1, 0),
    ],
)
def test_early_stopping(arguments, values, stopped, weight):
    model, epoch = play(keras.callbacks.EarlyStopping(restore_best_weights=True, **arguments), values)
    assert (epoch, model.weight) == (stopped, weight)


def test_early_stopping_can_be_used_again():
    callback = keras.callbacks.EarlyStopping(patience=1)
    assert play(callback, [1, 2, 0])[1] == 1
    assert play(callback, [5, 4, 3])[1] == 2


def test_auto_mode_asks_the_metric():
    accuracy = keras.metrics.CategoricalAccuracy(name="acc")
    model, epoch = play(keras.callbacks.EarlyStopping("val_acc"), [0.1, 0.5, 0.4], "val_acc", FakeModel([accuracy]))
    assert epoch == 2

    class Several:
        name, metrics = "compiled", [accuracy]

    _, epoch = play(keras.callbacks.EarlyStopping("val_acc"), [0.1, 0.5, 0.4], "val_acc", FakeModel([Several()]))
    assert epoch == 2
    with pytest.raises(ValueError, match="isn't able to automatically determine"):
        play(keras.callbacks.EarlyStopping("val_own"), [1.0], "val_own")
    with pytest.warns(UserWarning, match="mode 'up' is unknown"):
        keras.callbacks.EarlyStopping(mode="up")


def test_missing_values_are_said():
    with pytest.warns(UserWarning, match="Early stopping conditioned on metric `val_loss` which is not available"):
        play(keras.callbacks.EarlyStopping(), [1.0], "loss")
    with pytest.warns(UserWarning, match="Learning rate reduction is conditioned on metric `val_loss`"):
        play(keras.callbacks.ReduceLROnPlateau(), [1.0], "loss")


def test_reduce_lr_on_plateau():
    model, _ = play(keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2), [3, 2, 2, 2, 2, 2])
    assert float(model.optimizer.learning_rate) == 0.25
    model, _ = play(keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=1, min_lr=0.5), [1, 1, 1, 1])
    assert float(model.optimizer.learning_rate) == 0.5
    model, _ = play(keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2), [1] * 5)
    assert float(model.optimizer.learning_rate) == 0.25
    with pytest.raises(ValueError, match="factor"):
        keras.callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.warns(UserWarning, match="epsilon"):
        keras.callbacks.ReduceLROnPlateau(epsilon=0.1)


def test_scheduler_checks_its_schedule():
    with pytest.raises(ValueError, match="should be a float"):
        play(keras.callbacks.LearningRateScheduler(lambda epoch: 1), [1.0])
    model = FakeModel()
    model.optimizer = None
    with pytest.raises(ValueError, match='"learning_rate" attribute'):
        play(keras.callbacks.LearningRateScheduler(lambda epoch: 1.0), [1.0], model=model)


def test_the_list_says_which_batches_it_must_see():
    class Begins(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            pass

    class Content(Begins):
        needs_every_batch = False

    patched = keras.callbacks.Callback()
    patched.on_test_batch_end = lambda batch, logs=None: None

    def wants(*callbacks, **options):
        made = keras.callbacks.CallbackList(list(callbacks), **options)
        return [kind for kind in ("train", "test", "predict") if made.wants_batches(kind)]

    c = keras.callbacks
    assert wants(add_history=True, add_progbar=True) == []
    assert wants(c.EarlyStopping(), c.ModelCheckpoint("x.keras"), c.BackupAndRestore("x"), Content()) == []
    assert wants(Begins()) == wants(c.TerminateOnNaN()) == wants(c.ModelCheckpoint("x.keras", save_freq=3)) == ["train"]
    assert wants(c.BackupAndRestore("x", save_freq=3)) == ["train"]
    assert wants(patched) == ["test"]
    assert wants(c.LambdaCallback(on_predict_batch_end=lambda batch, logs: None)) == ["predict"]
    assert wants(c.LambdaCallback(on_batch_end=lambda batch, logs: None)) == ["train"]


def test_a_callback_content_with_bursts_sees_the_last_batch_of_each():
    batches = []

    class Content(keras.callbacks.Callback):
        needs_every_batch = False

        def on_train_batch_end(self, batch, logs=None):
            batches.append((batch, sorted(logs)))

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((64, 2)), np.ones((64, 1)), batch_size=1, epochs=2, verbose=0, callbacks=[Content()])
    ends = [batch for batch, _ in batches]
    assert ends.count(63) == 2 and len(ends) < 128
    assert all(logs == ["loss"] for _, logs in batches)
    made = keras.callbacks.CallbackList([Content()])
    assert made.hears_batches("train") and not made.hears_batches("test") and not made.wants_batches("train")


def test_the_list_adds_and_finds_its_own():
    history, model = keras.callbacks.History(), FakeModel()
    params = {"epochs": 2, "verbose": "auto", "steps": 3}
    made = keras.callbacks.CallbackList([[history]], add_history=True, add_progbar=True, model=model, **params)
    assert [type(c).__name__ for c in made.callbacks[:1]] == ["History"] and len(made.callbacks) == 2
    assert model.history is history and made.callbacks[1].verbose == 1
    bare = keras.callbacks.Callback()
    keras.callbacks.CallbackList([bare], model=model, epochs=2)
    assert bare.model is model and bare.params == {"epochs": 2}


def test_logs_are_plain_numbers():
    logs = {"b": keras.ops.array(1.5), "a": np.float32(2), "c": {"d": 1}, "e": "text", "f": keras.ops.array([1.0, 2.0])}
    plain = pythonify_logs(logs)
    assert list(plain) == ["a", "b", "d", "e", "f"]
    assert [type(v) for v in plain.values()] == [float, float, float, str, np.ndarray]


def test_checkpoint_arguments(tmp_path):
    for arguments, message in [
        ({"filepath": "x.txt"}, "must end in `.keras`"),
        ({"filepath": "x.keras", "save_weights_only": True}, "must end in `.weights.h5`"),
        ({"filepath": "x.keras", "save_freq": "batch"}, "Unrecognized save_freq"),
    ]:
        with pytest.raises(ValueError, match=message):
            keras.callbacks.ModelCheckpoint(**arguments)
    with pytest.raises(KeyError, match="Failed to format this callback filepath"):
        play(keras.callbacks.ModelCheckpoint("{nonsense}.keras"), [1.0])
    (tmp_path / "x.keras").mkdir()
    with pytest.raises(IOError, match="non-directory filepath"):
        play(keras.callbacks.ModelCheckpoint(tmp_path / "x.keras"), [1.0])


def test_checkpoint_without_its_value_saves_and_warns():
    model = FakeModel()
    saved = []
    model.save = lambda path, overwrite: saved.append(path)
    with pytest.warns(UserWarning, match="Can save best model only with val_loss available"):
        play(keras.callbacks.ModelCheckpoint("x.keras", save_best_only=True), [1.0], "loss", model)
    with pytest.warns(UserWarning, match="only when `monitor` is a scalar value"):
        play(keras.callbacks.ModelCheckpoint("x.keras", save_best_only=True), [np.ones(2)], model=model)
    assert saved == ["x.keras", "x.keras"]


def test_checkpoint_counts_batches_in_bursts():
    model, saved = FakeModel(), []
    model.save = lambda path, overwrite: saved.append(path)
    callback = keras.callbacks.ModelCheckpoint("{epoch}-{batch}.keras", save_freq=4)
    callbacks = keras.callbacks.CallbackList([callback], model=model)
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in (1, 3, 6):  # the last batch of each burst
            callbacks.on_train_batch_end(batch, {})
    assert saved == ["1-4.keras", "2-2.keras", "2-7.keras"]


def test_backup_arguments():
    with pytest.raises(ValueError, match="Empty `backup_dir`"):
        keras.callbacks.BackupAndRestore("")
    with pytest.raises(ValueError, match="Invalid value for argument `save_freq`"):
        keras.callbacks.BackupAndRestore("x", save_freq="batch")
    model = FakeModel()
    model.built = False
    with pytest.raises(ValueError, match="must be built"):
        play(keras.callbacks.BackupAndRestore("x"), [1.0], model=model)


def test_double_checkpoint_survives_a_broken_file(tmp_path):
    def make():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    arguments = {"backup_dir": tmp_path / "b", "double_checkpoint": True, "delete_checkpoint": False}
    first, second = make(), make()
    first.fit(x, y, epochs=3, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(**arguments)])
    (tmp_path / "b" / "latest.weights.h5").write_bytes(b"broken")
    history = second.fit(x, y, epochs=4, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(**arguments)])
    assert history.epoch == [2, 3]


def test_csv_columns_and_values(tmp_path):
    path = tmp_path / "log.csv"
    play(keras.callbacks.CSVLogger(path), [1.0, np.array([1.0, 2.0])], "loss")
    assert path.read_bytes().decode() == 'epoch,loss,val_loss\r\n0,1.0,NA\r\n1,"""[1.0, 2.0]""",NA\r\n'


def test_terminate_on_nan_can_raise():
    callback = keras.callbacks.TerminateOnNaN(raise_error=True)
    callback.on_batch_end(0, {"loss": 1.0})
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 3"):
        callback.on_batch_end(3, {"loss": float("inf")})


def test_swap_needs_averages():
    with pytest.raises(ValueError, match="use_ema=True"):
        callback = keras.callbacks.SwapEMAWeights()
        callback.set_model(FakeModel())
        callback.on_test_begin()


def several_optimizers():
    averaging, plain = keras.optimizers.SGD(0.5, use_ema=True, name="a"), keras.optimizers.SGD(0.25, name="b")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.MultiOptimizer(lambda v: averaging if v.name == "kernel" else plain), "mse")
    model.train_on_batch(np.ones((4, 2), "float32"), np.ones((4, 1), "float32"))
    return model, averaging, plain


def test_schedules_of_several_optimizers(capsys):
    """Each has its rate, in the logs by its name."""
    model, a, b = several_optimizers()
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    assert "Epoch 1: LearningRateScheduler setting a learning rate to 0.25.\n" in capsys.readouterr().out
    logs = {}
    callback.on_epoch_end(0, logs)
    assert logs == {"learning_rate_a": 0.25, "learning_rate_b": 0.125}
    callback = keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5, min_lr=0.125, verbose=1)
    callback.set_model(model)
    for epoch in range(2):
        callback.on_epoch_end(epoch, {"val_loss": 1.0})
    out = capsys.readouterr().out
    assert "Epoch 2: ReduceLROnPlateau reducing a learning rate to 0.125." in out and "reducing b" not in out
    assert [float(o.learning_rate) for o in (a, b)] == [0.125, 0.125]


def test_swap_with_several_optimizers():
    """Only those that average swap; at least one has to."""
    model, averaging, plain = several_optimizers()
    averaging._model_variables_moving_average[0].assign([[3.0], [4.0]])
    (kernel, bias), callback = model.get_weights(), keras.callbacks.SwapEMAWeights()
    callback.set_model(model)
    callback.on_test_begin()
    np.testing.assert_array_equal(model.get_weights()[0], [[3.0], [4.0]])
    np.testing.assert_array_equal(model.get_weights()[1], bias)
    callback.on_test_end()
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    averaging.use_ema = False
    with pytest.raises(ValueError, match="at least one inner optimizer has `use_ema=True`"):
        callback.on_test_begin()


def test_monitor_op_is_an_op():
    for mode, op in (("max", keras.ops.greater), ("min", keras.ops.less)):
        callback = keras.callbacks.EarlyStopping(mode=mode)
        play(callback, [1.0])
        assert callback.monitor_op is op


def test_swap_leaves_the_weights_as_they_were():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    model.train_on_batch(x, y)
    model.train_on_batch(x, y)
    before, averaged = model.get_weights(), [v.numpy() for v in model.optimizer._model_variables_moving_average]
    seen = []

    class Look(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights())

    model.predict(x, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights(), Look()])
    for a, b, during, average in zip(before, model.get_weights(), seen[0], averaged, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(during, average)


@pytest.fixture
def server():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, self.headers["Content-Type"], self.headers.get("X-Own"), body))
            self.send_response(200)
            self.end_headers()

    with serving(Handler) as made:
        yield f"http://127.0.0.1:{made.server_port}", received


def test_remote_monitor(server):
    root, received = server
    play(keras.callbacks.RemoteMonitor(root, headers={"X-Own": "1"}), [0.5])
    play(keras.callbacks.RemoteMonitor(root, path="/x", send_as_json=True), [np.array([0.25])])
    assert received[0][:3] == ("/publish/epoch/end/", "application/x-www-form-urlencoded", "1")
    assert received[0][3].startswith("data=%7B")
    assert received[1][1] == "application/json" and json.loads(received[1][3]) == {"epoch": 0, "val_loss": 0.25}


def test_remote_monitor_needs_requests(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(ImportError, match="RemoteMonitor requires the `requests` library"):
        play(keras.callbacks.RemoteMonitor("http://127.0.0.1:9"), [0.5])


def test_remote_monitor_without_a_server_warns():
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server"):
        play(keras.callbacks.RemoteMonitor("http://127.0.0.1:9"), [0.5])


def test_exceptions_of_callbacks_reach_the_user_and_the_model_stays_usable():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")

    def fail(batch, logs):
        if batch == 1:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        model.fit(x, y, batch_size=2, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=fail)])
    assert int(model.optimizer.iterations) == 2
    assert len(model.fit(x, y, verbose=0).epoch) == 1
