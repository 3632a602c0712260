"""Endless batches of images, by index for `fit` or with `next`.

A batch has two parts: what is drawn from NumPy's global random state, in the order of the batches, and the work, which
draws nothing. `begin_batch` does the first and returns the second, so that `fit` can leave the work to a thread and
still give the same batches every time.
"""

import os
import threading
import warnings

import numpy as np

from fastkeras.engine import config
from fastkeras.utils.images import array_to_img
from fastkeras.utils.pydataset import PyDataset


class Iterator(PyDataset):
    """Base class of iterators over images: `_get_batches_of_transformed_samples(indices)` makes a batch.

    Args:
        n: number of samples.
        batch_size: samples in a batch; the last one of a pass has the rest.
        shuffle: a new order for every pass?
        seed: batch number k is drawn with `np.random.seed(seed + k)`; None goes on with the present state.
        kwargs: those of `PyDataset`.
    """

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    def __init__(self, n, batch_size, shuffle, seed, **kwargs):
        super().__init__(**kwargs)
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array = None
        self.index_generator = self._flow_index()

    def __getstate__(self):
        state = {**vars(self)}
        del state["lock"], state["index_generator"]
        return state

    def __setstate__(self, state):
        vars(self).update(state)
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seed_batch(self):
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)

    def __len__(self):
        return (self.n + self.batch_size - 1) // self.batch_size

    def __getitem__(self, idx):
        return self.begin_batch(idx)()

    def begin_batch(self, idx):
        """Draws what batch `idx` needs and returns the function that makes it.

        Raises:
            ValueError: when there is no such batch.
        """
        if idx >= len(self):
            raise ValueError(f"Asked to retrieve element {idx}, but the Sequence has length {len(self)}")
        self._seed_batch()
        self.total_batches_seen += 1
        if self.index_array is None:
            self._set_index_array()
        return self._begin(self.index_array[self.batch_size * idx : self.batch_size * (idx + 1)])

    def on_epoch_end(self):
        """Draws a new order."""
        self._set_index_array()

    def reset(self):
        """`next` starts a new pass."""
        self.batch_index = 0

    def _flow_index(self):
        self.reset()
        while True:
            self._seed_batch()
            if self.batch_index == 0:
                self._set_index_array()
            start = self.batch_index * self.batch_size % self.n if self.n else 0
            self.batch_index = self.batch_index + 1 if self.n > start + self.batch_size else 0
            self.total_batches_seen += 1
            yield self.index_array[start : start + self.batch_size]

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            make = self._begin(next(self.index_generator))
        return make()

    def _begin(self, index_array):
        batch = self._get_batches_of_transformed_samples(index_array)
        return lambda: batch

    def _get_batches_of_transformed_samples(self, index_array):
        raise NotImplementedError(f"[{type(self).__name__}] an Iterator defines _get_batches_of_transformed_samples")


class TransformingIterator(Iterator):
    """An iterator whose images go through an ImageDataGenerator: subclasses give images and targets.

    `_source(index_array)` returns (images, rows): the samples are `images[rows]`; `_targets(batch_x, index_array)` the
    whole batch.
    """

    def _get_batches_of_transformed_samples(self, index_array):
        return self._begin(index_array)()

    def _begin(self, index_array):
        generator = self.image_data_generator
        if generator is not None and not generator._separable:
            # The user's Python may draw as well: it runs now, image by image.
            batch_x = self._transformed_one_by_one(index_array)
            names = self._names(index_array)
            return lambda: self._finish(batch_x, index_array, names)
        parameters = None if generator is None else generator._draw(len(index_array), self._image_shape)
        names = self._names(index_array)

        def make():
            images, rows = self._source(index_array)
            if generator is None:
                batch_x = images[rows]
            else:
                batch_x = generator._transform_batch(images, rows, parameters)
            return self._finish(batch_x, index_array, names)

        return make

    def _transformed_one_by_one(self, index_array):
        generator = self.image_data_generator
        batch_x = np.zeros((len(index_array), *self._image_shape), dtype=self.dtype)
        for i in range(len(index_array)):
            images, rows = self._source(index_array[i : i + 1])
            x = images[rows[0]].astype(self.dtype)
            x = generator.apply_transform(x, generator.get_random_transform(x.shape))
            batch_x[i] = generator.standardize(x)
        return batch_x

    def _names(self, index_array):
        if not self.save_to_dir:
            return []
        top = self._name_range
        return [f"{self.save_prefix}_{index}_{np.random.randint(top)}.{self.save_format}" for index in index_array]

    def _finish(self, batch_x, index_array, names):
        for x, name in zip(batch_x, names, strict=False):
            array_to_img(x, self.data_format, scale=True).save(os.path.join(self.save_to_dir, name))
        return self._targets(batch_x, index_array)


