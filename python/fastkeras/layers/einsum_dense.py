"""EinsumDense: Dense along any axes."""

import math
import re
import string

from fastkeras import activations, initializers, ops, registry
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.layer import Layer
from fastkeras.layers.quantized import QuantizedKernel, product, quantizer_of_weights, through_numbers
from fastkeras.layers.weights import add_weight, store_roles
from fastkeras.utils.arguments import refuse


@registry.register("keras.layers")
class EinsumDense(QuantizedKernel, Layer):
    """activation(einsum(equation, inputs, kernel) + bias).

    Args:
        equation: "ab,bc->ac", "...b,bc->...c" or "ab...,bc->ac...": input, kernel, output.
        output_shape: the output's sizes without the batch and what `...` stands for; None where they are the input's.
        activation: name or function; None is linear.
        bias_axes: letters of the output that have a bias; None for no bias.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
            bias_constraint: of the weights.
        lora_rank, lora_alpha: of `enable_lora`, which is called once the layer is built, where there is a rank.
        gptq_unpacked_column_size: must be None.
        quantization_config: how the weights are quantized where `dtype` says so; `quantize` sets it.

    Raises:
        ValueError: when it is built, for an equation that is none of these or does not fit the shapes.

    >>> import fastkeras as keras
    >>> layer = keras.layers.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d")
    >>> layer(keras.ops.ones((2, 5, 3))).shape, layer.bias.shape
    ((2, 5, 4), (4,))
    """

    _config_names = (
        "equation",
        "activation",
        "bias_axes",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "quantization_config",
    )

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        refuse("EinsumDense", gptq_unpacked_column_size=gptq_unpacked_column_size)
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        store_roles(self, locals(), "kernel", "bias")
        self.quantization_config = quantization_config

    def build(self, input_shape):
        plan = _Plan(self.equation, self.bias_axes, input_shape, self.partial_output_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        initializer = self.kernel_initializer
        if isinstance(initializer, initializers.VarianceScaling) and None in (
            initializer.input_axes,
            initializer.output_axes,
        ):
            axes = {"input_axes": plan.input_axes, "output_axes": plan.output_axes}
            initializer = type(initializer).from_config({**initializer.get_config(), "seed": initializer.seed, **axes})
        if self.quantization_mode:
            self.quantized_build(plan.kernel_shape, self.quantization_mode, self.quantization_config)
        else:
            self._kernel = add_weight(self, "kernel", plan.kernel_shape, initializer=initializer)
        self.bias = None if self.bias_axes is None else add_weight(self, "bias", plan.bias_shape)
        self._build_lora(self.lora_alpha)

    def compute_output_shape(self, input_shape):
        return tuple(_Plan(self.equation, self.bias_axes, input_shape, self.partial_output_shape).output_shape)

    def _base(self):
        kernel = super()._base()
        return ops.reshape(kernel, self._float_shape) if self.quantization_mode == "int4" else kernel

    def _product(self, inputs, kernel):
        return ops.einsum(self.equation, inputs, kernel)

    def _change_of(self, inputs, a, b):
        source, kernel, target = self._labels
        if kernel[-1] == target[-1] and kernel[-1] not in source:  # B, whose columns are the kernel's, can come last
            return ops.matmul(self._product(inputs, a), b)
        return self._product(inputs, ops.matmul(a, b))

    @property
    def _labels(self):
        """A letter for each axis of the input, the kernel and the output."""
        source, kernel, target = re.split(",|->", self.equation)
        free = [letter for letter in string.ascii_letters if letter not in self.equation]
        elided = "".join(free[: self.input_spec.ndim - len(source.replace("...", ""))])
        return source.replace("...", elided), kernel, target.replace("...", elided)

    def _int8_build(self, shape, config=None):
        _, kernel, target = self._labels
        sizes = dict(zip(kernel, shape, strict=True))
        self._kernel_build(shape, [sizes.get(letter, 1) for letter in target], config)

    def _int8_values(self, kernel, config):
        _, letters, target = self._labels
        axes = [i for i, letter in enumerate(letters) if letter not in target]
        numbers, scale = quantizer_of_weights(config, 8, axes)(kernel, to_numpy=True)
        return {"_kernel": numbers, "kernel_scale": _laid_out(scale, letters, target)}

    def _int8_floats(self, dtype):
        _, kernel, target = self._labels
        return ops.divide(ops.cast(self._kernel, dtype), _laid_out(self.kernel_scale, target, kernel))

    def _int8_product(self, inputs):
        source, kernel, target = self._labels
        gone = "".join(letter for letter in source if letter not in target)
        rows, columns = source.removesuffix(gone), kernel.removeprefix(gone)
        if gone and (rows + gone, gone + columns, rows + columns) == self._labels:
            return self._as_matrices(inputs, len(rows), len(gone))
        numbers, scale = ops.convert_to_tensor(self._kernel), ops.convert_to_tensor(self.kernel_scale)
        if self.inputs_quantizer is None:
            return ops.divide(self._product(inputs, numbers), scale)
        return self._through_numbers(
            inputs,
            lambda x, s: ops.divide(
                ops.cast(self._product(x, numbers), inputs.dtype), ops.multiply(_laid_out(s, source, target), scale)
            ),
            self._int8_floats(inputs.dtype),
        )

    def _as_matrices(self, inputs, rows, gone):
        """The product where the axes summed over are the last ones of the input and the first ones of the kernel."""
        columns = self._kernel.shape[gone:]
        kernel = ops.reshape(self._kernel, (-1, math.prod(columns)))
        x = ops.reshape(inputs, (*inputs.shape[:rows], kernel.shape[0]))
        y = product(x, kernel, ops.reshape(self.kernel_scale, (-1,)), self.inputs_quantizer)
        return ops.reshape(y, (*inputs.shape[:rows], *columns))

    def _through_numbers(self, inputs, forward, float_kernel):
        source, kernel, target = self._labels
        axes = [i for i, letter in enumerate(source) if letter not in target]
        backward = f"{target},{kernel}->{source}"
        return through_numbers(
            inputs, self.inputs_quantizer, axes, forward, lambda dy: ops.einsum(backward, dy, float_kernel)
        )

    def _int4_build(self, shape, config=None):
        _, kernel, target = self._labels
        rows = math.prod(n for n, letter in zip(shape, kernel, strict=True) if letter not in target)
        self._float_shape = tuple(shape)
        self._matrix_build(rows, math.prod(shape) // rows, config)

    def _int4_values(self, kernel, config):
        _, letters, target = self._labels
        rows = math.prod(n for n, letter in zip(kernel.shape, letters, strict=True) if letter not in target)
        return self._matrix_values(ops.reshape(kernel, (rows, -1)), config)

    def _int4_floats(self, dtype):
        return ops.reshape(super()._int4_floats(dtype), self._float_shape)

    def _int4_product(self, inputs):
        source, _, target = self._labels
        kernel = self._int4_floats(self.compute_dtype)
        if self.kernel_zero is not None or self.inputs_quantizer is None:
            return self._product(inputs, kernel)
        return self._through_numbers(
            inputs, lambda x, s: ops.divide(self._product(x, kernel), _laid_out(s, source, target)), kernel
        )

    def get_config(self):
        config = {"activity_regularizer": None, **super().get_config()}
        return {**config, "output_shape": self.partial_output_shape}


def _laid_out(x, letters, target):
    """A scale with the axes `letters` as one with the axes `target`; axes that are not in both are of size 1."""
    sizes = dict(zip(letters, x.shape, strict=True))
    kept = [letter for letter in letters if letter in target]
    order = sorted(kept, key=target.index)
    x = ops.transpose(ops.reshape(x, [sizes[letter] for letter in kept]), [kept.index(letter) for letter in order])
    return ops.reshape(x, [sizes.get(letter, 1) for letter in target])


class _Plan:
    """The shapes and axes that an equation means for an input shape."""

    def __init__(self, equation, bias_axes, input_shape, output_shape):
        parts = re.fullmatch(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?", equation)
        if not parts or (parts[1], parts[3]) != (parts[5], parts[7]) or (parts[1] and parts[3]):
            raise ValueError(
                f"Invalid einsum equation '{equation}'. Equations must be in the form [X],[Y]->[Z], "
                "...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
            )
        source, kernel, target = parts[2], parts[4], parts[6]
        elided = len(input_shape) - len(source)  # axes that `...` stands for
        left = elided if parts[1] else 0
        shape = [input_shape[0], *output_shape]
        if parts[1]:
            shape[1:1] = input_shape[1:elided]
        elif elided > 0:
            shape += input_shape[len(source) :]
        sizes = {letter: input_shape[left + i] for i, letter in enumerate(source)}
        out_sizes = {letter: shape[left + i] for i, letter in enumerate(target)}
        for letter in source:
            if out_sizes.get(letter) not in (None, sizes[letter]):
                raise ValueError(
                    f"Input shape and output shape do not match at shared dimension '{letter}'. Input shape is "
                    f"{sizes[letter]}, and output shape is {out_sizes[letter]}."
                )
        for letter in target:
            if letter not in source and letter not in kernel:
                raise ValueError(
                    f"Dimension '{letter}' was specified in the output '{target}' but has no corresponding dim in the "
                    f"input spec '{source}' or weight spec '{kernel}'"
                )
        for letter in kernel:
            if letter not in sizes and letter not in out_sizes:
                raise ValueError(
                    f"Weight dimension '{letter}' did not have a match in either the input spec '{source}' or the "
                    f"output spec '{target}'. For this layer, the weight must be fully specified."
                )
        self.output_shape = shape
        self.kernel_shape = tuple(out_sizes[k] if k in out_sizes else sizes[k] for k in kernel)
        self.input_axes = [i for i, k in enumerate(kernel) if k not in out_sizes]
        self.output_axes = [i for i, k in enumerate(kernel) if k in out_sizes]
        if bias_axes is not None:
            for letter in bias_axes:
                if letter not in target:
                    raise ValueError(
                        f"Bias dimension '{letter}' was requested, but is not part of the output spec '{target}'"
                    )
            first = min(target.find(letter) for letter in bias_axes)
            biased = [out_sizes[letter] if letter in bias_axes else 1 for letter in target[first:]]
            self.bias_shape = tuple(biased + [1] * (0 if parts[1] else elided))
