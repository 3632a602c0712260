"""fit, evaluate, predict and their one-batch forms."""

import warnings

import numpy as np

from fastkeras.engine import Tensor, config, convert_to_numpy, nest
from fastkeras.training.array_data import ArrayData, class_weight_to_sample_weights, split_validation, to_array
from fastkeras.training.data_adapters import get_data
from fastkeras.training.labels import check_labels
from fastkeras.training.parallel import team
from fastkeras.training.steps import Collector, Epochs
from fastkeras.utils.packing import unpack_x_y_sample_weight

_FLOAT_CODES = {"float32": "f", "float64": "d"}


class Loops:
    """The methods of a model that run its steps over data."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains the model for `epochs` passes over the data and returns the History.

        Args:
            x: arrays of shape (samples, ...) (one, or a list or dict of them), or a Dataset, a PyDataset or a generator
                of `(x, y)` or `(x, y, sample_weight)`. Batches with strings in them run op by op.
            y: labels, where `x` holds arrays.
            batch_size: samples per step; 32.
            verbose: 0 silent, 1 progress bar, 2 one line per epoch.
            callbacks: list of Callbacks.
            validation_split: fraction of the arrays, from their end, to validate on instead of training on.
            validation_data: `(x, y)`, `(x, y, sample_weight)`, a Dataset, a PyDataset or a generator.
            shuffle: True, False, or "batch" (within batches); generators come as they are.
            class_weight: {class: weight of its samples}.
            sample_weight: array of shape (samples,), or one per output.
            initial_epoch: number of the first epoch.
            steps_per_epoch: steps that make an epoch; by default all batches.
            validation_steps, validation_batch_size: the same for validation.
            validation_freq: validate every so many epochs, or in a list of epochs (from 1).

        Raises:
            ValueError: before compile, for data that does not fit together, and for labels that are NaN or no class.

        >>> import numpy as np, fastkeras as keras
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=3, verbose=0)
        >>> len(history.history["loss"])
        3
        """
        self._assert_compile_called()
        epochs, steps_per_epoch = _limited(epochs, "epochs"), _limited(steps_per_epoch, "steps_per_epoch")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation((x, y, sample_weight), validation_split)
        processes = team()
        data = processes.training_data(
            get_data(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
        )
        self._symbolic_build(data.peek)
        self._check_labels(data)
        callbacks = self._callbacks(callbacks, verbose, epochs, steps_per_epoch or data.num_batches, history=True)
        self.stop_training = False
        step = self.make_train_function()
        begin, end, group, watched = _hooks(callbacks, "train", self.steps_per_execution)
        run = Epochs(data, steps_per_epoch, processes.group(group))
        run.restart()
        stopped = processes.stopped(self, step)
        validation = None

        def after(index, result):
            end(index, self._logs(result) if watched else None)

        callbacks.on_train_begin()
        processes.begin(self)
        logs = training_logs = None
        for epoch in range(self._initial_epoch or initial_epoch, epochs):
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            processes.follow(self)
            logs = run.run(step, begin, after, stopped)
            processes.reduce(self, training=True)
            epoch_logs = dict(self._final_logs(logs))
            if validation_data is not None and _is_due(epoch, validation_freq):
                if validation is None:
                    validation_steps = _limited(validation_steps, "steps_per_epoch")
                    validation = get_data(
                        *unpack_x_y_sample_weight(validation_data),
                        batch_size=validation_batch_size or batch_size,
                        steps=validation_steps,
                    )
                    validation = Epochs(processes.test_data(validation), validation_steps)
                results = self.evaluate(validation, steps=validation_steps, callbacks=callbacks, return_dict=True)
                epoch_logs.update({f"val_{name}": value for name, value in results.items()})
            callbacks.on_epoch_end(epoch, epoch_logs)
            processes.follow(self)
            training_logs = epoch_logs
            if self.stop_training:
                break
        if self.optimizer is not None and epochs > 0 and hasattr(self.optimizer, "finalize_variable_values"):
            self.optimizer.finalize_variable_values(self.trainable_weights)
        callbacks.on_train_end(training_logs)
        processes.follow(self)
        return self.history

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """Returns the loss and the metrics over the data: a number, a list, or with `return_dict` a dict.

        Arguments are those of `fit`; `steps`: batches to look at, by default all.
        """
        self._assert_compile_called()
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        if isinstance(x, Epochs):
            run = x  # fit's validation
        else:
            steps = _limited(steps, "steps_per_epoch")
            run = Epochs(team().test_data(get_data(x, y, sample_weight, batch_size, steps)), steps)
        self._symbolic_build(run.data.peek)
        run.restart()
        callbacks = self._callbacks(callbacks, verbose, 1, run.num_batches)
        step = self.make_test_function()
        begin, end, run.group, watched = _hooks(callbacks, "test", self.steps_per_execution)
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        result = run.run(
            step,
            begin,
            lambda index, result: end(index, self._logs(result) if watched else None),
            lambda: self.stop_evaluating,
        )
        team().reduce(self)
        logs = self._final_logs(result)
        callbacks.on_test_end(logs)
        return logs if return_dict else self._in_order(logs)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Returns the predictions for the samples of `x` as arrays.

        Arguments are those of `fit`; `steps`: batches to predict, by default all.

        >>> import numpy as np, fastkeras as keras
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> model.predict(np.ones((5, 2)), verbose=0).shape
        (5, 3)
        """
        if verbose == 0 and callbacks is None and steps is None and type(x) is np.ndarray:
            small = self._predict_small(x, batch_size or 32)
            if small is not None:
                return small
        steps = _limited(steps, "steps_per_epoch")
        data = get_data(x, batch_size=batch_size, steps=steps)
        run = Epochs(data, steps)
        callbacks = self._callbacks(callbacks, verbose, 1, run.num_batches)
        begin, end, run.group, _ = _hooks(callbacks, "predict", self.steps_per_execution)
        self.stop_predicting = False
        collector = Collector(self.make_predict_function(), data)
        callbacks.on_predict_begin()
        run.run(
            collector,
            begin,
            lambda index, result: end(index, {"outputs": result}),
            lambda: self.stop_predicting,
        )
        callbacks.on_predict_end()
        return collector.result()

    def _predict_small(self, x, batch_size):
        """One batch without any of the machinery around it; None when it does not fit that."""
        if x.dtype.kind not in "biuf" or not x.ndim or not 0 < x.shape[0] <= batch_size:
            return None
        if x.dtype.kind == "f" and x.dtype.char != _FLOAT_CODES.get(config.floatx()):  # dtype.name costs 2 us
            x = x.astype(config.floatx())
        result = self.make_predict_function()(x)
        return result.numpy() if type(result) is Tensor else nest.map(convert_to_numpy, result)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One training step on one batch; returns the loss and metrics of this batch."""
        self._assert_compile_called()
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(
                    "Arguments `sample_weight` and `class_weight` cannot be specified at the same time. "
                    f"Received: sample_weight={sample_weight}, class_weight={class_weight}"
                )
            sample_weight = class_weight_to_sample_weights(y, class_weight)
        return self._on_batch(self.make_train_function, (x, y, sample_weight), return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """The loss and metrics of one batch."""
        self._assert_compile_called()
        return self._on_batch(self.make_test_function, (x, y, sample_weight), return_dict)

    def predict_on_batch(self, x):
        """The predictions for one batch, as arrays."""
        x = _plain(x)
        result = self.make_predict_function()((x,) if nest.is_nested(x) else x)
        return result.numpy() if type(result) is Tensor else nest.map(convert_to_numpy, result)

    def _on_batch(self, make_function, batch, return_dict):
        batch = tuple(_plain(part) for part in batch)
        while batch[-1] is None:
            batch = batch[:-1]
        self._symbolic_build(lambda: batch)
        step = make_function()
        self.reset_metrics()
        result = step(batch)
        team().reduce(self)
        logs = self._logs(result)
        return logs if return_dict else self._in_order(logs)

    # --- helpers ---

    def _assert_compile_called(self):
        if not self.compiled:
            raise ValueError("You must call `compile()` before using the model.")

    def _callbacks(self, callbacks, verbose, epochs, steps, history=False):
        from fastkeras.callbacks import CallbackList

        if isinstance(callbacks, CallbackList):
            return callbacks
        if not team().is_root:
            callbacks, verbose = None, 0
        return CallbackList(
            callbacks,
            add_history=history,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
            model=self,
        )

    def _check_labels(self, data):
        if isinstance(data, ArrayData) and self._compile_loss is not None and self._compile_loss.built:
            batch = nest.pack_like(data.structure, data.leaves)
            _, y, _ = unpack_x_y_sample_weight(batch)
            check_labels(self._compile_loss.entries, y, self._compile_loss.output_specs)

    def _logs(self, result):
        """A step's logs as numbers: what it returned, or where that was compiled away, the metrics."""
        return _numbers(self.get_metrics_result() if result is None else result)

    def _final_logs(self, result):
        """The metrics; but what the last step returned where it returned something else."""
        found = self.get_metrics_result()
        if result is not None and not (isinstance(result, dict) and set(result) == set(found)):
            found = result
        return _numbers(found)

    def _in_order(self, logs):
        """The values of the logs in the order of the metrics; a lone value by itself."""
        names = []
        for metric in self.metrics:
            nested = getattr(metric, "metrics", None) if metric is self._compile_metrics else None
            names.extend([m.name for m in nested] if nested is not None else [metric.name])
        values = [logs[name] for name in names if name in logs]
        values.extend(logs[name] for name in sorted(logs) if name not in names)
        return values[0] if len(values) == 1 else values


def _limited(asked, what):
    """`asked`, a number of epochs or steps or None, or the limit that the settings put on it; a warning tells of it."""
    limit = getattr(config, f"max_{what}")()
    if not limit or (asked is not None and asked <= limit):
        return asked
    warnings.warn(f"Limiting {what} to {limit}", stacklevel=3)
    return limit


def _hooks(callbacks, mode, steps_per_execution):
    """(begin, end, group, watched) for the batch hooks of a mode.

    `group`: steps between two calls; None, as long as a burst, when nobody needs every batch.
    `watched`: does anybody look at the logs?
    """
    begin, end = (getattr(callbacks, f"on_{mode}_batch_{when}") for when in ("begin", "end"))
    group = steps_per_execution if callbacks.wants_batches(mode) else None
    return begin, end, group, callbacks.hears_batches(mode)


def _is_due(epoch, validation_freq):
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    if isinstance(validation_freq, list):
        return epoch + 1 in validation_freq
    raise ValueError(
        "Expected `validation_freq` to be a list or int. "
        f"Received: validation_freq={validation_freq} of the type {type(validation_freq)}."
    )


def _plain(part):
    if part is None:
        return None
    return nest.map(lambda x: None if x is None else to_array(x), part) if nest.is_nested(part) else to_array(part)


def _numbers(logs):
    """Logs in the order of their names, with plain floats for what is one number."""
    return {name: _number(logs[name]) for name in sorted(logs)} if isinstance(logs, dict) else logs


def _number(value):
    value = convert_to_numpy(value) if isinstance(value, Tensor) else value
    if isinstance(value, (np.ndarray, np.generic)) and value.size == 1:
        return float(value.reshape(()))
    return value
