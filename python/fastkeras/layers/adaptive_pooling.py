"""Adaptive pooling: images of any size as images of one size."""

from fastkeras import ops, registry
from fastkeras.layers.spatial import Spatial

_register = registry.register("keras.layers")
_SIZES = {1: "tuple of 1 integer", 2: "(height, width) tuple", 3: "(depth, height, width) tuple"}


class _AdaptivePooling(Spatial):
    """`output_size` windows along each spatial axis, whatever their size: the mean of each, or the greatest element.

    Window i of m along n elements goes from `floor(i n / m)` to `ceil((i + 1) n / m)`, without it.

    Args:
        output_size: one int, or one per spatial axis.
        data_format: "channels_last" or "channels_first".

    Raises:
        TypeError: for another output size.

    >>> import fastkeras as keras
    >>> keras.layers.AdaptiveAveragePooling2D(7)(keras.ops.ones((1, 24, 10, 3))).shape
    (1, 7, 7, 3)
    """

    built = True

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        sizes = (output_size,) * self.rank if isinstance(output_size, int) else output_size
        if not isinstance(sizes, (tuple, list)) or len(sizes) != self.rank:
            # Keras has another class of error here for one axis.
            kind = ValueError if self.rank == 1 and isinstance(sizes, (tuple, list)) else TypeError
            raise kind(
                f"`output_size` must be an integer or {_SIZES[self.rank]}. "
                f"Received: output_size={output_size} of type {type(output_size)}"
            )
        self.output_size = tuple(sizes)
        self._store_format(data_format)

    def call(self, inputs):
        return self.pool(inputs, self.output_size, data_format=self.data_format)

    def compute_output_shape(self, input_shape):
        return self._with_spatial(input_shape, self.output_size)


class _AdaptiveAverage(_AdaptivePooling):
    pool = staticmethod(ops.adaptive_average_pool)


class _AdaptiveMax(_AdaptivePooling):
    pool = staticmethod(ops.adaptive_max_pool)


@_register
class AdaptiveAveragePooling1D(_AdaptiveAverage):
    __doc__ = _AdaptivePooling.__doc__
    rank = 1


@_register
class AdaptiveAveragePooling2D(_AdaptiveAverage):
    __doc__ = _AdaptivePooling.__doc__
    rank = 2


@_register
class AdaptiveAveragePooling3D(_AdaptiveAverage):
    __doc__ = _AdaptivePooling.__doc__
    rank = 3


@_register
class AdaptiveMaxPooling1D(_AdaptiveMax):
    __doc__ = _AdaptivePooling.__doc__
    rank = 1


@_register
class AdaptiveMaxPooling2D(_AdaptiveMax):
    __doc__ = _AdaptivePooling.__doc__
    rank = 2


@_register
class AdaptiveMaxPooling3D(_AdaptiveMax):
    __doc__ = _AdaptivePooling.__doc__
    rank = 3
