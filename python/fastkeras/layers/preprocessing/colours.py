"""Colours of images."""

from fastkeras import ops, random, registry
from fastkeras.layers.preprocessing.base import ImageLayer

_register = registry.register("keras.layers")


class Recolouring(ImageLayer):
    """Changes colours only, and in training only: masks stay."""

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.compute_dtype)
        return self._recolour(images, transformation) if training else images

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        return bounding_boxes

    def _recolour(self, images, transformation):
        """A batch of images of the compute dtype, changed."""
        raise NotImplementedError(f"[{type(self).__name__}] a layer of colours defines _recolour")

    def _set_seed(self, seed):
        self.seed = seed
        self.generator = random.SeedGenerator(seed)


class RangedRecolouring(Recolouring):
    """Changes colours by a factor within a range of values."""

    _wrong_rank = "Expected the input image to be rank 3 or 4. Received inputs.shape="

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(**kwargs)
        self._set_factor(factor)
        self._set_range(value_range)
        self._set_seed(seed)


class FactorRecolouring(RangedRecolouring):
    """Changes colours by a factor that is drawn for each image."""

    _sorts_range = True

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"factor": self._draw(self._batch_shape(data)[:1], *self.factor, seed)} if training else None

    @staticmethod
    def _factors(images, transformation):
        """The factors, to be broadcast to the images."""
        return ops.reshape(ops.cast(transformation["factor"], images.dtype), (-1, 1, 1, 1))


def rescaled(images, source, target):
    """`images` with values from the range `source`, brought to the range `target`."""
    if tuple(source) == tuple(target):
        return images
    (low, high), (target_low, target_high) = source, target
    return (images - low) / (high - low) * (target_high - target_low) + target_low


@_register
class RandomContrast(RangedRecolouring):
    """(x - mean) * c + mean for each channel, c drawn from [1 - factor[0], 1 + factor[1]), clipped to the range.

    Args:
        factor: a pair, or one number for both.
        value_range: the range of the values.

    >>> import fastkeras as keras
    >>> keras.layers.RandomContrast(0.2)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    _factor_bounds = (0, 1)

    def get_random_transformation(self, data, training=True, seed=None):
        shape = (self._batch_shape(data)[0], 1, 1, 1)
        if not training:
            return {"contrast_factor": ops.zeros(shape)}
        return {"contrast_factor": self._draw(shape, 1 - self.factor[0], 1 + self.factor[1], seed)}

    def _recolour(self, images, transformation):
        mean = ops.mean(images, axis=(self.height_axis, self.width_axis), keepdims=True)
        images = (images - mean) * ops.cast(transformation["contrast_factor"], images.dtype) + mean
        return ops.clip(images, *self.value_range)


@_register
class RandomBrightness(RangedRecolouring):
    """x + d for all values of an image, d drawn from `factor` times the width of the range, clipped to the range.

    Args:
        factor: a pair, or one number for both sides.
        value_range: the range of the values.

    >>> import fastkeras as keras
    >>> keras.layers.RandomBrightness(0.2)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    def get_random_transformation(self, data, training=True, seed=None):
        shape = (self._batch_shape(data)[0], 1, 1, 1)
        if not training:
            return {"rgb_delta": ops.zeros(shape)}
        low, high = sorted(self.value_range)
        return {"rgb_delta": self._draw(shape, *self.factor, seed) * (high - low)}

    def _recolour(self, images, transformation):
        return ops.clip(images + ops.cast(transformation["rgb_delta"], images.dtype), *self.value_range)


@_register
class RandomInvert(RangedRecolouring):
    """value_range[1] - x for some of the images, each with a probability drawn from `factor`.

    Args:
        factor: a pair in [0, 1], or one number for (0, factor).
        value_range: the range of the values.

    >>> import fastkeras as keras
    >>> keras.layers.RandomInvert((1, 1))(keras.ops.ones((1, 1, 1, 3))).numpy().tolist()
    [[[[254.0, 254.0, 254.0]]]]
    """

    _factor_bounds = (0, 1)

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"apply_inversion": self._choose(data, seed)} if training else None

    def _recolour(self, images, transformation):
        return self._only(transformation["apply_inversion"], self.value_range[1] - images, images)


@_register
class RandomGrayscale(Recolouring):
    """Images in gray, in all their channels, each with the probability `factor`, in their own dtype.

    Args:
        factor: a number in [0, 1].

    Raises:
        ValueError: for another factor; on a call, for images of another number of channels than 1 or 3.

    >>> import fastkeras as keras
    >>> red = keras.ops.array([[[[100.0, 0.0, 0.0]]]])
    >>> keras.layers.RandomGrayscale(1.0)(red).numpy().round().tolist()
    [[[[30.0, 30.0, 30.0]]]]
    """

    _config_names = ("factor",)  # as in Keras, without the seed

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        if not 0 <= factor <= 1:
            raise ValueError(f"`factor` should be between 0 and 1. Received: factor={factor}")
        self.factor = factor
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        return self._draw((self._batch_shape(data)[0], 1, 1, 1), 0, 1, seed) < self.factor if training else None

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        return ops.where(transformation, ops.image.rgb_to_grayscale(images, data_format=self.data_format), images)


@_register
class Solarization(Recolouring):
    """255 - (x + a) where x + a is at least t, else x + a, with x brought to [0, 255] and x + a clipped to it.

    Both a and t are drawn for every image, from (factor[0], 255 * factor[1]), as in Keras.

    Args:
        addition_factor, threshold_factor: of a and of t; pairs in [0, 1], or one number for (0, factor).
        value_range: the range of the values.

    Raises:
        ValueError: for factors or a range that are none.

    >>> import fastkeras as keras
    >>> keras.layers.Solarization(value_range=(0, 1))(keras.ops.full((1, 1, 1, 3), 0.25)).numpy().tolist()
    [[[[0.75, 0.75, 0.75]]]]
    """

    _sorts_range = True

    def __init__(self, addition_factor=0.0, threshold_factor=0.0, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(**kwargs)
        self.addition_factor = _share("addition_factor", addition_factor)
        self.threshold_factor = _share("threshold_factor", threshold_factor)
        self._set_range(value_range)
        self._set_seed(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = (self._batch_shape(data)[0], 1, 1, 1)
        factors = {"additions": self.addition_factor, "thresholds": self.threshold_factor}
        return {name: self._draw(shape, low, 255 * high, seed) for name, (low, high) in factors.items()}

    def _recolour(self, images, transformation):
        additions, thresholds = (ops.cast(transformation[n], images.dtype) for n in ("additions", "thresholds"))
        low, high = self.value_range
        scale = 255 / (high - low)
        images = ops.clip((images - low) * scale + additions, 0, 255)
        return ops.where(images < thresholds, images, 255 - images) / scale + low


def _share(name, factor):
    """`factor` as a sorted pair in [0, 1]."""
    pair = (0, factor) if isinstance(factor, (int, float)) else factor
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not 0 <= min(pair) <= max(pair) <= 1:
        raise ValueError(
            "The `addition_factor` and `threshold_factor` arguments should be a number (or a list of two numbers) in "
            f"the range [0, 1]. Received: {name}={factor}"
        )
    return tuple(sorted(pair))
