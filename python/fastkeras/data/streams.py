"""Streams: items that can be gone through again and again, and what only chooses and orders them.

Items are the elements of a dataset, or where those lie in arrays or files, the numbers of their rows: choosing and
ordering numbers costs nothing, and a batch is made once, of what is left in the end.
"""

import itertools

import numpy as np

from fastkeras.random import draw_seed

INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -2


class Stream:
    """Items: `begin()` gives an iterator over them; `size` is their number, or one of the two above."""

    def __init__(self, begin, size=UNKNOWN_CARDINALITY):
        self.begin, self.size = begin, size

    def __iter__(self):
        return iter(self.begin())

    def map(self, function):
        """The stream of `function(item)`."""
        return Stream(lambda: map(function, self), self.size)

    def take(self, count):
        """The first `count` items; all of them when it is negative."""
        if count < 0:
            return self
        size = count if self.size == INFINITE_CARDINALITY else self._sized(lambda n: min(n, count))
        return self._like(lambda: self._cut(0, count), size)

    def skip(self, count):
        """All but the first `count` items; none of them when it is negative."""
        if count < 0:
            return self.take(0)
        return self._like(lambda: self._cut(count, None), self._sized(lambda n: max(n - count, 0)))

    def shard(self, count, index):
        """Every `count`-th item, from number `index` on."""
        return self._like(lambda: self._cut(index, None, count), self._sized(lambda n: -(-max(n - index, 0) // count)))

    def repeat(self, count):
        """The items so many times over, without end when `count` is negative."""
        size = self._sized(lambda n: n * count)
        if count < 0:
            size = 0 if self.size == 0 else INFINITE_CARDINALITY
        return self._like(lambda: self._passes(count), 0 if count == 0 else size)

    def shuffle(self, buffer_size, orders):
        """The items, each drawn from the next `buffer_size` ones by the generator of `orders()`; from all if None."""
        return self._like(lambda: shuffled(iter(self), buffer_size, orders()), self.size)

    def batch(self, size, drop_remainder):
        """The stream of lists of `size` items."""
        return Stream(lambda: _groups(iter(self), size, drop_remainder), self.batches(size, drop_remainder))

    def batches(self, size, drop_remainder):
        """How many batches there are."""
        return self._sized(lambda n: n // size if drop_remainder else -(-n // size))

    def cache(self):
        """The items of the first whole pass, again and again."""
        kept = []

        def begin():
            if kept:
                return iter(kept[0])
            return _keeping(self.begin(), kept.append)

        return self._like(begin, self.size)

    def _like(self, begin, size):
        return type(self)(begin, size)

    def _sized(self, function):
        return function(self.size) if self.size >= 0 else self.size

    def _cut(self, *bounds):
        return itertools.islice(self, *bounds)

    def _passes(self, count):
        for _ in itertools.repeat(None) if count < 0 else range(count):
            empty = True
            for item in self.begin():
                empty = False
                yield item
            if empty:
                return


class Rows(Stream):
    """Numbers of rows: `begin()` gives an iterator over arrays of them, whose lengths mean nothing."""

    def __init__(self, begin, size=UNKNOWN_CARDINALITY):
        super().__init__(lambda: (chunk for chunk in begin() if len(chunk)), size)

    @classmethod
    def of(cls, numbers):
        """The numbers in an array."""
        return cls(lambda: iter([numbers]), len(numbers))

    def numbers(self):
        """All of them, in one array."""
        return np.concatenate([np.empty(0, int), *self.begin()])

    def __iter__(self):
        return itertools.chain.from_iterable(chunk.tolist() for chunk in self.begin())

    def shuffle(self, buffer_size, orders):
        def begin():
            if self.size >= 0 and (buffer_size is None or buffer_size >= self.size):
                numbers = self.numbers()
                yield numbers[orders().permutation(len(numbers))]
            else:
                drawn = shuffled(iter(self), buffer_size, orders())
                yield from map(np.array, iter(lambda: list(itertools.islice(drawn, 1024)), []))

        return Rows(begin, self.size)

    def batch(self, size, drop_remainder):
        """The stream of arrays of `size` numbers."""

        def begin():
            rest = np.empty(0, int)
            for chunk in self.begin():
                rest = np.concatenate([rest, chunk]) if len(rest) else chunk
                whole = len(rest) // size * size
                for start in range(0, whole, size):
                    yield rest[start : start + size]
                rest = rest[whole:]
            if len(rest) and not drop_remainder:
                yield rest

        return Stream(begin, self.batches(size, drop_remainder))

    def _cut(self, first, last, step=1):
        seen = 0
        for chunk in self.begin() if last != 0 else ():
            start = first - seen if first >= seen else (first - seen) % step
            yield chunk[start : None if last is None else last - seen : step]
            seen += len(chunk)
            if last is not None and seen >= last:
                return


class Orders:
    """Gives each pass its generator of random numbers: always the same one, or unless `again`, one after the other."""

    def __init__(self, seed=None, again=False):
        self._seed = draw_seed(seed).numpy().tolist()
        self._passes = itertools.repeat(0) if again else itertools.count()

    def __call__(self):
        return np.random.default_rng([*self._seed, next(self._passes)])


def shuffled(items, buffer_size, generator):
    """Yields the items out of a buffer, as tf.data does: any one of it, whose place the next item takes."""
    buffer = list(itertools.islice(items, buffer_size))
    draws = _draws(len(buffer), generator)
    for item in items:
        place = next(draws)
        yield buffer[place]
        buffer[place] = item
    for place in generator.permutation(len(buffer)):
        yield buffer[place]


def _draws(high, generator):
    while True:
        yield from generator.integers(high, size=1024).tolist()


def _groups(items, size, drop_remainder):
    while len(group := list(itertools.islice(items, size))) == size:
        yield group
    if group and not drop_remainder:
        yield group


def _keeping(items, keep):
    kept = []
    for item in items:
        kept.append(item)
        yield item
    keep(kept)
