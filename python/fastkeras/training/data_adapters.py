"""What fit, evaluate and predict accept as data, brought to batches.

`ArrayData` holds whole arrays; the others give one batch at a time.
"""

import itertools
import math
import types
import warnings

from fastkeras.engine import nest
from fastkeras.training.array_data import ArrayData, RowsData, class_weight_to_sample_weights, is_array, to_array
from fastkeras.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight


class BatchData:
    """Data that gives batches one by one: the base of what is below."""

    num_batches = None

    def on_epoch_begin(self):
        """Called before every pass."""

    def on_epoch_end(self):
        """Called after every pass."""

    def peek(self):
        """The first batch, to see shapes by; it will come again."""
        raise NotImplementedError

    def batches(self):
        """An iterator over batches."""
        raise NotImplementedError


class GeneratorData(BatchData):
    """A Python generator of tuples; its length shows when it ends."""

    def __init__(self, generator):
        first = list(itertools.islice(generator, 2))
        if not first:
            raise ValueError(
                "When passing a Python generator to a Keras model, the generator must yield at least one batch. "
                "Received an empty generator."
            )
        if not isinstance(first[0], tuple):
            raise ValueError(
                "When passing a Python generator to a Keras model, the generator must return a tuple, either "
                "(input,) or (inputs, targets) or (inputs, targets, sample_weights). "
                f"Received: {first[0]}"
            )
        self._first, self._rest = [to_batch(batch) for batch in first], map(to_batch, generator)

    def peek(self):
        return self._first[0]

    def batches(self):
        # What was peeked at comes at the start of every pass, as in Keras; the rest goes on where it was.
        return itertools.chain(self._first, self._rest)


class DatasetData(BatchData):
    """A PyDataset: batches by index."""

    def __init__(self, dataset, shuffle=False, class_weight=None):
        self.dataset, self.shuffle, self.class_weight = dataset, shuffle, class_weight
        self._endless = None

    @property
    def num_batches(self):
        return self.dataset.num_batches

    def on_epoch_begin(self):
        self.dataset.on_epoch_begin()

    def on_epoch_end(self):
        self.dataset.on_epoch_end()

    def peek(self):
        self.on_epoch_begin()
        return next(self._pass())

    def batches(self):
        if self.num_batches is None:
            if self._endless is None:
                self._endless = self._pass()
            return self._endless
        return self._pass()

    def _pass(self):
        from fastkeras.utils.pydataset import batches

        return (weighed(batch, self.class_weight) for batch in batches(self.dataset, self.indices()))

    def indices(self):
        """The numbers of the batches of a pass."""
        if self.dataset.num_batches is None:
            return itertools.count()
        indices = list(range(self.dataset.num_batches))
        if self.shuffle:
            import random

            random.shuffle(indices)
        return indices


class PipelineData(BatchData):
    """A tf.data.Dataset: batches in its own order, which each pass begins anew."""

    def __init__(self, dataset, class_weight=None):
        self.dataset, self.class_weight = dataset, class_weight
        self._begun = None

    @property
    def num_batches(self):
        count = int(self.dataset.cardinality())
        return None if count < 0 else count

    def peek(self):
        batches = self.batches()
        first = next(batches, None)
        if first is None:
            raise ValueError("[fit] the dataset must hold at least one batch. Received: a dataset without elements")
        self._begun = itertools.chain([first], batches)
        return first

    def batches(self):
        # What was peeked at belongs to the next pass: the functions of a dataset run once for every element.
        found, self._begun = self._begun, None
        return self._pass() if found is None else found

    def _pass(self):
        return (weighed(batch, self.class_weight) for batch in self.dataset._arrays())


class LoaderData(PipelineData):
    """Batches of other libraries: TensorFlow's own tf.data.Dataset, a torch DataLoader."""

    @property
    def num_batches(self):
        if hasattr(self.dataset, "cardinality"):
            return super().num_batches
        return len(self.dataset) if hasattr(self.dataset.dataset, "__len__") else None

    def _pass(self):
        return (weighed(batch, self.class_weight) for batch in self.dataset)


def weighed(batch, class_weight):
    """A batch as arrays, in a tuple, with sample weights for the classes where there are weights of classes."""
    if not isinstance(batch, (tuple, list)):
        batch = (batch,)
    if class_weight is None:
        return to_batch(batch)
    x, y, sample_weight = unpack_x_y_sample_weight(batch)
    if sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    return to_batch((x, y, class_weight_to_sample_weights(y, class_weight)))


def to_batch(batch):
    """A batch from the user's Python, as arrays; a list for a batch is a tuple."""
    batch = tuple(batch) if isinstance(batch, list) else batch
    return nest.map(lambda x: x if x is None else to_array(x), batch)


