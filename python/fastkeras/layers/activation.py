"""Activation functions as layers; each keeps the shape of its input."""

import warnings

from fastkeras import activations, ops, registry
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.layer import Layer
from fastkeras.layers.weights import add_weight, store_roles

_register = registry.register("keras.layers")


class _Activation(Layer):
    built = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        return input_shape


def _not_negative(class_name, name, value):
    if value is None or value < 0.0:
        raise ValueError(f"{name} of a {class_name} layer cannot be None or a negative value. Received: {name}={value}")


@_register
class ReLU(_Activation):
    """x above `threshold`, capped at `max_value`; below, negative_slope * (x - threshold).

    Raises:
        ValueError: when an argument is negative.

    >>> import fastkeras as keras
    >>> keras.layers.ReLU(max_value=2.0)(keras.ops.array([-1.0, 1.0, 3.0])).numpy().tolist()
    [0.0, 1.0, 2.0]
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0.0:
            raise ValueError(f"max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value}")
        _not_negative("ReLU", "negative_slope", negative_slope)
        _not_negative("ReLU", "threshold", threshold)
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def call(self, inputs):
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )


@_register
class LeakyReLU(_Activation):
    """x where x > 0, else negative_slope * x (`alpha` is its former name).

    Raises:
        ValueError: when the slope is negative.
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
            warnings.warn("Argument `alpha` is deprecated. Use `negative_slope` instead.", stacklevel=2)
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. Expected a float. "
                f"Received: negative_slope={negative_slope}"
            )
        self.negative_slope = negative_slope

    def call(self, inputs):
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


@registry.register("keras._legacy.layers")  # as Keras 3 writes it into files
@_register
class ThresholdedReLU(_Activation):
    """x where x > theta, else 0: a layer of Keras 2, which Keras 3 has under `tf.keras` only.

    Raises:
        ValueError: when theta is None or negative.

    >>> import fastkeras as keras
    >>> keras.layers.ThresholdedReLU(theta=1.0)(keras.ops.array([0.5, 1.0, 1.5])).numpy().tolist()
    [0.0, 0.0, 1.5]
    """

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        if theta is None:
            raise ValueError(
                f"Theta of a Thresholded ReLU layer cannot be None, expecting a float. Received: theta={theta}"
            )
        if theta < 0:
            raise ValueError(f"The theta value of a Thresholded ReLU layer should be >=0. Received: theta={theta}")
        self.theta = float(theta)

    def call(self, inputs):
        return inputs * ops.cast(inputs > self.theta, inputs.dtype)


@_register
class ELU(_Activation):
    """x where x > 0, else alpha * (exp(x) - 1)."""

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs):
        return activations.elu(inputs, alpha=self.alpha)


@_register
class Softmax(_Activation):
    """exp(x) / sum(exp(x)) along `axis`, one or several; 0 where `mask`, passed to the call, is False.

    Raises:
        ValueError: on a call with a mask that does not broadcast to the inputs.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs, mask=None):
        if mask is not None:
            mask = self._checked(mask, inputs)
            hidden = -3e4 if inputs.dtype == "float16" else -1e9  # as in Keras
            inputs = ops.where(mask, inputs, ops.cast(hidden, inputs.dtype))
        if isinstance(self.axis, (tuple, list)) and len(self.axis) > 1:
            axes = tuple(self.axis)
            outputs = ops.exp(inputs - ops.logsumexp(inputs, axis=axes, keepdims=True))
        else:
            axis = self.axis[0] if isinstance(self.axis, (tuple, list)) else self.axis
            outputs = activations.softmax(inputs, axis=axis)
        return outputs if mask is None else ops.where(mask, outputs, ops.zeros_like(outputs))

    def _checked(self, mask, inputs):
        if len(mask.shape) > len(inputs.shape):
            raise ValueError(
                "The `mask` must be broadcastable to `inputs` and must not have more dimensions. "
                f"Received: inputs.shape={inputs.shape}, mask.shape={mask.shape}"
            )
        pairs = zip(mask.shape[::-1], inputs.shape[::-1], strict=False)
        if any(m not in (1, i) for m, i in pairs):
            raise ValueError(
                "The `mask` must be broadcastable to `inputs`. Each mask dimension must be 1 or match the "
                f"corresponding input dimension. Received: inputs.shape={inputs.shape}, mask.shape={mask.shape}"
            )
        return mask if mask.dtype == "bool" else ops.greater(mask, 0.5)


@_register
class PReLU(Layer):
    """x where x > 0, else alpha * x with a weight `alpha` of the shape of one sample.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the weight.
        shared_axes: axes (counted with the batch) along which alpha is the same.
    """

    def __init__(
        self, alpha_initializer="Zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        store_roles(self, locals(), "alpha")
        if shared_axes is not None:
            shared_axes = list(shared_axes) if isinstance(shared_axes, (list, tuple)) else [shared_axes]
        self.shared_axes = shared_axes

    def build(self, input_shape):
        shared = self.shared_axes or []
        shape = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        self.alpha = add_weight(self, "alpha", shape)
        axes = {axis: input_shape[axis] for axis in range(1, len(input_shape)) if shared and axis not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs):
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)

    def compute_output_shape(self, input_shape):
        return input_shape
