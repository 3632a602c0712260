"""What layers over spatial axes share: channels first or last, numbers per axis, shapes of windows."""

from fastkeras.engine import config
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.layer import Layer


def per_axis(value, rank, name, allow_zero=False):
    """`value`, an int or `rank` of them, as a tuple of `rank` ints.

    Raises:
        ValueError: for anything else, for negative values, and for 0 unless `allow_zero`.
    """
    message = f"The `{name}` argument must be a tuple of {rank} integers. Received {name}={value}"
    values = (value,) * rank if isinstance(value, int) else value
    try:
        values = tuple(values)
    except TypeError:
        raise ValueError(message) from None
    if len(values) != rank:
        raise ValueError(message)
    for v in values:
        try:
            int(v)
        except (ValueError, TypeError):
            raise ValueError(f"{message}, including element {v} of type {type(v)}") from None
    least = 0 if allow_zero else 1
    wrong = {v for v in values if v < least}
    if wrong:
        wanted = ">= 0" if allow_zero else "> 0"
        raise ValueError(f"{message}, including values {wrong} that do not satisfy `value {wanted}`")
    return values


class Spatial(Layer):
    """A layer over `rank` spatial axes."""

    rank = None

    def _store_format(self, data_format):
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _first_axis(self):
        return 1 if self.data_format == "channels_last" else 2

    @property
    def _axes(self):
        return tuple(range(self._first_axis, self._first_axis + self.rank))

    def _channels(self, shape):
        return shape[-1] if self.data_format == "channels_last" else shape[1]

    def _spatial(self, shape):
        return tuple(shape[a] for a in self._axes)

    def _with_spatial(self, shape, spatial, channels=None):
        """`shape` with other sizes, and with another number of channels when there is one."""
        channels = self._channels(shape) if channels is None else channels
        if self.data_format == "channels_last":
            return (shape[0], *spatial, channels)
        return (shape[0], channels, *spatial)


def count_windows(spatial, sizes, strides, padding, describe):
    """How many windows of `sizes` fit on each axis; None where the size is open.

    Raises:
        ValueError: when none fits.
    """
    if padding not in ("valid", "same", "causal"):
        raise ValueError(f"`padding` must be either `'valid'` or `'same'`. Received {padding}.")
    counts = []
    for n, size, stride in zip(spatial, sizes, strides, strict=True):
        if n is None:
            counts.append(None)
            continue
        counts.append((n - size if padding == "valid" else n - 1) // stride + 1)
        if counts[-1] <= 0 and padding == "valid":
            raise ValueError(f"Computed output size would be zero or negative. Received {describe()}")
    return counts
