"""Batches of images that are read from files while they are needed."""

import os
import warnings

import numpy as np

from fastkeras.engine import config
from fastkeras.preprocessing.image.iterators import Iterator, TransformingIterator, check_subset
from fastkeras.utils.images import img_to_array, load_img
from fastkeras.utils.messages import print_msg

_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}


class FileIterator(TransformingIterator):
    """What the iterators over files share; subclasses set `filenames`, `class_mode`, `labels`, `sample_weight`."""

    _name_range = 10**7

    def _store(self, arguments):
        """Stores what the constructors share (their `locals()`), checked."""
        self.image_data_generator = arguments["image_data_generator"]
        self.target_size = tuple(arguments["target_size"])
        self.color_mode = arguments["color_mode"]
        if self.color_mode not in _CHANNELS:
            raise ValueError(f'Invalid color mode: {self.color_mode}; expected "rgb", "rgba", or "grayscale".')
        self.data_format = arguments["data_format"] or config.image_data_format()
        channels = (_CHANNELS[self.color_mode],)
        first = self.data_format == "channels_first"
        self.image_shape = self._image_shape = channels + self.target_size if first else self.target_size + channels
        self.subset = arguments["subset"]
        check_subset(self.subset)
        share = self.image_data_generator._validation_split if self.subset else 0
        self.split = {"validation": (0, share), "training": (share, 1), None: None}[self.subset]
        for name in ("save_to_dir", "save_prefix", "save_format", "interpolation", "keep_aspect_ratio"):
            setattr(self, name, arguments[name])
        self.dtype = arguments["dtype"] or config.floatx()
        self.class_mode = arguments["class_mode"]
        if self.class_mode not in self.allowed_class_modes:
            raise ValueError(f"Invalid class_mode: {self.class_mode}; expected one of: {self.allowed_class_modes}")

    @property
    def filepaths(self):
        """Paths of all images."""
        return self._filepaths

    def _source(self, index_array):
        images = np.empty((len(index_array), *self._image_shape), dtype=self.dtype)
        for i, index in enumerate(index_array):
            image = load_img(
                self._filepaths[index],
                color_mode=self.color_mode,
                target_size=self.target_size,
                interpolation=self.interpolation,
                keep_aspect_ratio=self.keep_aspect_ratio,
            )
            images[i] = img_to_array(image, data_format=self.data_format)
        return images, np.arange(len(index_array))

    def _targets(self, batch_x, index_array):
        mode = self.class_mode
        if mode is None:
            return batch_x
        if mode == "input":
            batch_y = batch_x.copy()
        elif mode in ("binary", "sparse"):
            batch_y = np.array([self.classes[i] for i in index_array], dtype=self.dtype)
        elif mode == "categorical":
            batch_y = np.zeros((len(batch_x), len(self.class_indices)), dtype=self.dtype)
            for row, index in zip(batch_y, index_array, strict=True):
                row[self.classes[index]] = 1
        elif mode == "multi_output":
            batch_y = [output[index_array] for output in self.labels]
        else:
            batch_y = self.labels[index_array]
        weights = () if self.sample_weight is None else (self.sample_weight[index_array],)
        return (batch_x, batch_y, *weights)


