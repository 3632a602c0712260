"""The part of the data that one of several processes trains on or evaluates."""

import itertools

from fastkeras.engine import nest
from fastkeras.training.array_data import ArrayData
from fastkeras.training.data_adapters import BatchData, DatasetData, PipelineData
from fastkeras.utils.packing import unpack_x_y_sample_weight


def own_rows(data, team):
    """One stretch of arrays for each process."""
    _check_rows(data, team)
    return ArrayData(*_parts(data, _part(data.num_samples, team)), batch_size=data.batch_size)


class ArrayShard(ArrayData):
    """Arrays in batches as large as those of all processes together, of which this one gets its part."""

    def __init__(self, data, team):
        super().__init__(*_parts(data, slice(None)), batch_size=data.batch_size * team.size, shuffle=data.shuffle)
        self.team = team
        _check_rows(data, team)

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


class PipelineShard(PipelineData):
    """Every N-th batch of a tf.data.Dataset, whose shuffles must have the same seeds in all processes."""

    def __init__(self, data, team):
        super().__init__(data.dataset.shard(team.size, team.rank), data.class_weight)
        self.whole, self.team = data, team

    @property
    def num_batches(self):
        known = self.whole.num_batches
        return None if known is None else -(-known // self.team.size)


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


def _check_rows(data, team):
    if data.num_samples < team.size:
        raise ValueError(
            "[DataParallel] needs at least one sample per process. "
            f"Received: {data.num_samples} samples for {team.size} processes"
        )


def _part(count, team):
    return slice(team.rank * count // team.size, (team.rank + 1) * count // team.size)


def _parts(data, rows):
    """x, y and sample weights of ArrayData, some rows of them."""
    leaves = [None if leaf is None else leaf[rows] for leaf in data.leaves]
    return unpack_x_y_sample_weight(nest.pack_like(data.structure, leaves))
