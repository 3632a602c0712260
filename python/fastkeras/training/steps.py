"""Running steps over data: in bursts of compiled steps for arrays, batch by batch for everything else."""

import time
import warnings

import numpy as np

from fastkeras.data.strings import is_words
from fastkeras.engine import Function, TensorSpec, convert_to_numpy, convert_to_tensor, nest
from fastkeras.training.array_data import ArrayData, has_words

_WAKE = 0.1  # seconds of a burst: how often Python looks at progress, callbacks and Ctrl-C


class Step:
    """One of a model's steps (train, test, predict), as a compiled function or, with `eager`, as it is.

    `keep`: does anybody want what the step returns? If not, it is compiled away.
    """

    def __init__(self, fn, keep, eager=False):
        self.fn, self.keep, self.eager = fn, keep, eager
        self.function = Function(self._traced, name=getattr(fn, "__name__", "step"))
        self.burst = 4  # steps of the next burst; grows until one takes _WAKE seconds

    def _traced(self, data):
        result = self.fn(data)
        return result if self.keep else None

    def __call__(self, data):
        """One step on one batch of arrays; op by op where there are strings, which programs do not take."""
        if self.eager or has_words(data):
            return self.fn(nest.map(lambda x: x if x is None or is_words(x) else convert_to_tensor(x), data))
        return self.function(data)

    def run(self, data, first, count, order, outputs=None):
        """Steps [first, first + count) of a pass over ArrayData; returns what the last one returned.

        With `outputs` (an array of all rows per result) the results of every step go there instead.
        """
        if self.eager:
            for index in range(first, first + count):
                result = self(data.batch(index, order))
            return result
        keep = self.keep and outputs is None
        full = min(count, data.full_batches - first)
        result = None
        if full > keep:
            self._burst(data, data.batch_size, first, full - keep, order, outputs)
        if full > 0 and keep:  # a step whose result is wanted runs alone
            result = self.function(data.batch(first + full - 1, order))
        if full < count:  # the smaller batch at the end has a program of its own
            if keep:
                result = self.function(data.batch(data.full_batches, order))
            else:
                self._burst(data, data.partial, data.full_batches, 1, order, outputs)
        return result

    def _burst(self, data, rows, first, steps, order, outputs):
        compiled = data.programs.get((self, rows))
        if compiled is None:
            compiled = data.programs[self, rows] = self.function.compile(data.specs(rows))
        start = first * data.batch_size
        indices = None
        if order is not None:
            outputs = None if outputs is None else [x[start:] for x in outputs]
            indices, start = order[start : start + steps * rows], 0
        began = time.perf_counter()
        compiled.run_steps(data.sources, steps=steps, batch_size=rows, indices=indices, start=start, outputs=outputs)
        spent = max(time.perf_counter() - began, 1e-7)
        if steps >= self.burst or spent > _WAKE:
            self.burst = int(min(max(steps * _WAKE / spent, 1), 8 * self.burst))


class Collector:
    """Runs a predict step and gathers its results, for whole arrays straight into the rows of the answer."""

    def __init__(self, step, data):
        self.step = step
        self._parts = []
        self._made = self._plan(data) if isinstance(data, ArrayData) and not step.eager else None
        self._flat = None if self._made is None else nest.flatten(self._made)
        self._rows = 0

    burst = property(lambda self: self.step.burst)

    def _plan(self, data):
        """Arrays for all results; None when some result is not one row per sample."""
        for rows in {data.batch_size if data.full_batches else data.partial, data.partial or data.batch_size}:
            structure = self.step.function.compile(data.specs(rows)).structure
            for x in nest.flatten(structure):
                if not isinstance(x, TensorSpec) or x.shape[:1] != (rows,) or x.dtype == "bfloat16":
                    return None
        return nest.map(lambda x: np.empty((data.num_samples, *x.shape[1:]), x.dtype), structure)

    def __call__(self, batch):
        result = nest.map(convert_to_numpy, self.step(batch))
        self._parts.append(result)
        return result

    def run(self, data, first, count, order):
        if self._made is None:
            return _concatenate([self(data.batch(index, order)) for index in range(first, first + count)])
        self.step.run(data, first, count, order, self._flat)
        rows = slice(first * data.batch_size, (first + count) * data.batch_size)
        self._rows = min(rows.stop, data.num_samples)
        return nest.map(lambda x: x[rows], self._made)

    def result(self):
        if self._made is None:
            return _concatenate(self._parts)
        return nest.map(lambda x: x[: self._rows], self._made)  # fewer rows when `steps` or a callback stopped it


