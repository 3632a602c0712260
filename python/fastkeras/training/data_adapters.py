"""What fit, evaluate and predict accept as data, brought to batches.

`ArrayData` holds whole arrays, which a burst of compiled steps reads without Python; the others give one batch at a
time.
"""

import itertools
import math
import types
import warnings

import numpy as np

from fastkeras.engine import Tensor, TensorSpec, Variable, config, convert_to_numpy, nest
from fastkeras.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight

_KEPT = {"bool", "int8", "uint8", "int32", "uint32", "int64"}


def to_array(x):
    """`x` as a C-ordered array of a dtype that programs take: floats become floatx, integers stay."""
    if isinstance(x, (Tensor, Variable)):
        x = convert_to_numpy(x)
    elif not isinstance(x, np.ndarray):
        kind = type(x).__name__ if type(x).__module__.split(".")[0] == "pandas" else None
        x = np.asarray(x)
        if kind == "Series":
            x = x[:, None]  # one column
    name = x.dtype.name
    if name not in _KEPT:
        if x.dtype.kind == "f" or name == "bfloat16":
            name = config.floatx()
        elif name in config.WIDENED:
            name = config.WIDENED[name]
        elif x.dtype.kind == "O":
            try:
                x, name = x.astype(config.floatx()), config.floatx()
            except (TypeError, ValueError):
                raise ValueError(f"Invalid dtype: {x.dtype.name}") from None
        else:
            raise ValueError(f"Invalid dtype: {x.dtype.name}")
    return np.ascontiguousarray(x, dtype=name) if x.ndim else np.asarray(x, dtype=name)


def is_array(x):
    return isinstance(x, (np.ndarray, Tensor, Variable)) or (
        hasattr(x, "__array__") and hasattr(x, "shape") and not isinstance(x, type)
    )


class ArrayData:
    """Whole arrays: `x`, and `y` and `sample_weight` where given, nested as the user nested them."""

    def __init__(self, x, y=None, sample_weight=None, batch_size=None, steps=None, shuffle=False, class_weight=None):
        sample_weight = _resolve_weights(y, sample_weight, class_weight)
        self.structure = pack_x_y_sample_weight(x, y, sample_weight)
        self.leaves = [None if leaf is None else to_array(leaf) for leaf in nest.flatten(self.structure)]
        self.sources = [leaf for leaf in self.leaves if leaf is not None]
        self.num_samples = _check_cardinality(x, y, sample_weight)
        if self.num_samples == 0:
            raise ValueError("[fit] the data must hold at least one sample. Received: arrays with 0 rows")
        if batch_size is not None and (isinstance(batch_size, bool) or int(batch_size) != batch_size or batch_size < 0):
            raise ValueError(f"[fit] batch_size must be a positive integer. Received: batch_size={batch_size}")
        if steps is not None and steps < 0:
            raise ValueError(f"[fit] the number of steps must not be negative. Received: steps={steps}")
        self.batch_size = int(batch_size or (math.ceil(self.num_samples / steps) if steps else 32))
        self.full_batches, self.partial = divmod(self.num_samples, self.batch_size)
        self.num_batches = self.full_batches + (self.partial > 0)
        self.shuffle = shuffle
        self.programs = {}  # (step, rows of a batch): the step compiled for these arrays

    def pass_order(self):
        """Indices of the rows for one pass over the data, or None for their own order."""
        if self.shuffle == "batch":
            starts = range(0, self.num_samples, self.batch_size)
            sizes = [min(self.batch_size, self.num_samples - start) for start in starts]
            return np.concatenate(
                [np.random.permutation(size) + start for start, size in zip(starts, sizes, strict=True)]
            )
        return np.random.permutation(self.num_samples) if self.shuffle else None

    def specs(self, rows):
        """The signature of a batch of so many rows."""
        return self._pack(lambda leaf: TensorSpec((rows, *leaf.shape[1:]), leaf.dtype.name))

    def batch(self, index, order=None):
        """Batch number `index` as arrays."""
        return self.rows(slice(index * self.batch_size, (index + 1) * self.batch_size), order)

    def rows(self, rows, order=None):
        """A slice of the rows as arrays."""
        return self._pack(lambda leaf: leaf[rows] if order is None else leaf[order[rows]])

    def _pack(self, of_leaf):
        return nest.pack_like(self.structure, [None if x is None else of_leaf(x) for x in self.leaves])

    def peek(self):
        """The signature of the first batch."""
        return self.specs(min(self.batch_size, self.num_samples))

    def on_epoch_begin(self):
        """Arrays do not change between epochs."""

    on_epoch_end = on_epoch_begin


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
        return self._weigh(self.dataset[0])

    def batches(self):
        from fastkeras.utils.pydataset import batches

        if self.num_batches is None:
            if self._endless is None:
                self._endless = map(self._weigh, batches(self.dataset, self.indices()))
            return self._endless
        return map(self._weigh, batches(self.dataset, self.indices()))

    def indices(self):
        """The numbers of the batches of a pass."""
        if self.dataset.num_batches is None:
            return itertools.count()
        indices = list(range(self.dataset.num_batches))
        if self.shuffle:
            import random

            random.shuffle(indices)
        return indices

    def _weigh(self, batch):
        if not isinstance(batch, (tuple, list)):
            batch = (batch,)
        if self.class_weight is None:
            return to_batch(batch)
        x, y, sample_weight = unpack_x_y_sample_weight(batch)
        if sample_weight is not None:
            raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
        return to_batch((x, y, class_weight_to_sample_weights(y, self.class_weight)))


