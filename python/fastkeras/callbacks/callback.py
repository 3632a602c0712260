"""The base class of callbacks, and the list that calls them."""

from fastkeras.engine import convert_to_numpy, is_tensor, nest

_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Callback:
    """Does something at points of training, evaluation and prediction: a subclass overrides the hooks it needs.

    Attributes:
        params: dict of the run: `verbose`, `epochs`, `steps`.
        model: the model.
        needs_every_batch: False says that a batch hook is content with the last batch of each burst of steps, so that
            the steps in between run without Python.

    >>> import fastkeras as keras
    >>> class Shout(keras.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch}: {logs}!")
    >>> keras.callbacks.CallbackList([Shout()]).on_epoch_end(0, {"loss": 0.5})
    epoch 0: {'loss': 0.5}!
    """

    needs_every_batch = True

    def __init__(self):
        self.params = None
        self._model = None

    def set_params(self, params):
        self.params = params

    def set_model(self, model):
        self._model = model

    @property
    def model(self):
        return self._model

    def on_batch_begin(self, batch, logs=None):
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch, logs=None):
        """An older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch, logs=None):
        """Called before each epoch of `fit`."""

    def on_epoch_end(self, epoch, logs=None):
        """Called after each epoch of `fit`; `logs` holds the metrics, those of the validation with `val_`."""

    def on_train_batch_begin(self, batch, logs=None):
        """Called before each training batch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        """Called after each training batch; `logs` holds the metrics so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        """Called before each batch of `evaluate` and of the validation."""

    def on_test_batch_end(self, batch, logs=None):
        """Called after each batch of `evaluate` and of the validation."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Called before each batch of `predict`."""

    def on_predict_batch_end(self, batch, logs=None):
        """Called after each batch of `predict`."""

    def on_train_begin(self, logs=None):
        """Called when `fit` begins."""

    def on_train_end(self, logs=None):
        """Called when `fit` ends."""

    def on_test_begin(self, logs=None):
        """Called when `evaluate` or a validation begins."""

    def on_test_end(self, logs=None):
        """Called when `evaluate` or a validation ends."""

    def on_predict_begin(self, logs=None):
        """Called when `predict` begins."""

    def on_predict_end(self, logs=None):
        """Called when `predict` ends."""


def _has_batch_hook(callback, kind):
    """Does a callback do anything at batches of `kind`: is a hook overridden, in its class or on the instance?"""
    hooks = ((getattr(callback, name), getattr(Callback, name)) for name in _BATCH_HOOKS[kind])
    return any(getattr(hook, "__func__", None) is not default for hook, default in hooks)


class CallbackList(Callback):
    """Calls the hooks of several callbacks in order.

    Args:
        callbacks: callbacks, possibly in nested lists.
        add_history, add_progbar: add a `History`, a `ProgbarLogger`, unless there is one.
        model: the model that the callbacks see.
        params: what they see as `params`.

    >>> import fastkeras as keras
    >>> callbacks = keras.callbacks.CallbackList([keras.callbacks.TerminateOnNaN()], add_history=True)
    >>> callbacks.wants_batches("train"), callbacks.wants_batches("test")
    (True, False)
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        from fastkeras.callbacks.loggers import History, ProgbarLogger

        super().__init__()
        self.callbacks = nest.flatten(callbacks) if callbacks else []
        for wanted, cls in ((add_history, History), (add_progbar, ProgbarLogger)):
            if wanted and not any(isinstance(c, cls) for c in self.callbacks):
                self.callbacks.append(cls())
        self._history = next((c for c in reversed(self.callbacks) if isinstance(c, History)), None)
        self.set_model(model)
        self.set_params(params)

    def wants_batches(self, kind):
        """Must every batch of `kind` ("train", "test", "predict") be reported, or is the last of a burst enough?"""
        return any(c.needs_every_batch and _has_batch_hook(c, kind) for c in self.callbacks)

    def hears_batches(self, kind):
        """Does any callback do something at batches of `kind`?"""
        return any(_has_batch_hook(c, kind) for c in self.callbacks)

    def set_params(self, params):
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model):
        if model is None:
            return
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def _call(self, hook, logs, *position):
        logs = pythonify_logs(logs)
        for callback in self.callbacks:
            getattr(callback, hook)(*position, logs)

    def _call_batch(self, hook, logs, batch):
        logs = pythonify_logs(logs)
        for callback in self.callbacks:
            getattr(callback, hook)(batch, logs=logs)

    def on_batch_begin(self, batch, logs=None):
        self._call_batch("on_batch_begin", logs, batch)

    def on_batch_end(self, batch, logs=None):
        self._call_batch("on_batch_end", logs, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self._call("on_epoch_begin", logs, epoch)

    def on_epoch_end(self, epoch, logs=None):
        self._call("on_epoch_end", logs, epoch)

    def on_train_batch_begin(self, batch, logs=None):
        self._call_batch("on_train_batch_begin", logs, batch)

    def on_train_batch_end(self, batch, logs=None):
        self._call_batch("on_train_batch_end", logs, batch)

    def on_test_batch_begin(self, batch, logs=None):
        self._call_batch("on_test_batch_begin", logs, batch)

    def on_test_batch_end(self, batch, logs=None):
        self._call_batch("on_test_batch_end", logs, batch)

    def on_predict_batch_begin(self, batch, logs=None):
        self._call_batch("on_predict_batch_begin", logs, batch)

    def on_predict_batch_end(self, batch, logs=None):
        self._call_batch("on_predict_batch_end", logs, batch)

    def on_train_begin(self, logs=None):
        self._call("on_train_begin", logs)

    def on_train_end(self, logs=None):
        self._call("on_train_end", logs)

    def on_test_begin(self, logs=None):
        self._call("on_test_begin", logs)

    def on_test_end(self, logs=None):
        self._call("on_test_end", logs)

    def on_predict_begin(self, logs=None):
        self._call("on_predict_begin", logs)

    def on_predict_end(self, logs=None):
        self._call("on_predict_end", logs)


def pythonify_logs(logs):
    """Logs with Python numbers where they are numbers, sorted by name, dicts inside them flattened."""
    plain = {}
    for key, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            plain.update(pythonify_logs(value))
            continue
        if is_tensor(value):
            value = convert_to_numpy(value)
        try:
            plain[key] = float(value)
        except (TypeError, ValueError):
            plain[key] = value
    return plain
