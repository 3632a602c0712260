"""Depthwise and separable convolutions."""

from fastkeras import ops, registry
from fastkeras.layers.convolution import Convolution
from fastkeras.layers.weights import add_weight

_register = registry.register("keras.layers")


class _DepthwiseConv(Convolution):
    """activation(depthwise_conv(inputs, kernel) + bias): every channel has kernels of its own.

    Args:
        depth_multiplier: number of kernels, and of output channels, per channel.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: of the kernels.

    The other arguments are those of the convolutions.

    >>> import fastkeras as keras
    >>> keras.layers.DepthwiseConv2D(3, depth_multiplier=2)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 6, 6, 6)
    """

    kernels = ("depthwise",)

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._store(locals())

    def build(self, input_shape):
        channels = self._specify_channels(input_shape)
        self.compute_output_shape(input_shape)
        self.kernel = add_weight(self, "depthwise", (*self.kernel_size, channels, self.depth_multiplier), "kernel")
        self._add_bias(channels * self.depth_multiplier)

    def call(self, inputs):
        return self._finish(ops.depthwise_conv(inputs, self.kernel, **self._settings()))

    def compute_output_shape(self, input_shape):
        return self._output_shape(input_shape, self._channels(input_shape) * self.depth_multiplier)


@_register
class DepthwiseConv1D(_DepthwiseConv):
    __doc__ = _DepthwiseConv.__doc__
    rank = 1


@_register
class DepthwiseConv2D(_DepthwiseConv):
    __doc__ = _DepthwiseConv.__doc__
    rank = 2


class _SeparableConv(Convolution):
    """activation(separable_conv(inputs, depthwise_kernel, pointwise_kernel) + bias): first along space, then channels.

    Args:
        depth_multiplier: number of depthwise kernels per channel.
        depthwise_initializer, pointwise_initializer, depthwise_regularizer, pointwise_regularizer,
            depthwise_constraint, pointwise_constraint: of the two kernels.

    The other arguments are those of the convolutions.

    >>> import fastkeras as keras
    >>> keras.layers.SeparableConv2D(5, 3, padding="same")(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 5)
    """

    kernels = ("depthwise", "pointwise")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._store(locals())

    def build(self, input_shape):
        channels = self._specify_channels(input_shape)
        self.compute_output_shape(input_shape)
        between = channels * self.depth_multiplier
        self.depthwise_kernel = add_weight(
            self, "depthwise", (*self.kernel_size, channels, self.depth_multiplier), "depthwise_kernel"
        )
        self.pointwise_kernel = add_weight(
            self, "pointwise", (*[1] * self.rank, between, self.filters), "pointwise_kernel"
        )
        self._add_bias(self.filters)

    def call(self, inputs):
        outputs = ops.separable_conv(inputs, self.depthwise_kernel, self.pointwise_kernel, **self._settings())
        return self._finish(outputs)

    def compute_output_shape(self, input_shape):
        return self._output_shape(input_shape, self.filters)


@_register
class SeparableConv1D(_SeparableConv):
    __doc__ = _SeparableConv.__doc__
    rank = 1


@_register
class SeparableConv2D(_SeparableConv):
    __doc__ = _SeparableConv.__doc__
    rank = 2
