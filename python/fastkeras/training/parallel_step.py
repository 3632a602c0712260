"""A training step of one process of several."""

import numpy as np

from fastkeras import ops
from fastkeras.engine import Function, Variable, convert_to_numpy, nest
from fastkeras.training.steps import Step

# 24 layers of 512 units (25 MB), two processes of one thread on a core each: 61.6 ms a step with one all-reduce behind
# the program; in buckets of 1, 2, 4, 8, 16 MB 60.1, 58.4, 55.8, 56.3, 56.8.
BUCKET_BYTES = 4 << 20


class ParallelStep(Step):
    """A training step in two programs: gradients of the own rows; update with the mean over all processes' rows.

    Between them the gradients are summed in `Buckets`, one all-reduce each. Behind them the last one holds the number
    of rows (each process counts by its rows), the learning rate of process 0, and whether somebody wants to stop. Where
    there are several, the gradients' program runs in a thread of its own, and this one, which alone talks to MPI, sums
    what is there already.
    """

    def __init__(self, model, fn, keep, team):
        super().__init__(fn, keep, eager=model._eager)
        self.model, self.team = model, team
        self.update = self._update if self.eager else Function(self._update, name="update")
        self.buckets = self.variables = None
        self.stopping = False

    @property
    def _rate(self):
        optimizer = self.model.optimizer
        rate = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
        return rate if isinstance(rate, Variable) else None

    def _traced(self, data):
        calls = []
        own = vars(self.model.optimizer)
        own["apply"] = lambda grads, trainable_variables=None: calls.append((list(grads), trainable_variables))
        try:
            result = super()._traced(data)
        finally:
            del own["apply"]
        if len(calls) != 1:
            raise ValueError(
                "[DataParallel] train_step must update the model once, through its optimizer. "
                f"Received: {len(calls)} calls of optimizer.apply"
            )
        grads, variables = calls[0]
        self.buckets, self.variables = Buckets(grads), None if variables is None else list(variables)
        rows = next(leaf for leaf in nest.flatten(data) if leaf is not None).shape[0]
        rate = 0.0 if self._rate is None or not self.team.is_root else self._rate
        return self.buckets.filled(grads, rows, [float(rows), rate, 0.0]), result

    def _update(self, *sums):
        rows, rate, _ = self.buckets.tail(sums)
        if self._rate is not None:
            self._rate.assign(ops.cast(rate, self._rate.dtype))
        self.model.optimizer.apply(self.buckets.gradients(sums, rows), self.variables)

    def __call__(self, data):
        """One step; `data` is None for a process that has no rows in this one."""
        sums, result = self._sums(data)
        rows, _, stop = convert_to_numpy(self.buckets.tail(sums))
        self.stopping = bool(stop)
        if rows > 0:
            self.update(*sums)
        return result

    def _sums(self, data):
        """The buckets, summed over all processes, and what the step returns."""
        if data is None:
            buckets, result = self._nothing(), None
        else:
            data = nest.map(lambda x: x if x is None else ops.convert_to_tensor(x), data)
            if self.eager:
                buckets, result = self._traced(data)
            else:
                compiled = self.function.compile(data)
                if len(self.buckets) > 1:
                    return compiled.run(nest.flatten(data), take=self._sum_beside)
                buckets, result = compiled(data)
        for number, bucket in enumerate(buckets):
            self._sum(number, bucket)
        return buckets, result

    def _sum(self, number, bucket, patient=False):
        values = convert_to_numpy(bucket)  # the bucket's own memory: nobody else has it
        if number == len(self.buckets) - 1:
            values[-1] = self.model.stop_training
        self.team.sum(values, patient)

    def _sum_beside(self, number, result):
        """Sums a bucket while the program that makes the others runs; other results of it stay as they are."""
        last = len(self.buckets) - 1
        if number <= last:
            self._sum(number, result, patient=number < last)

    def _nothing(self):
        if self.buckets is None:
            raise ValueError("[DataParallel] a process has no data for the first step")
        rate = float(self._rate.numpy()) if self._rate is not None and self.team.is_root else 0.0
        return self.buckets.zeros([0.0, rate, 0.0])

    def run(self, data, first, count, order, outputs=None):
        result = None
        for index in range(first, first + count):
            result = self(data.batch(index, order))
            if self.stopping:
                break
        return result


class Buckets:
    """Gradients as they are summed: `numbers` says which are in which bucket, the same whatever a process's batch.

    They come backward, as the gradients are made. A large one is a bucket by itself, which takes no copy; the others
    meet until they are as large together, and what is left over is in the last bucket, before three more numbers.
    """

    TAIL = 3

    def __init__(self, grads):
        self.specs = [None if g is None else (g.shape, g.dtype) for g in grads]
        self.dtype = "float64" if any(s is not None and s[1] == "float64" for s in self.specs) else "float32"
        self.numbers, small, filled = [], [], 0
        for number in reversed([i for i, spec in enumerate(self.specs) if spec is not None]):
            size = self._size(number) * np.dtype(self.dtype).itemsize
            if size >= BUCKET_BYTES:
                self.numbers.append([number])
                continue
            small.append(number)
            filled += size
            if filled >= BUCKET_BYTES:
                self.numbers.append(small)
                small, filled = [], 0
        self.numbers.append(small)

    def __len__(self):
        return len(self.numbers)

    def _size(self, number):
        return int(np.prod(self.specs[number][0]))

    def filled(self, grads, factor, tail):
        buckets = [[ops.reshape(ops.cast(grads[i], self.dtype) * factor, (-1,)) for i in row] for row in self.numbers]
        buckets[-1].append(ops.stack([ops.cast(value, self.dtype) for value in tail]))
        return [ops.concatenate(parts) if len(parts) > 1 else parts[0] for parts in buckets]

    def zeros(self, tail):
        buckets = [np.zeros(sum(map(self._size, numbers)), self.dtype) for numbers in self.numbers]
        return [*buckets[:-1], np.append(buckets[-1], np.array(tail, self.dtype))]

    def tail(self, buckets):
        return buckets[-1][-self.TAIL :]

    def gradients(self, buckets, divisor):
        grads = [None] * len(self.specs)
        for numbers, bucket in zip(self.numbers, buckets, strict=True):
            start = 0
            for number in numbers:
                shape, dtype = self.specs[number]
                end = start + self._size(number)
                grads[number] = ops.cast(ops.reshape(bucket[start:end] / divisor, shape), dtype)
                start = end
        return grads
