"""Rows of tests/test_reference.py: what callbacks do, log and print in a real `fit`; text is stored as its bytes."""

import contextlib
import io
import os
import tempfile

import numpy as np

_SAMPLES, _BATCH = 20, 8


def _text(text):
    return np.frombuffer(text.encode(), np.uint8)


def _data():
    r = np.random.RandomState(0)
    x = r.normal(size=(_SAMPLES, 3)).astype("float32")
    return x, (x @ [[1.0], [-2.0], [0.5]] + 0.3).astype("float32")


def _model(k, optimizer=None, metrics=("mae",)):
    model = k.Sequential([k.Input((3,)), k.layers.Dense(4, activation="tanh", name="a"), k.layers.Dense(1, name="b")])
    r = np.random.RandomState(1)
    model.set_weights([r.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    model.compile(optimizer or k.optimizers.SGD(0.1), "mse", metrics=list(metrics))
    return model


def _fit(k, callbacks, epochs=6, model=None, **options):
    """(model, history, what was printed); every callback sees the same run."""
    model = model or _model(k)
    x, y = _data()
    said = io.StringIO()
    options = {"validation_data": (x[:5] + 1.0, y[:5]), **options}
    with contextlib.redirect_stdout(said):
        history = model.fit(
            x, y, batch_size=_BATCH, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks, **options
        )
    return model, history, said.getvalue()


def _result(model, history, said):
    out = {"said": _text(said), "keys": _text(",".join(history.history)), "epochs": np.array(history.epoch)}
    out |= {f"history {name}": np.array(values) for name, values in history.history.items()}
    return out | {f"weight {i}": w for i, w in enumerate(model.get_weights())}


def _recorder(k, calls):
    """A callback that overrides every hook."""

    def hook(name):
        def record(self, *position, logs=None):
            *position, logs = (*position, logs) if not position or not isinstance(position[-1], dict) else position
            calls.append(f"{name} {position} {sorted(logs or {})}")

        return record

    names = [n for n in dir(k.callbacks.Callback) if n.startswith("on_") and "_batch" not in n]
    names += [f"on_{mode}_batch_{when}" for mode in ("train", "test", "predict") for when in ("begin", "end")]
    return type("Recorder", (k.callbacks.Callback,), {name: hook(name) for name in names})()


def _hooks(k):
    calls = []
    model, history, _ = _fit(k, [_recorder(k, calls)], epochs=2, validation_batch_size=2, validation_freq=2)
    x, y = _data()
    calls.append("evaluate")
    model.evaluate(x, y, batch_size=_BATCH, verbose=0, callbacks=[_recorder(k, calls)])
    calls.append("predict")
    model.predict(x, batch_size=_BATCH, verbose=0, callbacks=[_recorder(k, calls)])
    return {"calls": _text("\n".join(calls))}


def _batch_logs(k):
    """The logs of each batch: running means of the epoch."""
    seen = []
    note = k.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append([logs["loss"], logs["mae"]]))
    _fit(k, [note], epochs=2)
    return {"logs": np.array(seen)}


def _params(k):
    seen = {}

    class Params(k.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.update(self.params)

    _fit(k, [Params()], epochs=2)
    return {"params": _text(str(sorted(seen.items())))}


def _early_stopping(**arguments):
    def row(k):
        optimizer = k.optimizers.SGD(0.4)
        callback = k.callbacks.EarlyStopping(verbose=1, **arguments)
        result = _result(*_fit(k, [callback], epochs=12, model=_model(k, optimizer)))
        return result | {"state": np.array([callback.stopped_epoch, callback.best_epoch, callback.wait])}

    return row


def _reduce_lr(k):
    callback = k.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.3, patience=1, cooldown=1, min_delta=0.05, min_lr=0.004, verbose=1
    )
    return _result(*_fit(k, [callback], epochs=12))


def _scheduler(k):
    with_rate = k.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5, verbose=1)
    without = k.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1), verbose=1)
    return {
        f"{name} {key}": value
        for name, callback in (("rate", with_rate), ("epoch", without))
        for key, value in _result(*_fit(k, [callback], epochs=3)).items()
    }


