"""PyDataset: batches made by the user's Python, in order, by worker threads or processes if asked."""

import collections
import concurrent.futures
import itertools
import threading
import warnings


class PyDataset:
    """Base class of datasets that make batch `i` in `__getitem__(i)`; `__len__` is the number of batches.

    Args:
        workers: threads (or processes) that make batches ahead of the training.
        use_multiprocessing: use processes; the dataset must be picklable.
        max_queue_size: most batches made ahead.

    `on_epoch_begin` and `on_epoch_end` may be overridden. A batch is `(x, y)` or `(x, y, sample_weight)`.

    >>> import numpy as np, fastkeras as keras
    >>> class Squares(keras.utils.PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         return np.full((4, 1), index), np.full((4, 1), index**2)
    >>> [int(y[0, 0]) for _, y in Squares()]
    [0, 1]
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self._settings = (workers, use_multiprocessing, max_queue_size)

    def _setting(self, index):
        if "_settings" not in vars(self):
            warnings.warn(
                "Your `PyDataset` class should call `super().__init__(**kwargs)` in its constructor. `**kwargs` can "
                "include `workers`, `use_multiprocessing`, `max_queue_size`. Do not pass these arguments to `fit()`, "
                "as they will be ignored.",
                stacklevel=3,
            )
            self._settings = (1, False, 10)
        return self._settings[index]

    def _set(self, index, value):
        settings = [self._setting(i) for i in range(3)]
        settings[index] = value
        self._settings = tuple(settings)

    workers = property(lambda self: self._setting(0), lambda self, value: self._set(0, value))
    use_multiprocessing = property(lambda self: self._setting(1), lambda self, value: self._set(1, value))
    max_queue_size = property(lambda self: self._setting(2), lambda self, value: self._set(2, value))

    def __getitem__(self, index):
        """Batch number `index`."""
        raise NotImplementedError(f"[{type(self).__name__}] a PyDataset defines __getitem__(self, index)")

    def __iter__(self):
        try:
            count = self.num_batches
        except NotImplementedError:  # it does not say: without end
            count = None
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    @property
    def num_batches(self):
        """Number of batches of an epoch; None means without end."""
        if not hasattr(self, "__len__"):
            raise NotImplementedError(
                "You need to implement the `num_batches` property:\n\n@property\ndef num_batches(self):\n  return ..."
            )
        return len(self)

    def on_epoch_begin(self):
        """Called before every epoch."""

    def on_epoch_end(self):
        """Called after every epoch."""


def batches(dataset, indices):
    """Yields `dataset[i]` for i in `indices`, in order, made ahead by the workers the dataset asks for.

    A dataset whose `begin_batch(i)` draws random numbers and returns the function that makes the batch is always made
    ahead: what is drawn is drawn here, in order.
    """
    begins = hasattr(dataset, "begin_batch") and not dataset.use_multiprocessing
    if dataset.workers <= 1 and not dataset.use_multiprocessing and not begins:
        for index in indices:
            yield dataset[index]
        return
    ahead = 2 if begins else max(dataset.max_queue_size, 1)
    with _pool(dataset) as pool:
        function = _item if dataset.use_multiprocessing else dataset.__getitem__
        waiting = collections.deque()
        try:
            for index in indices:
                waiting.append(pool.submit(dataset.begin_batch(index)) if begins else pool.submit(function, index))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _pool(dataset):
    workers = max(dataset.workers, 1)
    if not dataset.use_multiprocessing:
        return concurrent.futures.ThreadPoolExecutor(workers, initializer=become_worker)
    return concurrent.futures.ProcessPoolExecutor(workers, initializer=_receive, initargs=(dataset,))


_this_thread = threading.local()


def become_worker():
    _this_thread.works = True


def in_worker():
    """Does this thread make batches ahead of a training?"""
    return getattr(_this_thread, "works", False)


_received = None  # in a worker process: the dataset, sent once and not with every batch


def _receive(dataset):
    global _received
    _received = dataset


def _item(index):
    return _received[index]


Sequence = PyDataset  # its name in Keras 2
