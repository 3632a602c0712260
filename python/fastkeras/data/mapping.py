"""The methods of a dataset that call functions of the user."""

import functools
import itertools
import logging

import numpy as np

from fastkeras.data import elements
from fastkeras.data.background import parallel_map
from fastkeras.data.base import AUTOTUNE, Base, applied, combined, whole
from fastkeras.data.streams import UNKNOWN_CARDINALITY, Stream
from fastkeras.engine import config, nest


class Mapping(Base):
    def map(
        self,
        map_func,
        num_parallel_calls=None,
        deterministic=None,
        synchronous=None,
        use_unbounded_threadpool=None,
        name=None,
    ):
        """`map_func` of every element; it gets tensors, the parts of a tuple one by one, and runs as plain Python.

        Args:
            num_parallel_calls: threads that call it; AUTOTUNE (-1) for one per CPU, where calls take long enough to be
                worth it. The order of elements stays.
            deterministic, synchronous, use_unbounded_threadpool: change nothing here.

        What it returns is the new element: a tensor or what makes one, or a tuple or a dict of them. A list is a tuple,
        and as a part of it a tensor.

        >>> import fastkeras as keras
        >>> [int(x) for x in keras.data.Dataset.range(3).map(lambda x: x * x)]
        [0, 1, 4]
        """
        call, items, workers = applied(map_func, "map"), self._items, _workers(num_parallel_calls)
        begin = functools.partial(parallel_map, call, workers=workers, tuned=num_parallel_calls == AUTOTUNE)
        made = items.map(call) if workers == 1 else Stream(lambda: begin(iter(items)), items.size)
        return self._of(made, functools.partial(self._spec_of_results, call))

    def _spec_of_results(self, call):
        """The specs of what a function makes of the first element; of batches of any size where it is one."""
        made = elements.specs(call(self._first()))
        own = [s for s in nest.flatten(self.element_spec) if isinstance(s, elements.TensorSpec) and s.shape]
        return nest.map(_opened, made) if any(s.shape[0] is None for s in own) else made

    def filter(self, predicate, name=None):
        """The elements for which `predicate` is true.

        >>> import fastkeras as keras
        >>> [int(x) for x in keras.data.Dataset.range(6).filter(lambda x: x % 2 == 0)]
        [0, 2, 4]
        """
        holds = _deciding(predicate, "filter")
        return self._of(Stream(lambda: filter(holds, self._items), self._open_size()), self._same_spec)

    def take_while(self, predicate, name=None):
        """The elements up to the first one for which `predicate` is false."""
        holds = _deciding(predicate, "take_while")
        return self._of(Stream(lambda: itertools.takewhile(holds, self._items), self._open_size()), self._same_spec)

    def _open_size(self):
        return 0 if self._stream.size == 0 else UNKNOWN_CARDINALITY

    def flat_map(self, map_func, name=None):
        """The elements of the datasets that `map_func` makes of elements, one dataset after the other.

        >>> import fastkeras as keras
        >>> dataset = keras.data.Dataset.range(3).flat_map(lambda n: keras.data.Dataset.range(n))
        >>> [int(x) for x in dataset]
        [0, 0, 1]
        """
        opened = _opening(map_func, "flat_map")
        return self._of(Stream(lambda: itertools.chain.from_iterable(map(opened, self._items))))

    def interleave(
        self, map_func, cycle_length=None, block_length=None, num_parallel_calls=None, deterministic=None, name=None
    ):
        """The elements of the datasets that `map_func` makes of elements, taken from several in turn.

        Args:
            cycle_length: datasets at a time; by default as many as there are CPUs.
            block_length: elements that are taken from one before it is the next one's turn; 1.
            num_parallel_calls, deterministic: change nothing here.

        >>> import fastkeras as keras
        >>> dataset = keras.data.Dataset.range(2).interleave(lambda n: keras.data.Dataset.range(n, n + 2), 2)
        >>> [int(x) for x in dataset]
        [0, 1, 1, 2]
        """
        cycle = AUTOTUNE if cycle_length is None else whole("cycle_length", cycle_length)
        cycle = config.num_threads() if cycle == AUTOTUNE else whole("cycle_length", cycle, 1)
        block = 1 if block_length is None else whole("block_length", block_length, 1)
        opened = _opening(map_func, "interleave")
        return self._of(Stream(lambda: _interleaved(map(opened, self._items), cycle, block)))

    def reduce(self, initial_state, reduce_func, name=None):
        """`reduce_func(state, element)`, which makes the next state, of all elements in turn; returns the last state.

        >>> import fastkeras as keras
        >>> int(keras.data.Dataset.range(5).reduce(0, lambda total, x: total + int(x)))
        10
        """
        call, state = combined(reduce_func, "reduce"), elements.components(initial_state)
        for element in self._items:
            state = _alike(call((state, element)), state, "reduce")
        return elements.tensors(state)

    def scan(self, initial_state, scan_func, use_default_device=None, name=None):
        """What `scan_func(state, element)`, which makes `(state, output)`, puts out.

        >>> import fastkeras as keras
        >>> dataset = keras.data.Dataset.range(4).scan(0, lambda total, x: (total + int(x), total + int(x)))
        >>> [int(x) for x in dataset]
        [0, 1, 3, 6]
        """
        call, first = combined(scan_func, "scan"), elements.components(initial_state)

        def begin():
            state = first
            for element in self._items:
                made = call((state, element))
                if not (type(made) is tuple and len(made) == 2):
                    raise TypeError(f"`scan_func` must return a pair (new_state, output). Received: {made!r}")
                state = _alike(made[0], state, "scan")
                yield made[1]

        return self._of(Stream(begin, self._stream.size))

    def enumerate(self, start=0, name=None):
        """Pairs of a number, from `start` on, and the element.

        >>> import fastkeras as keras
        >>> [(int(i), x.numpy()) for i, x in keras.data.Dataset.from_tensor_slices(["a", "b"]).enumerate()]
        [(0, b'a'), (1, b'b')]
        """
        first = whole("start", start)

        def begin():
            return ((np.asarray(i, "int64"), element) for i, element in enumerate(self._items, first))

        def spec():
            return (elements.TensorSpec((), "int64"), self.element_spec)

        return self._of(Stream(begin, self._stream.size), spec)

    def unique(self, name=None):
        """The elements without those that came before; they have one component."""

        def begin():
            seen = set()
            for element in self._items:
                if nest.is_nested(element):
                    raise TypeError(f"`tf.data.Dataset.unique` is for elements of one component. Received: {element!r}")
                x = elements.arrays(element)
                key = (x.shape, x.tobytes() if x.dtype.kind != "O" else tuple(x.flat))
                if key not in seen:
                    seen.add(key)
                    yield element

        return self._of(Stream(begin, self._open_size()), self._same_spec)

    def ignore_errors(self, log_warning=False, name=None):
        """The elements without those whose making raised an error."""

        def begin():
            items = iter(self._items)
            while True:
                try:
                    item = next(items)
                except StopIteration:
                    return
                except Exception as error:
                    if log_warning:
                        logging.getLogger(__name__).warning("Error raised with error message %s", error)
                    continue
                yield item

        return self._of(Stream(begin), self._same_spec)


