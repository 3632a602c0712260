"""TimeDistributed: one layer, applied to every time step."""

from fastkeras import ops, registry
from fastkeras.layers.core import Dense
from fastkeras.layers.layer import Layer
from fastkeras.layers.wrapper import Wrapper


@registry.register("keras.layers")
class TimeDistributed(Wrapper):
    """Applies a layer to every time step: `(batch, steps, ...)` to `(batch, steps, ...)`.

    Args:
        layer: the layer; its weights are the same for all steps.

    Raises:
        ValueError: when `layer` is none, for inputs of fewer than three dimensions, for a mask of another shape.

    >>> import fastkeras as keras
    >>> keras.layers.TimeDistributed(keras.layers.Dense(4))(keras.ops.ones((2, 5, 3))).shape
    (2, 5, 4)
    """

    _config_names = ()

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, input_shape):
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, received: "
                f"{input_shape}"
            )
        return (input_shape[0], *input_shape[2:])

    def compute_output_shape(self, input_shape):
        shape = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (shape[0], input_shape[1], *shape[1:])

    def build(self, input_shape):
        super().build(self._step_shape(input_shape))

    def call(self, inputs, training=None, mask=None):
        if mask is not None:
            _check_mask(mask.shape, inputs.shape)
        kwargs = {"training": training} if self.layer._call_has_training_arg else {}
        if type(self.layer) is Dense:  # sees no axis but the last
            return self.layer.call(inputs, **kwargs)
        with_mask = mask is not None and self.layer._call_has_mask_arg
        masks = ops.unstack(mask, axis=1) if with_mask else None
        outputs = []
        for t, x in enumerate(ops.unstack(inputs, axis=1)):
            own = {"mask": masks[t]} if with_mask else {}
            outputs.append(self.layer.call(x, **own, **kwargs))
        if not outputs:
            raise ValueError(
                f"[{self.name}] there must be at least one time step. Received: inputs.shape={inputs.shape}"
            )
        return ops.stack(outputs, axis=1)


def _check_mask(mask_shape, input_shape):
    if len(mask_shape) < 2:
        raise ValueError(
            "The `mask` passed to the `TimeDistributed` layer must be at least 2D (e.g., `(batch_size, timesteps)`), "
            f"but it has {len(mask_shape)} dimension(s) with shape {mask_shape}."
        )
    if any(None not in (m, n) and m != n for m, n in zip(mask_shape[:2], input_shape[:2], strict=True)):
        raise ValueError(
            f"The `mask` passed to the `TimeDistributed` layer has a shape {mask_shape} that is incompatible with the "
            f"input shape {input_shape}. The first two dimensions of the mask (batch size and timesteps) must match "
            f"the input's first two dimensions. Expected mask shape prefix: ({input_shape[0]}, {input_shape[1]})."
        )
