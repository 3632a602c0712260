"""Whole arrays as data, which a burst of compiled steps reads without Python."""

import math

import numpy as np

from fastkeras.data.strings import is_words, strings
from fastkeras.engine import Tensor, TensorSpec, Variable, config, convert_to_numpy, nest
from fastkeras.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight

_KEPT = {"bool", "int8", "uint8", "int32", "uint32", "int64"}


def to_array(x):
    """`x` as a C-ordered array of a dtype that programs take: floats become floatx, integers stay.

    Tensors of strings, and the bytes that datasets have for them, become arrays of str, which eager steps take.
    """
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
            if x.size and isinstance(x.flat[0], bytes):
                return strings(x)
            try:
                x, name = x.astype(config.floatx()), config.floatx()
            except (TypeError, ValueError):
                raise ValueError(f"Invalid dtype: {x.dtype.name}") from None
        else:
            raise ValueError(f"Invalid dtype: {x.dtype.name}")
    return np.ascontiguousarray(x, dtype=name) if x.ndim else np.asarray(x, dtype=name)


def has_words(data):
    """Is there an array of str among the arrays of a batch?"""
    return any(map(is_words, nest.flatten(data))) if nest.is_nested(data) else is_words(data)


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
        self._count_batches(self.num_samples)
        self.shuffle = shuffle
        self.programs = {}  # (step, rows of a batch): the step compiled for these arrays

    def _count_batches(self, num_samples):
        self.num_samples = num_samples
        self.full_batches, self.partial = divmod(num_samples, self.batch_size)
        self.num_batches = self.full_batches + (self.partial > 0)

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

    def on_epoch_end(self):
        """Arrays do not change between epochs."""


class RowsData(ArrayData):
    """A tf.data.Dataset that is batches of rows of arrays, in an order that it says for each pass."""

    def __init__(self, dataset, arrays, rows, batch_size, class_weight=None):
        x, y, sample_weight = unpack_x_y_sample_weight(arrays)
        super().__init__(x, y, sample_weight, batch_size, class_weight=class_weight)
        self.dataset, self.class_weight, self._rows = dataset, class_weight, rows
        self._count_batches(rows.size)

    def pass_order(self):
        return self._rows.numbers()


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