def get_data(x, y=None, sample_weight=None, batch_size=None, steps=None, shuffle=False, class_weight=None):
    """The data of a fit, evaluate or predict call.

    Raises ValueError for kinds of data that are not known and for arguments that do not go with the kind.
    """
    from fastkeras.data import INFINITE_CARDINALITY, Dataset, Strings
    from fastkeras.utils.pydataset import PyDataset

    if isinstance(x, (ArrayData, BatchData)):
        return x
    arguments = {"y": (y, "the targets"), "sample_weights": (sample_weight, "the sample weights")}
    if isinstance(x, types.GeneratorType):
        _refuse(arguments, "generator")
        if class_weight is not None:
            raise ValueError(
                "Argument `class_weight` is not supported for Python generator inputs. "
                f"Received: class_weight={class_weight}"
            )
        if shuffle:
            _warn_of_order("generator", "generator is expected to yield already-shuffled data")
        return GeneratorData(x)
    if isinstance(x, PyDataset):
        _refuse(arguments, "PyDataset")
        if shuffle and x.num_batches is None:
            _warn_of_order("infinite PyDataset", "PyDataset is expected to already be shuffled")
        return DatasetData(x, shuffle=shuffle, class_weight=class_weight)
    if isinstance(x, Dataset):
        _refuse(arguments, "tf.data.Dataset")
        if steps is None and int(x.cardinality()) == INFINITE_CARDINALITY:
            raise ValueError(
                "[fit] a dataset without end needs `steps_per_epoch`, `validation_steps`, or in evaluate and predict "
                f"`steps`: nothing else ends an epoch. Received: steps_per_epoch={steps}"
            )
        rows = x._batches_of_rows()
        if rows is None or any(spec.dtype == "string" for spec in nest.flatten(x.element_spec)):
            return PipelineData(x, class_weight)
        return RowsData(x, *rows, class_weight)
    if _is_of(x, "DatasetV2", "tensorflow.python."):
        _refuse(arguments, "tf.data.Dataset")
        if shuffle:
            _warn_of_order("tf.data.Dataset", "Dataset is expected to already be shuffled (`.shuffle`)")
        return LoaderData(x, class_weight)
    if _is_of(x, "DataLoader", "torch.utils.data"):
        _refuse(arguments, "torch DataLoader")
        if class_weight is not None:
            raise ValueError(
                "Argument `class_weight` is not supported for torch DataLoader inputs. You can modify your "
                f"`__getitem__` method to return sample weights as well. Received: class_weight={class_weight}"
            )
        if shuffle:
            _warn_of_order("torch DataLoader", "DataLoader is expected to already be shuffled")
        return LoaderData(x)
    if all(leaf is None or is_array(leaf) for leaf in nest.flatten((x, y, sample_weight))):
        if all(leaf is None for leaf in nest.flatten((x, y))):
            raise ValueError(f"Unrecognized data type: x={x} (of type {type(x)})")
        if any(isinstance(leaf, Strings) for leaf in nest.flatten(x)):
            return _batches_with_words(x, y, sample_weight, batch_size, steps, shuffle, class_weight)
        return ArrayData(x, y, sample_weight, batch_size, steps, shuffle, class_weight)
    raise ValueError(f"Unrecognized data type: x={x} (of type {type(x)})")


def _batches_with_words(x, y, sample_weight, batch_size, steps, shuffle, class_weight):
    from fastkeras.data import Dataset

    if shuffle == "batch":
        raise ValueError("[fit] data with strings is shuffled as a whole or not. Received: shuffle='batch'")
    x = tuple(x) if isinstance(x, list) else x
    rows = Dataset.from_tensor_slices(pack_x_y_sample_weight(x, y, sample_weight))
    samples = max(1, int(rows.cardinality()))
    if shuffle:
        rows = rows.shuffle(samples)
    return PipelineData(rows.batch(batch_size or (math.ceil(samples / steps) if steps else 32)), class_weight)


def _is_of(x, name, package):
    """Is `x` of a class of another library? That is not imported to find out."""
    return any(cls.__name__ == name and cls.__module__.startswith(package) for cls in type(x).__mro__)


def _warn_of_order(kind, expected):
    article = "an" if kind[0] in "aeiou" else "a"
    warnings.warn(
        f"`shuffle=True` was passed, but will be ignored since the data `x` was provided as {article} {kind}. "
        f"The {expected}.",
        stacklevel=5,
    )


def _refuse(arguments, kind):
    for name, (value, described) in arguments.items():
        if value is not None:
            raise ValueError(
                f"When providing `x` as a {kind}, `{name}` should not be passed. Instead, {described} should be "
                f"included as part of the {kind}."
            )
