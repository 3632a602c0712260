"""TensorBoard: the logs of training as files that `tensorboard --logdir` shows."""

import os
import time
import warnings

import numpy as np

from fastkeras.callbacks.callback import Callback


class TensorBoard(Callback):
    """Writes metrics, histograms of weights and the model's graph for TensorBoard; needs the package `tensorboard`.

    Args:
        log_dir: folder; training writes into `train`, validation into `validation` below it.
        histogram_freq: every how many epochs histograms of the weights are written; 0: never.
        write_graph: write the graph of Sequential and functional models.
        write_steps_per_second: write the speed of each epoch, and of the batches that `update_freq` writes.
        update_freq: "epoch", or every how many batches metrics are written too; "batch" is 1.
        write_images, profile_batch, embeddings_freq, embeddings_metadata: are missing here.

    Raises:
        ValueError: for an argument that is missing here.
        ImportError: when training starts without the package.
    """

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        missing = {"write_images": write_images, "profile_batch": profile_batch, "embeddings_freq": embeddings_freq}
        for name, value in {**missing, "embeddings_metadata": embeddings_metadata}.items():
            if value:
                raise ValueError(f"[TensorBoard] {name} is not supported. Received: {name}={value}")
        update_freq = 1 if update_freq == "batch" else update_freq
        if update_freq != "epoch" and not (isinstance(update_freq, int) and update_freq >= 1):
            raise ValueError(
                "[TensorBoard] update_freq must be 'batch', 'epoch' or a positive integer. "
                f"Received: update_freq={update_freq}"
            )
        self.log_dir = str(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        self.needs_every_batch = update_freq != "epoch"
        self._writers = {}
        self._batch = 0

    def set_model(self, model):
        super().set_model(model)
        self._close()
        if self.write_graph and type(model).__name__ in ("Functional", "Sequential"):
            self._writer("train").graph(model)

    def on_train_begin(self, logs=None):
        self._batch = 0

    def on_train_end(self, logs=None):
        self._close()

    def on_test_end(self, logs=None):
        if self.model.optimizer is None:
            return
        step = int(self.model.optimizer.iterations)
        for name, value in (logs or {}).items():
            self._writer("validation").scalar(f"evaluation_{name}_vs_iterations", value, step)

    def on_train_batch_begin(self, batch, logs=None):
        self._batch += 1
        self._batch_start = time.time()

    def on_train_batch_end(self, batch, logs=None):
        if self.update_freq == "epoch" or self._batch % self.update_freq:
            return
        if self.write_steps_per_second:
            speed = 1.0 / max(time.time() - self._batch_start, 1e-9)
            self._writer("train").scalar("batch_steps_per_second", speed, self._batch)
        for name, value in (logs or {}).items():
            self._writer("train").scalar(f"batch_{name}", value, self._batch)

    def on_epoch_begin(self, epoch, logs=None):
        if self.write_steps_per_second:
            self._epoch_start = time.time(), int(self.model.optimizer.iterations)

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        validation = {name[len("val_") :]: logs.pop(name) for name in list(logs) if name.startswith("val_")}
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if hasattr(optimizer, "learning_rate"):  # a MultiOptimizer has none
            logs["learning_rate"] = float(optimizer.learning_rate)
        if self.write_steps_per_second:
            began, steps = self._epoch_start
            logs["steps_per_second"] = (int(self.model.optimizer.iterations) - steps) / (time.time() - began)
        for part, values in (("train", logs), ("validation", validation)):
            for name, value in values.items():
                self._writer(part).scalar(f"epoch_{name}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for layer in self.model.layers:
                for weight in layer.weights:
                    self._writer("train").histogram(f"{weight.path}/histogram", weight.numpy(), epoch)
        for writer in self._writers.values():
            writer.flush()

    def _writer(self, part):
        if part not in self._writers:
            self._writers[part] = _Writer(os.path.join(self.log_dir, part))
        return self._writers[part]

    def _close(self):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


class _Writer:
    """A file of events in a folder."""

    def __init__(self, folder):
        try:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError:
            raise ImportError(
                "[TensorBoard] the callback needs the package `tensorboard`: pip install tensorboard"
            ) from None
        self._file = EventFileWriter(folder)
        self.flush, self.close = self._file.flush, self._file.close

    def scalar(self, tag, value, step):
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        self._add(scalar_pb(tag, float(value)), step)

    def histogram(self, tag, values, step):
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb

        self._add(histogram_pb(tag, np.asarray(values)), step)

    def graph(self, model):
        """The model's config, of which TensorBoard draws a conceptual graph."""
        from tensorboard.compat.proto import summary_pb2
        from tensorboard.util.tensor_util import make_tensor_proto

        try:
            config = model.to_json()
        except Exception as error:
            warnings.warn(f"[TensorBoard] the graph of {model.name} cannot be written: {error}", stacklevel=2)
            return
        plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        summary = summary_pb2.Summary()
        summary.value.add(
            tag="keras", metadata=summary_pb2.SummaryMetadata(plugin_data=plugin), tensor=make_tensor_proto(config)
        )
        self._add(summary, 0)

    def _add(self, summary, step):
        from tensorboard.compat.proto import event_pb2

        self._file.add_event(event_pb2.Event(summary=summary, wall_time=time.time(), step=step))
