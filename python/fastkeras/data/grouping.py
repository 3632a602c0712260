"""The methods of a dataset that put elements together and take them apart."""

import itertools

import numpy as np

from fastkeras.data import elements
from fastkeras.data.base import Base, applied, whole
from fastkeras.data.padding import PaddedStack
from fastkeras.data.streams import UNKNOWN_CARDINALITY, Rows, Stream
from fastkeras.engine import convert_to_tensor, nest


class Grouping(Base):
    def batch(self, batch_size, drop_remainder=False, num_parallel_calls=None, deterministic=None, name=None):
        """Batches of `batch_size` elements, stacked along a new first axis.

        Args:
            drop_remainder: leave out the last batch when it is smaller?
            num_parallel_calls, deterministic: change nothing here.

        Raises:
            ValueError: for a size below 1; while iterating, for elements of different shapes.

        >>> import fastkeras as keras
        >>> [x.tolist() for x in keras.data.Dataset.range(5).batch(2)]
        [[0, 1], [2, 3], [4]]
        """
        size = whole("batch_size", batch_size, 1)
        if self._source is not None and not isinstance(self._stream, Rows):
            return self._of(self._items, self._same_spec).batch(size, drop_remainder)  # batches of batches
        stream = self._stream.batch(size, drop_remainder)
        stream = stream if self._source is not None else stream.map(elements.stacked)
        made = self._over(stream, lambda: elements.batched(self.element_spec, size if drop_remainder else None))
        made._batching = (self, size, drop_remainder)
        return made

    def padded_batch(self, batch_size, padded_shapes=None, padding_values=None, drop_remainder=False, name=None):
        """Batches of elements that are filled up to the same shape.

        Args:
            padded_shapes: for every component, the structure of elements: a dimension of None or -1 is as long as the
                longest of the batch, which is the default for all of them.
            padding_values: for every component, or one for all: 0, and "" for strings, by default.

        Raises:
            ValueError: for a size below 1; while iterating, for components that do not fit their shape.

        >>> import fastkeras as keras
        >>> lengths = keras.data.Dataset.range(1, 4)
        >>> [x.tolist() for x in lengths.map(lambda n: keras.ops.ones(int(n), "int32")).padded_batch(3)]
        [[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]
        """
        size = whole("batch_size", batch_size, 1)
        stream = self._items.batch(size, drop_remainder)
        stack = PaddedStack(padded_shapes, padding_values)
        return self._of(stream.map(stack), lambda: stack.specs(self.element_spec, size if drop_remainder else None))

    def unbatch(self, name=None):
        """The elements of batches, one by one.

        >>> import fastkeras as keras
        >>> [int(x) for x in keras.data.Dataset.range(3).batch(2).unbatch()]
        [0, 1, 2]
        """
        size = self._stream.size if self._stream.size <= 0 else UNKNOWN_CARDINALITY  # batches may be of different sizes
        if self._source is not None and not isinstance(self._stream, Rows):
            return self._over(Rows(self._stream.begin, size), self._unbatched_spec)

        def begin():
            for batch in self._items:
                for i in range(elements.rows(batch)):
                    yield elements.row(batch, i)

        return self._of(Stream(begin, size), self._unbatched_spec)

    def _unbatched_spec(self):
        return elements.unbatched(self.element_spec)

    def rebatch(self, batch_size, drop_remainder=False, name=None):
        """The elements of batches in batches of another size, or of several sizes in turn."""
        sizes = batch_size if isinstance(batch_size, (list, tuple)) else [batch_size]
        sizes = [whole("batch_size", size, 1) for size in sizes]
        flat = self.unbatch()
        if len(sizes) == 1:
            return flat.batch(sizes[0], drop_remainder)

        def begin():
            items = iter(flat._items)
            for size in itertools.cycle(sizes):
                group = list(itertools.islice(items, size))
                if not group or drop_remainder and len(group) < size:
                    return
                yield elements.stacked(group)

        return self._of(Stream(begin), self._same_spec)

    def window(self, size, shift=None, stride=1, drop_remainder=False, name=None):
        """Windows over the elements, each a dataset, or a structure of datasets of the components.

        Args:
            size: elements in a window.
            shift: elements from one window to the next; `size` by default.
            stride: elements from one of a window to the next.
            drop_remainder: leave out windows at the end that are smaller?

        >>> import fastkeras as keras
        >>> [[int(x) for x in w] for w in keras.data.Dataset.range(5).window(3, shift=1, drop_remainder=True)]
        [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
        """
        size, stride = whole("size", size, 1), whole("stride", stride, 1)
        shift = size if shift is None else whole("shift", shift, 1)
        reach = (size - 1) * stride + 1
        items = self._items

        def count(n):
            return max(0, (n - reach) // shift + 1) if drop_remainder else -(-n // shift)

        def begin():
            source, kept = iter(items), []
            while True:
                kept += itertools.islice(source, reach - len(kept))
                if not kept or drop_remainder and len(kept) < reach:
                    return
                yield self._window(kept[::stride])
                if shift > len(kept):
                    next(itertools.islice(source, shift - len(kept), shift - len(kept)), None)
                kept = kept[shift:]

        def spec():
            return nest.map(elements.DatasetSpec, self.element_spec)

        return self._of(Stream(begin, items._sized(count)), spec)

    def _window(self, kept):
        columns = zip(*map(nest.flatten, kept))
        return nest.pack_like(kept[0], [self._of(Stream(lambda c=column: iter(c), len(column))) for column in columns])

    def group_by_window(self, key_func, reduce_func, window_size=None, window_size_func=None, name=None):
        """Elements with the same key, `window_size` at a time, as what a function makes of them.

        Args:
            key_func: an integer for an element.
            reduce_func: from a key and the dataset of elements that have it to a dataset; what is left over at the end
                is given to it as well, in order of the keys.
            window_size: elements that are put together.
            window_size_func: the same for a key; one of the two is given.

        Raises:
            ValueError: for both or none of them.
        """
        if (window_size is None) == (window_size_func is None):
            raise ValueError("Must pass either `window_size` or `window_size_func`.")
        key_of, items = applied(key_func, "group_by_window"), self._items

        def size_of(key):
            return whole("window_size", window_size_func(key) if window_size is None else window_size, 1)

        def reduced(key, group):
            return reduce_func(convert_to_tensor(np.int64(key)), self._kept(group))._items

        def begin():
            groups = {}
            for item in items:
                key = int(key_of(item))
                group = groups.setdefault(key, [])
                group.append(item)
                if len(group) == size_of(key):
                    yield from reduced(key, groups.pop(key))
            for key in sorted(groups):
                yield from reduced(key, groups[key])

        return self._of(Stream(begin))

    def bucket_by_sequence_length(
        self,
        element_length_func,
        bucket_boundaries,
        bucket_batch_sizes,
        padded_shapes=None,
        padding_values=None,
        pad_to_bucket_boundary=False,
        no_padding=False,
        drop_remainder=False,
        name=None,
    ):
        """Batches of elements of about the same length.

        Args:
            element_length_func: the length of an element, an integer.
            bucket_boundaries: lengths, in order: an element goes to the bucket of the first one above its length.
            bucket_batch_sizes: batch size of each bucket, one more than boundaries.
            padded_shapes, padding_values, drop_remainder: as in `padded_batch`.
            pad_to_bucket_boundary: make sequences one less long than the boundary, where a shape says None.
            no_padding: batch without filling up.

        Raises:
            ValueError: for another number of sizes; while iterating, for an element that is too long.
        """
        if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
            raise ValueError(
                "`len(bucket_batch_sizes)` must equal `len(bucket_boundaries) + 1` but "
                f"`len(bucket_batch_sizes)={len(bucket_batch_sizes)}` and "
                f"`len(bucket_boundaries)={len(bucket_boundaries)}`."
            )
        length_of = applied(element_length_func, "bucket_by_sequence_length")

        def bucket(*element):
            element = element if len(element) > 1 else element[0]
            return int(np.searchsorted(bucket_boundaries, int(length_of(element)), side="right"))

        def batch(key, group):
            bound = int(key)
            size = bucket_batch_sizes[bound]
            if no_padding:
                return group.batch(size, drop_remainder)
            if not pad_to_bucket_boundary:
                return group.padded_batch(size, padded_shapes, padding_values, drop_remainder)
            if bound == len(bucket_boundaries):
                raise ValueError(
                    "When pad_to_bucket_boundary=True, elements must have length < max(bucket_boundaries). "
                    f"Received: bucket_boundaries={bucket_boundaries}"
                )
            stack = PaddedStack(padded_shapes, padding_values, length=bucket_boundaries[bound] - 1)
            return group._of(group._items.batch(size, drop_remainder).map(stack))

        return self.group_by_window(bucket, batch, window_size_func=lambda key: bucket_batch_sizes[int(key)])
