"""The config of a functional model: its layers, with the calls that connect them."""

import copy

from fastkeras.engine import KerasTensor, nest
from fastkeras.engine.operation import KerasHistory, Operation
from fastkeras.models.graph import node_key
from fastkeras.registry import deserialize, deserialize_keras_object, serialize_keras_object


def functional_config(model):
    """The config of a functional model: its layers, each with the calls that belong to the model."""
    new_index = {}
    for operation in model._operations:
        kept = _first_call(operation)
        for i in range(len(operation._inbound_nodes)):
            key = node_key(operation, i)
            if key in model._nodes:
                new_index[key] = kept
                kept += 1
    layers = []
    for operation in model._operations:
        calls = [
            _serialize_node(node, model._nodes)
            for i, node in enumerate(operation._inbound_nodes)
            if node_key(operation, i) in model._nodes and node.input_tensors
        ]
        config = serialize_keras_object(operation)
        layers.append({**config, "name": operation.name, "inbound_nodes": calls})

    def place(tensor):
        operation, node_index, tensor_index = tensor._keras_history
        return [operation.name, new_index[node_key(operation, node_index)], tensor_index]

    return copy.deepcopy(
        {
            "name": model.name,
            "trainable": model.trainable,
            "layers": layers,
            "input_layers": nest.map(place, model._inputs_struct),
            "output_layers": nest.map(place, model._outputs_struct),
        }
    )


def _serialize_node(node, own_nodes):
    def serialize(x):
        if not isinstance(x, KerasTensor):
            return x
        operation, index, tensor_index = history = x._keras_history
        others = sum(node_key(operation, i) not in own_nodes for i in range(index))
        x._keras_history = KerasHistory(operation, index - others, tensor_index)
        try:
            return serialize_keras_object(x)
        finally:
            x._keras_history = history

    return {
        "args": serialize_keras_object(nest.map(serialize, node.args)),
        "kwargs": serialize_keras_object(nest.map(serialize, node.kwargs)),
    }


def functional_from_config(cls, config, custom_objects=None):
    """Makes the functional model that `get_config` described."""
    config = dict(config)
    layer_configs = config.pop("layers")
    input_layers, output_layers = config.pop("input_layers"), config.pop("output_layers")
    created, waiting = {}, {}
    for data in layer_configs:
        layer = layer_from_config(data, custom_objects)
        if not isinstance(layer, Operation):
            raise ValueError(
                f"Unexpected object from deserialization, expected a layer or operation, got a {type(layer)}"
            )
        created[data["name"]] = layer
        if data["inbound_nodes"]:
            waiting[data["name"]] = list(data["inbound_nodes"])
    _replay_calls(created, waiting)

    def tensors(places):
        if isinstance(places, list) and len(places) == 3 and isinstance(places[0], str):
            name, node_index, tensor_index = places
            if name not in created:
                raise ValueError(f"Invalid Functional model configuration. Missing layer: {name}")
            node_index -= _first_call(created[name])
            return _node_of(created[name], node_index).outputs[tensor_index]
        if isinstance(places, dict):
            return {k: tensors(v) for k, v in places.items()}
        return type(places)(tensors(v) for v in places)

    return cls(inputs=tensors(input_layers), outputs=tensors(output_layers), **config)


def layer_from_config(config, custom_objects=None):
    """The layer, model or operation that a config describes; in legacy files configs name no module."""
    if not isinstance(config, dict) or "config" not in config:
        raise ValueError(
            "The provided configuration is not a valid Keras configuration. Expected a dictionary containing a "
            f"'config' key. Received: config={config}"
        )
    if "module" in config:
        return deserialize_keras_object(config, custom_objects=custom_objects)
    is_model = config.get("class_name") in ("Functional", "Model", "Sequential")
    return deserialize("keras.models" if is_model else "keras.layers", config, custom_objects)


def _replay_calls(created, waiting):
    """Makes the calls of the config, each as soon as the tensors it needs exist.

    In rounds: a shared layer may need, for its second call, what a later layer makes of its first.
    """
    while waiting:
        progressed = False
        for name in list(waiting):
            calls = waiting[name]
            while calls:
                try:
                    args, kwargs = _deserialize_node(calls[0], created)
                except IndexError:
                    break
                created[name](*args, **kwargs)
                calls.pop(0)
                progressed = True
            if not calls:
                del waiting[name]
        if not progressed:
            raise ValueError(
                "Invalid Functional model configuration. The graph of the Functional model either has loops or "
                f"disconnected nodes. The following nodes failed to be resolved: {waiting}"
            )


def _node_of(layer, node_index):
    """The call of that index in a config; IndexError while it has not been made."""
    if not 0 <= node_index < len(layer._inbound_nodes):
        raise IndexError(f"[from_config] '{layer.name}' has no call {node_index}")
    return layer._inbound_nodes[node_index]


def _deserialize_node(data, created):
    """(args, kwargs) of one call in a config."""

    def tensor(name, node_index, tensor_index):
        if name not in created:
            raise ValueError(f"Invalid Functional model configuration. Missing node: {name}")
        return _node_of(created[name], node_index).outputs[tensor_index]

    if isinstance(data, list):  # the legacy form: [[layer name, node, tensor, kwargs], ...]
        if data and isinstance(data[0], str):
            data = [data]
        inputs = [tensor(*item[:3]) for item in data]
        kwargs = data[-1][3] if len(data[-1]) == 4 else {}
        return [inputs[0] if len(inputs) == 1 else inputs], kwargs

    def revive(x):
        history = getattr(x, "_pre_serialization_keras_history", None) if isinstance(x, KerasTensor) else None
        return x if history is None else tensor(*history)

    args = _keys_as_tuples(deserialize_keras_object(data["args"]))
    kwargs = deserialize_keras_object(data["kwargs"])
    return nest.map(revive, args), nest.map(revive, kwargs)


def _keys_as_tuples(args):
    """The key of x[1:, 2] is a tuple again: JSON made a list of it."""
    return [tuple(x) if isinstance(x, list) and any(isinstance(k, (slice, type(...))) for k in x) else x for x in args]


def _first_call(operation):
    """The number of an operation's first call among a config's outputs: Keras begins at 1 for functional models."""
    return 1 if hasattr(operation, "_inputs_struct") else 0
