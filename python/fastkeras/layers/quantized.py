"""What layers with quantized weights share: their variables, and products with numbers of few bits."""

from fastkeras import ops, registry
from fastkeras.layers.lora import LoRA
from fastkeras.layers.quantization import prepared
from fastkeras.layers.weights import biased, once_built
from fastkeras.ops._quantized import quantized_matmul
from fastkeras.quantizers import (
    AbsMaxQuantizer,
    QuantizationConfig,
    abs_max_quantize_grouped_with_zero_point,
    pack_int4,
    unpack_int4,
)
from fastkeras.quantizers.configs import block_size_of


class QuantizedWeights(LoRA):
    """What layers share that quantize.

    A layer says in `_<mode>_build(shape, config)` which variables there are and in `_float_names` which they replace;
    the shape is that of the first of these. `_<mode>_values(weight, config)` makes their values of the floats of that
    first one, `_<mode>_floats(dtype)` makes floats of them again.
    """

    _float_names = ()
    _stored_names = ()  # in the order of Keras's files

    @prepared
    def quantize(self, mode=None, type_check=True, config=None):
        if type_check and not registry.is_library(type(self)):
            raise self._not_implemented_error("quantize")
        self.quantization_config = config
        weights = [name for name in self._float_names if name in vars(self)]
        shape, values = getattr(self, weights[0]).shape, self._values(mode, config)
        for name in weights:
            delattr(self, name)
        self.quantized_build(shape, mode, config)
        for name, value in values.items():
            getattr(self, name).assign(value)
        if self.quantization_mode is None:
            if mode == "int4":
                mode = f"int4/{block_size_of(self._dtype_policy, config) or -1}"
            self.dtype_policy = f"{mode}_from_{self._dtype_policy.name}"

    def _values(self, mode, config):
        """{attribute: value} of what replaces the floats."""
        return getattr(self, f"_{mode}_values")(getattr(self, self._float_names[0]), config)

    def quantized_build(self, shape, mode, config=None):
        """Makes the variables of a quantized layer."""
        if mode not in ("int8", "int4"):
            raise NotImplementedError(
                f"Invalid quantization mode. Expected one of ('int8', 'int4'). Received: quantization_mode={mode}"
            )
        getattr(self, f"_{mode}_build")(shape, config)
        self._is_quantized = True

    def _numbers(self, name, shape):
        return self.add_weight(name=name, shape=shape, initializer="zeros", dtype="int8", trainable=False)

    def _scale(self, name, shape):
        return self.add_weight(name=name, shape=shape, initializer="ones", trainable=False)

    def _groups(self, length, block_size):
        """The variable that says to which group each of `length` rows belongs."""
        groups = self.add_weight(name="g_idx", shape=(length,), initializer="zeros", dtype="float32", trainable=False)
        groups.assign(ops.floor_divide(ops.arange(length, dtype="float32"), block_size))
        return groups

    def _stored_variables(self):
        if self.quantization_mode is None or not self.built:
            return super()._stored_variables()
        found = (getattr(self, name, None) for name in self._stored_names)
        return [variable for variable in found if variable is not None]

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if config.get("quantization_config") is not None:
            config["quantization_config"] = registry.deserialize_keras_object(config["quantization_config"])
        return super().from_config(config)


def quantizer_of_weights(config, bits, axis):
    """The quantizer that `config` has for weights, or the usual one."""
    usual = AbsMaxQuantizer(axis) if bits == 8 else AbsMaxQuantizer(axis, value_range=(-8, 7))
    return QuantizationConfig.weight_quantizer_or_default(config, usual)


