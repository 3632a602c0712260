"""Pipeline: preprocessing layers one after the other."""

from fastkeras import registry
from fastkeras.layers.layer import Layer
from fastkeras.layers.masks import mask_of


@registry.register("keras.layers")
class Pipeline(Layer):
    """Layers applied one after the other, as one layer; a series of image layers, say.

    Args:
        layers: list of layers.

    Raises:
        ValueError: for what is no list of layers.

    >>> import fastkeras as keras
    >>> layers = [keras.layers.AutoContrast(), keras.layers.RandomZoom(0.2), keras.layers.CenterCrop(6, 4)]
    >>> keras.layers.Pipeline(layers)(keras.random.uniform((2, 8, 8, 3), 0, 255)).shape
    (2, 6, 4, 3)
    """

    _config_names = ()
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, Layer) for layer in layers):
            raise ValueError(f"[Pipeline] layers must be a list of layers. Received: layers={layers}")
        self._pipeline_layers = layers

    @property
    def layers(self):
        """The layers of the pipeline, in their order."""
        return self._pipeline_layers

    def call(self, inputs, training=True, mask=None):
        for layer in self._pipeline_layers:
            context = {"mask": mask} if layer._call_has_mask_arg else {}
            if layer._call_has_training_arg and training is not None:
                context["training"] = training
            inputs = layer(inputs, **context)
            mask = mask_of(inputs)
        return inputs

    def get_config(self):
        return {"name": self.name, "layers": registry.serialize_keras_object(list(self._pipeline_layers))}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(
                "`Pipeline` config must contain a `layers` key mapping to a list of serialized layers. "
                f"Received: config with layers={layers}"
            )
        layers = [registry.deserialize_keras_object(layer, custom_objects=custom_objects) for layer in layers]
        return cls(**{**config, "layers": layers})
