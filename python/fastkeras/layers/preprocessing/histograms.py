"""Images whose tones are spread by their histograms."""

import numpy as np

from fastkeras import ops, registry
from fastkeras.layers.preprocessing.colours import Recolouring, rescaled

_register = registry.register("keras.layers")


def _counts(places, size):
    """How often each of the numbers 0 to `size - 1` is among `places`."""
    places = ops.reshape(places, (-1,))
    return ops.segment_sum(ops.ones(places.shape, "int32"), places, size)


@_register
class Equalization(Recolouring):
    """Tones spread evenly, in training: 255 * (F(x) - F0) / (1 - F0), rounded, for x brought to [0, 255].

    F is the share of values in the bin of x and in those below, F0 that of the lowest bin that is not empty. Each
    channel has a histogram, which counts all images of the batch, as in Keras.

    Args:
        value_range: the range of the values.
        bins: of the histogram.

    Raises:
        ValueError: for a range that is none.

    >>> import fastkeras as keras
    >>> keras.layers.Equalization()(keras.ops.array([[[[4.0], [5.0], [6.0]]]])).numpy().ravel().tolist()
    [0.0, 128.0, 255.0]
    """

    _sorts_range = True

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self._set_range(value_range)
        self.bins = bins

    def _recolour(self, images, transformation):
        low, high = self.value_range
        scale = 255 / (high - low)
        values = images * scale - low * scale
        channels, last = images.shape[self.channel_axis], self.bins - 1
        of_channels = [-1 if axis == self.channel_axis else 1 for axis in range(-4, 0)]
        first_places = ops.reshape(ops.arange(channels) * self.bins, of_channels)

        binned = ops.cast(ops.cast(values, "float32") * last / 255, "int32")
        counts = _counts(ops.clip(binned, 0, last) + first_places, channels * self.bins)
        below = ops.cumsum(ops.reshape(counts, (channels, self.bins)), axis=-1)
        total = below[:, -1:]
        least = ops.min(ops.where(below > 0, below, total), axis=-1, keepdims=True)
        share = 1 / ops.cast(ops.maximum(total - least, 1), "float32")  # a factor, as in JAX: halves round alike
        table = ops.clip(ops.round(ops.cast(below - least, "float32") * 255 * share), 0, 255)

        places = ops.cast(ops.clip(values / 255 * last, 0, last), "int32") + first_places
        equalized = ops.cast(ops.take(ops.reshape(table, (-1,)), places), images.dtype)
        equalized = ops.where(ops.reshape(total > least, of_channels), equalized, values)
        return equalized * ((high - low) / 255) + low


@_register
class ContrastLimitedAdaptiveHistogramEqualization(Recolouring):
    """Tones spread by the histograms of tiles, between whose middles is interpolated; in training and in inference.

    Counts of a histogram are clipped, and what is cut off is shared by all its 256 levels: that limits contrast.
    Images keep their dtype.

    Args:
        value_range: the range of the values.
        clip_limit: how many times the mean count a count may be; 0: no limit.
        tile_grid_size: number of tiles in height and width.

    Raises:
        ValueError: for a range that is none.

    K. Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", in Graphics Gems IV (1994).

    >>> import fastkeras as keras
    >>> layer = keras.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(1, 1), clip_limit=0)
    >>> layer(keras.ops.array([[[[4.0], [5.0], [6.0]]]])).numpy().ravel().tolist()
    [85.0, 170.0, 255.0]
    """

    def __init__(self, value_range=(0, 255), clip_limit=4.0, tile_grid_size=(8, 8), data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self._set_range(value_range)
        self.clip_limit, self.tile_grid_size = clip_limit, tile_grid_size

    def transform_images(self, images, transformation=None, training=True):
        values = ops.moveaxis(ops.cast(images, "float32"), self.channel_axis, -1)
        values = rescaled(values, self.value_range, (0, 255))
        values = rescaled(self._equalized(values), (0, 255), self.value_range)
        return ops.cast(ops.moveaxis(values, -1, self.channel_axis), images.dtype)

    def _equalized(self, values):
        batch, height, width, channels = values.shape
        rows, columns = self.tile_grid_size
        high, wide = -(-height // rows), -(-width // columns)  # a tile
        levels = ops.clip(ops.cast(values, "int32"), 0, 255)
        padding = [[0, 0], [0, high * rows - height], [0, wide * columns - width], [0, 0]]
        padded = ops.pad(levels, padding, mode="symmetric")
        starts = np.arange(batch)[:, None, None, None] * rows * columns * channels + np.arange(channels)

        def places(levels, row, column):
            """Where the levels are counted in the histograms of tiles, given by row and by column."""
            tiles = row[:, None, None] * columns + column[:, None]
            return levels + ((starts + tiles * channels) * 256).astype("int32")

        own = places(padded, np.arange(high * rows) // high, np.arange(wide * columns) // wide)
        counts = ops.cast(_counts(own, batch * rows * columns * channels * 256), "float32")
        table = self._table(ops.reshape(counts, (-1, 256)), high * wide)
        result = 0
        for row, row_share in _neighbours(height, high, rows):
            for column, column_share in _neighbours(width, wide, columns):
                shares = row_share[:, None, None] * column_share[:, None]
                result = result + ops.take(table, places(levels, row, column)) * shares
        return result

    def _table(self, counts, size):
        """What becomes of each level in each tile, in one row, from (tiles, 256) counts of `size` values."""
        if self.clip_limit > 0:
            clipped = ops.minimum(counts, self.clip_limit * size / 256)
            counts = clipped + ops.sum(counts - clipped, axis=-1, keepdims=True) / 256
        below = ops.cumsum(counts, axis=-1)
        least = below[:, :1]
        rest = ops.where(least == size, 1, size - least)
        return ops.reshape(ops.clip((below - least) * 255 / rest, 0, 255), (-1,))


def _neighbours(length, size, count):
    """The tiles before and after each of `length` places, and their shares; `count` tiles of `size` places."""
    position = ((np.arange(length) - size / 2) / size).astype("float32")
    before = np.floor(position)
    after_share = position - before
    return (
        (np.clip(before, 0, count - 1).astype("int32"), 1 - after_share),
        (np.clip(before + 1, 0, count - 1).astype("int32"), after_share),
    )
