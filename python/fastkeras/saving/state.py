"""Where each part of a model's state lies in a file: the walk of Keras over layers, optimizer and attributes."""

import functools
import warnings

import numpy as np

from fastkeras.engine import to_snake_case, unique_object_name
from fastkeras.saving import h5
from fastkeras.saving.errors import ModelFileError

_ALWAYS = ("layers", "optimizer", "loss")  # attributes of a model that hold saveables


class Entry:
    """The variables of one object: what `save_own_variables(store)` and `load_own_variables(store)` receive."""

    def __init__(self, group, read=None):
        self._group = group  # None: the file has nothing for this object
        self._read = read

    def keys(self):
        """Names of the arrays."""
        return [] if self._group is None else list(self._group.keys())

    def __len__(self):
        return 0 if self._group is None else len(self._group)

    def __iter__(self):
        return iter(self.keys())

    def __contains__(self, name):
        return self._group is not None and h5.child(self._group, name) is not None

    def __getitem__(self, name):
        if self._group is None:
            raise KeyError(name)
        return self._read(self._group, name)

    def __setitem__(self, name, value):
        h5.write_array(self._group, name, value.numpy() if hasattr(value, "numpy") else value)


@functools.cache
def _kinds():
    from fastkeras.engine import Operation
    from fastkeras.losses import Loss
    from fastkeras.metrics import Metric
    from fastkeras.optimizers import Optimizer
    from fastkeras.random import SeedGenerator

    return Operation, Metric, Optimizer, Loss, SeedGenerator


def _is_saveable(value):
    return isinstance(value, _kinds())


@functools.cache
def _base_names(base):
    """Attributes that every instance of a base class has: they hold nothing of the user's."""
    from fastkeras.layers import Input
    from fastkeras.models import Functional
    from fastkeras.optimizers import Optimizer

    arguments = ()
    if base is Optimizer:
        arguments = (1.0,)
    elif base is Functional:
        arguments = (Input((1,), name="reference_input"),) * 2
    return frozenset(dir(base(*arguments, name="reference"))) - frozenset(_ALWAYS)


def _skipped(saveable):
    from fastkeras.layers import Layer
    from fastkeras.models import Functional, Model, Sequential

    bases = (Sequential, Functional, Model, Layer, *_kinds())
    return _base_names(next(base for base in bases if isinstance(saveable, base)))


def _children(saveable):
    """(attribute, value) in the order of Keras: layers of a model, then by name, private ones last."""
    from fastkeras.models import Functional, Sequential

    if isinstance(saveable, (Functional, Sequential)):
        yield "layers", saveable.layers
    skipped = _skipped(saveable)
    for name in sorted(dir(saveable), key=lambda name: f"~{name}" if name.startswith("_") else name):
        if name.startswith("__") or name in skipped or (isinstance(saveable, Functional) and name == "operations"):
            continue
        try:
            value = getattr(saveable, name)
        except Exception:  # noqa: S112 - a property that cannot be read now holds no state
            continue
        if _is_saveable(value) or isinstance(value, (list, tuple, dict)):
            yield name, value


def _container_children(container):
    """(name, value) of the saveables and containers in a list or dict: named by class, as their own names vary."""
    used = {}
    for value in container.values() if isinstance(container, dict) else container:
        if _is_saveable(value):
            name = to_snake_case(type(value).__name__)
        elif isinstance(value, (list, tuple, dict)):
            name = "container"
        else:
            continue
        yield unique_object_name(name, used), value


def _join(path, name):
    return f"{path}/{name}" if path else name


def save_state(model, file, assets=None, skip=()):
    """Write the state of `model` into an open HDF5 file.

    Args:
        assets: function path -> folder for the objects that have `save_assets`, or None.
        skip: objects to leave out.
    """
    _Saver(file, assets, skip).save(model, "")


class _Saver:
    def __init__(self, file, assets, skip):
        self.file, self.assets = file, assets
        self.visited = {id(value): value for value in skip}  # kept, as the next list may get the id of one that is gone

    def save(self, value, path):
        if id(value) in self.visited:
            return
        self.visited[id(value)] = value
        if not _is_saveable(value):
            for name, item in _container_children(value):
                self.save(item, _join(path, name))
            return
        seed_generator = _kinds()[-1]
        if isinstance(value, seed_generator):  # real Keras leaves these out, and overlooks them when it reads
            h5.write_array(self.file.create_group(_join(path, "vars")), "0", value.state.numpy())
            return
        if hasattr(value, "save_own_variables"):
            group = self.file.create_group(_join(path, "vars"))
            if isinstance(getattr(value, "name", None), str):
                group.attrs["name"] = value.name
            value.save_own_variables(Entry(group))
        if self.assets is not None and hasattr(value, "save_assets"):
            value.save_assets(self.assets(path))
        for name, item in _children(value):
            self.save(item, _join(path, name))