def to_batch(batch):
    """A batch from the user's Python, as arrays; a list for a batch is a tuple."""
    batch = tuple(batch) if isinstance(batch, list) else batch
    return nest.map(lambda x: x if x is None else to_array(x), batch)


def get_data(x, y=None, sample_weight=None, batch_size=None, steps=None, shuffle=False, class_weight=None):
    """The data of a fit, evaluate or predict call.

    Raises ValueError for kinds of data that are not known and for arguments that do not go with the kind.
    """
    from fastkeras.utils.batched import BatchDataset
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
            warnings.warn(
                "`shuffle=True` was passed, but will be ignored since the data `x` was provided as a generator. The "
                "generator is expected to yield already-shuffled data.",
                stacklevel=4,
            )
        return GeneratorData(x)
    if isinstance(x, PyDataset):
        _refuse(arguments, "PyDataset")
        if shuffle and x.num_batches is None:
            warnings.warn(
                "`shuffle=True` was passed, but will be ignored since the data `x` was provided as an infinite "
                "PyDataset. The PyDataset is expected to already be shuffled.",
                stacklevel=4,
            )
        own_order = isinstance(x, BatchDataset)  # as a tf.data.Dataset, it was shuffled when it was made or not at all
        return DatasetData(x, shuffle=shuffle and not own_order, class_weight=class_weight)
    if all(leaf is None or is_array(leaf) for leaf in nest.flatten((x, y, sample_weight))):
        if all(leaf is None for leaf in nest.flatten(x)):
            raise ValueError(f"Unrecognized data type: x={x} (of type {type(x)})")
        return ArrayData(x, y, sample_weight, batch_size, steps, shuffle, class_weight)
    raise ValueError(f"Unrecognized data type: x={x} (of type {type(x)})")


def _refuse(arguments, kind):
    for name, (value, described) in arguments.items():
        if value is not None:
            raise ValueError(
                f"When providing `x` as a {kind}, `{name}` should not be passed. Instead, {described} should be "
                f"included as part of the {kind}."
            )


def _resolve_weights(y, sample_weight, class_weight):
    """The sample weights, one array for each label array where there are several."""
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
        if nest.is_nested(y):
            raise ValueError("`class_weight` is only supported for Models with a single output.")
        return class_weight_to_sample_weights(y, class_weight)
    if sample_weight is None or not nest.is_nested(y):
        return sample_weight
    if nest.is_nested(sample_weight):
        if len(nest.flatten(y)) != len(nest.flatten(sample_weight)) or isinstance(y, dict) != isinstance(
            sample_weight, dict
        ):
            raise ValueError(
                "You should provide one `sample_weight` array per output in `y`. The two structures did not match:\n"
                f"- y: {y}\n- sample_weight: {sample_weight}\n"
            )
        return sample_weight
    shape = np.shape(sample_weight)
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise ValueError(
            "For a model with multiple outputs, when providing a single `sample_weight` array, it should only have "
            "one scalar score per sample (i.e. shape `(num_samples,)`). If you want to use non-scalar sample "
            "weights, pass a `sample_weight` argument with one array per model output."
        )
    return nest.map(lambda _: sample_weight, y)


def class_weight_to_sample_weights(y, class_weight):
    """One weight per sample: that of its class, 1 for classes without one."""
    y = to_array(y)
    if y.ndim > 1:
        y = y[..., 0] if y.shape[-1] == 1 else np.argmax(y, axis=-1)
    y = np.round(y).astype("int64")
    classes, index = np.unique(y, return_inverse=True)
    weights = np.array([class_weight.get(int(c), 1.0) for c in classes], dtype=config.floatx())
    return weights[index.reshape(y.shape)]


def _check_cardinality(x, y, sample_weight):
    """Number of samples; raises ValueError when the arrays do not agree on it."""
    sizes = {
        name: [np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in nest.flatten(part) if leaf is not None]
        for name, part in (("x", x), ("y", y), ("sample_weight", sample_weight))
    }
    counts = {size for part in sizes.values() for size in part}
    if len(counts) > 1:
        parts = "".join(f"'{name}' sizes: {', '.join(map(str, part))}\n" for name, part in sizes.items() if part)
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples." + parts
        )
    return counts.pop()


def split_validation(arrays, fraction):
    """((training arrays), (validation arrays)): the last `fraction` of the rows of each is for validation."""
    leaves = [leaf for leaf in nest.flatten(arrays) if leaf is not None]
    if not all(is_array(leaf) for leaf in leaves):
        unsplittable = [type(leaf) for leaf in leaves if not is_array(leaf)]
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays. "
            f"Found incompatible type in the input: {unsplittable}"
        )
    if not 0 <= fraction < 1:
        raise ValueError(f"[fit] validation_split must be in [0, 1). Received: validation_split={fraction}")
    rows = np.shape(leaves[0])[0]
    at = int(math.floor(rows * (1.0 - fraction)))
    if at in (0, rows):
        raise ValueError(
            f"Training data contains {rows} samples, which is not sufficient to split it into a validation and "
            f"training set as specified by `validation_split={fraction}`. Either provide more data, or a different "
            "value for the `validation_split` argument."
        )

    def part(rows):
        def cut(leaf):
            if leaf is None:
                return None
            return leaf.iloc[rows] if hasattr(leaf, "iloc") else leaf[rows]

        return nest.map(cut, arrays)

    return part(slice(at)), part(slice(at, None))