def check_subset(subset):
    """Raises ValueError for names of subsets that there are not."""
    if subset not in (None, "training", "validation"):
        raise ValueError(f'Invalid subset name: {subset}; expected "training" or "validation".')


class NumpyArrayIterator(TransformingIterator):
    """Batches from arrays in memory: what `ImageDataGenerator.flow` returns, where the arguments are described."""

    _name_range = 10**4

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        ignore_class_split=False,
        dtype=None,
    ):
        data_format = data_format or config.image_data_format()
        self.dtype = dtype or config.floatx()
        x_misc = []
        if isinstance(x, (tuple, list)):
            x_misc = [np.asarray(extra) for extra in (x[1] if isinstance(x[1], list) else [x[1]])]
            x = x[0]
            for extra in x_misc:
                if len(x) != len(extra):
                    raise ValueError(
                        "All of the arrays in `x` should have the same length. Found a pair with: "
                        f"len(x[0]) = {len(x)}, len(x[?]) = {len(extra)}"
                    )
        for name, other in (("`y` (labels)", y), ("`sample_weight`", sample_weight)):
            if other is not None and len(x) != len(other):
                raise ValueError(
                    f"`x` (images tensor) and {name} should have the same length. Found: "
                    f"x.shape = {np.shape(x)}, {name.split('`')[1]}.shape = {np.shape(other)}"
                )
        check_subset(subset)
        y = None if y is None else np.asarray(y)
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        if subset is not None:
            at = int(len(x) * image_data_generator._validation_split)
            if y is not None and not ignore_class_split and not np.array_equal(np.unique(y[:at]), np.unique(y[at:])):
                raise ValueError(
                    "Training and validation subsets have different number of classes after the split. If your "
                    "numpy arrays are sorted by the label, you might want to shuffle them."
                )
            part = slice(at) if subset == "validation" else slice(at, None)
            x, x_misc = x[part], [extra[part] for extra in x_misc]
            y = None if y is None else y[part]
            sample_weight = None if sample_weight is None else sample_weight[part]
        self.x = np.asarray(x, dtype=self.dtype)
        if self.x.ndim != 4:
            raise ValueError(
                f"Input data in `NumpyArrayIterator` should have rank 4. You passed an array with shape {self.x.shape}"
            )
        axis = 3 if data_format == "channels_last" else 1
        if self.x.shape[axis] not in (1, 3, 4):
            warnings.warn(
                f'NumpyArrayIterator is set to use the data format convention "{data_format}" (channels on axis '
                f"{axis}), i.e. expected either 1, 3, or 4 channels on axis {axis}. However, it was passed an array "
                f"with shape {self.x.shape} ({self.x.shape[axis]} channels).",
                stacklevel=3,
            )
        self.x_misc, self.y, self.sample_weight = x_misc, y, sample_weight
        self.image_data_generator = image_data_generator
        self.data_format = data_format
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self._image_shape = self.x.shape[1:]
        super().__init__(self.x.shape[0], batch_size, shuffle, seed)

    def _source(self, index_array):
        return self.x, index_array

    def _targets(self, batch_x, index_array):
        x = [batch_x, *(extra[index_array] for extra in self.x_misc)] if self.x_misc else batch_x
        if self.y is None:
            return x
        weights = () if self.sample_weight is None else (self.sample_weight[index_array],)
        return (x, self.y[index_array], *weights)
