"""Callbacks that save."""

import json
import os
import shutil
import warnings

import numpy as np

from fastkeras.callbacks.callback import Callback
from fastkeras.callbacks.monitors import MonitorCallback
from fastkeras.utils.messages import print_msg


class _EveryBatches:
    """Counts batches, and says when `frequency` of them have passed; batches may be reported in bursts."""

    def __init__(self, frequency):
        self.frequency = frequency
        self.passed = 0
        self.last = None

    def is_due(self, batch):
        new_epoch = self.last is None or batch <= self.last
        self.passed += batch + 1 if new_epoch else batch - self.last
        self.last = batch
        if self.passed < self.frequency:
            return False
        self.passed = 0
        return True


class ModelCheckpoint(MonitorCallback):
    """Saves the model or its weights, after each epoch or every so many batches.

    Args:
        filepath: ends in `.keras` or `.h5`, or in `.weights.h5` with `save_weights_only`; may hold `{epoch}`, `{batch}`
            and names of the logs, with formats: `"{epoch:02d}-{val_loss:.2f}.keras"`.
        monitor, mode: see `MonitorCallback`.
        verbose: 1 says when it saves.
        save_best_only: save only when the monitored value has become better.
        save_weights_only: save weights instead of the whole model.
        save_freq: `"epoch"` or a number of batches.
        initial_value_threshold: the value to be better than at first.

    Raises:
        ValueError: for another `save_freq` or ending; KeyError: for a name that the logs do not have.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.verbose = verbose
        self.filepath = os.fspath(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer values")
        if save_weights_only and not self.filepath.endswith(".weights.h5"):
            raise ValueError(
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in "
                f"`.weights.h5` (Keras weights format). Received: filepath={self.filepath}"
            )
        if not save_weights_only and not self.filepath.endswith((".keras", ".h5")):
            raise ValueError(
                f"The filepath provided must end in `.keras` (Keras model format). Received: filepath={self.filepath}"
            )
        self._batches = _EveryBatches(save_freq)

    @property
    def needs_every_batch(self):
        return self.save_freq != "epoch"

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch" and self._batches.is_due(batch):
            self._save(self._current_epoch, batch, logs or {})

    def on_epoch_begin(self, epoch, logs=None):
        self._current_epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self._set_monitor_op()
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch, batch, logs):
        path = self._path(epoch, batch, logs)
        if not self._should_save(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise OSError(
                "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an existing "
                f"directory: {path}"
            )
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path, overwrite=True)
        self._say(epoch, f"finished saving model to {path}")

    def _path(self, epoch, batch, logs):
        values = {"epoch": epoch + 1, **logs}
        if batch is not None:
            values.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**values)
        except KeyError as error:
            raise KeyError(f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}') from error

    def _should_save(self, epoch, logs, path):
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            return True
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(f"Can save best model only with {self.monitor} available.", stacklevel=4)
            return True
        if np.ndim(current) > 0:
            warnings.warn(
                f"Can save best model only when `monitor` is a scalar value. Received: {current}. Falling back to "
                "`save_best_only=False`.",
                stacklevel=4,
            )
            return True
        self._set_monitor_op()
        before = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(current, self.best):
            self._say(epoch, f"{self.monitor} did not improve from {before}")
            return False
        self._say(epoch, f"{self.monitor} improved from {before} to {current:.5f}, saving model to {path}")
        self.best = current
        return True

    def _say(self, epoch, message):
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: {message}")


class BackupAndRestore(Callback):
    """Keeps a backup while training, from which an interrupted `fit`, called again, goes on.

    Args:
        backup_dir: folder for the backup, used by nothing else.
        save_freq: `"epoch"` or a number of batches.
        double_checkpoint: keep the backup before the last as well, and use it if the last cannot be read.
        delete_checkpoint: delete the backup when training ends.

    Raises:
        ValueError: for an empty folder name, another `save_freq`, and in `fit` for a model that is not built.
    """

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True):
        super().__init__()
        if not backup_dir:
            raise ValueError(f"Empty `backup_dir` argument passed. Received: backup_dir={backup_dir!r}")
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"Invalid value for argument `save_freq`. Received: save_freq={save_freq}. Expected either 'epoch' or "
                "an integer value."
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._batches = _EveryBatches(save_freq)
        self._current_epoch = 0
        self._weights_path = os.path.join(self.backup_dir, "latest.weights.h5")
        self._training_metadata_path = os.path.join(self.backup_dir, "training_metadata.json")
        self._files = (self._weights_path, self._training_metadata_path)

    @property
    def needs_every_batch(self):
        return self.save_freq != "epoch"

    def on_train_begin(self, logs=None):
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, you model must be built before you call `fit()`. Model "
                f"{self.model} is unbuilt. You can build it beforehand by calling it on a batch of data."
            )
        try:
            self._load()
        except (OSError, ValueError):  # cut short while it was written, or not a weights file
            if not os.path.exists(f"{self._weights_path}.bkp"):
                raise
            for path in self._files:
                if os.path.exists(f"{path}.bkp"):
                    shutil.copy(f"{path}.bkp", path)
                elif os.path.exists(path):
                    os.remove(path)
            self._load()

    def _load(self):
        if os.path.exists(self._weights_path):
            optimizer = self.model.optimizer
            if optimizer is not None and not optimizer.built:
                optimizer.build(self.model.trainable_variables)
            self.model.load_weights(self._weights_path)
        if os.path.exists(self._training_metadata_path):
            with open(self._training_metadata_path) as file:
                self.model._initial_epoch = json.load(file)["epoch"]

    def on_epoch_end(self, epoch, logs=None):
        self._current_epoch = epoch + 1
        self._batches.last = None
        if self.save_freq == "epoch":
            self._save()

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch" and self._batches.is_due(batch):
            self._save()

    def _save(self):
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint:
            for path in filter(os.path.exists, self._files):
                shutil.copy(path, f"{path}.bkp")
        self.model.save_weights(self._weights_path, overwrite=True)
        with open(self._training_metadata_path, "w") as file:
            json.dump({"epoch": self._current_epoch, "batch": self._batches.last or 0}, file)

    def on_train_end(self, logs=None):
        if self.delete_checkpoint and os.path.exists(self.backup_dir):
            shutil.rmtree(self.backup_dir)


class SwapEMAWeights(Callback):
    """Evaluates with the moving averages of the optimizer (`use_ema=True`) in place of the weights.

    Args:
        swap_on_epoch: also swap at the end of each epoch and back at the beginning of the next, so that other
            callbacks of `on_epoch_end`, such as `ModelCheckpoint`, see the averages.

    Raises:
        ValueError: when the optimizer keeps no averages.
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._ema_weights_in_model = False

    def _pairs(self):
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        several = getattr(optimizer, "optimizers", [optimizer])
        averaging = [one for one in several if one.use_ema and hasattr(one, "_model_variables_moving_average")]
        if not averaging:
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
                f"Received: use_ema={optimizer.use_ema}"
                if several == [optimizer]
                else "SwapEMAWeights must be used when at least one inner optimizer has `use_ema=True` set. Received a "
                "MultiOptimizer with all inner optimizers having `use_ema=False`."
            )
        for one in averaging:
            yield from zip(one._trainable_variables, one._model_variables_moving_average, strict=True)

    def _put(self, averages_in_model):
        if averages_in_model != self._ema_weights_in_model:
            for variable, average in self._pairs():
                value = variable.value
                variable.assign(average)
                average.assign(value)
            self._ema_weights_in_model = averages_in_model

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._put(False)

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch and not self._ema_weights_in_model:
            self._put(True)
            if epoch == self.params["epochs"] - 1:  # the averages stay, and fit's end finds the same in the optimizer
                for variable, average in self._pairs():
                    average.assign(variable)

    def on_test_begin(self, logs=None):
        self._put(True)

    def on_test_end(self, logs=None):
        self._put(False)

    def on_predict_begin(self, logs=None):
        self._put(True)

    def on_predict_end(self, logs=None):
        self._put(False)
