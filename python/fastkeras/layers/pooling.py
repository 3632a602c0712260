"""Pooling: windows and whole images as their greatest element or their mean."""

from fastkeras import ops, registry
from fastkeras.layers.spatial import Spatial, count_windows, per_axis

_register = registry.register("keras.layers")


class _Pooling(Spatial):
    """One number for each window of the input, channel by channel: the greatest, or the mean.

    Args:
        pool_size: size of the window; one int, or one per spatial axis.
        strides: from one window to the next; `pool_size` by default.
        padding: "valid", or "same": as many windows as strides fit into the size, over what lies in the input.
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: when the window is larger than the input.

    >>> import fastkeras as keras
    >>> keras.layers.MaxPooling1D(2)(keras.ops.array([[[1.0], [3.0], [2.0], [0.0]]])).numpy().ravel().tolist()
    [3.0, 2.0]
    """

    built = True

    def _store(self, pool_size, strides, padding, data_format):
        self.pool_size = per_axis(pool_size, self.rank, "pool_size")
        self.strides = per_axis(pool_size if strides is None else strides, self.rank, "strides")
        self.padding = padding
        self._store_format(data_format)

    def call(self, inputs):
        return self.pool(
            inputs,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )

    def compute_output_shape(self, input_shape):
        def describe():
            return (
                f"`inputs.shape={tuple(input_shape)}`, `pool_size={self.pool_size}`, `strides={self.strides}`, "
                f"`padding={self.padding}`."
            )

        spatial = count_windows(self._spatial(input_shape), self.pool_size, self.strides, self.padding, describe)
        return self._with_spatial(input_shape, spatial)


class _MaxPooling(_Pooling):
    pool = staticmethod(ops.max_pool)

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self._store(pool_size, strides, padding, data_format)


class _AveragePooling(_Pooling):
    pool = staticmethod(ops.average_pool)

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self._store(pool_size, strides, padding, data_format)


class _GlobalPooling(Spatial):
    """One number per image and channel.

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: keep the spatial axes, with size 1?

    >>> import fastkeras as keras
    >>> keras.layers.GlobalAveragePooling2D()(keras.ops.ones((2, 3, 4, 5))).shape
    (2, 5)
    """

    built = True

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self._store_format(data_format)
        self.keepdims = keepdims

    def call(self, inputs):
        return self.reduce(inputs, axis=self._axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape):
        if self.keepdims:
            return self._with_spatial(input_shape, (1,) * self.rank)
        return (input_shape[0], self._channels(input_shape))


class _GlobalAverage(_GlobalPooling):
    reduce = staticmethod(ops.mean)


class _GlobalMax(_GlobalPooling):
    reduce = staticmethod(ops.max)


@_register
class MaxPooling1D(_MaxPooling):
    __doc__ = _Pooling.__doc__
    rank = 1


@_register
class MaxPooling2D(_MaxPooling):
    __doc__ = _Pooling.__doc__
    rank = 2


@_register
class MaxPooling3D(_MaxPooling):
    __doc__ = _Pooling.__doc__
    rank = 3


@_register
class AveragePooling1D(_AveragePooling):
    __doc__ = _Pooling.__doc__
    rank = 1


@_register
class AveragePooling2D(_AveragePooling):
    __doc__ = _Pooling.__doc__
    rank = 2


@_register
class AveragePooling3D(_AveragePooling):
    __doc__ = _Pooling.__doc__
    rank = 3


@_register
class GlobalAveragePooling1D(_GlobalAverage):
    __doc__ = _GlobalPooling.__doc__
    rank = 1

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        mask = ops.expand_dims(ops.cast(mask, "bool"), 2 if self.data_format == "channels_last" else 1)
        total = ops.sum(ops.where(mask, inputs, ops.zeros_like(inputs)), axis=self._axes, keepdims=self.keepdims)
        return total / ops.sum(ops.cast(mask, inputs.dtype), axis=self._axes, keepdims=self.keepdims)

    def compute_mask(self, inputs, mask=None):
        return None


@_register
class GlobalAveragePooling2D(_GlobalAverage):
    __doc__ = _GlobalPooling.__doc__
    rank = 2


@_register
class GlobalAveragePooling3D(_GlobalAverage):
    __doc__ = _GlobalPooling.__doc__
    rank = 3


@_register
class GlobalMaxPooling1D(_GlobalMax):
    __doc__ = _GlobalPooling.__doc__
    rank = 1


@_register
class GlobalMaxPooling2D(_GlobalMax):
    __doc__ = _GlobalPooling.__doc__
    rank = 2


@_register
class GlobalMaxPooling3D(_GlobalMax):
    __doc__ = _GlobalPooling.__doc__
    rank = 3
