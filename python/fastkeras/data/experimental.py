"""What tf.data.experimental still has that is used."""

from fastkeras.data.base import AUTOTUNE as AUTOTUNE
from fastkeras.data.options import AutoShardPolicy as AutoShardPolicy
from fastkeras.data.options import AutotuneOptions as AutotuneOptions
from fastkeras.data.options import DistributeOptions as DistributeOptions
from fastkeras.data.options import OptimizationOptions as OptimizationOptions
from fastkeras.data.options import ThreadingOptions as ThreadingOptions
from fastkeras.data.streams import INFINITE_CARDINALITY as INFINITE_CARDINALITY
from fastkeras.data.streams import UNKNOWN_CARDINALITY as UNKNOWN_CARDINALITY


def cardinality(dataset):
    """`dataset.cardinality()`."""
    return dataset.cardinality()


def assert_cardinality(expected_cardinality):
    """A transformation for `apply`: the same elements, of which the user knows how many they are.

    Raises:
        ValueError: while iterating, when there are fewer or more.

    >>> import fastkeras as keras
    >>> dataset = keras.data.Dataset.range(9).filter(lambda x: x < 4)
    >>> len(dataset.apply(keras.data.experimental.assert_cardinality(4)))
    4
    """
    return lambda dataset: dataset._counted(int(expected_cardinality))


def get_single_element(dataset):
    """`dataset.get_single_element()`."""
    return dataset.get_single_element()
