"""KerasFileEditor: what is in a file of weights, and another file with other things in it."""

import io
import os

from fastkeras.saving import h5
from fastkeras.saving.atomic import atomic_file
from fastkeras.saving.keras_format import description, open_weights, weights_file
from fastkeras.saving.state import Entry, save_state


class KerasFileEditor:
    """Shows the weights of a file, changes what there is and what it is called, and writes them to another file.

    Args:
        filepath: a `.weights.h5` or `.keras` file.

    `weights_dict` holds an object (a layer) as a dict of its arrays, "0", "1" ..., and of the objects inside; of a
    `.keras` file `config` and `metadata` are the JSON in it.

    Raises:
        ValueError: for another ending, and where the file is damaged or hostile; later, for objects and weights that
            are not there, or whose name means several.

    >>> import tempfile, fastkeras as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save_weights(f"{folder}/old.weights.h5")
    ...     editor = keras.saving.KerasFileEditor(f"{folder}/old.weights.h5") # doctest: +ELLIPSIS
    ...     editor.rename_object("dense", "einsum_dense")
    ...     editor.save(f"{folder}/new.weights.h5")
    Keras model file ...
    >>> list(editor.weights_dict["layers"])
    ['einsum_dense']
    """

    def __init__(self, filepath):
        import rich.console

        self.filepath = os.fspath(filepath)
        if not self.filepath.endswith((".keras", ".weights.h5")):
            raise ValueError(
                f"Invalid filename: expected a `.keras` `.weights.h5` extension. Received: filepath={filepath}"
            )
        self.console = rich.console.Console(highlight=False)
        self.config = self.metadata = None
        if self.filepath.endswith(".keras"):
            self.config, self.metadata = description(self.filepath)
        self.object_metadata = {}  # by the path of an object: what the file says of it, such as the name of a layer
        with open_weights(self.filepath) as (file, size):
            self.weights_dict = _contents(file, h5.Datasets(size), self.object_metadata)
        self.console.print(f"Keras model file {_coloured(repr(self.filepath))}")
        if self.metadata is not None:
            version, date = (_coloured(self.metadata.get(key)) for key in ("keras_version", "date_saved"))
            self.console.print(f"Saved with Keras {version} - date: {date}")

    # --- showing -----------------------------------------------------------------------------------------------------

    def summary(self):
        """Prints the objects and their weights as a tree."""
        self.console.print("Weights structure")
        for number, line in enumerate(self._tree(self.weights_dict, "  ", "")):
            self.console.print(line if number else line.replace("├─", ">", 1).replace("└─", ">", 1))

    def _tree(self, contents, prefix, place):
        for number, (name, value) in enumerate(contents.items(), 1):
            last, path = number == len(contents), f"{place}{name}"
            label = f"{prefix}{'└─' if last else '├─'} [bold]{_plain(name)}[/]"
            if not isinstance(value, dict):
                yield f"{label}: shape={value.shape}, dtype={value.dtype}"
                continue
            own_name = self.object_metadata.get(path, {}).get("name")
            yield label if own_name is None else f"{label} ('{_plain(own_name)}')"
            yield from self._tree(value, prefix + ("    " if last else "│   "), f"{path}/")

    def compare(self, reference_model):
        """Prints where the weights differ in name or shape from those of a model.

        Returns:
            `{"status": "success" or "error", "error_count": of differences, "match_count": of weights}`.
        """
        self.console.print("Running comparison")
        with weights_file(lambda file: save_state(reference_model, file)) as image:
            with h5.h5py().File(io.BytesIO(image), "r") as file:
                reference = _contents(file, h5.Datasets(len(image)), {})
        errors = matches = 0
        for path, theirs, ours in _pairs(reference, self.weights_dict):
            if ours is None:
                errors += 1
                self._print_missing(path, theirs, "reference model", "saved file")
            elif _shape(theirs) != _shape(ours):
                errors += 1
                self.console.print(f"[color(160)]...Weight shape mismatch for [bold]{_plain(path)}[/][/]")
                self.console.print(f"    In reference model: shape={_shape(theirs)}")
                self.console.print(f"    In saved file: shape={_shape(ours)}")
            else:
                matches += 1
        for path, ours, theirs in _pairs(self.weights_dict, reference):
            if theirs is None:
                errors += 1
                self._print_missing(path, ours, "saved file", "reference model")
        self._print_verdict(errors, matches)
        return {"status": "error" if errors else "success", "error_count": errors, "match_count": matches}

    def _print_missing(self, path, value, there, missing):
        kind, path = "Object" if isinstance(value, dict) else "Weight", _plain(path)
        self.console.print(f"[color(160)]...{kind} [bold]{path}[/] present in {there}, missing from {missing}[/]")
        if kind == "Object":
            self.console.print(f"    In {there}, {path} contains the following keys: {_plain(list(value))}")

    def _print_verdict(self, errors, matches):
        self.console.print("─────────────────────")
        if errors:
            self.console.print(
                f"[color(160)][bold]Found {errors} error{'' if errors == 1 else 's'}:[/] "
                "saved file is not compatible with the reference model[/]"
            )
        else:
            self.console.print(
                "[color(28)][bold]Comparison successful:[/] saved file is compatible with the reference model[/]"
            )
            self.console.print(f"    Found {matches} matching weight{'' if matches == 1 else 's'}")

    # --- editing -----------------------------------------------------------------------------------------------------

    def rename_object(self, object_name, new_name):
        """Calls an object, given by its name or its path, by another name; it comes last then."""
        if "/" in new_name:
            raise ValueError(
                f"Argument `new_name` should be a leaf name, not a full path name. Received: new_name='{new_name}'"
            )
        parent, name = self._find(object_name)
        parent[new_name] = parent.pop(name)

    def delete_object(self, object_name):
        """Removes an object, given by its name or its path."""
        parent, name = self._find(object_name)
        del parent[name]

    def add_object(self, object_path, weights):
        """Adds an object at a path, with `weights` as a dict of arrays: {"0": kernel, "1": bias}."""
        _check_weights(weights)
        parent, name = self._at(object_path)
        parent[name] = weights

    def delete_weight(self, object_name, weight_name):
        """Removes a weight of an object."""
        parent, name = self._find(object_name)
        if weight_name not in parent[name]:
            raise ValueError(
                f"Weight {weight_name} not found in object {object_name}. Weights found: {list(parent[name])}"
            )
        del parent[name][weight_name]

    def add_weights(self, object_name, weights):
        """Adds weights to an object, or puts them in the place of those of the same name."""
        _check_weights(weights)
        parent, name = self._find(object_name)
        parent[name].update(weights)

    def _at(self, path):
        """The dict that the last part of a path is in, or is to be, and that part."""
        *folders, name = path.split("/")
        parent = self.weights_dict
        for folder in folders:
            parent = parent.get(folder)
            if not isinstance(parent, dict):
                raise ValueError(f"Path '{'/'.join(folders)}' not found in model.")
        return parent, name

    def _find(self, name):
        """The dict that something is in, by its path or by its name alone, and its name there."""
        if "/" in name:
            parent, name_there = self._at(name)
            if name_there not in parent:
                raise ValueError(f"Path '{name}' not found in model.")
            return parent, name_there
        parents = list(_having(self.weights_dict, name))
        if len(parents) > 1:
            raise ValueError(
                f"Name '{name}' occurs more than once in the model; try passing a complete path. Received: name={name}"
            )
        if not parents:
            raise ValueError(f"Source name '{name}' does not appear in the model. Received: name={name}")
        return parents[0], name

    # --- writing -----------------------------------------------------------------------------------------------------

    def save(self, filepath):
        """Writes the weights as they are now to a `.weights.h5` file."""
        path = os.fspath(filepath)
        if not path.endswith(".weights.h5"):
            raise ValueError(
                f"Invalid `filepath` argument: expected a `.weights.h5` extension. Received: filepath={path}"
            )
        with atomic_file(path) as file, weights_file(lambda root: _write(root, self.weights_dict)) as image:
            file.write(image)

    def resave_weights(self, filepath):
        """The same as `save`."""
        self.save(filepath)