class QuantizedKernel(QuantizedWeights):
    """The part of layers with a kernel: of floats, of 8 bits in the same shape, of 4 bits as a packed matrix.

    A layer says in `_product(inputs, kernel)`, `_int8_product(inputs)` and `_int4_product(inputs)` what it multiplies.
    """

    _float_names = ("_kernel",)
    _stored_names = ("_kernel", "bias", "kernel_scale", "kernel_zero", "g_idx")

    kernel = once_built("kernel", LoRA._whole)  # numbers where the layer is quantized

    def _base(self):
        return self._unpacked() if self.quantization_mode == "int4" else self._kernel

    def call(self, inputs, training=None):
        if training:  # A B on its own: no gradient is as large as the kernel
            return biased(self, self._adapted(self._product(inputs, self._kernel), inputs))
        return biased(self, self._product(inputs, self._whole() if self.lora_enabled else self._kernel))

    def _int8_call(self, inputs, training=None):
        return biased(self, self._adapted(self._int8_product(inputs), inputs))

    def _int4_call(self, inputs, training=None):
        return biased(self, self._adapted(self._int4_product(inputs), inputs))

    def _kernel_build(self, shape, scale_shape, config):
        self.inputs_quantizer = QuantizationConfig.activation_quantizer_or_default(config, AbsMaxQuantizer())
        self._kernel = self._numbers("kernel", shape)
        self.kernel_scale = self._scale("kernel_scale", scale_shape)

    def _matrix_build(self, rows, columns, config):
        """Two columns in a byte; a scale per column, or a scale and a zero point per group of rows."""
        self.inputs_quantizer = QuantizationConfig.activation_quantizer_or_default(config, None)
        size = block_size_of(self._dtype_policy, config)
        scale_shape = (columns,) if size is None else (-(-rows // size), columns)
        self._columns = columns
        self._kernel = self._numbers("kernel", (rows, (columns + 1) // 2))
        self.kernel_scale = self._scale("kernel_scale", scale_shape)
        self.kernel_zero = None if size is None else self._numbers("kernel_zero", scale_shape)
        self.g_idx = None if size is None else self._groups(rows, size)

    def _matrix_values(self, matrix, config):
        size, values = block_size_of(self._dtype_policy, config), {}
        if size is None:
            numbers, scale = quantizer_of_weights(config, 4, axis=0)(matrix, to_numpy=True)
            scale = ops.squeeze(scale, axis=0)
        else:
            numbers, scale, values["kernel_zero"] = abs_max_quantize_grouped_with_zero_point(
                matrix, size, to_numpy=True
            )
        return {"_kernel": pack_int4(numbers, axis=-1)[0], "kernel_scale": scale, **values}

    def _unpacked(self):
        return unpack_int4(self._kernel, self._columns, axis=-1)

    def _int4_floats(self, dtype):
        if self.kernel_zero is None:
            return ops.divide(ops.cast(self._unpacked(), dtype), self.kernel_scale)
        return dequantized(self._unpacked(), self.kernel_scale, self.kernel_zero, self.g_idx, dtype)


# --- products -------------------------------------------------------------------------------------------------------


def through_numbers(inputs, quantizer, axis, product, backward):
    """`product(numbers, scale)` of the quantized inputs, with the gradient `backward(upstream)`."""

    @ops.custom_gradient
    def run(x):
        def gradient(*args, upstream=None):
            return backward(args[0] if upstream is None else upstream)

        return product(*quantizer(x, axis=axis)), gradient

    return run(inputs)


def product(inputs, kernel, scale, quantizer, transpose=False):
    """inputs @ kernel / scale, with the rows of the inputs quantized unless `quantizer` is None.

    `kernel`: numbers (k, n), or (n, k) with `transpose`; `scale`: (n,).
    """
    kernel, scale = ops.convert_to_tensor(kernel), ops.convert_to_tensor(scale)
    if _rounds_rows(quantizer) and inputs.dtype == scale.dtype == "float32":
        return quantized_matmul(inputs, kernel, scale, quantizer.epsilon, transpose)
    if transpose:
        kernel = ops.transpose(kernel)
    if quantizer is None:
        return ops.divide(ops.matmul(inputs, kernel), scale)
    dtype = inputs.dtype
    return through_numbers(
        inputs,
        quantizer,
        -1,
        lambda x, s: ops.divide(ops.cast(ops.matmul(x, kernel), dtype), ops.multiply(scale, s)),
        lambda dy: ops.matmul(dy, ops.transpose(ops.divide(ops.cast(kernel, dtype), scale))),
    )


def _rounds_rows(quantizer):
    """Does the quantizer do what the op does?"""
    return (
        type(quantizer) is AbsMaxQuantizer
        and tuple(quantizer.value_range) == (-127, 127)
        and quantizer.output_dtype == "int8"
    )


def dequantized(numbers, scale, zero, groups, dtype, axis=0):
    """Floats from numbers of which groups along `axis` have a scale and a zero point."""
    groups = ops.cast(groups, "int32")
    scale, zero = ops.take(scale, groups, axis=axis), ops.take(zero, groups, axis=axis)
    return ops.cast(ops.multiply(ops.subtract(numbers, ops.cast(zero, scale.dtype)), scale), dtype)
