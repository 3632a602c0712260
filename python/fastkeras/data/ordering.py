"""The methods of a dataset that choose and order elements, keep them, or have them made ahead."""

import itertools

from fastkeras.data.background import prefetched
from fastkeras.data.base import AUTOTUNE, Base, whole
from fastkeras.data.caching import cached_in_file
from fastkeras.data.options import Options
from fastkeras.data.streams import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Orders, Stream

_AHEAD = 2  # elements made ahead for AUTOTUNE


class Ordering(Base):
    def take(self, count, name=None):
        """The first `count` elements; all for -1.

        >>> import fastkeras as keras
        >>> [int(x) for x in keras.data.Dataset.range(10).take(3)]
        [0, 1, 2]
        """
        return self._over(self._stream.take(whole("count", count)))

    def skip(self, count, name=None):
        """All but the first `count` elements; none for -1."""
        return self._over(self._stream.skip(whole("count", count)))

    def shard(self, num_shards, index, name=None):
        """Every `num_shards`-th element, from number `index` on."""
        shards, index = whole("num_shards", num_shards, 1), whole("index", index, 0)
        if index >= shards:
            raise ValueError(f"Index must be between 0 and {shards - 1} (currently index = {index}).")
        return self._over(self._stream.shard(shards, index))

    def repeat(self, count=None, name=None):
        """The elements `count` times over; without end for None or -1.

        >>> import fastkeras as keras
        >>> [int(x) for x in keras.data.Dataset.range(2).repeat().take(5)]
        [0, 1, 0, 1, 0]
        """
        return self._over(self._stream.repeat(-1 if count is None else whole("count", count)))

    def shuffle(self, buffer_size, seed=None, reshuffle_each_iteration=True, name=None):
        """The elements in random order: each is drawn from a buffer, in which the next one takes its place.

        Args:
            buffer_size: all orders are equally likely when it is as large as the dataset; UNKNOWN_CARDINALITY (-2) is.
            seed: int; the global generator, which `keras.utils.set_random_seed` sets, gives one when it is None.
            reshuffle_each_iteration: another order in every pass?

        Raises:
            ValueError: for a buffer without a place.

        >>> import fastkeras as keras
        >>> sorted(int(x) for x in keras.data.Dataset.range(4).shuffle(4))
        [0, 1, 2, 3]
        """
        size = whole("buffer_size", buffer_size)
        size = None if size == UNKNOWN_CARDINALITY else whole("buffer_size", size, 1)
        again = reshuffle_each_iteration is not None and not reshuffle_each_iteration
        return self._over(self._stream.shuffle(size, Orders(seed, again)))

    def concatenate(self, dataset, name=None):
        """These elements, then those of `dataset`."""
        sizes = (self._stream.size, dataset._stream.size)
        unsized = [size for size in (INFINITE_CARDINALITY, UNKNOWN_CARDINALITY) if size in sizes]
        size = unsized[0] if unsized else sum(sizes)
        return self._of(Stream(lambda: itertools.chain(self._items, dataset._items), size), self._same_spec)

    def cache(self, filename="", name=None):
        """What the first whole pass gave, in every later one, from memory or from a file.

        Args:
            filename: of a file that the first whole pass writes, and that is read where it is there; none for "".

        Elements that lie in memory already are not copied there; their order stays as well.
        """
        if filename:
            return self._of(cached_in_file(self._items, filename), self._same_spec)
        if self._source is None or self._source.in_memory:
            return self._over(self._stream.cache())
        return self._of(self._items.cache(), self._same_spec)

    def prefetch(self, buffer_size, name=None):
        """The elements, of which a thread makes up to `buffer_size` before they are asked for; some for AUTOTUNE."""
        count = whole("buffer_size", buffer_size, AUTOTUNE)
        count = _AHEAD if count == AUTOTUNE else count
        if self._source is not None:
            made = self._over(self._stream, ahead=max(self._ahead, count))
        else:
            items = self._items
            begin = (lambda: prefetched(iter(items), count)) if count else items.begin
            made = self._of(Stream(begin, items.size), self._same_spec)
        made._batching = self._batching
        return made

    def _counted(self, count):
        """The same elements, which must be so many."""

        def begin():
            found = 0
            for found, element in enumerate(self._items, 1):
                if found > count:
                    break
                yield element
            if found != count:
                many = "more" if found > count else "fewer"
                raise ValueError(f"Input dataset was expected to contain {count} elements but contained {many}.")

        return self._of(Stream(begin, count), self._same_spec)

    def apply(self, transformation_func):
        """`transformation_func(self)`, which must be a dataset."""
        made = transformation_func(self)
        if not isinstance(made, Base):
            raise TypeError(f"`transformation_func` must return a `tf.data.Dataset` object. Got {type(made)}.")
        return made

    def options(self):
        """The Options that `with_options` gave."""
        return self._options or Options()

    def with_options(self, options, name=None):
        """The same dataset, which remembers the options: on one CPU they change nothing about the elements."""
        twin = self._over(self._stream)
        twin._options = self.options().merge(options)
        return twin