def _concatenate(results):
    return nest.map(lambda *parts: np.concatenate(parts, axis=0), *results)


class Epochs:
    """The steps of each epoch over some data: how many, where they start, what happens when the data ends."""

    def __init__(self, data, steps_per_epoch=None, group=None):
        """`group`: steps between two calls of the batch hooks; None leaves it to the burst."""
        self.data = data
        self.steps_per_epoch = steps_per_epoch
        self.group = group
        self.known = data.num_batches
        self._next = 0  # the next batch of the running pass; passes and epochs are two things with steps_per_epoch
        self._order = None
        self._iterator = None

    @property
    def num_batches(self):
        return self.steps_per_epoch or self.known

    def restart(self):
        """The next epoch starts with the first batch. What was looked at before counts as an epoch, as in Keras."""
        self._next, self._iterator = 0, None
        self.data.on_epoch_end()

    def run(self, step, begin, end, stopped):
        """Runs one epoch; returns what its last step returned.

        `begin(index)` and `end(index, result)` are called around every group of steps, `stopped()` after each.
        """
        self.known = self.data.num_batches  # a dataset may have more or fewer batches in each pass
        runner = self._run_arrays if isinstance(self.data, ArrayData) else self._run_batches
        return runner(step, begin, end, stopped)

    def _run_arrays(self, step, begin, end, stopped):
        data, result = self.data, None
        if self._next == 0 or self.steps_per_epoch is None:
            self._next, self._order = 0, data.pass_order()
        total, done = self.steps_per_epoch or data.num_batches, 0
        while done < total:
            left = data.num_batches - self._next
            if left == 0:
                _warn_out_of_data()
                break
            count = min(self.group or step.burst, total - done, left)
            begin(done)
            result = step.run(data, self._next, count, self._order)
            self._next += count
            end(done + (self.group or count) - 1, result)
            done += count
            if stopped():
                break
        if self._next == data.num_batches:
            self._next = 0
        return result

    def _run_batches(self, step, begin, end, stopped):
        group, result, done = self.group or 1, None, 0
        self.data.on_epoch_begin()
        if self._iterator is None or self.steps_per_epoch is None:
            self._next, self._iterator = 0, iter(self.data.batches())
        limit = self.steps_per_epoch or self.known
        while limit is None or done < limit:
            size = group if limit is None else min(group, limit - done)
            batches = self._take(size)
            if not batches:
                if self.known is None and self.steps_per_epoch is None:
                    self.known = done
                _warn_out_of_data()
                self._iterator = None
                break
            begin(done)
            for batch in batches:
                result = step(batch)
            end(done + group - 1, result)
            done += len(batches)
            self._next += len(batches)
            if stopped():
                return result  # an epoch that is broken off does not end
        if self._next == self.known:
            self._iterator = None
        self.data.on_epoch_end()
        return result

    def _take(self, count):
        batches = []
        for batch in self._iterator:
            batches.append(batch)
            if len(batches) == count:
                break
        return batches


def _warn_out_of_data():
    warnings.warn(
        "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate at "
        "least `steps_per_epoch * epochs` batches. You may need to use the `.repeat()` function when building your "
        "dataset.",
        stacklevel=5,
    )
