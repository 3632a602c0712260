"""Functional: a model made of the graph between its inputs and outputs."""

import warnings

import numpy as np

from fastkeras import ops
from fastkeras.data.strings import strings
from fastkeras.engine import KerasTensor, convert_to_tensor, nest
from fastkeras.layers import InputLayer, InputSpec, Layer
from fastkeras.layers.input_spec import assert_input_compatibility
from fastkeras.models.function import Function
from fastkeras.models.functional_config import functional_config
from fastkeras.models.graph import clone_graph_nodes, is_input, run_graph
from fastkeras.models.model import Model, constructor_arguments
from fastkeras.registry import is_library, register


@register("keras.src.models.functional", "keras.models")
class Functional(Function, Model):
    """A model defined as a graph of layers between `inputs` and `outputs` (KerasTensors, or lists or dicts of them).

    Raises ValueError when the graph is disconnected, has a cycle, or uses an operation name twice.

    >>> import fastkeras as keras
    >>> a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    >>> model = keras.Model([a, b], keras.layers.Dense(1)(keras.layers.Add()([a, b])))
    >>> [layer.name for layer in model.layers][:2]
    ['a', 'b']
    """

    _convert_input_args = False  # each input has a dtype of its own: see _standardize
    _allow_non_tensor_positional_args = True
    _config_names = ()

    def __init__(self, inputs, outputs, name=None, **kwargs):
        trainable = kwargs.pop("trainable", None)
        _check_tensors(inputs, outputs)
        if not all(is_input(x) for x in nest.flatten(inputs)):
            inputs, outputs = clone_graph_nodes(inputs, outputs)
        Model.__init__(self, name=name, **kwargs)
        self._lay_out(inputs, outputs)
        if trainable is not None:
            self.trainable = trainable  # before its layers are known: each keeps its own
        for layer in self.layers:
            self._tracker.add("layers", layer)
        self.input_spec = self._input_specs()
        self.build(None)
        vars(self)["output_names"] = [x._keras_history.operation.name for x in self._outputs]

    @property
    def layers(self):
        return [operation for operation in self._operations if isinstance(operation, Layer)]

    @layers.setter
    def layers(self, _):
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    @property
    def input(self):
        return self._inputs_struct

    @property
    def output(self):
        return self._outputs_struct

    @property
    def input_shape(self):
        return _only([x.shape for x in self._inputs])

    @property
    def output_shape(self):
        return _only([x.shape for x in self._outputs])

    def build(self, input_shape=None):
        self.built = True

    def _lock_state(self):
        """A functional model stays open after it is built: layers may be attached that are no part of its graph."""

    def call(self, inputs, training=None, mask=None):
        inputs = self._standardize_inputs(inputs)
        if mask is not None:
            for x, m in zip(inputs, nest.flatten(mask), strict=False):
                if m is not None:
                    x._keras_mask = m

        def run(operation, args, call_kwargs):
            # What the caller says wins over what was said when the graph was made.
            if training is not None and getattr(operation, "_call_has_training_arg", False):
                call_kwargs = {**call_kwargs, "training": training}
            return operation(*args, **call_kwargs)

        outputs = run_graph(self, inputs, run)
        return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs

    def compute_output_spec(self, inputs, training=None, mask=None):
        outputs = super().compute_output_spec(self._known_inputs(inputs))
        return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs

    def _check_compatible(self, inputs):
        assert_input_compatibility(self.input_spec, inputs, layer_name=self.name)  # any number of samples

    def _is_plain(self):
        return type(self).call is Functional.call and is_plain(self)

    def _check_input(self, x):
        for leaf, ref in zip(nest.flatten(x), self._inputs, strict=False):
            if leaf is None:
                self._check_optional(ref)
        super()._check_input(x)

    def _check_optional(self, ref):
        layer = ref._keras_history.operation
        if isinstance(layer, InputLayer) and not layer.optional:
            raise ValueError(
                f"The input '{ref.name}' is not optional, but None was passed. Please provide a valid tensor."
            )

    def _standardize_inputs(self, inputs):
        """Brings what the model was called with to one tensor per input, in order."""
        expected, wrong = self._inputs_struct, False
        if isinstance(expected, list) and len(expected) == 1 and not isinstance(inputs, (list, tuple, dict)):
            inputs = [inputs]
        elif isinstance(inputs, dict) and not isinstance(expected, dict):
            # A dict for a list of inputs: by name.
            names = [x.name for x in self._inputs]
            if all(name in inputs for name in names):
                inputs = [inputs[name] for name in names]
                inputs = inputs if isinstance(expected, (list, tuple)) else inputs[0]
            else:
                wrong = True
        if isinstance(expected, dict) and not isinstance(inputs, dict):
            wrong = wrong or list(expected) != sorted(expected)
        self._check_structure(inputs, wrong)
        flat = [self._standardize(i, x) for i, x in enumerate(nest.flatten(self._known_inputs(inputs)))]
        if len(flat) != len(self._inputs):
            raise ValueError(
                f"Layer '{self.name}' expected {len(self._inputs)} input(s). Received {len(flat)} instead."
            )
        return flat

    def _known_inputs(self, inputs):
        """A dict without what the model has no input for."""
        expected = self._inputs_struct
        if isinstance(expected, dict) and isinstance(inputs, dict) and set(expected) < set(inputs):
            return {name: inputs[name] for name in expected}
        return inputs

    def _check_structure(self, inputs, wrong):
        if not wrong and _skeleton(inputs) == _skeleton(self._inputs_struct):
            return
        expected = nest.map(lambda x: x.name, self._inputs_struct)
        received = nest.map(lambda x: "None" if x is None else f"Tensor(shape={getattr(x, 'shape', ())})", inputs)
        message = (
            "The structure of `inputs` doesn't match the expected structure.\n"
            f"Expected: {expected}\nReceived: inputs={received}"
        )
        if wrong:
            raise ValueError(message)
        warnings.warn(message, stacklevel=4)

    def _standardize(self, index, x):
        if index >= len(self._inputs):
            return x
        ref = self._inputs[index]
        if x is None:
            self._check_optional(ref)
            return None
        mask = getattr(x, "_keras_mask", None)
        original = x
        if not isinstance(x, KerasTensor):
            x = strings(x) if ref.dtype == "string" else convert_to_tensor(x, dtype=ref.dtype)
        library = np if isinstance(x, np.ndarray) else ops  # an array of strings is left as it is
        rank, wanted = len(x.shape), len(ref.shape)
        if rank == wanted + 1 and x.shape[-1] == 1:
            x = library.squeeze(x, axis=-1)
        elif rank == wanted - 1 and ref.shape[-1] == 1:
            x = library.expand_dims(x, axis=-1)
        elif rank != wanted:
            from fastkeras.tree import flatten_with_path

            path = ".".join(map(str, flatten_with_path(self._inputs_struct)[index][0]))
            raise ValueError(
                f"Invalid input shape for input {original} with name '{ref.name}' and path '{path}'. Expected shape "
                f"{ref.shape}, but input has incompatible shape {x.shape}"
            )
        if mask is not None and x is not original:
            x._keras_mask = mask
        return x

    def _input_specs(self):
        def spec(x, name=None):
            layer = x._keras_history.operation
            return InputSpec(
                shape=(None, *x.shape[1:]) if x.shape else (),
                allow_last_axis_squeeze=True,
                name=layer.name if name is None else name,
                optional=isinstance(layer, InputLayer) and layer.optional,
            )

        if isinstance(self._inputs_struct, dict):
            if all(isinstance(x, KerasTensor) for x in self._inputs_struct.values()):
                return [spec(self._inputs_struct[name], name) for name in sorted(self._inputs_struct)]
            return None
        return [spec(x) for x in self._inputs]

    def add_loss(self, loss):
        raise NotImplementedError("[add_loss] a functional model has no call to add a loss in; use a layer's add_loss")

    def get_config(self):
        if not takes_functional_arguments(self.__class__):
            return Model.get_config(self)  # a subclass with a constructor of its own describes itself
        return functional_config(self)


