"""TensorBoard: the logs of training as files that `tensorboard --logdir` shows."""

import os
import time
import warnings

import numpy as np

from fastkeras.callbacks.callback import Callback
from fastkeras.callbacks.monitors import learning_rates
from fastkeras.engine import config
from fastkeras.layers import Embedding


class TensorBoard(Callback):
    """Writes metrics, weights and the model's graph for TensorBoard; needs the package `tensorboard`.

    Args:
        log_dir: folder; training writes into `train`, validation into `validation` below it.
        histogram_freq: every how many epochs histograms of the weights are written; 0: never.
        write_graph: write the graph of Sequential and functional models.
        write_steps_per_second: write the speed of each epoch, and of the batches that `update_freq` writes.
        update_freq: "epoch", or every how many batches metrics are written too; "batch" is 1.
        write_images: with the histograms, write weights as images too; needs Pillow.
        embeddings_freq: every how many epochs the vectors of Embedding layers are written for the projector; 0: never.
        embeddings_metadata: the file (below `log_dir`) with a label for each vector, or a dict of them by layer name.
        profile_batch: is missing here.

    Raises:
        ValueError: for an argument that is missing here, and for metadata of a layer that is no Embedding.
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
        if profile_batch:
            raise ValueError(f"[TensorBoard] profile_batch is not supported. Received: profile_batch={profile_batch}")
        update_freq = 1 if update_freq == "batch" else update_freq
        if update_freq != "epoch" and not (isinstance(update_freq, int) and update_freq >= 1):
            raise ValueError(
                "[TensorBoard] update_freq must be 'batch', 'epoch' or a positive integer. "
                f"Received: update_freq={update_freq}"
            )
        self.log_dir = str(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self.needs_every_batch = update_freq != "epoch"
        self._writers = {}
        self._batch = 0

    def set_model(self, model):
        super().set_model(model)
        self._close()
        if self.write_graph and type(model).__name__ in ("Functional", "Sequential"):
            self._writer("train").graph(model)
        if self.embeddings_freq:
            self._configure_projector()

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
        logs.update(learning_rates(optimizer))
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
                    if self.write_images:
                        self._writer("train").images(f"{weight.path}/image", _as_images(weight.numpy()), epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            for layer in self._embeddings():
                np.savetxt(os.path.join(self.log_dir, _vectors_of(layer)), layer.embeddings.numpy(), delimiter="\t")
        for writer in self._writers.values():
            writer.flush()

    def _embeddings(self):
        return [layer for layer in self.model.layers if isinstance(layer, Embedding)]

    def _configure_projector(self):
        """Tells the projector which files hold vectors, and which their labels."""
        from google.protobuf import text_format
        from tensorboard.plugins import projector

        labels, layers = self.embeddings_metadata, self._embeddings()
        if not isinstance(labels, dict):
            labels = {layer.name: labels for layer in layers} if labels else {}
        unknown = set(labels) - {layer.name for layer in layers}
        if unknown:
            raise ValueError(
                "Unrecognized `Embedding` layer names passed to `keras.callbacks.TensorBoard` `embeddings_metadata` "
                f"argument: {sorted(unknown)}"
            )
        found = projector.ProjectorConfig()
        for layer in layers:
            found.embeddings.add(
                tensor_name=layer.name, tensor_path=_vectors_of(layer), metadata_path=labels.get(layer.name)
            )
        os.makedirs(self.log_dir, exist_ok=True)
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
            file.write(text_format.MessageToString(found))

    def _writer(self, part):
        if part not in self._writers:
            self._writers[part] = EventWriter(os.path.join(self.log_dir, part))
        return self._writers[part]

    def _close(self):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def _vectors_of(layer):
    return f"{layer.name}_vectors.tsv"


def _as_images(weight):
    """A weight as images (count, height, width, channels); None where it has too many axes to be seen."""
    weight = np.squeeze(weight)
    if weight.ndim > 4:
        return None
    if weight.ndim == 2 and weight.shape[0] > weight.shape[1]:
        weight = weight.T
    if weight.ndim == 3 and config.image_data_format() == "channels_last":
        weight = np.transpose(weight, (2, 0, 1))  # each filter is an image
    if weight.ndim < 4:
        shape = {0: (1, 1, 1), 1: (1, weight.size, 1), 2: (1, *weight.shape), 3: weight.shape}[weight.ndim]
        return weight.reshape(*shape, 1)
    return weight if weight.shape[-1] in (1, 3, 4) else None


class EventWriter:
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

    def scalar(self, tag, value, step, description=None):
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        self._add(scalar_pb(tag, float(value), description), step)

    def histogram(self, tag, values, step, buckets=None, description=None):
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb

        self._add(histogram_pb(tag, np.asarray(values), buckets, description), step)

    def text(self, tag, words, step, description=None):
        from tensorboard.plugins.text.summary_v2 import text_pb

        self._add(text_pb(tag, words, description), step)

    def images(self, tag, images, step, most=3, description=None):
        """At most so many images with values in [0, 1]; what lies outside is black or white."""
        if images is None:
            return
        from tensorboard.compat.proto import summary_pb2
        from tensorboard.plugins.image import metadata
        from tensorboard.util.tensor_util import make_tensor_proto

        height, width = (str(size).encode() for size in images.shape[1:3])
        content = make_tensor_proto([width, height, *map(_png, images[:most])])
        summary = summary_pb2.Summary()
        about = metadata.create_summary_metadata(display_name=None, description=description)
        summary.value.add(tag=tag, metadata=about, tensor=content)
        self._add(summary, step)

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


def _png(image):
    """The bytes of a PNG file."""
    import io

    from PIL import Image

    pixels, file = np.clip(image * 255.5, 0, 255).astype("uint8"), io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return file.getvalue()
