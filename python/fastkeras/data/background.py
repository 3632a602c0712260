"""Work that threads do ahead of the consumer."""

import collections
import concurrent.futures
import functools
import itertools
import math
import os
import time

from fastkeras.utils.pydataset import become_worker

_END = object()
_WORTH = 1e-4  # seconds that a call must take for a thread to be worth its while
_TRIALS = 4


def prefetched(items, count):
    """The items, of which a thread makes up to `count` before they are asked for."""
    return _Ahead(itertools.repeat(functools.partial(next, items, _END)), 1, count)


def parallel_map(function, items, workers, tuned=False):
    """`function` of the items in their order, by so many threads; where it is `tuned`, only if calls take long enough.

    The first call is made here: it builds the layers in the function.
    """
    tasks = (functools.partial(function, item) for item in items)
    return _Ahead(tasks, workers, workers, _TRIALS if tuned else 1)


class _Ahead:
    """An iterator over the results of `tasks`: while one is used, threads work on the next `count`.

    The first `here` tasks are done in the consumer's own thread, and where that is several and they were quick, all.
    Errors come out where the result is asked for, and iteration can go on after them. The threads end with the
    iterator: they know the pool only, and a pool that nobody holds any more ends.
    """

    def __init__(self, tasks, workers, count, here=0):
        self._tasks, self._count, self._here, self._trials = tasks, count, here, here
        self._process = os.getpid()
        self._pool = concurrent.futures.ThreadPoolExecutor(workers, initializer=become_worker)
        self._waiting = collections.deque()

    def __iter__(self):
        return self

    def __next__(self):
        if self._here:
            return self._done_here()
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

    def _done_here(self):
        task = next(self._tasks)
        self._here -= 1
        began = time.perf_counter()
        try:
            return task()
        finally:
            if self._here == 0 and self._trials > 1 and time.perf_counter() - began < _WORTH:
                self._here = math.inf

    def _stop(self):
        self._tasks = iter(())
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()

    def __del__(self):
        self._stop()
        self._pool.shutdown(wait=False)
