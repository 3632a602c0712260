"""Datasets of the images or the texts in a folder, which has a folder for each class."""

import os

import numpy as np

from fastkeras.data.base import dataset_of
from fastkeras.data.elements import component
from fastkeras.engine import config
from fastkeras.utils.arguments import named
from fastkeras.utils.images import img_to_array, load_img
from fastkeras.utils.messages import print_msg

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_INTERPOLATIONS = (
    "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic",
)  # fmt: skip


def check_format(format):
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')
    if format == "grain":
        raise ValueError('[dataset] there are no grain datasets; leave `format` out. Received: format="grain"')


def check_arguments(
    kind, *, labels, label_mode, class_names, validation_split, subset, shuffle, seed, format, **others
):
    """Raises ValueError for arguments of a dataset of files that there are not, or do not go together."""
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
    check_format(format)
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


def datasets_of_files(
    formats,
    read,
    kind,
    *,
    directory,
    labels,
    label_mode,
    class_names,
    batch_size,
    shuffle,
    seed,
    validation_split,
    subset,
    follow_links,
    verbose,
    **others,
):
    """The dataset of the files, or [training, validation] for the subset "both"; `read(paths)` makes the inputs."""
    if labels is None or label_mode is None:
        labels = label_mode = None
    seed = np.random.randint(10**6) if seed is None else seed
    paths, labels, class_names = index_directory(
        directory, labels, formats, class_names, shuffle, seed, follow_links, verbose
    )
    if label_mode == "binary" and len(class_names) != 2:
        raise ValueError(
            'When passing `label_mode="binary"`, there must be exactly 2 class_names. '
            f"Received: class_names={class_names}"
        )
    cut = len(paths) - int((validation_split or 0) * len(paths))
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

    return dataset_of(len(paths), make, batch_size, shuffle, seed)


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
    """Batches `(images, labels)` of the images in a folder with one folder for each class, as a Dataset.

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
    arguments = named(locals())
    check_arguments("image", **arguments)
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

    return datasets_of_files(_IMAGES, read, "images", **arguments)


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
    """Batches `(texts, labels)` of the .txt files in a folder, as a Dataset; texts are tensors of strings.

    Args:
        max_length: texts are cut after so many characters.
        others: as in `image_dataset_from_directory`.

    Raises:
        ValueError: for settings that there are not, and when there are no files.
    """
    arguments = named(locals())
    check_arguments("text", **arguments)

    def read(paths):
        return component([_text(path)[:max_length] for path in paths])

    return datasets_of_files((".txt",), read, "text files", **arguments)


def _text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()
