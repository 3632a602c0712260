"""Convolutions and transposed convolutions over one to three axes."""

from fastkeras import activations, ops, registry
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.lora import LoRA
from fastkeras.layers.spatial import Spatial, count_windows, per_axis
from fastkeras.layers.weights import activated, add_weight, once_built, store_roles

_register = registry.register("keras.layers")


class Convolution(Spatial):
    """What all convolutions share: kernels, a bias per filter, an activation."""

    kernels = ("kernel",)  # the names before _initializer, _regularizer, _constraint
    causal = False

    def _store(self, arguments):
        """Stores what a constructor got (its `locals()`), checked."""
        self.kernel_size = per_axis(arguments["kernel_size"], self.rank, "kernel_size")
        self.strides = per_axis(arguments["strides"], self.rank, "strides")
        self.dilation_rate = per_axis(arguments["dilation_rate"], self.rank, "dilation_rate")
        self.padding = self._checked_padding(arguments["padding"])
        self._store_format(arguments["data_format"])
        self.input_spec = InputSpec(min_ndim=self.rank + 2)
        self.activation = activations.get(arguments["activation"])
        self.use_bias = arguments["use_bias"]
        store_roles(self, arguments, *self.kernels, "bias")
        for name in ("filters", "depth_multiplier"):
            value = arguments.get(name, 1)
            if value is not None and value <= 0:
                raise ValueError(
                    f"Invalid value for argument `{name}`. Expected a strictly positive value. Received {name}={value}."
                )
            if name in arguments:
                setattr(self, name, value)

    def _checked_padding(self, padding):
        allowed = ("valid", "same", "causal") if self.causal else ("valid", "same")
        name = padding.lower() if isinstance(padding, str) else padding
        if name not in allowed:
            raise ValueError(f"The `padding` argument must be one of {set(allowed)}. Received: {padding}")
        return name

    def _refuse_strided_dilation(self):
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def _specify_channels(self, input_shape):
        channels = self._channels(input_shape)
        if channels is None:
            raise ValueError(
                f"The channel axis of the inputs must have a size. Received: input_shape={tuple(input_shape)}"
            )
        axis = -1 if self.data_format == "channels_last" else 1
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        return channels

    def _add_bias(self, size):
        self.bias = add_weight(self, "bias", (size,)) if self.use_bias else None

    def _settings(self):
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def _biased(self, outputs):
        if self.bias is None:
            return outputs
        last = self.data_format == "channels_last"
        return ops.add(outputs, self.bias if last else ops.reshape(self.bias, (1, -1, *[1] * self.rank)))

    def _finish(self, outputs):
        """activation(outputs + bias)"""
        return activated(self, self._biased(outputs))

    def _output_shape(self, input_shape, filters):
        windows = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]

        def describe():
            kernel = (*self.kernel_size, self._channels(input_shape), filters)
            return (
                f"`inputs shape={tuple(input_shape)}`, `kernel shape={kernel}`, "
                f"`dilation_rate={self.dilation_rate}`, `strides={self.strides}`, `padding={self.padding}`."
            )

        spatial = count_windows(self._spatial(input_shape), windows, self.strides, self.padding, describe)
        return self._with_spatial(input_shape, spatial, filters)

    def get_config(self):
        config = super().get_config()
        return {"activity_regularizer": None, **config}


class _Conv(LoRA, Convolution):
    """activation(conv(inputs, kernel) + bias).

    Args:
        filters: number of output channels.
        kernel_size, strides, dilation_rate: one int, or one per spatial axis; strides and dilation exclude each other.
        padding: "valid", or "same": zeros around, so that stride 1 keeps the size. In 1D also "causal": zeros before.
        data_format: "channels_last" or "channels_first".
        groups: the channels are cut into so many groups, each with filters of its own.
        activation: name or function; None is linear.
        use_bias: is there a bias?
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint: of the weights and the outputs.
        lora_rank, lora_alpha: of `enable_lora`, which is called once the layer is built, where there is a rank.

    Input `(batch, spatial..., channels)`, output `(batch, spatial..., filters)`, or channels first.

    Raises:
        ValueError: for sizes that are not positive, groups that do not divide the channels, kernels larger than the
            inputs.

    >>> import fastkeras as keras
    >>> keras.layers.Conv2D(4, 3, activation="relu", padding="same")(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 4)
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._store(locals())
        self.groups = groups
        if groups <= 0:
            raise ValueError(f"The number of groups must be a positive integer. Received: groups={groups}.")
        if filters is not None and filters % groups != 0:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        self._refuse_strided_dilation()

    kernel = once_built("kernel", LoRA._whole)

    def build(self, input_shape):
        channels = self._specify_channels(input_shape)
        if channels % self.groups != 0:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels (full input shape is "
                f"{tuple(input_shape)})."
            )
        self.compute_output_shape(input_shape)
        self._kernel = add_weight(self, "kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self._add_bias(self.filters)
        self._build_lora(self.lora_alpha)

    def convolution_op(self, inputs, kernel):
        """The convolution alone; to be overridden by layers with another one."""
        return ops.conv(inputs, kernel, **self._settings())

    def call(self, inputs):
        return self._finish(self.convolution_op(inputs, self.kernel))

    def compute_output_shape(self, input_shape):
        return self._output_shape(input_shape, self.filters)


@_register
class Conv1D(_Conv):
    __doc__ = _Conv.__doc__
    rank = 1
    causal = True


@_register
class Conv2D(_Conv):
    __doc__ = _Conv.__doc__
    rank = 2


@_register
class Conv3D(_Conv):
    __doc__ = _Conv.__doc__
    rank = 3


class _ConvTranspose(Convolution):
    """activation(conv_transpose(inputs, kernel) + bias): every input adds the kernel, times itself, to the output.

    Args:
        output_padding: rows that the output has beyond the least, fewer than `strides`; None: with "same" the output
            is `strides` times as large.

    The other arguments are those of the convolutions.

    >>> import fastkeras as keras
    >>> keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 16, 16, 4)
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._store(locals())
        self.output_padding = (
            None if output_padding is None else per_axis(output_padding, self.rank, "output_padding", allow_zero=True)
        )
        for i, (more, stride) in enumerate(zip(self.output_padding or (), self.strides, strict=False)):
            if more >= stride:
                raise ValueError(
                    f"`output_padding` must be strictly less than `strides` for all dimensions. At dimension {i}, "
                    f"`output_padding` is {more} but `strides` is {stride}. "
                    f"Received: output_padding={self.output_padding}, strides={self.strides}"
                )
        self._refuse_strided_dilation()

    def build(self, input_shape):
        channels = self._specify_channels(input_shape)
        self.kernel = add_weight(self, "kernel", (*self.kernel_size, self.filters, channels))
        self._add_bias(self.filters)

    def call(self, inputs):
        outputs = ops.conv_transpose(inputs, self.kernel, output_padding=self.output_padding, **self._settings())
        return self._finish(outputs)

    def compute_output_shape(self, input_shape):
        more = self.output_padding or (None,) * self.rank
        windows = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        sizes = zip(self._spatial(input_shape), windows, self.strides, more, strict=True)
        spatial = [
            None if n is None else ops.nn.transposed_size(n, window, stride, self.padding, extra)[0]
            for n, window, stride, extra in sizes
        ]
        return self._with_spatial(input_shape, spatial, self.filters)


@_register
class Conv1DTranspose(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    rank = 1


@_register
class Conv2DTranspose(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    rank = 2


@_register
class Conv3DTranspose(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    rank = 3
