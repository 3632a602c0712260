"""The `.keras` archive and `.weights.h5`, as Keras 3 lays them out."""

import contextlib
import datetime
import io
import json
import os
import shutil
import tempfile
import zipfile

from fastkeras.engine.budget import variable_budget
from fastkeras.registry import deserialize_keras_object, object_sharing_scope, serialize_keras_object
from fastkeras.saving import h5
from fastkeras.saving.archive import check_archive, parse_json, parts_inside, read_member
from fastkeras.saving.errors import ModelFileError, only_model_file_errors
from fastkeras.saving.state import load_state, save_state

_CONFIG = "config.json"
_METADATA = "metadata.json"
_WEIGHTS = "model.weights.h5"
_ASSETS = "assets"


def bytes_of_variables(file_bytes):
    """How much the variables of a model may take that was described by a file of so many bytes.

    A file holds every weight uncompressed. Adam with averages has five times the weights when it was saved before its
    first step, without its slots.
    """
    return 8 * file_bytes + (64 << 20)


def model_to_bytes(model):
    """The `.keras` archive of a model, in memory: what pickle and deepcopy use.

    >>> import fastkeras as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> twin = keras.saving.model_from_bytes(keras.saving.model_to_bytes(model))
    >>> twin.count_params()
    3
    """
    buffer = io.BytesIO()
    write_model(model, buffer)
    return buffer.getvalue()


def model_from_bytes(data, custom_objects=None, compile=True, safe_mode=True):
    """The model that `model_to_bytes` wrote; arguments as in `load_model`."""
    return read_model(io.BytesIO(data), len(data), custom_objects, compile, safe_mode)


def write_model(model, file):
    """Write the `.keras` archive of a model into a binary file."""
    with object_sharing_scope():
        config = serialize_keras_object(model)
    from fastkeras.config import keras_version

    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    with zipfile.ZipFile(file, "w") as archive, tempfile.TemporaryDirectory() as folder:
        archive.writestr(_METADATA, json.dumps({"keras_version": keras_version(), "date_saved": now}))
        archive.writestr(_CONFIG, json.dumps(config))

        def assets(path):
            place = os.path.join(folder, _ASSETS, path)
            os.makedirs(place, exist_ok=True)
            return place

        with weights_file(lambda weights: save_state(model, weights, assets)) as image:
            archive.writestr(_WEIGHTS, image)
        for place, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                path = os.path.join(place, name)
                archive.write(path, os.path.relpath(path, folder).replace(os.sep, "/"))


@contextlib.contextmanager
def weights_file(write):
    """The bytes of an HDF5 file that `write(file)` fills. It is made in memory: a full disk then is an error of one
    plain write, not something libhdf5 meets while it closes the file."""
    buffer = io.BytesIO()
    with h5.h5py().File(buffer, "w") as file:
        write(file)
    with buffer.getbuffer() as image:
        yield image


def read_model(file, size, custom_objects, compile, safe_mode):
    """The model in a `.keras` archive of `size` bytes."""
    with only_model_file_errors(), zipfile.ZipFile(file) as archive:
        check_archive(archive, size)
        config = parse_json(read_member(archive, _CONFIG), _CONFIG)
        if not compile:
            config["compile_config"] = None
        model = model_of_config(config, size, custom_objects, safe_mode)
        image = read_member(archive, _WEIGHTS)
        with h5.h5py().File(io.BytesIO(image), "r") as weights, _Assets(archive) as assets:
            load_state(model, weights, len(image), assets)
    return model


def model_of_config(config, size, custom_objects, safe_mode):
    """Build the model a config describes, with variables in proportion to the file it came from."""
    from fastkeras.layers.preprocessing.feature_space import FeatureSpace
    from fastkeras.models import Model

    # An unset safe_mode is safe: only False switches it off.
    with object_sharing_scope(), variable_budget(bytes_of_variables(size)):
        model = deserialize_keras_object(config, custom_objects, safe_mode=safe_mode is not False)
    if not isinstance(model, (Model, FeatureSpace)):
        raise ModelFileError(f"[load] the file describes no model. Received: {type(model).__name__}")
    return model


class _Assets:
    """`assets(path)`: the folder of an object's asset files (vocabularies), or None. Unpacked when first asked for."""

    def __init__(self, archive):
        self.archive, self.folder = archive, None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __call__(self, path):
        if self.folder is None:
            members = [m.filename for m in self.archive.infolist() if not m.is_dir()]
            places = {name: parts_inside(name) for name in members if name.startswith(f"{_ASSETS}/")}
            outside = [name for name, parts in places.items() if parts is None]
            if outside:
                raise ModelFileError(f"[load] not allowed: assets outside their folder. Received: {outside[:5]}")
            self.folder = tempfile.mkdtemp()
            for name, parts in places.items():
                self._unpack(name, parts)
        place = os.path.join(self.folder, _ASSETS, *path.split("/"))
        return place if os.path.isdir(place) else None

    def _unpack(self, name, parts):
        place = os.path.join(self.folder, *parts)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "xb") as file:
            file.write(read_member(self.archive, name))


def write_weights(model, file, skip=()):
    """Write the state of a model as `.weights.h5`."""
    with weights_file(lambda weights: save_state(model, weights, skip=skip)) as image:
        file.write(image)


def read_weights(model, path, skip_mismatch=False, skip=()):
    """Read the state of a model from a `.weights.h5` or `.keras` file; all of it, or nothing."""
    with open_weights(path) as (weights, size):
        load_state(model, weights, size, skip=skip, skip_mismatch=skip_mismatch)


@contextlib.contextmanager
def open_weights(path):
    """(the HDF5 file of weights in a `.weights.h5` or `.keras` file, its size)."""
    size = os.path.getsize(path)
    with contextlib.ExitStack() as stack:
        stack.enter_context(only_model_file_errors())
        source = path
        if path.endswith(".keras"):
            archive = stack.enter_context(zipfile.ZipFile(path))
            check_archive(archive, size)
            image = read_member(archive, _WEIGHTS)
            source, size = io.BytesIO(image), len(image)
        yield stack.enter_context(h5.h5py().File(source, "r")), size


def description(path):
    """(config, metadata): the JSON in a `.keras` file."""
    with only_model_file_errors(), zipfile.ZipFile(path) as archive:
        check_archive(archive, os.path.getsize(path))
        return tuple(parse_json(read_member(archive, name), name) for name in (_CONFIG, _METADATA))
