"""save_model, load_model, save_weights, load_weights: the format follows the name of the file."""

import errno
import os
import warnings

from fastkeras.distribution.state import writes_files
from fastkeras.saving.atomic import atomic_file
from fastkeras.saving.errors import ModelFileError
from fastkeras.utils.messages import ask_to_proceed_with_overwrite, log_warning

_H5 = (".h5", ".hdf5")


def save_model(model, filepath, overwrite=True, zipped=None, **kwargs):
    """Save a model, its weights, how it was compiled and the optimizer's state.

    The file appears when it is complete: an interrupted or failed save leaves what was there before. Of several
    processes (`keras.distribution`) the first one writes.

    Args:
        model: a model.
        filepath: ends in `.keras`, or in `.h5` for the format of Keras 2.
        overwrite: False asks before an existing file is replaced.
        zipped: a `.keras` file is a zip archive; a folder (`False`) is not supported.
        include_optimizer: for `.h5`: whether to save the optimizer.

    Raises:
        ValueError: another extension.

    >>> import os, tempfile, fastkeras as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> model.save(path)
    >>> keras.saving.load_model(path).count_params()
    3
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    save_format = kwargs.pop("save_format", None)
    path = os.fspath(filepath) if isinstance(filepath, os.PathLike) else str(filepath)
    if save_format:
        if not path.endswith((".keras", *_H5)):
            raise ValueError(
                "The `save_format` argument is deprecated in Keras 3. Please remove this argument and pass a file path "
                f"with either `.keras` or `.h5` extension. Received: save_format={save_format}"
            )
        log_warning("The `save_format` argument is deprecated: the file path decides. Received: %s", save_format)
    if kwargs:
        raise ValueError(f"The following argument(s) are not supported: {list(kwargs)}")
    if zipped is False:
        raise ValueError(f"[save] only files can be written, not folders. Received: zipped={zipped}")
    if not path.endswith((".keras", *_H5)):
        raise ValueError(
            "Invalid filepath extension for saving. Please add either a `.keras` extension for the native Keras format "
            "(recommended) or a `.h5` extension. Use `model.export(filepath)` if you want to export a SavedModel for "
            f"use with TFLite/TFServing/etc. Received: filepath={filepath}."
        )
    if not _may_write(path, overwrite):
        return
    if not model.built:
        warnings.warn(
            "You are saving a model that has not yet been built. It might not contain any weights yet. Consider "
            "building the model first by calling it on some data.",
            stacklevel=2,
        )
    if path.endswith(".keras"):
        from fastkeras.saving.keras_format import write_model

        with atomic_file(path) as file:
            write_model(model, file)
        return
    from fastkeras.saving.legacy_h5 import write_model as write_h5

    log_warning(
        "You are saving your model as an HDF5 file via `model.save()` or `keras.saving.save_model(model)`. This file "
        "format is considered legacy. We recommend using instead the native Keras format, e.g. "
        "`model.save('my_model.keras')` or `keras.saving.save_model(model, 'my_model.keras')`. "
    )
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with atomic_file(path) as file:
        write_h5(model, file, include_optimizer)


def _may_write(path, overwrite):
    return writes_files() and (overwrite or not os.path.exists(path) or ask_to_proceed_with_overwrite(path))


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """Load a model that `model.save` wrote, here or in Keras.

    Args:
        filepath: a `.keras` or `.h5` file.
        custom_objects: `{name: class or function}` of yours that the model uses.
        compile: compile the model as it was, with the optimizer's state.
        safe_mode: anything but False refuses Python lambdas, which are code that the file brings.

    Raises:
        ModelFileError: (a ValueError) the file is damaged, hostile or describes what is not known here.
        ValueError: there is no such file, or its name has another extension.
    """
    path = os.fspath(filepath) if isinstance(filepath, os.PathLike) else str(filepath)
    if os.path.isdir(path):
        raise ValueError(f"[load] only files can be loaded, not folders. Received: filepath={path}")
    if path.endswith(".keras"):
        from zipfile import is_zipfile  # here: it takes 10 ms

        if not is_zipfile(path):
            raise ModelFileError(
                f"File not found: filepath={filepath}. Please ensure the file is an accessible `.keras` zip file."
            )
        from fastkeras.saving.keras_format import read_model

        with open(path, "rb") as file:
            return read_model(file, os.path.getsize(path), custom_objects, compile, safe_mode)
    if path.endswith(_H5):
        from fastkeras.saving.legacy_h5 import read_model as read_h5

        _require_file(path)
        return read_h5(path, custom_objects, compile, safe_mode)
    raise ValueError(
        f"File format not supported: filepath={filepath}. Keras 3 only supports V3 `.keras` files, legacy H5 format "
        "files (`.h5` extension). Note that the legacy SavedModel format is not supported by `load_model()`."
    )


def save_weights(model, filepath, overwrite=True, max_shard_size=None, **kwargs):
    """Save the variables of a model, its optimizer included, as a `.weights.h5` file.

    Args:
        model: a built model.
        filepath: ends in `.weights.h5`.
        overwrite: False asks before an existing file is replaced.
        max_shard_size: weights in several files are not supported.
        objects_to_skip: layers and other objects to leave out.
    """
    path = os.fspath(filepath) if isinstance(filepath, os.PathLike) else str(filepath)
    skip = kwargs.pop("objects_to_skip", None) or ()
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if max_shard_size is not None:
        raise ValueError(f"[save_weights] one file is written. Received: max_shard_size={max_shard_size}")
    if not path.endswith(".weights.h5"):
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={path}")
    _require_built(model, "saving a model")
    if not _may_write(path, overwrite):
        return
    from fastkeras.saving.keras_format import write_weights

    with atomic_file(path) as file:
        write_weights(model, file, skip)


def load_weights(model, filepath, skip_mismatch=False, **kwargs):
    """Load the variables of a model; after an error they are as they were.

    Args:
        model: a built model.
        filepath: `.weights.h5` or `.keras`, or a `.h5` file of Keras 2.
        skip_mismatch: warn about layers that the file does not fit, instead of raising.
        objects_to_skip: for `.weights.h5`: objects to leave alone.
        by_name: for `.h5`: pair the layers by name, not by order.

    Raises:
        ModelFileError: (a ValueError) the file is damaged, hostile or does not fit.
    """
    path = os.fspath(filepath) if isinstance(filepath, os.PathLike) else str(filepath)
    skip = kwargs.pop("objects_to_skip", None)
    by_name = kwargs.pop("by_name", None)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if skip is not None and not path.endswith(".weights.h5"):
        raise ValueError(f"`objects_to_skip` only supports loading '.weights.h5' files. Received: {filepath}")
    old = path.endswith(_H5) and not path.endswith(".weights.h5")
    if by_name is not None and not old:
        raise ValueError(f"`by_name` only supports loading legacy '.h5' or '.hdf5' files. Received: {filepath}")
    if not path.endswith((".keras", *_H5)):
        raise ValueError(
            f"File format not supported: filepath={filepath}. Keras 3 only supports V3 `.keras` files, `.weights.h5` "
            "files, or legacy H5 format files (`.h5` extension)."
        )
    _require_built(model, "loading weights into a model")
    _require_file(path)
    if old:
        from fastkeras.saving.legacy_h5 import read_weights as read_h5

        read_h5(model, path, bool(by_name), skip_mismatch)
        return
    from fastkeras.saving.keras_format import read_weights

    read_weights(model, path, skip_mismatch, skip or ())


def _require_built(model, doing):
    if not model.built:
        raise ValueError(
            f"You are {doing} that has not yet been built. Try building the model first by calling it on some data or "
            "by using `build()`."
        )


def _require_file(path):
    if not os.path.exists(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
