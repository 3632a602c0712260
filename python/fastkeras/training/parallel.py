"""Training by one process, and by the processes of a `DataParallel` distribution."""

import functools

import numpy as np

from fastkeras.distribution.state import current_team, distribution
from fastkeras.training.array_data import ArrayData, RowsData
from fastkeras.training.data_adapters import DatasetData, PipelineData
from fastkeras.training.parallel_step import ParallelStep
from fastkeras.training.shards import AgreedBatches, ArrayShard, DatasetShard, PipelineShard, own_rows
from fastkeras.training.steps import Step


class Alone:
    """What fit and evaluate ask of a team, for a process without one."""

    is_root = True

    def train_step(self, model, fn, keep):
        return Step(fn, keep, eager=model._eager)

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
        data = _in_batches(data)
        if isinstance(data, ArrayData):
            return ArrayShard(data, self.team) if self.shard else data
        return AgreedBatches(self.test_data(data), self.team)

    def test_data(self, data):
        if not self.shard:
            return data
        data = _in_batches(data)
        if isinstance(data, PipelineData):
            return PipelineShard(data, self.team)
        if isinstance(data, ArrayData):
            return own_rows(data, self.team)
        if isinstance(data, DatasetData):
            return DatasetShard(data, self.team)
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


def _in_batches(data):
    """A dataset over arrays as any other one."""
    return PipelineData(data.dataset, data.class_weight) if isinstance(data, RowsData) else data


def _state(model):
    """The variables that are the same everywhere: all but seeds."""
    found = _distinct([*model.variables, *(model.optimizer.variables if model.optimizer is not None else ())])
    return [v for v in found if v.dtype != "uint32"]


def _distinct(variables):
    return list({id(v): v for v in variables}.values())
