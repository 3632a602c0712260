"""Dense, Activation, Identity, Lambda, Masking."""

import inspect
import types

from fastkeras import activations, ops, registry
from fastkeras.engine import KerasTensor, Variable, compute_output_spec, nest
from fastkeras.layers import signatures
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.layer import Layer
from fastkeras.layers.quantized import QuantizedKernel, product, quantizer_of_weights
from fastkeras.layers.weights import add_weight, store_roles

_register = registry.register("keras.layers")


@_register
class Dense(QuantizedKernel, Layer):
    """activation(inputs @ kernel + bias).

    Args:
        units: positive int, the size of the output's last axis.
        activation: name or function; None is linear.
        use_bias: is there a bias?
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: applied after each update.
        lora_rank: calls `enable_lora(lora_rank)` once the layer is built.
        lora_alpha: as in Keras, `enable_lora` alone heeds it.
        quantization_config: how the weights are quantized where `dtype` says so; `quantize` sets it.

    Input `(..., features)`, output `(..., units)`.

    Raises:
        ValueError: when `units` is no positive int; on a call, when the features are not those it was built for.

    >>> import fastkeras as keras
    >>> layer = keras.layers.Dense(2, activation="relu", kernel_initializer="ones")
    >>> layer(keras.ops.ones((1, 3))).numpy().tolist()
    [[3.0, 3.0]]
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        if not isinstance(units, int) or units <= 0:
            raise ValueError(
                f"Received an invalid value for `units`, expected a positive integer. Received: units={units}"
            )
        super().__init__(
            activity_regularizer=activity_regularizer, lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs
        )
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        store_roles(self, locals(), "kernel", "bias")
        self.quantization_config = quantization_config
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        shape = (input_shape[-1], self.units)
        if self.quantization_mode:
            self.quantized_build(shape, self.quantization_mode, self.quantization_config)
        else:
            self._kernel = add_weight(self, "kernel", shape)
        self.bias = add_weight(self, "bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self._build_lora()

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def _product(self, inputs, kernel):
        return ops.matmul(inputs, kernel)

    def _change_of(self, inputs, a, b):
        return ops.matmul(ops.matmul(inputs, a), b)

    def _int8_build(self, shape, config=None):
        self._kernel_build(shape, (self.units,), config)

    def _int8_values(self, kernel, config):
        numbers, scale = quantizer_of_weights(config, 8, axis=0)(kernel, to_numpy=True)
        return {"_kernel": numbers, "kernel_scale": ops.squeeze(scale, axis=0)}

    def _int8_floats(self, dtype):
        return ops.divide(ops.cast(self._kernel, dtype), self.kernel_scale)

    def _int8_product(self, inputs):
        return product(inputs, self._kernel, self.kernel_scale, self.inputs_quantizer)

    def _int4_build(self, shape, config=None):
        self._matrix_build(*shape, config)

    def _int4_values(self, kernel, config):
        return self._matrix_values(kernel, config)

    def _int4_product(self, inputs):
        if self.kernel_zero is None:
            return product(inputs, self._unpacked(), self.kernel_scale, self.inputs_quantizer)
        return ops.matmul(inputs, self._int4_floats(self.compute_dtype))


@_register
class Activation(Layer):
    """activation(inputs), for a name or a function; same shape.

    >>> import fastkeras as keras
    >>> keras.layers.Activation("relu")(keras.ops.array([-1.0, 2.0])).numpy().tolist()
    [0.0, 2.0]
    """

    built = True

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


@_register
class Identity(Layer):
    """The inputs, unchanged; any structure of tensors."""

    built = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, inputs):
        return nest.map(lambda x: KerasTensor(x.shape, dtype=x.dtype), inputs)


@_register
class Masking(Layer):
    """Masks the time steps whose features all equal `mask_value`, and sets them to 0.

    Input `(batch, steps, features)`; the mask `(batch, steps)` travels with the output.

    >>> import fastkeras as keras
    >>> y = keras.layers.Masking()(keras.ops.array([[[1.0, 0.0], [0.0, 0.0]]]))
    >>> y._keras_mask.numpy().tolist()
    [[True, False]]
    """

    built = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = registry.deserialize_keras_object(mask_value)
        self.supports_masking = True

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        present = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.where(present, inputs, ops.zeros_like(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape


@_register
class Lambda(Layer):
    """function(inputs, **arguments).

    Args:
        function: Called with the inputs, and with `mask` and `training` when it has such parameters.
        output_shape: The shape of the output without the batch size, or a function of the input shape. Inferred by
            default.
        mask: The output's mask, or a function `(inputs, mask)` that makes it.
        arguments: Further keyword arguments of `function`.

    A layer with a Python lambda is saved as bytecode, which `load_model` runs with `safe_mode=False` only. Variables
    that `function` uses are not tracked.

    >>> import fastkeras as keras
    >>> keras.layers.Lambda(lambda x: x ** 2)(keras.ops.array([3.0])).numpy().tolist()
    [9.0]
    """

    _config_names = ()

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        self.arguments = arguments or {}
        self.function = function
        self.supports_masking = mask is not None
        self.mask = mask
        self._output_shape = output_shape
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):  # a C function that does not tell
            parameters = {}
        self._passes = [name for name in ("mask", "training") if name in parameters]

    def call(self, inputs, mask=None, training=None):
        available = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: available[name] for name in self._passes})

    def compute_output_spec(self, inputs, mask=None, training=None):
        if self._output_shape is not None:
            shape = self.compute_output_shape(nest.map(lambda x: x.shape, inputs))
            return signatures.map_shapes(lambda s: KerasTensor(s, dtype=self.compute_dtype), shape, "Lambda")
        return compute_output_spec(self.call, inputs, mask=mask, training=training)

    def compute_output_shape(self, input_shape):
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        if self._output_shape is not None:
            batch_size = nest.flatten(input_shape)[0]
            return signatures.map_shapes(lambda s: (batch_size, *s), self._output_shape, "Lambda")
        try:
            inputs = signatures.map_shapes(lambda s: KerasTensor(s, dtype=self.compute_dtype), input_shape, "Lambda")
            return nest.map(lambda x: x.shape, compute_output_spec(self.call, inputs))
        except Exception as error:
            raise NotImplementedError(
                "We could not automatically infer the shape of the Lambda's output. Please specify the "
                "`output_shape` argument for this Lambda layer."
            ) from error

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self):
        config = {**super().get_config(), "function": _serialize_function(self.function)}
        if self._output_shape is not None:
            config["output_shape"] = _serialize_function(self._output_shape)
        if self.mask is not None:
            config["mask"] = _serialize_function(self.mask)
        config["arguments"] = registry.serialize_keras_object(dict(self.arguments))
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        config = dict(config)
        safe_mode = registry.in_safe_mode() if safe_mode is None else safe_mode
        for name in ("function", "output_shape", "mask", "arguments"):
            if name in config:
                config[name] = registry.deserialize_keras_object(config[name], custom_objects, safe_mode=safe_mode)
        shape = config.get("output_shape")
        if isinstance(shape, list) and signatures.is_shape(shape):
            config["output_shape"] = tuple(shape)
        return super().from_config(config)


def _serialize_function(value):
    if isinstance(value, types.FunctionType) and value.__name__ == "<lambda>":
        parts = zip(("code", "defaults", "closure"), registry.dump_function(value), strict=True)
        return {"class_name": "__lambda__", "config": dict(parts)}
    if isinstance(value, Variable):
        raise ValueError(f"Invalid input type for serialization. Received: {value} of type {type(value)}.")
    return registry.serialize_keras_object(value)
