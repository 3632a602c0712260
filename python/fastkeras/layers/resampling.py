"""Layers that change sizes by copying: zero padding, cropping, upsampling."""

from fastkeras import ops, registry
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.layer import Layer
from fastkeras.layers.spatial import Spatial, per_axis

_register = registry.register("keras.layers")
_ENTRIES = ("1st", "2nd", "3rd")


def _pairs(value, rank, name):
    """`value`, one int or one entry per axis, as a pair (before, after) per axis."""
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"`{name}` cannot be negative. Received: {name}={value}.")
        return ((value, value),) * rank
    if not hasattr(value, "__len__"):
        raise ValueError(
            f"`{name}` should be either an int, a tuple of {rank} ints, or a tuple of {rank} tuples of 2 ints. "
            f"Received: {name}={value}."
        )
    if len(value) != rank:
        number = {2: "two", 3: "3"}[rank]
        raise ValueError(f"`{name}` should have {number} elements. Received: {name}={value}.")
    entries = zip(value, _ENTRIES, strict=False)
    return tuple(per_axis(v, 2, f"{entry} entry of {name}", allow_zero=True) for v, entry in entries)


class _ZeroPadding(Spatial):
    """Zeros before and after each spatial axis.

    Args:
        padding: one int; or per axis an int or a pair (before, after). In 1D an int or a pair.
        data_format: "channels_last" or "channels_first".

    >>> import fastkeras as keras
    >>> keras.layers.ZeroPadding1D((0, 1))(keras.ops.ones((1, 2, 1))).numpy().ravel().tolist()
    [1.0, 1.0, 0.0]
    """

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._store_format(data_format)
        one = self.rank == 1
        self.padding = (
            per_axis(padding, 2, "padding", allow_zero=True) if one else _pairs(padding, self.rank, "padding")
        )

    @property
    def _zeros(self):
        return (self.padding,) if self.rank == 1 else self.padding

    def call(self, inputs):
        return ops.pad(inputs, self._with_spatial(((0, 0), (0, 0)), self._zeros, (0, 0)))

    def compute_output_shape(self, input_shape):
        sizes = zip(self._spatial(input_shape), self._zeros, strict=True)
        return self._with_spatial(input_shape, [None if n is None else n + sum(zeros) for n, zeros in sizes])


@_register
class ZeroPadding1D(_ZeroPadding):
    __doc__ = _ZeroPadding.__doc__
    rank = 1


@_register
class ZeroPadding2D(_ZeroPadding):
    __doc__ = _ZeroPadding.__doc__
    rank = 2


@_register
class ZeroPadding3D(_ZeroPadding):
    __doc__ = _ZeroPadding.__doc__
    rank = 3


class _Cropping(Spatial):
    """Leaves out rows before and after, on each spatial axis.

    Args:
        cropping: one int; or per axis an int or a pair (before, after). In 1D an int or a pair.
        data_format: "channels_last" or "channels_first"; not in 1D.

    Raises:
        ValueError: when nothing would be left.

    >>> import fastkeras as keras
    >>> keras.layers.Cropping1D((0, 1))(keras.ops.array([[[1.0], [2.0]]])).numpy().ravel().tolist()
    [1.0]
    """

    def __init__(self, cropping=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._store_format(data_format)
        self.cropping = _pairs(cropping, self.rank, "cropping")

    @property
    def _rows(self):
        return self.cropping

    def _check(self, shape):
        for n, rows in zip(self._spatial(shape), self._rows, strict=True):
            if n is not None and sum(rows) >= n:
                raise ValueError(
                    "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the "
                    f"input. Received: input_shape={tuple(shape)}, cropping={self.cropping}"
                )

    def call(self, inputs):
        self._check(inputs.shape)
        sizes = zip(self._spatial(inputs.shape), self._rows, strict=True)
        kept = [slice(before, n - after) for n, (before, after) in sizes]
        return inputs[self._with_spatial((slice(None),) * 2, kept, slice(None))]

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        sizes = zip(self._spatial(input_shape), self._rows, strict=True)
        return self._with_spatial(input_shape, [None if n is None else n - sum(rows) for n, rows in sizes])


@_register
class Cropping1D(_Cropping):
    __doc__ = _Cropping.__doc__
    rank = 1

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(0, "channels_last", **kwargs)
        self.cropping = per_axis(cropping, 2, "cropping", allow_zero=True)

    @property
    def _rows(self):
        return (self.cropping,)

    def _check(self, shape):
        if shape[1] is not None and sum(self.cropping) >= shape[1]:
            raise ValueError(
                "`cropping` parameter of `Cropping1D` layer must be smaller than the input length. "
                f"Received: input_shape={tuple(shape)}, cropping={self.cropping}"
            )


@_register
class Cropping2D(_Cropping):
    __doc__ = _Cropping.__doc__
    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


@_register
class Cropping3D(_Cropping):
    __doc__ = _Cropping.__doc__
    rank = 3


@_register
class UpSampling1D(Layer):
    """Repeats each step `size` times.

    >>> import fastkeras as keras
    >>> keras.layers.UpSampling1D(2)(keras.ops.array([[[1.0], [2.0]]])).numpy().ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(f"Expected an integer value for `size`, got {type(size)}.")
        if size <= 0:
            raise ValueError(f"Argument `size` should be a positive integer. Received: size={size}")
        self.size = size
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs):
        return ops.repeat(inputs, self.size, axis=1)

    def compute_output_shape(self, input_shape):
        n = input_shape[1]
        return (input_shape[0], None if n is None else n * self.size, input_shape[2])


class _UpSampling(Spatial):
    def _store(self, size, data_format):
        self.size = per_axis(size, self.rank, "size")
        self._store_format(data_format)

    def call(self, inputs):
        for axis, size in zip(self._axes, self.size, strict=True):
            inputs = ops.repeat(inputs, size, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        sizes = zip(self._spatial(input_shape), self.size, strict=True)
        return self._with_spatial(input_shape, [None if n is None else n * size for n, size in sizes])


@_register
class UpSampling2D(_UpSampling):
    """Images `size` times as large.

    Args:
        size: factor, one int or one per axis.
        data_format: "channels_last" or "channels_first".
        interpolation: "nearest" repeats pixels; "bilinear", "bicubic", "lanczos3" and "lanczos5" as `ops.image.resize`.

    >>> import fastkeras as keras
    >>> keras.layers.UpSampling2D(2)(keras.ops.ones((1, 2, 3, 1))).shape
    (1, 4, 6, 1)
    """

    rank = 2

    def __init__(self, size=2, data_format=None, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        self._store(size, data_format)
        self.interpolation = interpolation.lower()

    def call(self, inputs):
        if self.interpolation == "nearest":
            return super().call(inputs)
        sizes = [n * size for n, size in zip(self._spatial(inputs.shape), self.size, strict=True)]
        return ops.image.resize(inputs, sizes, interpolation=self.interpolation, data_format=self.data_format)


@_register
class UpSampling3D(_UpSampling):
    """Volumes `size` times as large, every element repeated.

    Args:
        size: factor, one int or one per axis.
        data_format: "channels_last" or "channels_first".
    """

    rank = 3

    def __init__(self, size=2, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._store(size, data_format)