class DirectoryIterator(FileIterator):
    """Batches from a folder with one folder per class: `ImageDataGenerator.flow_from_directory` describes it."""

    allowed_class_modes = {"categorical", "binary", "sparse", "input", None}
    sample_weight = None

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        dtype=None,
    ):
        self._store(locals())
        self.directory = directory
        names = classes or sorted(e.name for e in os.scandir(directory) if e.is_dir())
        self.num_classes = len(names)
        self.class_indices = {name: i for i, name in enumerate(names)}
        self.filenames, labels = [], []
        for name in names:
            found = self._files_of(name, follow_links)
            self.filenames += found
            labels += [self.class_indices[name]] * len(found)
        self.classes = np.array(labels, dtype="int32")
        self.samples = len(self.filenames)
        print_msg(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        self._filepaths = [os.path.join(directory, name) for name in self.filenames]
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _files_of(self, name, follow_links):
        """Images in the folder of a class and below it, relative to the directory; those of the subset."""
        top, found = os.path.join(self.directory, name), []
        for root, _, files in sorted(os.walk(top, followlinks=follow_links)):
            found += [
                os.path.relpath(os.path.join(root, file), self.directory)
                for file in sorted(files)
                if file.lower().endswith(Iterator.white_list_formats)
            ]
        if self.split is None:
            return found
        return found[int(self.split[0] * len(found)) : int(self.split[1] * len(found))]

    @property
    def labels(self):
        """The class of every image."""
        return self.classes


class DataFrameIterator(FileIterator):
    """Batches from files that a pandas DataFrame names: `ImageDataGenerator.flow_from_dataframe` describes it."""

    allowed_class_modes = {"binary", "categorical", "input", "multi_output", "raw", "sparse", None}

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format="channels_last",
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        dtype="float32",
        validate_filenames=True,
    ):
        self._store(locals())
        self.directory = directory or ""
        self._check_columns(dataframe, x_col, y_col, weight_col, classes)
        table = self._existing(dataframe, x_col) if validate_filenames else dataframe
        labelled = class_mode in ("binary", "categorical", "sparse")
        if labelled:
            table, classes = _with_classes(table, y_col, classes)
            self.class_indices = {name: i for i, name in enumerate(classes)}
        if self.split:
            start, stop = (int(share * len(table)) for share in self.split)
            table = table.iloc[start:stop]
        if labelled:
            self.classes = [
                [self.class_indices[name] for name in label]
                if isinstance(label, (list, tuple))
                else self.class_indices[label]
                for label in table[y_col]
            ]
        self.filenames = table[x_col].tolist()
        self.sample_weight = table[weight_col].to_numpy() if weight_col else None
        if class_mode == "multi_output":
            self._targets_given = [np.array(table[column].tolist()) for column in y_col]
        elif class_mode == "raw":
            self._targets_given = table[y_col].to_numpy()
        self.samples = len(self.filenames)
        kind = "validated" if validate_filenames else "non-validated"
        belonging = f" belonging to {len(classes)} classes" if labelled else ""
        print_msg(f"Found {self.samples} {kind} image filenames{belonging}.")
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _check_columns(self, table, x_col, y_col, weight_col, classes):
        mode = self.class_mode
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(f'If class_mode="{mode}", y_col must be a list. Received {type(y_col).__name__}.')
        if not all(isinstance(x, str) for x in table[x_col]):
            raise TypeError(f"All values in column x_col={x_col} must be strings.")
        if mode in ("binary", "sparse") and not all(isinstance(y, str) for y in table[y_col]):
            raise TypeError(f'If class_mode="{mode}", y_col="{y_col}" column values must be strings.')
        if mode == "binary":
            count = len(set(classes or table[y_col]))
            if count != 2:
                raise ValueError(f'If class_mode="binary" there must be 2 classes. Found {count} classes.')
        if mode == "categorical" and not all(isinstance(y, (str, list, tuple)) for y in table[y_col]):
            raise TypeError(
                f'If class_mode="{mode}", y_col="{y_col}" column values must be type string, list or tuple.'
            )
        if classes and mode in ("input", "multi_output", "raw", None):
            warnings.warn(f'`classes` will be ignored given the class_mode="{mode}"', stacklevel=4)
        if weight_col and not np.issubdtype(table[weight_col].dtype, np.number):
            raise TypeError(f"Column weight_col={weight_col} must be numeric.")

    def _existing(self, table, x_col):
        """The rows whose file is there and has the name of an image."""
        kept = np.array(
            [
                name.lower().endswith(Iterator.white_list_formats)
                and os.path.isfile(os.path.join(self.directory, name))
                for name in table[x_col]
            ],
            dtype=bool,
        )
        if not kept.all():
            warnings.warn(
                f'Found {(~kept).sum()} invalid image filename(s) in x_col="{x_col}". These filename(s) will be '
                "ignored.",
                stacklevel=4,
            )
        return table[kept]

    @property
    def labels(self):
        """The class of every image; the targets where they are no classes."""
        return self._targets_given if self.class_mode in ("multi_output", "raw") else self.classes


def _with_classes(table, y_col, classes):
    """(the rows that have one of the classes, the classes)."""
    if not classes:
        found = {name for label in table[y_col] for name in (label if isinstance(label, (list, tuple)) else [label])}
        return table, sorted(found)
    classes = list(dict.fromkeys(classes))

    def known(label):
        if isinstance(label, (list, tuple)):
            return [name for name in label if name in classes] or None
        return label if label in classes else None

    labels = [known(label) for label in table[y_col]]
    kept = [label is not None for label in labels]
    table = table[kept].copy()
    table[y_col] = [label for label in labels if label is not None]
    return table, classes