def is_plain(model):
    """Are all layers the library's own, able to be compiled, without losses of their own and masks to hand on?"""
    return all(
        is_library(type(layer))
        and layer.supports_jit
        and type(layer).__name__ != "Lambda"
        and getattr(layer, "activity_regularizer", None) is None
        and (isinstance(layer, Model) or type(layer).compute_mask is Layer.compute_mask)
        for layer in model._flatten_layers()
    )


def takes_functional_arguments(cls):
    """Can the class be made from (inputs, outputs, name)?"""
    names, takes_any = constructor_arguments(cls)
    return takes_any or names == constructor_arguments(Functional)[0]


def _check_tensors(inputs, outputs):
    if isinstance(inputs, dict):
        for key, x in inputs.items():
            if isinstance(x, KerasTensor) and key != x.name:
                warnings.warn(
                    "When providing `inputs` as a dict, all keys in the dict must match the names of the "
                    f"corresponding tensors. Received key '{key}' mapping to value {x} which has name '{x.name}'. "
                    f"Change the tensor name to '{key}' (via `Input(..., name='{key}')`)",
                    stacklevel=4,
                )
    for described, structure in (("inputs", inputs), ("outputs", outputs)):
        for x in nest.flatten(structure):
            if not isinstance(x, KerasTensor):
                raise ValueError(
                    f"All `{described}` values must be KerasTensors. Received: {described}={structure} including "
                    f"invalid value {x} of type {type(x)}"
                )


def _only(values):
    return values[0] if len(values) == 1 else values


def _skeleton(structure):
    """The nesting without the leaves; lists and tuples are alike."""
    if isinstance(structure, (list, tuple)):
        return tuple(_skeleton(x) for x in structure)
    if isinstance(structure, dict):
        return {k: _skeleton(v) for k, v in structure.items()}
    return None
