"""GradientTape: derivatives of what was computed while it was recording."""

import contextlib
import threading

import numpy as np

from fastkeras import _core
from fastkeras.engine import nest
from fastkeras.engine.tensor import convert_to_tensor, primitive

taping = _core.taping  # () -> bool: is a tape recording in this thread?

_reshape, _concatenate = primitive("reshape"), primitive("concatenate")
_local = threading.local()


def recording_tapes():
    """The tapes that record in this thread."""
    if not hasattr(_local, "tapes"):
        _local.tapes = []
    return _local.tapes


@contextlib.contextmanager
def not_recording():
    """No tape of this thread records inside."""
    with contextlib.ExitStack() as stopped:
        for tape in recording_tapes()[::-1]:
            stopped.enter_context(tape.stop_recording())
        yield


class GradientTape:
    """Records operations for reverse-mode differentiation.

    Args:
        persistent: may `gradient` be called more than once?
        watch_accessed_variables: are trainable variables watched when they are read?

    >>> import fastkeras as keras
    >>> x = keras.Variable(3.0)
    >>> with keras.GradientTape() as tape:
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        self._tape = _core.Tape()
        self._tape.watch_variables = bool(watch_accessed_variables)
        self._persistent = persistent
        self._used = False
        self._watched = []
        self.rules = []  # custom gradients of what was recorded

    def __enter__(self):
        if self._tape.recording:
            raise ValueError("Tape is still recording. This can happen if you try to re-enter an already-active tape.")
        self._tape.start()
        recording_tapes().append(self)
        return self

    def __exit__(self, *exception):
        if self._tape.recording:
            self._tape.stop()
            recording_tapes().remove(self)

    def watch(self, tensor):
        """Makes the tape follow what is computed from `tensor` (one, or a structure of them)."""
        for t in nest.flatten(tensor):
            if not isinstance(t, (_core.Tensor, _core.Variable)):
                raise ValueError(f"Passed in object {t} of type '{type(t).__name__}', not a Tensor or Variable.")
            self._tape.watch(t)
            if isinstance(t, _core.Variable):
                self._watched.append(t)

    def watched_variables(self):
        """The variables given to `watch`."""
        return tuple(self._watched)

    def reset(self):
        """Forgets everything recorded."""
        self._tape.clear()
        self.rules.clear()
        self._used = False

    @contextlib.contextmanager
    def stop_recording(self):
        """Nothing is recorded inside."""
        if not self._tape.recording:
            raise ValueError("Tape is not recording: stop_recording needs an active tape.")
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients="none"):
        """d(sum of `target`)/d(source) for each of `sources`, in their structure; None where nothing connects them.

        Args:
            target: a tensor or a structure of them.
            sources: tensors or variables.
            output_gradients: weights of the targets' elements; ones by default.
            unconnected_gradients: "none" or "zero", what unconnected sources get.
        """
        targets = nest.flatten(target)
        flat = nest.flatten(sources)
        seeds = [None] * len(targets) if output_gradients is None else nest.flatten(output_gradients)
        if len(seeds) != len(targets):
            raise ValueError(
                "[GradientTape] output_gradients must match the targets. "
                f"Received: {len(seeds)} for {len(targets)} targets"
            )
        with self._used_once(unconnected_gradients) as zero:
            found = self._tape.gradient(targets, flat, seeds)
            if zero:
                found = [_zeros(s.shape, s.dtype) if g is None else g for g, s in zip(found, flat, strict=True)]
        return nest.pack_like(sources, found)

    def jacobian(self, target, sources, unconnected_gradients="none"):
        """d(each element of `target`)/d(source) for each of `sources`: of shape `target.shape + source.shape`.

        Each element is a pass of its own from the target back.

        Args:
            target: a tensor.
            sources, unconnected_gradients: as in `gradient`.

        >>> import fastkeras as keras
        >>> x = keras.Variable([1.0, 2.0])
        >>> with keras.GradientTape() as tape:
        ...     y = x * x
        >>> tape.jacobian(y, x).numpy().tolist()
        [[2.0, 0.0], [0.0, 4.0]]
        """
        flat = nest.flatten(sources)
        size = int(np.prod(target.shape))
        with self._used_once(unconnected_gradients) as zero:
            rows = [self._tape.gradient([target], flat, [_one(target, i)]) for i in range(size)]
            found = [
                _stacked(column, 0, (*target.shape, *s.shape), s.dtype, zero)
                for column, s in zip(zip(*rows, strict=True), flat, strict=True)
            ]
        return nest.pack_like(sources, found)

    def batch_jacobian(self, target, source, unconnected_gradients="none"):
        """The jacobian of each sample's part of `target` by its own part of `source`.

        Args:
            target: (samples, ...).
            source: (samples, ...).

        Returns:
            (samples, *target.shape[1:], *source.shape[1:])

        Raises:
            ValueError: for different numbers of samples.
        """
        if not target.shape or not source.shape or target.shape[0] != source.shape[0]:
            raise ValueError(
                f"Need first dimension of target shape ({target.shape}) and source shape ({source.shape}) to match."
            )
        samples, *rest = target.shape
        size = int(np.prod(rest))
        with self._used_once(unconnected_gradients) as zero:
            seeds = [np.tile(np.eye(1, size, i), (samples, 1)).reshape(target.shape) for i in range(size)]
            columns = [
                self._tape.gradient([target], [source], [convert_to_tensor(seed, target.dtype)])[0] for seed in seeds
            ]
            return _stacked(columns, 1, (*target.shape, *source.shape[1:]), source.dtype, zero)

    @contextlib.contextmanager
    def _used_once(self, unconnected_gradients):
        """Around what uses up the tape, unless it is persistent; are unconnected gradients zero?"""
        kind = str(getattr(unconnected_gradients, "value", unconnected_gradients))
        if kind not in ("none", "zero"):
            raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}")
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)"
            )
        with self.stop_recording() if self._tape.recording else contextlib.nullcontext():
            yield kind == "zero"
        self._used = True
        if not self._persistent:
            self._tape.clear()
            self.rules.clear()


def _zeros(shape, dtype):
    return convert_to_tensor(np.zeros(shape), dtype)


def _one(target, number):
    """The tensor like `target` whose element `number` is 1, the others 0."""
    return convert_to_tensor(np.eye(1, int(np.prod(target.shape)), number).reshape(target.shape), target.dtype)


def _stacked(parts, axis, shape, dtype, zero):
    """The gradients along a new axis, in the shape of a jacobian; None where there are none."""
    if all(part is None for part in parts):
        return _zeros(shape, dtype) if zero else None
    lines = [_reshape(part, shape=(*part.shape[:axis], 1, *part.shape[axis:])) for part in parts if part is not None]
    if len(lines) < len(parts):
        filler = _zeros(lines[0].shape, dtype)
        given = iter(lines)
        lines = [filler if part is None else next(given) for part in parts]
    return _reshape(_concatenate(*lines, axis=axis), shape=shape)
