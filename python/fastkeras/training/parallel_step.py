"""A training step of one process of several."""

import numpy as np

from fastkeras import ops
from fastkeras.engine import Function, Variable, convert_to_numpy, nest
from fastkeras.training.steps import Step


class ParallelStep(Step):
    """A training step in two programs: gradients of the own rows; update with the mean over all processes' rows.

    Between them the gradients are summed as one buffer. Behind them it holds the number of rows (each process counts
    by its rows), the learning rate of process 0, and whether somebody wants to stop.
    """

    def __init__(self, model, fn, keep, team):
        super().__init__(fn, keep, eager=model.run_eagerly)
        self.model, self.team = model, team
        self.update = self._update if self.eager else Function(self._update, name="update")
        self.applied = None  # (the gradients' shapes and dtypes, None where there is none; the variables)
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
        specs = [None if g is None else (g.shape, g.dtype) for g in grads]
        self.applied = specs, None if variables is None else list(variables)
        dtype = self._dtype()
        rows = next(leaf for leaf in nest.flatten(data) if leaf is not None).shape[0]
        parts = [ops.reshape(ops.cast(g, dtype), (-1,)) * rows for g in grads if g is not None]
        rate = 0.0 if self._rate is None or not self.team.is_root else ops.cast(self._rate, dtype)
        tail = ops.stack([ops.cast(value, dtype) for value in (float(rows), rate, 0.0)])
        return ops.concatenate([*parts, tail]), result

    def _dtype(self):
        return "float64" if any(s is not None and s[1] == "float64" for s in self.applied[0]) else "float32"

    def _update(self, total):
        total, grads, start = ops.convert_to_tensor(total), [], 0
        specs, variables = self.applied
        size = sum(int(np.prod(s[0])) for s in specs if s is not None)
        if self._rate is not None:
            self._rate.assign(ops.cast(total[size + 1], self._rate.dtype))
        for spec in specs:
            if spec is None:
                grads.append(None)
                continue
            shape, dtype = spec
            end = start + int(np.prod(shape))
            grads.append(ops.cast(ops.reshape(total[start:end] / total[size], shape), dtype))
            start = end
        self.model.optimizer.apply(grads, variables)

    def __call__(self, data):
        """One step; `data` is None for a process that has no rows in this one."""
        if data is None:
            buffer, result = self._nothing(), None
        else:
            run = self._traced if self.eager else self.function
            buffer, result = run(nest.map(lambda x: x if x is None else ops.convert_to_tensor(x), data))
            buffer = np.array(convert_to_numpy(buffer))
        buffer[-1] = self.model.stop_training
        self.team.sum(buffer)
        self.stopping = bool(buffer[-1])
        if buffer[-3] > 0:
            self.update(buffer)
        return result

    def _nothing(self):
        if self.applied is None:
            raise ValueError("[DataParallel] a process has no data for the first step")
        buffer = np.zeros(sum(int(np.prod(s[0])) for s in self.applied[0] if s is not None) + 3, self._dtype())
        if self._rate is not None and self.team.is_root:
            buffer[-2] = float(self._rate.numpy())
        return buffer

    def run(self, data, first, count, order, outputs=None):
        result = None
        for index in range(first, first + count):
            result = self(data.batch(index, order))
            if self.stopping:
                break
        return result
