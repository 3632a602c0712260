"""Dataset: a pipeline of elements, as tf.data has it."""

from fastkeras.data.grouping import Grouping
from fastkeras.data.mapping import Mapping
from fastkeras.data.ordering import Ordering
from fastkeras.data.sources import Sources


class Dataset(Sources, Ordering, Grouping, Mapping):
    """Elements one after the other, made while they are asked for; every method returns a new dataset.

    An element is a tensor, or a tuple or a dict of them; strings are tensors as well. Where elements lie in arrays or
    files, only their numbers are shuffled, repeated and put in batches, and a batch is made at once of what is left.

    >>> import fastkeras as keras
    >>> dataset = keras.data.Dataset.from_tensor_slices(([[1.0], [2.0], [3.0]], [0, 1, 1]))
    >>> dataset = dataset.map(lambda x, y: (x * 10, y)).batch(2).prefetch(keras.data.AUTOTUNE)
    >>> [(x.tolist(), y.tolist()) for x, y in dataset]
    [([[10.0], [20.0]], [0, 1]), ([[30.0]], [1])]
    """
