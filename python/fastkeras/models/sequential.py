"""Sequential: a model that is a stack of layers."""

import copy
import inspect

from fastkeras.engine import nest
from fastkeras.engine.keras_tensor import standardize_shape
from fastkeras.layers import InputLayer, Layer
from fastkeras.models.functional import Functional, is_plain
from fastkeras.models.functional_config import layer_from_config
from fastkeras.models.model import Model
from fastkeras.registry import register, serialize_keras_object


@register("keras", "keras.models", "keras.src.models.sequential")
class Sequential(Model):
    """A linear stack of layers: each takes what the one before gave.

    With an `Input` first (or a first layer with `input_shape`) the model is built while layers are added, otherwise
    at its first call. Raises ValueError for what is no layer and for names used twice.

    >>> import fastkeras as keras
    >>> model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8), keras.layers.Dense(4)])
    >>> model.output_shape
    (None, 4)
    """

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        vars(self)["_functional"] = None
        for layer in layers or []:
            self.add(layer, rebuild=False)
        if layers:
            self._maybe_rebuild()

    def add(self, layer, rebuild=True):
        """Puts a layer on top of the stack."""
        if not self._layers and getattr(layer, "_input_shape_arg", None) is not None:
            self.add(InputLayer(shape=layer._input_shape_arg))
        history = getattr(layer, "_keras_history", None)  # what keras.Input() returned
        if history is not None and isinstance(history.operation, InputLayer):
            layer = history.operation
        if not isinstance(layer, Layer):
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model. "
                f"Received: {layer} (of type {type(layer)})"
            )
        if any(other.name == layer.name and other is not layer for other in self._layers):
            raise ValueError(
                f"All layers added to a Sequential model should have unique names. Name '{layer.name}' is already "
                "the name of a layer in this model. Update the `name` argument to pass a unique name."
            )
        if isinstance(layer, InputLayer) and self._layers and isinstance(self._layers[0], InputLayer):
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{self._layers[0].batch_shape}. You cannot add a different Input layer to it."
            )
        self._tracker.add("layers", layer)
        self._changed()
        if rebuild:
            self._maybe_rebuild()

    def pop(self, rebuild=True):
        """Removes the last layer and returns it."""
        layer = self._layers[-1]
        self._tracker.untrack(layer)
        self._changed()
        if rebuild and self._layers:
            self._maybe_rebuild()
        return layer

    def _changed(self):
        self.built = False
        vars(self)["_functional"] = None
        self._forget_programs()

    def _maybe_rebuild(self):
        self._changed()
        first = self._layers[0]
        if len(self._layers) > 1:
            if isinstance(first, InputLayer):
                self.build(first.batch_shape)
            elif hasattr(first, "input_shape"):  # a model
                self.build(first.input_shape)

    def _lock_state(self):
        """A Sequential stays open after it is built: layers may be added."""

    def build(self, input_shape=None):
        try:
            input_shape = standardize_shape(input_shape)
        except (ValueError, TypeError):
            return  # not one tensor: the layers are built by their first call
        if not self._layers:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        first = self._layers[0]
        if not isinstance(first, InputLayer):
            self._tracker.add("layers", InputLayer(batch_shape=input_shape, dtype=first.compute_dtype))
            self._layers.insert(0, self._layers.pop())
        elif first.batch_shape != input_shape:
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{first.batch_shape}. You cannot build it with input_shape {input_shape}"
            )
        inputs = x = self._layers[0].output
        for layer in self._layers[1:]:
            try:
                x = layer(x)
            except NotImplementedError:
                return  # a layer whose output shape cannot be known before it runs
            except TypeError:
                _check_signature(layer)
                raise
        vars(self)["_functional"] = Functional(inputs=inputs, outputs=x)
        self.built = True

    def call(self, inputs, training=None, mask=None):
        if self._functional:
            return self._functional.call(inputs, training=training, mask=mask)
        x = inputs
        for layer in self.layers:
            context = {}
            if layer._call_has_mask_arg:
                context["mask"] = mask
            if layer._call_has_training_arg and training is not None:
                context["training"] = training
            x = layer(x, **context)
            mask = nest.map(lambda t: getattr(t, "_keras_mask", None), x)
        return x

    def _is_plain(self):
        return type(self).call is Sequential.call and self._functional is not None and is_plain(self)

    @property
    def layers(self):
        layers = self._layers
        return layers[1:] if layers and isinstance(layers[0], InputLayer) else layers[:]

    @layers.setter
    def layers(self, _):
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. "
            "Use `add()` and `pop()` to change the layers in this model."
        )

    def compute_output_spec(self, inputs, training=None, mask=None):
        if self._functional:
            return self._functional.compute_output_spec(inputs, training=training, mask=mask)
        for layer in self.layers:
            inputs = layer.compute_output_spec(inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        if self._functional:
            return self._functional.compute_output_shape(input_shape)
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _built_attribute(self, name, described):
        if self._functional:
            return getattr(self._functional, name)
        raise AttributeError(f"Sequential model '{self.name}' has no defined {described} yet.")

    input_shape = property(lambda self: self._built_attribute("input_shape", "input shape"))
    output_shape = property(lambda self: self._built_attribute("output_shape", "output shape"))
    inputs = property(lambda self: self._built_attribute("inputs", "inputs"))
    outputs = property(lambda self: self._built_attribute("outputs", "outputs"))

    @property
    def input_dtype(self):
        layers = self._layers
        return layers[0].dtype if layers and isinstance(layers[0], InputLayer) else super().input_dtype

    def get_config(self):
        config = {**super().get_config(), "name": self.name}
        config["layers"] = copy.deepcopy([serialize_keras_object(layer) for layer in self._layers])
        if self._functional is not None:
            config["build_input_shape"] = self._layers[0].batch_shape
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if "name" not in config:
            raise ValueError(
                "A Sequential model configuration must be a dictionary containing the 'name' and 'layers' keys. "
                f"Received: config={config}"
            )
        model = cls(name=config["name"])
        for data in config["layers"]:
            model.add(layer_from_config(data, custom_objects))
        shape = config.get("build_input_shape")
        if not model._functional and isinstance(shape, (tuple, list)) and shape:
            model.build(shape)
        return model


def _check_signature(layer):
    """Raises ValueError when the layer's call does not take exactly one tensor."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [p for p in inspect.signature(layer.call).parameters.values() if p.kind in kinds]
    required = [p for p in positional if p.default is inspect.Parameter.empty]
    if not positional:
        raise ValueError(
            "Layers added to a Sequential model should have a single positional argument, the input tensor. "
            f"Layer {layer.__class__.__name__} has no positional arguments."
        )
    if len(required) > 1:
        raise ValueError(
            "Layers added to a Sequential model can only have a single required positional argument, the input "
            f"tensor. Layer {layer.__class__.__name__} has multiple required positional arguments: {required}"
        )
