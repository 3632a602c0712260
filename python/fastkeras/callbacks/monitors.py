"""Callbacks that watch one value of the logs."""

import warnings

import numpy as np

from fastkeras import ops
from fastkeras.callbacks.callback import Callback
from fastkeras.utils.messages import print_msg


class MonitorCallback(Callback):
    """Knows whether a value of the logs has become better.

    Args:
        monitor: name in the logs.
        mode: `"min"`, `"max"`, or `"auto"`: what the metric of that name says.
        baseline: the value to be better than at first.
        min_delta: a smaller change is no improvement.
    """

    def __init__(self, monitor="val_loss", mode="auto", baseline=None, min_delta=0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.", stacklevel=3)
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op = None

    def _set_monitor_op(self):
        if self.monitor_op is not None:
            return
        direction = {"min": "down", "max": "up"}.get(self.mode) or self._find_direction()
        self.monitor_op = ops.greater if direction == "up" else ops.less
        if direction == "down":
            self.min_delta *= -1

    def _find_direction(self):
        name = self.monitor.removeprefix("val_")
        for metric in _flat(getattr(self.model, "metrics", None) or []):
            if metric.name == name and hasattr(metric, "_direction"):
                return metric._direction
        if name == "loss":
            return "down"
        raise ValueError(
            f"{type(self).__name__} callback received monitor={self.monitor}, but Keras isn't able to automatically "
            "determine whether that metric should be maximized or minimized. Pass `mode='max'` in order to monitor "
            "based on the highest metric value, or pass `mode='min'` in order to use the lowest value."
        )

    def _is_improvement(self, value, reference):
        return reference is None or bool(self.monitor_op(value - self.min_delta, reference))


def _flat(metrics):
    """Metrics, and those inside of metrics that hold others, as compiled metrics do."""
    for metric in metrics:
        yield metric
        yield from _flat(getattr(metric, "metrics", None) or [])


class EarlyStopping(MonitorCallback):
    """Stops training when a monitored value has not become better for `patience` epochs.

    Args:
        monitor, min_delta, mode: see `MonitorCallback`.
        patience: epochs without improvement to wait.
        verbose: 1 says when it stops.
        baseline: an improvement that does not reach it does not reset the patience.
        restore_best_weights: at the end of training, go back to the weights of the best epoch.
        start_from_epoch: watch from this epoch on.

    >>> import fastkeras as keras
    >>> keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True).patience
    3
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._start()

    def _start(self):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0

    def on_train_begin(self, logs=None):
        self._start()

    def on_epoch_end(self, epoch, logs=None):
        self._set_monitor_op()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self._remember(epoch)
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _remember(self, epoch):
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_msg(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_msg(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs):
        """The monitored value, or None with a warning where the logs do not have it."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. Available metrics "
                f"are: {','.join(logs)}",
                stacklevel=3,
            )
        return value


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when a monitored value has not become better for `patience` epochs.

    Args:
        monitor, mode, min_delta: see `MonitorCallback`.
        factor: below 1.
        patience: epochs without improvement to wait.
        verbose: 1 says when it reduces.
        cooldown: epochs to wait after a reduction.
        min_lr: lowest learning rate.

    Raises:
        ValueError: for a factor of 1 or more.
    """

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
        **kwargs,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        if kwargs:
            warnings.warn(f"ReduceLROnPlateau ignores arguments it does not know: {sorted(kwargs)}", stacklevel=2)
        self.factor = factor
        self.min_lr = min_lr
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self._reset()

    def _reset(self):
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs=None):
        self._reset()

    def on_epoch_end(self, epoch, logs=None):
        self._set_monitor_op()
        logs = {} if logs is None else logs
        logs.update(learning_rates(self.model.optimizer))
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available. Available "
                f"metrics are: {','.join(logs)}.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch):
        for name, optimizer in rated_optimizers(self.model.optimizer).items():
            before = current_learning_rate(optimizer)
            if before <= np.float32(self.min_lr):
                continue
            rate = max(before * self.factor, self.min_lr)
            optimizer.learning_rate = rate
            if self.verbose > 0:
                print_msg(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing {name}learning rate to {rate}.")
            self.cooldown_counter = self.cooldown
            self.wait = 0

    def in_cooldown(self):
        return self.cooldown_counter > 0


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch.

    Args:
        schedule: `(epoch, learning_rate) -> float` or `(epoch) -> float`.
        verbose: 1 says what it sets.

    Raises:
        ValueError: when `schedule` returns something else than a float.
    """

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        for name, optimizer in rated_optimizers(self.model.optimizer).items():
            rate = self._schedule(optimizer, epoch)
            if self.verbose > 0:
                print_msg(f"\nEpoch {epoch + 1}: LearningRateScheduler setting {name}learning rate to {rate}.")

    def _schedule(self, optimizer, epoch):
        if not hasattr(optimizer, "learning_rate"):
            raise ValueError('Optimizer must have a "learning_rate" attribute.')
        try:
            rate = self.schedule(epoch, current_learning_rate(optimizer))
        except TypeError:  # it takes the epoch only
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, np.float32, np.float64)):
            raise ValueError(f"The output of the `schedule` function should be a float. Got: {rate}")
        optimizer.learning_rate = float(rate)
        return rate

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs.update(learning_rates(self.model.optimizer))


def rated_optimizers(optimizer):
    """The optimizers that have a learning rate: those in a MultiOptimizer by `"name "`, another one by `""`."""
    several = getattr(optimizer, "optimizers", None)
    return {"": optimizer} if several is None else {f"{one.name} ": one for one in several}


def learning_rates(optimizer):
    """The learning rate as it stands in logs; those in a MultiOptimizer each by the name of its optimizer."""
    rated = rated_optimizers(optimizer).items()
    return {f"learning_rate_{name}".rstrip("_ "): current_learning_rate(one) for name, one in rated}


def current_learning_rate(optimizer):
    return float(np.asarray(optimizer.learning_rate))
