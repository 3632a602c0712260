"""Datasets of batches: what Keras gives as a tf.data.Dataset is a PyDataset here. Windows of a series."""

import numpy as np

from fastkeras.utils.pydataset import PyDataset

_TENSORFLOW_ONLY = frozenset(
    "apply as_numpy_iterator cache cardinality concatenate element_spec enumerate filter flat_map interleave"
    " padded_batch prefetch rebatch repeat shard shuffle unbatch with_options zip".split()
)


class BatchDataset(PyDataset):
    """Batches `make(indices)` of `count` samples, in a new random order in every pass where `shuffle` is set.

    Iterate over it, pass it to `fit`, `map` a function over its batches, part it by `take` and `skip`.
    """

    def __init__(self, count, make, batch_size, shuffle=False, seed=None):
        super().__init__()
        self._count, self._make, self._batch_size = count, make, batch_size
        self._random = np.random.RandomState(seed) if shuffle else None
        self._order = np.arange(count)
        self.on_epoch_end()

    def __len__(self):
        return -(-self._count // (self._batch_size or 1))

    def __getitem__(self, index):
        return self.begin_batch(index)()

    def begin_batch(self, index):
        """The function that makes batch `index` in the present order."""
        if not 0 <= index < len(self):
            raise IndexError(f"[dataset] there are {len(self)} batches. Received: index={index}")
        size = self._batch_size or 1
        chosen = self._order[index * size : (index + 1) * size]
        if self._batch_size:
            return lambda: self._make(chosen)
        return lambda: _first(self._make(chosen))

    def __iter__(self):
        yield from super().__iter__()
        self.on_epoch_end()

    def on_epoch_end(self):
        """Draws a new order."""
        if self._random is not None:
            self._order = self._random.permutation(self._count)

    def map(self, function):
        """The dataset of `function(*batch)`; names of classes and files stay."""

        def make(chosen):
            batch = self._make(chosen)
            return function(*batch) if isinstance(batch, tuple) else function(batch)

        return self._with(_make=make)

    def batch(self, batch_size):
        """The dataset in batches of `batch_size`, where it has single samples.

        Raises:
            ValueError: when it has batches already, and for another size.
        """
        if self._batch_size or batch_size < 1:
            raise ValueError(
                "[dataset] a dataset of single samples (`batch_size=None`) is put in batches of at least one. "
                f"Received: batch_size={batch_size} for a dataset with batch_size={self._batch_size}"
            )
        return self._with(_batch_size=batch_size)

    def take(self, count):
        """The dataset of the first `count` batches, or samples where it has single ones; of all for -1."""
        return self.only(slice(None if count < 0 else count * (self._batch_size or 1)))

    def skip(self, count):
        """The dataset without the first `count` batches, or samples where it has single ones; of none for -1."""
        return self.only(slice(self._count if count < 0 else count * (self._batch_size or 1), None))

    @property
    def count(self):
        """Number of samples."""
        return self._count

    def only(self, positions):
        """The dataset of the samples at these positions of the present order, from now on in this order."""
        kept = self._order[positions]
        own = {"_count": len(kept), "_order": np.arange(len(kept)), "_random": None}
        part = self._with(_make=lambda chosen: self._make(kept[chosen]), **own)
        if "file_paths" in vars(self):
            part.file_paths = [self.file_paths[i] for i in kept]
        return part

    def _with(self, **changed):
        """The same dataset but for these attributes."""
        twin = BatchDataset(0, self._make, self._batch_size)
        vars(twin).update({**vars(self), **changed})
        return twin

    def __getattr__(self, name):
        if name in _TENSORFLOW_ONLY:
            raise AttributeError(
                f"This dataset is a keras.utils.PyDataset and no tf.data.Dataset: it has no `{name}`. `fit` takes it "
                "as it is and makes batches ahead of the training; `map` changes batches."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _first(batch):
    return tuple(part[0] for part in batch) if isinstance(batch, tuple) else batch[0]


def check_format(format):
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')
    if format == "grain":
        raise ValueError('[dataset] there are no grain datasets; leave `format` out. Received: format="grain"')


def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
):
    """Batches of windows of a series, as a PyDataset: window i is data[i : i + sequence_length * sampling_rate : rate].

    Args:
        data: time along the first axis.
        targets: one for each window, by its first step; None for windows alone.
        sequence_stride: distance between windows.
        batch_size: None gives single windows.
        start_index, end_index: steps before the one and from the other on are not used.

    Raises:
        ValueError: for numbers that do not fit the data.

    >>> import numpy as np, fastkeras as keras
    >>> dataset = keras.utils.timeseries_dataset_from_array(np.arange(5), np.arange(5) * 10, sequence_length=3)
    >>> [(x.tolist(), y.tolist()) for x, y in dataset]
    [([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [0, 10, 20])]
    """
    size = len(data)
    for name, value, low, high in (
        ("start_index", start_index, 0, size),
        ("end_index", end_index, (start_index or 0) + 1, size),
        ("sampling_rate", sampling_rate, 1, size),
        ("sequence_stride", sequence_stride, 1, size),
    ):
        if value is not None and not low <= value < high:
            raise ValueError(f"`{name}` must be at least {low} and lower than {high}. Received: {name}={value}")
    check_format(format)
    start, end = start_index or 0, size if end_index is None else end_index
    count = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets))
    firsts = np.arange(0, max(count, 0), sequence_stride)
    if shuffle:
        seed = np.random.randint(10**6) if seed is None else seed
        np.random.RandomState(seed).shuffle(firsts)
    data = np.asarray(data)[start:end]
    targets = None if targets is None else np.asarray(targets)[start:end]
    steps = np.arange(sequence_length) * sampling_rate

    def make(chosen):
        first = firsts[chosen]
        windows = data[first[:, None] + steps]
        return windows if targets is None else (windows, targets[first])

    return BatchDataset(len(firsts), make, batch_size, shuffle, seed)