def load_state(model, file, file_bytes, assets=None, skip=(), skip_mismatch=False):
    """Read the state of `model` from an open HDF5 file; after an error all variables are as they were.

    Args:
        file_bytes: size of the file: what it may make us read beyond the variables of the model.
        assets: function path -> folder (or None) for the objects that have `load_assets`, or None.
        skip: objects to leave alone.
        skip_mismatch: warn about the objects that the file does not fit, instead of raising.
    """
    loader = _Loader(file, file_bytes, assets, skip)
    try:
        loader.load(model, "")
        if loader.failures and not skip_mismatch:
            raise ModelFileError(loader.report())
    except BaseException:
        loader.restore(loader.before.values())
        raise
    if loader.failures:
        warnings.warn(loader.report(), stacklevel=4)


class _Loader:
    def __init__(self, file, file_bytes, assets, skip):
        self.file, self.assets = file, assets
        self.datasets = h5.Datasets(file_bytes)
        self.visited = {id(value) for value in skip}
        self.active = set()  # being loaded: a child may refer to its parent
        self.failures = {}  # id -> (object, error); another path to the same object may still succeed
        self.before = {}  # id -> (variable, its value before)

    def load(self, value, path):
        if id(value) in self.visited or id(value) in self.active:
            return
        self.active.add(id(value))
        try:
            if _is_saveable(value):
                self._load_saveable(value, path)
            else:
                self._load_container(value, path)
        finally:
            self.active.discard(id(value))

    def _load_container(self, container, path):
        for name, item in _container_children(container):
            place = _join(path, name)
            if _is_saveable(item) or h5.find_group(self.file, place) is not None:
                self.load(item, place)
                continue
            # Keras before 3.12 did not save what lies in nested lists. Most of these hold nothing, or what is loaded
            # from elsewhere.
            failures, self.failures = self.failures, {}
            self.load(item, place)
            failures, self.failures = self.failures, failures
            if failures:
                warnings.warn(
                    f"Skipping nested container at '{place}': no matching group found in the saved file. This usually "
                    "means the file was saved with a Keras version that did not serialize sublayers nested inside "
                    "containers. Affected layers will retain their freshly-initialized weights.",
                    stacklevel=2,
                )

    def _load_saveable(self, value, path):
        failed = False
        try:
            self._load_own(value, path)
        except Exception as error:
            self.failures[id(value)] = value, error
            self.restore(self._snapshot(value))
            failed = True
        failures = len(self.failures)
        for name, item in _children(value):
            self.load(item, _join(path, name))
        if not failed:
            if len(self.failures) <= failures:
                self.visited.add(id(value))
            self.failures.pop(id(value), None)

    def _load_own(self, value, path):
        if isinstance(value, _kinds()[-1]):
            variables = [value.state]
        elif hasattr(value, "load_own_variables"):
            variables = list(value.variables)
        else:
            return
        for variable in variables:
            self.before.setdefault(id(variable), (variable, np.array(variable.numpy())))
        shapes = {tuple(variable.shape) for variable in variables}
        entry = Entry(self._group(path), lambda group, name: self.datasets.read(group, name, shapes))
        if not isinstance(value, _kinds()[-1]):
            value.load_own_variables(entry)
            if self.assets is not None and hasattr(value, "load_assets"):
                value.load_assets(self.assets(path))
        elif "0" in entry:
            value.state.assign(entry["0"])

    def _group(self, path):
        group = h5.find_group(self.file, _join(path, "vars"))
        if group is None and h5.child(self.file, "_layer_checkpoint_dependencies") is not None:  # Keras 2.13
            group = h5.find_group(self.file, _join(path.replace("layers", "_layer_checkpoint_dependencies"), "vars"))
        return group

    def _snapshot(self, value):
        variables = [value.state] if isinstance(value, _kinds()[-1]) else getattr(value, "variables", ())
        return [self.before[id(variable)] for variable in variables if id(variable) in self.before]

    def restore(self, pairs):
        for variable, array in pairs:
            variable.assign(array)

    def report(self):
        example, error = next(iter(self.failures.values()))
        objects = [value for value, _ in self.failures.values()]
        return (
            f"A total of {len(objects)} objects could not be loaded. Example error message for object {example}:\n\n"
            f"{error}\n\nList of objects that could not be loaded:\n{objects}"
        )
