"""Datasets of batches made from files and series: what Keras gives as a tf.data.Dataset is a PyDataset here."""

import os

import numpy as np

from fastkeras.engine import config
from fastkeras.utils.images import img_to_array, load_img
from fastkeras.utils.messages import print_msg
from fastkeras.utils.pydataset import PyDataset

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_INTERPOLATIONS = (
    "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic",
)  # fmt: skip
_TENSORFLOW_ONLY = frozenset(
    "apply as_numpy_iterator batch cache cardinality concatenate element_spec enumerate filter flat_map interleave"
    " padded_batch prefetch rebatch repeat shard shuffle skip take unbatch with_options zip".split()
)


class BatchDataset(PyDataset):
    """Batches `make(indices)` of `count` samples, in a new random order in every pass where `shuffle` is set.

    Iterate over it, pass it to `fit`, or `map` a function over its batches.
    """

    def __init__(self, count, make, batch_size, shuffle=False, seed=None):
        super().__init__()
        self._count, self._make, self._batch_size = count, make, batch_size
        self._random = np.random.RandomState(seed) if shuffle else None
        self._order = np.arange(count)
        self.on_epoch_end()

    def __len__(self):
        return -(-self._count // (self._batch_size or 1))

    def __getitem__(self, index):
        return self.begin_batch(index)()

    def begin_batch(self, index):
        """The function that makes batch `index` in the present order."""
        if not 0 <= index < len(self):
            raise IndexError(f"[dataset] there are {len(self)} batches. Received: index={index}")
        size = self._batch_size or 1
        chosen = self._order[index * size : (index + 1) * size]
        if self._batch_size:
            return lambda: self._make(chosen)
        return lambda: _first(self._make(chosen))

    def __iter__(self):
        yield from super().__iter__()
        self.on_epoch_end()

    def on_epoch_end(self):
        """Draws a new order."""
        if self._random is not None:
            self._order = self._random.permutation(self._count)

    def map(self, function):
        """The dataset of `function(*batch)`; names of classes and files stay."""

        def make(chosen):
            batch = self._make(chosen)
            return function(*batch) if isinstance(batch, tuple) else function(batch)

        mapped = BatchDataset(self._count, make, self._batch_size)
        vars(mapped).update({k: v for k, v in vars(self).items() if k != "_make"})
        return mapped

    def __getattr__(self, name):
        if name in _TENSORFLOW_ONLY:
            raise AttributeError(
                f"This dataset is a keras.utils.PyDataset and no tf.data.Dataset: it has no `{name}`. `fit` takes it "
                "as it is and makes batches ahead of the training; `map` changes batches."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _first(batch):
    return tuple(part[0] for part in batch) if isinstance(batch, tuple) else batch[0]


def _check_common(labels, label_mode, class_names, kind, validation_split, subset, shuffle, seed, format):
    if labels not in ("inferred", None) and not isinstance(labels, (list, tuple)):
        raise ValueError(
            "`labels` argument should be a list/tuple of integer labels, of the same size as the number of "
            f"{kind} files in the target directory. If you wish to infer the labels from the subdirectory names in the "
            'target directory, pass `labels="inferred"`. If you wish to get a dataset that only contains samples (no '
            f"labels), pass `labels=None`. Received: labels={labels}"
        )
    if labels != "inferred" and class_names:
        raise ValueError(
            f'You can only pass `class_names` if `labels="inferred"`. Received: labels={labels}, and '
            f"class_names={class_names}"
        )
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            '`label_mode` argument must be one of "int", "categorical", "binary", or None. '
            f"Received: label_mode={label_mode}"
        )
    _check_format(format)
    if validation_split and not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, received: {validation_split}")
    if bool(validation_split) != bool(subset):
        raise ValueError("If `subset` is set, `validation_split` must be set, and inversely.")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f'`subset` must be either "training", "validation" or "both", received: {subset}')
    if validation_split and shuffle and seed is None:
        raise ValueError(
            "If using `validation_split` and shuffling the data, you must provide a `seed` argument, to make sure that "
            "there is no overlap between the training and validation subset."
        )


def _check_format(format):
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')
    if format == "grain":
        raise ValueError('[dataset] there are no grain datasets; leave `format` out. Received: format="grain"')