def _checkpoint(**arguments):
    def row(k):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, arguments.get("filepath", "deep/{epoch:02d}-{loss:.2f}-{val_mae:.3f}.keras"))
            callback = k.callbacks.ModelCheckpoint(**{**arguments, "filepath": path, "verbose": 1})
            model, history, said = _fit(k, [callback], epochs=4)
            files = sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs)
            return {"said": _text(said.replace(folder, "F")), "files": _text("\n".join(files))}

    return row


def _csv(k):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log.csv")
        model = _model(k)
        _fit(k, [k.callbacks.CSVLogger(path, separator=";")], epochs=2, model=model, validation_data=None)
        _fit(k, [k.callbacks.CSVLogger(path, separator=";", append=True)], epochs=2, model=model, validation_data=None)
        with open(path, newline="") as file:
            lines = file.read().split("\r\n")
    cells = [line.split(";") for line in lines[1:] if line]
    numbers = [[-1.0 if cell == "NA" else float(cell) for cell in row] for row in cells]
    return {"header": _text(lines[0]), "numbers": np.array(numbers)}


def _nan(k):
    x, y = _data()
    x[10] = np.nan
    model, said = _model(k), io.StringIO()
    with contextlib.redirect_stdout(said):
        history = model.fit(
            x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=[k.callbacks.TerminateOnNaN()]
        )
    return {"said": _text(said.getvalue()), "epochs": np.array(history.epoch)}


def _ema(k):
    """EMA weights are put in place at the end of fit, and SwapEMAWeights evaluates with them."""
    out = {}
    for name, callbacks in {"plain": [], "swap": [k.callbacks.SwapEMAWeights(swap_on_epoch=True)]}.items():
        optimizer = k.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.6)
        model, history, _ = _fit(k, callbacks, epochs=3, model=_model(k, optimizer))
        out |= {f"{name} {key}": value for key, value in _result(model, history, "").items()}
    return out


def _backup(k):
    """An interrupted training goes on where it stopped."""
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.join(folder, "backup")

        class Interrupt(k.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 2:
                    raise RuntimeError("interrupted")

        with contextlib.suppress(RuntimeError):
            _fit(k, [k.callbacks.BackupAndRestore(folder), Interrupt()], epochs=5)
        files = sorted(os.listdir(folder))
        result = _result(*_fit(k, [k.callbacks.BackupAndRestore(folder)], epochs=5))
        return result | {"files": _text(str(files)), "deleted": np.array(not os.path.exists(folder))}


ROWS = {
    "hooks": _hooks,
    "batch_logs": _batch_logs,
    "params": _params,
    "early_stopping": _early_stopping(patience=1),
    "early_stopping_restore": _early_stopping(monitor="loss", patience=1, min_delta=0.2, restore_best_weights=True),
    "early_stopping_baseline": _early_stopping(monitor="val_mae", patience=2, baseline=0.01, start_from_epoch=1),
    "early_stopping_max": _early_stopping(monitor="mae", mode="max", restore_best_weights=True, patience=2),
    "reduce_lr": _reduce_lr,
    "scheduler": _scheduler,
    "checkpoint": _checkpoint(),
    "checkpoint_best": _checkpoint(save_best_only=True, monitor="val_mae"),
    "checkpoint_threshold": _checkpoint(save_best_only=True, monitor="loss", initial_value_threshold=0.001),
    "checkpoint_max": _checkpoint(save_best_only=True, monitor="loss", mode="max"),
    "checkpoint_weights": _checkpoint(save_weights_only=True, filepath="{epoch}.weights.h5"),
    "checkpoint_batches": _checkpoint(save_freq=5, filepath="e{epoch}_b{batch}.keras"),
    "csv": _csv,
    "nan": _nan,
    "ema": _ema,
    "backup": _backup,
}
