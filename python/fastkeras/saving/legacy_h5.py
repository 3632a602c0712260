"""The HDF5 format of Keras 1 and 2 (`.h5`), which Keras 3 still reads and writes."""

import json
import os
import warnings

import numpy as np

from fastkeras.registry import lookup
from fastkeras.saving import h5
from fastkeras.saving.archive import parse_json
from fastkeras.saving.errors import ModelFileError, only_model_file_errors
from fastkeras.saving.keras_format import model_of_config, weights_file
from fastkeras.utils.messages import log_warning

_HEADER_LIMIT = 64512  # bytes that an HDF5 object header can hold; longer lists of names are split


# --- writing ---------------------------------------------------------------------------------------------------------


def write_model(model, file, include_optimizer=True):
    """Write a whole model into a binary file."""
    with weights_file(lambda root: _write_model(model, root, include_optimizer)) as image:
        file.write(image)


def _write_model(model, root, include_optimizer):
    from fastkeras import config

    root.attrs["keras_version"] = config.keras_version()
    root.attrs["backend"] = config.backend()
    model_config = {"class_name": type(model).__name__, "config": _old_config(model.get_config())}
    root.attrs["model_config"] = json.dumps(model_config).encode()
    optimizer = getattr(model, "optimizer", None) if include_optimizer else None
    if optimizer is not None and model.compiled:
        root.attrs["training_config"] = json.dumps(_training_config(model)).encode()
    _write_weights(model, root.create_group("model_weights"))
    if optimizer is not None and optimizer.variables:
        _write_variables(root.create_group("optimizer_weights"), optimizer.variables)


def _old_config(config):
    """A model's config with its layers as `{"class_name", "config"}`, the way Keras 2 wrote them."""
    layers = [_old_layer(layer) for layer in config.get("layers", ())]
    return {**config, "layers": layers} if layers else config


def _old_layer(layer):
    module = layer.get("module") or ""
    if module.startswith("keras.src.ops"):
        return layer  # operations are no layers: Keras finds them by their module only
    cls = lookup(module, layer["class_name"])  # by its own name here, not by that of its export
    name = layer.get("registered_name") or (layer["class_name"] if cls is None else cls.__name__)
    old = {"class_name": name, "config": _old_config(layer["config"])}
    return {**old, **{key: layer[key] for key in ("name", "inbound_nodes") if key in layer}}


def _training_config(model):
    config = {key: _old_object(value) for key, value in model.get_compile_config().items() if key != "optimizer"}
    optimizer = model.optimizer
    from fastkeras.registry import get_registered_name

    name = get_registered_name(type(optimizer))
    return {**config, "optimizer_config": {"class_name": name, "config": optimizer.get_config()}}