def index_directory(
    directory, labels, formats, class_names=None, shuffle=True, seed=None, follow_links=False, verbose=True
):
    """(paths, labels, names of the classes) of the files in a folder; `seed` decides the order of `shuffle`."""
    folders = [""]
    if labels == "inferred":
        entries = os.scandir(directory)
        folders = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
        if class_names is not None:
            if not set(class_names) <= set(folders):
                raise ValueError(
                    "The `class_names` passed did not match the names of the subdirectories of the target directory. "
                    f"Expected: {folders} (or a subset of it), but received: class_names={class_names}"
                )
            folders = class_names
    paths, inferred = [], []
    for label, folder in enumerate(folders):
        for root, _, files in sorted(os.walk(os.path.join(directory, folder), followlinks=follow_links)):
            found = [os.path.join(root, name) for name in sorted(files) if name.lower().endswith(formats)]
            paths += found
            inferred += [label] * len(found)
    if labels == "inferred":
        labels, class_names = np.array(inferred, "int32"), list(folders)
    elif labels is not None:
        if len(labels) != len(paths):
            raise ValueError(
                "Expected the lengths of `labels` to match the number of files in the target directory. len(labels) is "
                f"{len(labels)} while we found {len(paths)} files in directory {directory}."
            )
        class_names, labels = [str(label) for label in sorted(set(labels))], np.array(labels)
    if verbose:
        belonging = "" if labels is None else f" belonging to {len(class_names)} classes"
        print_msg(f"Found {len(paths)} files{belonging}.")
    if shuffle:
        order = np.random.RandomState(seed).permutation(len(paths))
        paths, labels = [paths[i] for i in order], None if labels is None else labels[order]
    return paths, labels, class_names


def _datasets(
    directory, labels, label_mode, class_names, formats, read, kind, batch_size, shuffle, seed, split, subset, **listing
):
    """The dataset of the files, or [training, validation] for the subset "both"; `read(paths)` makes the inputs."""
    if labels is None or label_mode is None:
        labels = label_mode = None
    seed = np.random.randint(10**6) if seed is None else seed
    paths, labels, class_names = index_directory(directory, labels, formats, class_names, shuffle, seed, **listing)
    if label_mode == "binary" and len(class_names) != 2:
        raise ValueError(
            'When passing `label_mode="binary"`, there must be exactly 2 class_names. '
            f"Received: class_names={class_names}"
        )
    cut = len(paths) - int((split or 0) * len(paths))
    parts = {None: slice(None), "training": slice(cut), "validation": slice(cut, None)}
    made = []
    for name in ("training", "validation") if subset == "both" else (subset,):
        own, targets = paths[parts[name]], None if labels is None else labels[parts[name]]
        if name is not None:
            print_msg(f"Using {len(own)} files for {name}.")
        if not own:
            what = f"{name} {kind}" if subset == "both" else kind
            raise ValueError(f"No {what} found in directory {directory}. Allowed formats: {formats}")
        encoded = None if targets is None else _encoded(targets, label_mode, len(class_names))
        made.append(_dataset(own, encoded, read, batch_size, shuffle and not (made and subset == "both"), seed))
        made[-1].class_names, made[-1].file_paths = class_names, own
    return made if subset == "both" else made[0]


def _encoded(labels, mode, classes):
    if mode == "binary":
        return labels.astype("float32")[:, None]
    return np.eye(classes, dtype="float32")[labels] if mode == "categorical" else labels.astype("int32")


def _dataset(paths, labels, read, batch_size, shuffle, seed):
    def make(chosen):
        inputs = read([paths[i] for i in chosen])
        return inputs if labels is None else (inputs, labels[chosen])

    return BatchDataset(len(paths), make, batch_size, shuffle, seed)


