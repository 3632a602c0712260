"""Training by one process, and by the processes of a `DataParallel` distribution."""

import functools
import itertools

import numpy as np

from fastkeras import ops
from fastkeras.distribution.state import current_team, distribution
from fastkeras.engine import Function, Variable, convert_to_numpy, nest
from fastkeras.training.data_adapters import ArrayData, BatchData, DatasetData
from fastkeras.training.steps import Step
from fastkeras.utils.packing import unpack_x_y_sample_weight


class Alone:
    """What fit and evaluate ask of a team, for a process without one."""

    is_root = True

    def train_step(self, model, fn, keep):
        return Step(fn, keep, eager=model.run_eagerly)

    def training_data(self, data):
        """The part of the data that this process trains on."""
        return data

    def test_data(self, data):
        """The part of the data that this process evaluates."""
        return data

    def group(self, group):
        """The steps between two calls of the batch hooks."""
        return group

    def stopped(self, model, step):
        """A function: does training stop here?"""
        return lambda: model.stop_training

    def begin(self, model):
        """Training begins: all processes start with the same model."""

    def follow(self, model):
        """All processes take over what callbacks have changed."""

    def reduce(self, model, training=False):
        """Metrics, and after training what layers keep count of, become those of all processes."""


class Together(Alone):
    """The same for one process of a team."""

    def __init__(self, team, shard):
        self.team, self.shard = team, shard
        self.is_root = team.is_root

    def train_step(self, model, fn, keep):
        self.begin(model)  # for train_on_batch, which has no other beginning
        return ParallelStep(model, fn, keep, self.team)

    def training_data(self, data):
        if isinstance(data, ArrayData):
            return ArrayShard(data, self.team) if self.shard else data
        return AgreedBatches(self.test_data(data), self.team)

    def test_data(self, data):
        if not self.shard:
            return data
        team = self.team
        if isinstance(data, ArrayData):
            rows = _part(data.num_samples, team)
            if data.num_samples < team.size:
                raise ValueError(
                    "[DataParallel] needs at least one sample per process. "
                    f"Received: {data.num_samples} samples for {team.size} processes"
                )
            return ArrayData(*_parts(data, rows), batch_size=data.batch_size)
        if isinstance(data, DatasetData):
            return DatasetShard(data, team)
        # as distribute_dataset
        raise ValueError(
            f"The dataset type {type(data).__name__} is not supported for auto-sharding in multi-process setting. "
            "Let each process generate its part and pass auto_shard_dataset=False."
        )

    def group(self, group):
        return self.team.broadcast(group)

    def stopped(self, model, step):
        return lambda: step.stopping

    def begin(self, model):
        variables = _state(model)
        if not self.team.agree([(v.shape, v.dtype) for v in variables]):
            raise ValueError("[DataParallel] the processes have made different models")
        self.follow(model)
        vars(model)["_initial_epoch"] = self.team.broadcast(model._initial_epoch)  # BackupAndRestore's
        for variable in model.variables:
            if variable.dtype == "uint32":  # a seed: each process draws its own
                seed = self.team.broadcast_array(variable.numpy())
                variable.assign(seed + np.array([self.team.rank * 0x9E3779B1 % 2**32, 0], "uint32"))

    def follow(self, model):
        for variable in _state(model):
            variable.assign(self.team.broadcast_array(variable.numpy()))
        vars(model)["stop_training"] = self.team.any(model.stop_training and self.is_root)

    def reduce(self, model, training=False):
        sums = [(v, v.aggregation) for v in _distinct(model.metrics_variables)]
        if training:
            moving = [v for v in model.non_trainable_variables if "float" in v.dtype]
            known = {id(v) for v, _ in sums}
            sums.extend((v, "mean") for v in moving if id(v) not in known)
        weights = {"sum": 1.0, "mean": 1.0 / self.team.size, "only_first_replica": float(self.is_root)}
        sums = [(v, weights[how]) for v, how in sums if how in weights]
        if not sums:
            return
        total = self.team.sum(np.concatenate([np.ravel(v.numpy()).astype("float64") * w for v, w in sums]))
        ends = np.cumsum([v.size for v, _ in sums])
        for (variable, _), values in zip(sums, np.split(total, ends[:-1]), strict=True):
            variable.assign(values.reshape(variable.shape).astype(variable.dtype))


def team():
    """What trains: `Alone` without a distribution of several processes."""
    found = current_team()
    return ALONE if found is None else _together(found, distribution().auto_shard_dataset)


ALONE = Alone()
_together = functools.cache(Together)


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


class ArrayShard(ArrayData):
    """Arrays in batches as large as those of all processes together, of which this one gets its part."""

    def __init__(self, data, team):
        super().__init__(*_parts(data, slice(None)), batch_size=data.batch_size * team.size, shuffle=data.shuffle)
        self.team = team
        if self.num_samples < team.size:
            raise ValueError(
                "[DataParallel] needs at least one sample per process. "
                f"Received: {self.num_samples} samples for {team.size} processes"
            )

    def pass_order(self):
        return self.team.broadcast(super().pass_order())

    def batch(self, index, order=None):
        first = index * self.batch_size
        part = _part(min(self.batch_size, self.num_samples - first), self.team)
        rows = slice(first + part.start, first + part.stop)
        return self.rows(rows, order) if part.stop > part.start else None

    def peek(self):
        return self.specs(min(self.batch_size, self.num_samples) // self.team.size)


class DatasetShard(DatasetData):
    """Every N-th batch of a PyDataset."""

    def __init__(self, data, team):
        super().__init__(data.dataset, data.shuffle, data.class_weight)
        self.team = team

    @property
    def num_batches(self):
        known = super().num_batches
        return None if known is None else -(-known // self.team.size)

    def indices(self):
        rank, size = self.team.rank, self.team.size
        if self.dataset.num_batches is None:
            return itertools.count(rank, size)
        return self.team.broadcast(super().indices())[rank::size]


class AgreedBatches(BatchData):
    """The batches of a process, and None while it has no more and others have."""

    def __init__(self, data, team):
        self.data, self.team = data, team
        self.on_epoch_begin, self.on_epoch_end, self.peek = data.on_epoch_begin, data.on_epoch_end, data.peek

    @property
    def num_batches(self):
        return self.data.num_batches

    def batches(self):
        own = iter(self.data.batches())
        while True:
            batch = next(own, None)
            if not self.team.any(batch is not None):
                return
            yield batch


def _part(count, team):
    return slice(team.rank * count // team.size, (team.rank + 1) * count // team.size)


def _parts(data, rows):
    """x, y and sample weights of ArrayData, some rows of them."""
    leaves = [None if leaf is None else leaf[rows] for leaf in data.leaves]
    return unpack_x_y_sample_weight(nest.pack_like(data.structure, leaves))


def _state(model):
    """The variables that are the same everywhere: all but seeds."""
    found = _distinct([*model.variables, *(model.optimizer.variables if model.optimizer is not None else ())])
    return [v for v in found if v.dtype != "uint32"]


def _distinct(variables):
    return list({id(v): v for v in variables}.values())