def _old_object(value):
    """A loss or metric in a compile config: strings stay, functions become their names."""
    if isinstance(value, (list, tuple)):
        return [_old_object(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "function":
        return value["config"]
    if "class_name" in value:
        return {"class_name": value.get("registered_name") or value["class_name"], "config": value["config"]}
    return {key: _old_object(item) for key, item in value.items()}


def _write_weights(model, group):
    from fastkeras import config

    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    group.attrs["backend"] = config.backend().encode()
    group.attrs["keras_version"] = config.keras_version().encode()
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        _write_variables(group.create_group(layer.name), _ordered(layer))
    _write_variables(group.create_group("top_level_model_weights"), _top_level(model))


def _write_variables(group, variables):
    _write_names(group, "weight_names", [variable.path for variable in variables])
    for variable in variables:
        h5.write_array(group, variable.path, variable.numpy())


def _write_names(group, attribute, names):
    data = [name.encode() for name in names]
    too_long = [name for name in data if len(name) > _HEADER_LIMIT]
    if too_long:
        raise RuntimeError(
            "The following attributes cannot be saved to HDF5 file because they are larger than "
            f"{_HEADER_LIMIT} bytes: {too_long}"
        )
    chunks = 1
    while any(part.nbytes > _HEADER_LIMIT for part in np.array_split(np.asarray(data), chunks)):
        chunks += 1
    if chunks == 1:
        group.attrs[attribute] = data
        return
    for index, part in enumerate(np.array_split(np.asarray(data), chunks)):
        group.attrs[f"{attribute}{index}"] = part


def _ordered(layer):
    """Weights in the order of Keras 2: trainable ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _top_level(model):
    """The weights that a model owns itself, outside its layers."""
    inside = {id(variable) for layer in model.layers for variable in layer.weights}
    return [variable for variable in _ordered(model) if id(variable) not in inside]


# --- reading ---------------------------------------------------------------------------------------------------------


def read_model(path, custom_objects=None, compile=True, safe_mode=True):
    """The model in a `.h5` file."""
    from fastkeras.registry import custom_object_scope, get_custom_objects

    size = os.path.getsize(path)
    with only_model_file_errors(), h5.h5py().File(path, "r") as root:
        text = _attribute_text(root, "model_config")
        if text is None:
            raise ModelFileError(f"No model config found in the file at {path}.")
        model_config = parse_json(text, "model_config")
        model = model_of_config(_new_config(model_config), size, custom_objects, safe_mode)
        datasets = h5.Datasets(size)
        _assign(_topological(h5.require_group(root, "model_weights"), model, datasets))
        if not compile:
            return model
        text = _attribute_text(root, "training_config")
        if text is None:
            log_warning(
                "No training configuration found in the save file, so the model was *not* compiled. "
                "Compile it manually."
            )
            return model
        with custom_object_scope({**(custom_objects or {}), **get_custom_objects()}):
            model.compile(**_compile_arguments(parse_json(text, "training_config")))
        if h5.child(root, "optimizer_weights") is not None:
            _read_optimizer(h5.require_group(root, "optimizer_weights"), model, datasets)
    return model


def _attribute_text(group, name):
    value = group.attrs.get(name)
    if value is None:
        return None
    if not isinstance(value, (str, bytes)):
        raise ModelFileError(f"[load] attribute {name!r} must be a string. Received: {type(value).__name__}")
    return value


def _new_config(config):
    """An old config with the modules that Keras 3 writes, and the names that Keras 3 uses."""
    if isinstance(config, list):
        return [_new_config(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: _new_config(value) for key, value in config.items()}
    name, inner = config.get("class_name"), config.get("config")
    if isinstance(name, str) and isinstance(inner, list) and name == "Sequential":  # before Keras 2.2.3
        config["config"] = {"name": "sequential", "layers": inner}
    if not isinstance(name, str) or not isinstance(inner, (dict, list)) or "module" in config:
        return config
    if name in ("Functional", "Model"):
        return {**config, "module": "keras.src.models.functional", "class_name": "Functional"}
    if name == "Sequential":
        return {**config, "module": "keras"}
    from fastkeras.registry import lookup

    if lookup("keras.layers", name) is None:
        return config
    if "batch_input_shape" in inner:
        shape = inner.pop("batch_input_shape")
        inner.update({"batch_shape": shape} if name == "InputLayer" else {"input_shape": shape[1:]})
    axis = inner.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        inner["axis"] = int(axis[0])
    return {**config, "module": "keras.layers", "registered_name": None}


def _compile_arguments(config):
    from fastkeras import losses, metrics, optimizers

    def metric(value):
        return value if value in ("accuracy", "acc", "crossentropy", "ce") else metrics.deserialize(value)

    return {
        "optimizer": optimizers.deserialize(config.get("optimizer_config")),
        "loss": _each(losses.deserialize, config.get("loss")),
        "metrics": _each(metric, config.get("metrics")),
        "weighted_metrics": _each(metric, config.get("weighted_metrics")),
        "loss_weights": config.get("loss_weights"),
    }


def _each(function, value):
    if value is None:
        return None
    if isinstance(value, str) or (isinstance(value, dict) and "class_name" in value):
        return function(value)
    if isinstance(value, dict):
        return {key: _each(function, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_each(function, item) for item in value]
    raise ModelFileError(f"[load] saved configuration not understood. Received: {value!r}")


def _read_optimizer(group, model, datasets):
    model.optimizer.build(model.trainable_variables)
    variables = model.optimizer.variables
    names = _names(group, "weight_names")
    shapes = [tuple(variable.shape) for variable in variables]
    arrays = [datasets.read(group, name, shapes) for name in names] if len(names) == len(variables) else []
    if [array.shape for array in arrays] != shapes:
        log_warning(
            "Error in loading the saved optimizer state. As a result, your model is starting with a freshly "
            "initialized optimizer."
        )
        return
    _assign(zip(variables, arrays, strict=True))


def read_weights(model, path, by_name=False, skip_mismatch=False):
    """Read the weights of a model from a `.h5` file, a whole model or weights only; all of them, or none."""
    size = os.path.getsize(path)
    with only_model_file_errors(), h5.h5py().File(path, "r") as root:
        group = root
        if "layer_names" not in root.attrs and h5.child(root, "model_weights") is not None:
            group = h5.require_group(root, "model_weights")
        pairs = (_by_name if by_name else _topological)(group, model, h5.Datasets(size), skip_mismatch)
        _assign(pairs)


def _assign(pairs):
    """Give the variables their values, once everything has been read and checked."""
    for variable, array in list(pairs):
        variable.assign(array)


def _topological(group, model, datasets, skip_mismatch=False):
    """(variable, array) pairs; the layers of the file are those of the model, in order."""
    layers = [layer for layer in model.layers if _ordered(layer)]
    names = [name for name in _names(group, "layer_names") if _names(h5.require_group(group, name), "weight_names")]
    if len(names) != len(layers):
        raise ModelFileError(
            f"Layer count mismatch when loading weights from file. Model expected {len(layers)} layers, found "
            f"{len(names)} saved layers."
        )
    pairs = []
    for index, (layer, name) in enumerate(zip(layers, names, strict=True)):
        variables = _ordered(layer)
        saved = _Saved(h5.require_group(group, name), datasets)
        if len(saved) != len(variables):
            raise ModelFileError(
                f"Weight count mismatch for layer #{index} (named {layer.name} in the current model, {name} in the "
                f"save file). Layer expects {len(variables)} weight(s). Received {len(saved)} saved weight(s)"
            )
        pairs += saved.pairs(variables, f"layer #{index} (named {layer.name})", skip_mismatch)
    top = h5.find_group(group, "top_level_model_weights")
    if top is not None:
        variables, saved = _top_level(model), _Saved(top, datasets)
        if len(saved) != len(variables):
            raise ModelFileError(
                "Weight count mismatch for top-level weights when loading weights from file. Model expects "
                f"{len(variables)} top-level weight(s). Received {len(saved)} saved top-level weight(s)"
            )
        pairs += saved.pairs(variables, "top-level model", skip_mismatch)
    return pairs


def _by_name(group, model, datasets, skip_mismatch=False):
    """(variable, array) pairs of the layers whose names the file has."""
    pairs = []
    layers = {layer.name: layer for layer in model.layers}
    for index, name in enumerate(_names(group, "layer_names")):
        layer = layers.get(name)
        if layer is None:
            continue
        variables, saved = _ordered(layer), _Saved(h5.require_group(group, name), datasets)
        if len(saved) != len(variables):
            message = (
                f"Weight count mismatch for layer #{index} (named {name}). Layer expects {len(variables)} weight(s). "
                f"Received {len(saved)} saved weight(s)"
            )
            if not skip_mismatch:
                raise ModelFileError(message)
            warnings.warn(f"Skipping loading of weights: {message}", stacklevel=4)
            continue
        pairs += saved.pairs(variables, f"layer #{index} (named {name})", skip_mismatch)
    return pairs


class _Saved:
    """The weights of one layer in the file."""

    def __init__(self, group, datasets):
        self.group, self.datasets = group, datasets
        self.names = _names(group, "weight_names")

    def __len__(self):
        return len(self.names)

    def pairs(self, variables, where, skip_mismatch):
        shapes = {tuple(variable.shape) for variable in variables}
        pairs = []
        for variable, name in zip(variables, self.names, strict=True):
            array = self.datasets.read(self.group, name, shapes)
            if array.shape == tuple(variable.shape):
                pairs.append((variable, array))
                continue
            message = (
                f"Shape mismatch in {where} for weight {variable.path}. Weight expects shape "
                f"{tuple(variable.shape)}. Received saved weight with shape {array.shape}"
            )
            if not skip_mismatch:
                raise ModelFileError(message)
            warnings.warn(f"Skipping loading weights: {message}", stacklevel=5)
        return pairs


def _names(group, attribute):
    """A list of names kept as an attribute, possibly in parts."""
    if attribute in group.attrs:
        values = [group.attrs[attribute]]
    else:
        values, index = [], 0
        while f"{attribute}{index}" in group.attrs:
            values.append(group.attrs[f"{attribute}{index}"])
            index += 1
    names = []
    for value in values:
        if not isinstance(value, np.ndarray) or value.ndim != 1:
            raise ModelFileError(f"[load] attribute {attribute!r} must be a list of names. Received: {value!r}")
        names += [name.decode() if isinstance(name, bytes) else name for name in value.tolist()]
    if not all(isinstance(name, str) for name in names):
        raise ModelFileError(f"[load] attribute {attribute!r} must be a list of names.")
    return names
