"""tf.summary: values of a training loop of one's own as files that `tensorboard --logdir` shows."""

import contextlib

import numpy as np

_defaults = []  # writers and their steps, the innermost last


class SummaryWriter:
    """Where summaries go. Its file is made with the first of them.

    Args:
        logdir: a folder.
    """

    def __init__(self, logdir):
        self._logdir, self._file = logdir, None

    def events(self):
        if self._file is None:
            from fastkeras.callbacks.tensorboard import EventWriter

            self._file = EventWriter(str(self._logdir))
        return self._file

    @contextlib.contextmanager
    def as_default(self, step=None):
        """Within it, summaries go here, by default with this step."""
        before = list(_defaults)
        _defaults.append((self, step))
        try:
            yield self
        finally:
            _defaults[:] = before
            self.flush()

    def set_as_default(self, step=None):
        _defaults[:] = [(self, step)]

    def flush(self):
        if self._file is not None:
            self._file.flush()

    def close(self):
        if self._file is not None:
            self._file.close()


def create_file_writer(logdir):
    """A writer of summaries into a folder; needs the package `tensorboard` when it writes."""
    return SummaryWriter(logdir)


def _write(step, write):
    """write(events, step) to the default writer; is there one?

    Raises:
        ValueError: without a step.
    """
    if not _defaults:
        return False
    writer, default = _defaults[-1]
    step = default if step is None else step
    if step is None:
        raise ValueError(
            "No step set. Please specify one either through the `step` argument or through `as_default(step=...)`. "
            "Received: step=None"
        )
    write(writer.events(), int(step))
    return True


def scalar(name, data, step=None, description=None):
    """One number; returns whether there is a default writer, as all of these do."""
    return _write(step, lambda events, step: events.scalar(name, float(data), step, description))


def histogram(name, data, step=None, buckets=None, description=None):
    """The distribution of the values of a tensor."""
    return _write(step, lambda events, step: events.histogram(name, data, step, buckets, description))


def image(name, data, step=None, max_outputs=3, description=None):
    """Images (count, height, width, channels), uint8 or floats in [0, 1]; needs Pillow.

    Raises:
        ValueError: for other shapes.
    """
    images = np.asarray(data)
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise ValueError(
            f"[tf.summary.image] data must be (count, height, width, 1, 3 or 4). Received: data.shape={images.shape}"
        )
    images = images / 255 if images.dtype == np.uint8 else images
    return _write(step, lambda events, step: events.images(name, images, step, max_outputs, description))


def text(name, data, step=None, description=None):
    """A string, or several."""
    return _write(step, lambda events, step: events.text(name, np.asarray(data), step, description))


FUNCTIONS = {
    "summary": {
        "SummaryWriter": SummaryWriter,
        "create_file_writer": create_file_writer,
        "histogram": histogram,
        "image": image,
        "scalar": scalar,
        "text": text,
    }
}