def _workers(num_parallel_calls):
    if num_parallel_calls is None:
        return 1
    count = whole("num_parallel_calls", num_parallel_calls)
    return config.num_threads() if count == AUTOTUNE else whole("num_parallel_calls", count, 1)


def _opened(spec):
    if not isinstance(spec, elements.TensorSpec) or not spec.shape:
        return spec
    return elements.TensorSpec((None, *spec.shape[1:]), spec.dtype)


def _deciding(predicate, method):
    call = applied(predicate, method)

    def holds(element):
        answer = call(element)
        if nest.is_nested(answer) or elements.dtype_of(answer) != "bool" or answer.shape:
            raise ValueError(
                "Invalid `predicate`. `predicate` must return a `tf.bool` scalar tensor, but its return type is "
                f"{elements.specs(answer)}."
            )
        return bool(answer)

    return holds


def _opening(map_func, method):
    call = applied(map_func, method)

    def opened(element):
        made = call(element)
        if not isinstance(made, Base):
            raise TypeError(f"The `map_func` argument must return a `Dataset` object. Got {type(made)!r}.")
        return iter(made._items)

    return opened


def _alike(new, old, method):
    """The new state, which must have the structure and the dtypes of the old one."""
    if not nest.same_structure(new, old) or [elements.dtype_of(x) for x in nest.flatten(new)] != [
        elements.dtype_of(x) for x in nest.flatten(old)
    ]:
        raise TypeError(
            f"[{method}] The element types for the new state must match the initial state. "
            f"Expected {elements.specs(old)} but got {elements.specs(new)}."
        )
    return new


def _interleaved(iterators, cycle_length, block_length):
    end = object()
    open_ones, place, more = [None] * cycle_length, 0, True
    while more or any(one is not None for one in open_ones):
        if more and open_ones[place] is None:
            open_ones[place] = next(iterators, None)
            more = open_ones[place] is not None
        for _ in range(block_length if open_ones[place] is not None else 0):
            item = next(open_ones[place], end)
            if item is end:
                open_ones[place] = None
                break
            yield item
        place = (place + 1) % cycle_length
