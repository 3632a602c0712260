"""Work that threads do ahead of the consumer."""

import collections
import concurrent.futures
import functools
import itertools
import os

from fastkeras.utils.pydataset import become_worker

_END = object()


def prefetched(items, count):
    """The items, of which a thread makes up to `count` before they are asked for."""
    return _Ahead(itertools.repeat(functools.partial(next, items, _END)), 1, count)


def parallel_map(function, items, workers):
    """`function` of the items in their order, by so many threads; of the first one here, which builds what it calls."""
    first = map(function, itertools.islice(items, 1))
    return itertools.chain(first, _Ahead((functools.partial(function, item) for item in items), workers, workers))


class _Ahead:
    """An iterator over the results of `tasks`: while one is used, threads work on the next `count`.

    Errors come out where the result is asked for, and iteration can go on after them. The threads end with the
    iterator: they know the pool only, and a pool that nobody holds any more ends.
    """

    def __init__(self, tasks, workers, count):
        self._tasks, self._count, self._process = tasks, count, os.getpid()
        self._pool = concurrent.futures.ThreadPoolExecutor(workers, initializer=become_worker)
        self._waiting = collections.deque()

    def __iter__(self):
        return self

    def __next__(self):
        if os.getpid() != self._process:
            raise RuntimeError(
                "[data] an iterator whose threads work ahead does not outlive a fork; iterate anew in the new process. "
                f"Received: process {os.getpid()} for an iterator of process {self._process}"
            )
        while len(self._waiting) <= self._count and (task := next(self._tasks, None)) is not None:
            self._waiting.append(self._pool.submit(task))
        result = self._waiting.popleft().result() if self._waiting else _END
        if result is _END:
            self._stop()
            raise StopIteration
        return result

    def _stop(self):
        self._tasks = iter(())
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()

    def __del__(self):
        self._stop()
        self._pool.shutdown(wait=False)
