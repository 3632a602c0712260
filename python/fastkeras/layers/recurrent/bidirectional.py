"""Bidirectional: a recurrent layer that also reads its sequences from the end."""

from fastkeras import ops, registry
from fastkeras.layers.layer import Layer

_MERGE = {
    "concat": lambda y, z: ops.concatenate([y, z], axis=-1),
    "sum": lambda y, z: y + z,
    "ave": lambda y, z: (y + z) / 2,
    "mul": lambda y, z: y * z,
    None: lambda y, z: (y, z),
}


@registry.register("keras.layers")
class Bidirectional(Layer):
    """A copy of `layer` reads sequences forwards, another backwards, and their outputs are merged.

    Args:
        layer: an RNN, LSTM, GRU ..., or any layer with `go_backwards`, `return_sequences`, `return_state`, `stateful`
            and a config.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs.
        weights: first values, those of the forward layer, then those of the backward layer.
        backward_layer: the layer that reads backwards; by default a copy of `layer` that does.

    Raises:
        ValueError: for no layers, for layers that read in the same direction or otherwise disagree, for another mode.

    >>> import fastkeras as keras
    >>> keras.layers.Bidirectional(keras.layers.LSTM(4))(keras.ops.ones((2, 5, 3))).shape
    (2, 8)
    """

    _config_names = ("merge_mode",)

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(f"`backward_layer` need to be a `keras.layers.Layer` instance. Received: {backward_layer}")
        if merge_mode not in _MERGE:
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        super().__init__(**kwargs)
        self.forward_layer = _copy(layer, "forward_")
        self.backward_layer = backward_layer or _copy(layer, "backward_", go_backwards=True)
        if hasattr(layer, "use_cudnn"):
            self.forward_layer.use_cudnn = self.backward_layer.use_cudnn = layer.use_cudnn
        self._check_layers()
        for copy in (self.forward_layer, self.backward_layer):
            if getattr(copy, "zero_output_for_mask", None) is not None:
                copy.zero_output_for_mask = copy.return_sequences
        self.merge_mode = merge_mode
        self._first_weights = weights
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def _check_layers(self):
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards {forward.go_backwards}, backward_layer.go_backwards="
                f"{backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            a, b = getattr(forward, name), getattr(backward, name)
            if a != b:
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for attribute "
                    f'"{name}", got "{a}" for forward layer and "{b}" for backward layer'
                )

    def build(self, sequences_shape, initial_state_shape=None):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._first_weights:
            half = len(self._first_weights) // 2
            self.forward_layer.set_weights(self._first_weights[:half])
            self.backward_layer.set_weights(self._first_weights[half:])

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        output, states = self.forward_layer.compute_output_shape(sequences_shape), ()
        if self.return_state:
            output, states = output[0], tuple(output[1:]) * 2
        if self.merge_mode is None:
            return [output, output, *states]
        if self.merge_mode == "concat":
            output = (*output[:-1], output[-1] * 2)
        return (output, *states) if states else output

    def call(self, sequences, initial_state=None, mask=None, training=None):
        kwargs = {}
        if self.forward_layer._call_has_training_arg:
            kwargs["training"] = training
        if self.forward_layer._call_has_mask_arg:
            kwargs["mask"] = mask
        forward_state = backward_state = None
        if initial_state is not None:
            half = len(initial_state) // 2
            forward_state, backward_state = initial_state[:half], initial_state[half:]
        y = self.forward_layer(sequences, initial_state=forward_state, **kwargs)
        z = self.backward_layer(sequences, initial_state=backward_state, **kwargs)
        states = ()
        if self.return_state:
            states = (*y[1:], *z[1:])
            y, z = y[0], z[0]
        y, z = ops.cast(y, self.compute_dtype), ops.cast(z, self.compute_dtype)
        if self.return_sequences:
            z = ops.flip(z, axis=1)
        output = _MERGE[self.merge_mode](y, z)
        if self.merge_mode is None:
            return (*output, *states)
        return (output, *states) if self.return_state else output

    def compute_mask(self, _, mask):
        mask = mask[0] if isinstance(mask, list) else mask
        own = mask if self.return_sequences else None
        masks = (own, own) if self.merge_mode is None else (own,)
        if self.return_state:
            states = len(self.compute_output_shape((None, None, None))) - len(masks)
            return (*masks, *(None,) * states)
        return masks if self.merge_mode is None else own

    @property
    def states(self):
        """The states of both layers when they are stateful, else None."""
        if self.forward_layer.states and self.backward_layer.states:
            return (*self.forward_layer.states, *self.backward_layer.states)
        return None

    def reset_states(self):
        """The same as `reset_state`."""
        self.reset_state()

    def reset_state(self):
        """Sets the states of stateful layers to zeros.

        Raises:
            AttributeError: when they are not stateful.
        """
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def get_config(self):
        layers = {"layer": self.forward_layer, "backward_layer": self.backward_layer}
        own = {name: registry.serialize_keras_object(layer) for name, layer in layers.items()}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in ("layer", "backward_layer"):
            if config.get(name) is not None:
                config[name] = registry.deserialize_keras_object(config[name], custom_objects=custom_objects)
        return cls(**config)


def _copy(layer, prefix, **settings):
    """A layer with the config of `layer`, unbuilt weights and a name with the prefix."""
    config = registry.serialize_keras_object(layer)
    name = prefix + layer.name.removeprefix(prefix)
    config["config"] = {**config["config"], "name": name, **settings}
    return registry.deserialize_keras_object(config)
