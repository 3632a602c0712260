"""Where datasets come from."""

import glob

import numpy as np

from fastkeras.data import elements
from fastkeras.data.base import Arrays, Base, Made, dataset, whole
from fastkeras.data.signatures import fitting, signature_of
from fastkeras.data.streams import INFINITE_CARDINALITY, Orders, Rows, Stream
from fastkeras.engine import convert_to_numpy, nest


class Sources(Base):
    @staticmethod
    def from_tensors(tensors, name=None):
        """The dataset of this one element: a tensor or what makes one, a tuple or a dict of them."""
        element = elements.components(tensors)
        return dataset(Stream(lambda: iter([element]), 1), spec=lambda: elements.specs(element))

    @staticmethod
    def from_tensor_slices(tensors, name=None):
        """The dataset of the slices of arrays along their first axis.

        Args:
            tensors: an array or a tensor, a list of numbers or strings, a column of pandas, or a tuple or a dict of
                them, all as long. Arrays are not copied.

        Raises:
            ValueError: for scalars, and for arrays of different lengths.

        >>> import fastkeras as keras
        >>> dataset = keras.data.Dataset.from_tensor_slices(({"a": [1, 2]}, [0.5, 1.5]))
        >>> [(x["a"].item(), y.item()) for x, y in dataset]
        [(1, 0.5), (2, 1.5)]
        """
        arrays = elements.components(tensors)
        spec = elements.unbatched(elements.specs(arrays))
        return dataset(Rows.of(np.arange(elements.rows(arrays))), Arrays(arrays), lambda: spec)

    @staticmethod
    def from_generator(generator, output_types=None, output_shapes=None, args=None, output_signature=None, name=None):
        """The elements that a generator yields, which is started in every pass.

        Args:
            generator: a function without arguments, or with `args`, that returns something to iterate over.
            output_signature: TensorSpec of an element, or a tuple or a dict of them.
            output_types, output_shapes: dtypes and shapes instead of it.

        Raises:
            TypeError: without a function or a signature; while iterating, for elements that do not have it.

        >>> import fastkeras as keras
        >>> signature = keras.data.TensorSpec((), "int32")
        >>> [int(x) for x in keras.data.Dataset.from_generator(lambda: iter([3, 4]), output_signature=signature)]
        [3, 4]
        """
        if not callable(generator):
            raise TypeError("`generator` must be a Python callable.")
        if output_signature is None:
            if output_types is None:
                raise TypeError(
                    "To specify the output signature you need to provide either the `output_signature` argument or the "
                    "`output_types` argument."
                )
            output_signature = signature_of(output_types, output_shapes)
        elif output_types is not None or output_shapes is not None:
            raise TypeError(
                "The `output_types` and `output_shapes` arguments cannot be used together with the `output_signature` "
                "argument."
            )
        args = [elements.copies(elements.component(value)) for value in args or ()]

        def begin():
            return (fitting(element, output_signature) for element in generator(*args))

        return dataset(Stream(begin), spec=lambda: output_signature)

    @staticmethod
    def range(*args, output_type="int64", name=None):
        """The integers of Python's `range(*args)`.

        >>> import fastkeras as keras
        >>> [int(x) for x in keras.data.Dataset.range(2, 8, 3)]
        [2, 5]
        """
        if not 1 <= len(args) <= 3:
            raise ValueError(f"Invalid `args`. Length of `args` should be between 1 and 3. Received: args={args}")
        numbers = range(*(whole("args", value) for value in args))
        dtype = elements.TensorSpec((), output_type).dtype

        def make(rows):
            return (numbers.start + rows * numbers.step).astype(dtype)

        return dataset(
            Rows.of(np.arange(len(numbers))), Made(make, in_memory=True), lambda: elements.TensorSpec((), dtype)
        )

    @staticmethod
    def counter(start=0, step=1, dtype="int64", name=None):
        """`start`, `start + step` and so on without end."""

        def begin():
            number = start
            while True:
                yield np.asarray(number, dtype)
                number += step

        return dataset(Stream(begin, INFINITE_CARDINALITY))

    @staticmethod
    def random(seed=None, rerandomize_each_iteration=None, name=None):
        """Random integers from 0 to 2^32, without end; other ones in every pass if asked."""
        orders = Orders(seed, again=not rerandomize_each_iteration)

        def begin():
            generator = orders()
            while True:
                yield generator.integers(2**32, dtype="int64")

        return dataset(Stream(begin, INFINITE_CARDINALITY))

    @staticmethod
    def list_files(file_pattern, shuffle=None, seed=None, name=None):
        """The paths of the files that match a pattern or some patterns, with `*` and `?`.

        Args:
            shuffle: another order in every pass? By default, yes.
            seed: of this order.

        Raises:
            ValueError: when no file matches.
        """
        patterns = elements.component(file_pattern)
        paths = sorted({path for pattern in patterns.ravel().tolist() for path in glob.glob(pattern)})
        if not paths:
            raise ValueError(f"No files matched pattern: {file_pattern}")
        files = Sources.from_tensor_slices(paths)
        return files.shuffle(len(paths), seed) if shuffle is None or shuffle else files

    @staticmethod
    def zip(*args, datasets=None, name=None):
        """The elements of several datasets, together, until the shortest ends: `zip(a, b)` or `zip((a, b))`.

        Raises:
            TypeError: for what is no dataset in it.

        >>> import fastkeras as keras
        >>> a, b = keras.data.Dataset.range(3), keras.data.Dataset.range(5, 9)
        >>> [(int(x), int(y)) for x, y in keras.data.Dataset.zip(a, b)]
        [(0, 5), (1, 6), (2, 7)]
        """
        if not args and datasets is None:
            raise TypeError("Must pass at least one dataset to `zip`.")
        structure = datasets if datasets is not None else args[0] if len(args) == 1 else args
        parts = nest.flatten(structure)
        for part in parts:
            if not isinstance(part, Base):
                raise TypeError(
                    "Invalid input to `zip`. Inputs are expected to be (nested) structures of `tf.data.Dataset` "
                    f"objects but encountered object of type {type(part)}."
                )
        sizes = [part._stream.size for part in parts]
        finite = [size for size in sizes if size != INFINITE_CARDINALITY]

        def begin():
            return (_packed(structure, found) for found in zip(*(part._items for part in parts)))

        def spec():
            return _packed(structure, [part.element_spec for part in parts])

        return dataset(Stream(begin, min(finite) if finite else INFINITE_CARDINALITY), spec=spec)

    @staticmethod
    def choose_from_datasets(datasets, choice_dataset, stop_on_empty_dataset=True):
        """Elements of `datasets`, each from the one whose number the next element of `choice_dataset` is.

        Args:
            stop_on_empty_dataset: end when a dataset is chosen that has ended, or go on with the others?

        Raises:
            ValueError: without datasets; while iterating, for a number that is none of theirs.

        >>> import fastkeras as keras
        >>> parts, choice = [keras.data.Dataset.range(2), keras.data.Dataset.range(5, 9)], [0, 1, 1, 0]
        >>> choice = keras.data.Dataset.from_tensor_slices(choice)
        >>> [int(x) for x in keras.data.Dataset.choose_from_datasets(parts, choice)]
        [0, 5, 6, 1]
        """
        _some(datasets)

        def begin():
            iterators = [iter(dataset._items) for dataset in datasets]
            ended = set()
            for choice in choice_dataset._items:
                number = int(choice)
                if not 0 <= number < len(datasets):
                    raise ValueError(f"Selector index out of range: {number} >= {len(datasets)}")
                for item in iterators[number]:
                    yield item
                    break
                else:
                    ended.add(number)
                    if stop_on_empty_dataset or len(ended) == len(datasets):
                        return

        return dataset(Stream(begin), spec=lambda: datasets[0].element_spec)

    @staticmethod
    def sample_from_datasets(
        datasets, weights=None, seed=None, stop_on_empty_dataset=False, rerandomize_each_iteration=None
    ):
        """Elements of `datasets`, drawn at random: from each in its order, with probabilities proportional to weights.

        Args:
            weights: a number for each dataset; equal ones by default.
            stop_on_empty_dataset: end when a dataset is drawn that has ended, or go on with the others?

        Raises:
            ValueError: without datasets, and for another number of weights.
        """
        _some(datasets)
        weights = np.ones(len(datasets)) if weights is None else convert_to_numpy(weights).astype("float64")
        if weights.shape != (len(datasets),):
            raise ValueError(
                "Invalid `weights`. `weights` should have the same length as `datasets` but got "
                f"`len(weights)={len(weights)}` vs. `len(datasets)={len(datasets)}`."
            )
        orders = Orders(seed, again=not rerandomize_each_iteration)

        def begin():
            generator, left = orders(), weights.copy()
            iterators = [iter(dataset._items) for dataset in datasets]
            while left.sum() > 0:
                number = generator.choice(len(left), p=left / left.sum())
                for item in iterators[number]:
                    yield item
                    break
                else:
                    left[number] = 0
                    if stop_on_empty_dataset:
                        return

        return dataset(Stream(begin), spec=lambda: datasets[0].element_spec)


def _some(datasets):
    if not len(datasets):
        raise ValueError("Invalid `datasets`. `datasets` should not be empty.")


def _packed(structure, parts):
    """The parts in the form of `structure`, whose lists are tuples."""
    packed = nest.pack_like(structure, parts)
    return tuple(packed) if isinstance(packed, list) else packed