def _contents(group, datasets, metadata, path=""):
    """The arrays and, as dicts, the objects of a group; those without any array are left out."""
    found, inner = {}, {}
    for name in group.keys():
        item = h5.child(group, name)
        if isinstance(item, h5.h5py().Dataset):
            found[name] = datasets.read(group, name)
        elif name == "vars":
            metadata.setdefault(path, {}).update(item.attrs)
            found.update(_contents(item, datasets, metadata, path))
        else:
            inner[name] = _contents(item, datasets, metadata, f"{path}/{name}" if path else name)
    return found | {name: contents for name, contents in inner.items() if contents}


def _write(group, contents):
    """The inverse of `_contents`."""
    arrays = {name: value for name, value in contents.items() if not isinstance(value, dict)}
    if arrays:
        entry = Entry(group.create_group("vars"))
        for name, value in arrays.items():
            entry[name] = value
    for name, value in contents.items():
        if isinstance(value, dict) and value:
            _write(group.create_group(name), value)


def _pairs(contents, others, path=""):
    """(path, value, value of the same path in `others` or None) of all weights, and of objects that `others` lacks."""
    for name, value in contents.items():
        other, own_path = others.get(name), f"{path}/{name}"
        if isinstance(value, dict) and isinstance(other, dict):
            yield from _pairs(value, other, own_path)
        else:
            yield own_path, value, other


def _having(contents, name):
    """The dicts, at any depth, that hold `name`."""
    for value in contents.values():
        if isinstance(value, dict):
            yield from _having(value, name)
    if name in contents:
        yield contents


def _shape(value):
    """The shape of an array; an object has none."""
    return None if isinstance(value, dict) else tuple(value.shape)


def _check_weights(weights):
    if not isinstance(weights, dict):
        raise ValueError(
            "Argument `weights` should be a dict where keys are weight names (usually '0', '1', etc.) and values are "
            f"NumPy arrays. Received: type(weights)={type(weights)}"
        )


def _plain(text):
    """Text in which the console sees no markup."""
    import rich.markup

    return rich.markup.escape(str(text))


def _coloured(text):
    return f"[color(33)]{_plain(text)}[/]"
