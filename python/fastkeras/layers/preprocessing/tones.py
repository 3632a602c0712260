"""Steps, edges and reach of the tones of images."""

from fastkeras import ops, random, registry
from fastkeras.layers.preprocessing.colours import FactorRecolouring, Recolouring, rescaled

_register = registry.register("keras.layers")


@_register
class RandomPosterization(FactorRecolouring):
    """Values as whole numbers in [0, 255] of which the first n of 8 bits are kept, n drawn for each image.

    Args:
        factor: n, or n from `factor[0]` to `factor[1] - 1`: a pair of whole numbers in [1, 8]; equal ones leave no
            choice. One number stands for (1, factor), as in Keras.
        value_range: the range of the values.

    Raises:
        ValueError: for a factor or a range that is none.

    E. Cubuk et al., "AutoAugment: Learning Augmentation Policies from Data" (2018).

    >>> import fastkeras as keras
    >>> keras.layers.RandomPosterization((2, 2))(keras.ops.array([[[[60.0, 65.0, 255.0]]]])).numpy().tolist()
    [[[[0.0, 64.0, 192.0]]]]
    """

    _factor_bounds = (1, 8)

    def _set_factor(self, factor):
        super()._set_factor(factor)
        if any(bits != int(bits) for bits in self.factor):
            raise ValueError(f"[RandomPosterization] factor counts bits: whole numbers. Received: factor={factor}")

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape, (fewest, end) = self._batch_shape(data)[:1], self.factor
        if fewest == end:
            return {"shift_factor": ops.full(shape, 8 - fewest, dtype="uint8")}
        seed = self.generator if seed is None else seed
        return {"shift_factor": 8 - random.randint(shape, fewest, end, dtype="uint8", seed=seed)}

    def _recolour(self, images, transformation):
        lost = ops.reshape(transformation["shift_factor"], (-1, 1, 1, 1))
        levels = ops.cast(rescaled(images, self.value_range, (0, 255)), "uint8")
        levels = ops.bitwise_left_shift(ops.bitwise_right_shift(levels, lost), lost)
        return rescaled(ops.cast(levels, images.dtype), (0, 255), self.value_range)


@_register
class RandomSharpness(FactorRecolouring):
    """x + (1 - 2 f) * (blurred(x) - x), f drawn for each image from `factor`, clipped to the range.

    That is blurred at 0, x itself at 0.5, and sharpened at 1. `blurred` is the mean of the 3 x 3 values around, where
    the middle counts 5 times and values beyond the border are 0.

    Args:
        factor: a pair in [0, 1], or one number for (0, factor).
        value_range: the range of the values.

    Raises:
        ValueError: for a factor or a range that is none.

    >>> import fastkeras as keras
    >>> row = keras.ops.array([[[[0.0], [130.0], [0.0]]]])
    >>> keras.layers.RandomSharpness((0.0, 0.0))(row).numpy().round().ravel().tolist()
    [10.0, 50.0, 10.0]
    """

    _factor_bounds = (0, 1)

    def _recolour(self, images, transformation):
        kernel = ops.reshape(ops.array([1, 1, 1, 1, 5, 1, 1, 1, 1], images.dtype) / 13, (3, 3, 1, 1))
        kernel = ops.tile(kernel, (1, 1, images.shape[self.channel_axis], 1))
        blurred = ops.depthwise_conv(images, kernel, padding="same", data_format=self.data_format)
        images = images + (1 - 2 * self._factors(images, transformation)) * (blurred - images)
        return ops.clip(images, *self.value_range)


@_register
class AutoContrast(Recolouring):
    """Channels stretched over the whole range, from its lowest to its highest value, in training and in inference.

    Channels of one value stay as they are.

    Args:
        value_range: the range of the values.

    Raises:
        ValueError: for a range that is none.

    >>> import fastkeras as keras
    >>> keras.layers.AutoContrast()(keras.ops.array([[[[1.0], [2.0], [3.0]]]])).numpy().ravel().tolist()
    [0.0, 127.5, 255.0]
    """

    _sorts_range = True

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(**kwargs)
        self._set_range(value_range)

    def transform_images(self, images, transformation=None, training=True):
        return super().transform_images(images, transformation, training=True)

    def _recolour(self, images, transformation):
        axes = (self.height_axis, self.width_axis)
        low, high = (extreme(images, axis=axes, keepdims=True) for extreme in (ops.min, ops.max))
        reach, (first, last) = high - low, self.value_range
        shares = (images - low) / ops.where(reach > 0, reach, 1)
        return ops.where(reach > 0, shares * (last - first) + first, images)