def image_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    color_mode="rgb",
    batch_size=32,
    image_size=(256, 256),
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    interpolation="bilinear",
    follow_links=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    data_format=None,
    format="tf",
    verbose=True,
):
    """Batches `(images, labels)` of the images in a folder with one folder for each class, as a PyDataset.

    Args:
        labels: `"inferred"` from the folders, None, or a list with one number for each file in order of their paths.
        label_mode: `"int"`, `"categorical"` (one-hot), `"binary"` (0 or 1, of shape (batch, 1)), or None.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        batch_size: None gives single images.
        image_size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio: as in `ops.image.resize`.
        subset: with `validation_split`: `"training"`, `"validation"`, or `"both"` for a list of the two.

    Raises:
        ValueError: for settings that there are not, and when there are no images.
        OSError: when a batch has a file that is no image; it is named.
    """
    _check_common(labels, label_mode, class_names, "image", validation_split, subset, shuffle, seed, format)
    if color_mode not in ("rgb", "rgba", "grayscale"):
        raise ValueError(
            f'`color_mode` must be one of {{"rgb", "rgba", "grayscale"}}. Received: color_mode={color_mode}'
        )
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    if not isinstance(size, (list, tuple)) or len(size) != 2:
        raise ValueError(
            f"Invalid `image_size` value. Expected a tuple of 2 integers. Received: image_size={image_size}"
        )
    if interpolation.lower() not in _INTERPOLATIONS:
        raise ValueError(
            f"Argument `interpolation` should be one of {_INTERPOLATIONS}. Received: interpolation={interpolation}"
        )
    settings = {
        "interpolation": interpolation.lower(),
        "crop_to_aspect_ratio": crop_to_aspect_ratio,
        "pad_to_aspect_ratio": pad_to_aspect_ratio,
        "data_format": data_format or config.image_data_format(),
    }

    def read(paths):
        return np.stack([_image(path, color_mode, tuple(size), settings) for path in paths])

    listing = {"follow_links": follow_links, "verbose": verbose}
    return _datasets(
        directory,
        labels,
        label_mode,
        class_names,
        _IMAGES,
        read,
        "images",
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        **listing,
    )


def _image(path, color_mode, size, settings):
    from fastkeras.ops import image

    pixels = img_to_array(load_img(path, color_mode=color_mode), data_format=settings["data_format"], dtype="float32")
    return image.resize(pixels, size, **settings).numpy()


def text_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    max_length=None,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    format="tf",
    verbose=True,
):
    """Batches `(texts, labels)` of the .txt files in a folder, as a PyDataset; texts are arrays of strings.

    Args:
        max_length: texts are cut after so many characters.
        others: as in `image_dataset_from_directory`.

    Raises:
        ValueError: for settings that there are not, and when there are no files.
    """
    _check_common(labels, label_mode, class_names, "text", validation_split, subset, shuffle, seed, format)

    def read(paths):
        return np.array([_text(path)[:max_length] for path in paths], dtype=object)

    listing = {"follow_links": follow_links, "verbose": verbose}
    return _datasets(
        directory,
        labels,
        label_mode,
        class_names,
        (".txt",),
        read,
        "text files",
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        **listing,
    )


def _text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
):
    """Batches of windows of a series, as a PyDataset: window i is data[i : i + sequence_length * sampling_rate : rate].

    Args:
        data: time along the first axis.
        targets: one for each window, by its first step; None for windows alone.
        sequence_stride: distance between windows.
        batch_size: None gives single windows.
        start_index, end_index: steps before the one and from the other on are not used.

    Raises:
        ValueError: for numbers that do not fit the data.

    >>> import numpy as np, fastkeras as keras
    >>> dataset = keras.utils.timeseries_dataset_from_array(np.arange(5), np.arange(5) * 10, sequence_length=3)
    >>> [(x.tolist(), y.tolist()) for x, y in dataset]
    [([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [0, 10, 20])]
    """
    size = len(data)
    for name, value, low, high in (
        ("start_index", start_index, 0, size),
        ("end_index", end_index, (start_index or 0) + 1, size),
        ("sampling_rate", sampling_rate, 1, size),
        ("sequence_stride", sequence_stride, 1, size),
    ):
        if value is not None and not low <= value < high:
            raise ValueError(f"`{name}` must be at least {low} and lower than {high}. Received: {name}={value}")
    _check_format(format)
    start, end = start_index or 0, size if end_index is None else end_index
    count = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets))
    firsts = np.arange(0, max(count, 0), sequence_stride)
    if shuffle:
        seed = np.random.randint(10**6) if seed is None else seed
        np.random.RandomState(seed).shuffle(firsts)
    data = np.asarray(data)[start:end]
    targets = None if targets is None else np.asarray(targets)[start:end]
    steps = np.arange(sequence_length) * sampling_rate

    def make(chosen):
        first = firsts[chosen]
        windows = data[first[:, None] + steps]
        return windows if targets is None else (windows, targets[first])

    return BatchDataset(len(firsts), make, batch_size, shuffle, seed)
