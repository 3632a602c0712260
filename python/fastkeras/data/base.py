"""What a dataset is made of."""

import functools
import itertools
import operator

import numpy as np

from fastkeras.data import elements
from fastkeras.data.background import prefetched
from fastkeras.data.streams import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Rows, Stream
from fastkeras.engine import convert_to_tensor, nest

AUTOTUNE = -1  # as many as are good


class Arrays:
    """Elements that lie in arrays, along their first axis."""

    in_memory = True

    def __init__(self, structure):
        self.structure = elements.arrays(structure)

    def batch(self, numbers):
        """The elements with these numbers, in arrays."""
        return nest.map(lambda x: None if x is None else x.take(numbers, axis=0), self.structure)

    def element(self, number):
        """One of them."""
        return elements.row(self.structure, number)


class Made:
    """Elements that `make(numbers)` makes, many at a time."""

    def __init__(self, make, in_memory=False):
        self.batch, self.in_memory = make, in_memory

    def element(self, number):
        """One of them."""
        return elements.row(self.batch(np.array([number])), 0)


class Base:
    """A stream, and what makes elements of its items.

    Args:
        stream: of elements; with a source, of numbers (Rows) or of arrays of numbers, which make batches.
        source: Arrays or Made; None where the items are the elements.
        spec: a function that gives the specs of an element; by default the first element is looked at.
        ahead: how many elements of a source a thread makes before they are asked for.
    """

    _is_dataset = True
    _options = None
    _batching = None  # (the dataset of single elements, the size, drop_remainder) of what `batch` made

    def __init__(self, stream, source=None, spec=None, ahead=0):
        self._stream, self._source, self._spec, self._ahead = stream, source, spec, ahead

    def _of(self, stream, spec=None):
        """A dataset of other elements."""
        return self._another(stream, None, spec, 0)

    def _over(self, stream, spec=None, ahead=None):
        """The same elements, others of them or in another order; or in batches, as `spec` says."""
        ahead = self._ahead if ahead is None else ahead
        return self._another(stream, self._source, spec or self._same_spec, ahead)

    def _another(self, *parts):
        made = dataset(*parts)
        made._options = self._options
        return made

    def _same_spec(self):
        return self.element_spec

    def _batches_of_rows(self):
        """(arrays, stream of their rows, size) where the elements are batches of them; None for other datasets."""
        if self._batching is None:
            return None
        single, size, drop_remainder = self._batching
        if not isinstance(single._source, Arrays) or not isinstance(single._stream, Rows) or single._stream.size < 1:
            return None
        rows = single._stream
        return single._source.structure, rows.take(rows.size // size * size) if drop_remainder else rows, size

    def _parted(self, part):
        """Datasets of the elements of one pass: one for each array of places that `part(count)` returns."""
        if not isinstance(self._stream, Rows):
            kept = list(self._items)
            return [self._kept([kept[i] for i in places]) for places in part(len(kept))]
        numbers = self._stream.numbers()
        return [self._over(Rows.of(numbers[places])) for places in part(len(numbers))]

    def _kept(self, items):
        """The dataset of these elements of one kind with those here."""
        return self._of(Stream(lambda: iter(items), len(items)), self._same_spec)

    @property
    def _items(self):
        """The stream of elements."""
        return Stream(self._begin, self._stream.size)

    def _begin(self):
        if self._source is None:
            return iter(self._stream)
        make = self._source.element if isinstance(self._stream, Rows) else self._source.batch
        made = map(make, self._stream)
        return prefetched(made, self._ahead) if self._ahead else made

    def __iter__(self):
        return map(elements.tensors, self._items)

    def _arrays(self):
        """An iterator over the elements as arrays, which may be those that the dataset keeps."""
        return map(elements.arrays, self._items)

    def as_numpy_iterator(self):
        """An iterator over the elements as arrays, numbers and bytes.

        >>> import fastkeras as keras
        >>> [int(x) for x in keras.data.Dataset.range(3).as_numpy_iterator()]
        [0, 1, 2]
        """
        return map(elements.copies, self._items)

    def get_single_element(self, name=None):
        """The only element; raises ValueError where there is none, or more."""
        found = list(itertools.islice(self, 2))
        if len(found) != 1:
            raise ValueError(f"Dataset {'had more than one element' if found else 'was empty'}.")
        return found[0]

    def cardinality(self, name=None):
        """Number of elements, as a tensor; -1 (INFINITE_CARDINALITY) or -2 (UNKNOWN_CARDINALITY) where there is none.

        >>> import fastkeras as keras
        >>> int(keras.data.Dataset.range(10).batch(4).cardinality())
        3
        """
        return convert_to_tensor(np.int64(self._stream.size))

    def __len__(self):
        if self._stream.size == INFINITE_CARDINALITY:
            raise TypeError("The dataset is infinite.")
        if self._stream.size == UNKNOWN_CARDINALITY:
            raise TypeError("The dataset length is unknown.")
        return self._stream.size

    def __bool__(self):
        return True

    @functools.cached_property
    def element_spec(self):
        """The structure of an element, with a TensorSpec for each component; of results of functions: of the first.

        >>> import fastkeras as keras
        >>> keras.data.Dataset.from_tensor_slices([1.0, 2.0]).batch(2).element_spec
        TensorSpec(shape=(None,), dtype=float32, name=None)
        """
        return elements.specs(self._first()) if self._spec is None else self._spec()

    def _first(self):
        for element in self._items:
            return element
        raise ValueError("[data] only elements show what a dataset has, and this one is empty. Received: element_spec")

    def __repr__(self):
        return f"<{type(self).__name__}: cardinality={self._stream.size}>"


def dataset_of(count, make, batch_size=None, shuffle=False, seed=None, in_memory=False):
    """The dataset of what Keras's functions make: `count` elements, which `make(numbers)` makes, in batches if asked.

    All orders of a shuffle are equally likely: numbers are shuffled here, and a buffer for all of them costs nothing.
    """
    made = dataset(Rows.of(np.arange(count)), Made(make, in_memory))
    if shuffle:
        made = made.shuffle(UNKNOWN_CARDINALITY, seed)
    if batch_size is not None:
        made = made.batch(batch_size)
    return made.prefetch(AUTOTUNE)


def dataset(*args, **kwargs):
    """A Dataset, with the arguments of Base."""
    from fastkeras.data.dataset import Dataset

    return Dataset(*args, **kwargs)


def whole(name, value, least=None):
    """`value`, which may be a tensor, as an integer; raises ValueError where it is less than `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be an integer. Received: {name}={value!r}") from None
    if least is not None and number < least:
        raise ValueError(f"`{name}` must be at least {least}. Received: {name}={number}")
    return number


def applied(function, method):
    """`function` as it is called for an element: with tensors, the parts of a tuple one by one; returns components.

    Raises:
        ValueError: for what is no function.
    """
    return _wrapped(function, method, lambda element: (*element,) if type(element) is tuple else (element,))


def combined(function, method):
    """`function` as it is called with a state and an element."""
    return _wrapped(function, method, lambda arguments: arguments)


def _wrapped(function, method, spread):
    if not callable(function):
        raise ValueError(
            f"[{method}] what is done with the elements is said by a function. "
            f"Received: {function} (of type {type(function)})"
        )

    def call(element):
        try:
            made = function(*spread(elements.tensors(element)))
            return elements.components(tuple(made) if isinstance(made, list) else made)
        except StopIteration as error:  # an iterator of this function's results would just end
            raise RuntimeError(f"[{method}] the function raised StopIteration") from error
        except Exception as error:
            if hasattr(error, "add_note"):
                error.add_note(f"[{method}] in the function, of an element like {elements.specs(element)}")
            raise

    return call
