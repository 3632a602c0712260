"""Hue and saturation of images."""

from fastkeras import ops, registry
from fastkeras.engine import config
from fastkeras.layers.preprocessing.base import ComposedImageLayer
from fastkeras.layers.preprocessing.colours import (
    FactorRecolouring,
    RandomBrightness,
    RandomContrast,
    Recolouring,
    rescaled,
)

_register = registry.register("keras.layers")


class _HSV(FactorRecolouring):
    """Changes one of hue (0), saturation (1) and value (2) of colours."""

    _plane = 0

    def _change_plane(self, plane, factors):
        raise NotImplementedError(f"[{type(self).__name__}] a layer of hues defines _change_plane")

    def _recolour(self, images, transformation):
        if images.shape[self.channel_axis] != 3:
            raise ValueError(f"[{type(self).__name__}] images must have 3 channels. Received: shape={images.shape}")
        images = ops.image.rgb_to_hsv(images, data_format=self.data_format)
        planes = ops.split(images, 3, axis=self.channel_axis)
        planes[self._plane] = self._change_plane(planes[self._plane], self._factors(images, transformation))
        return ops.image.hsv_to_rgb(ops.concatenate(planes, axis=self.channel_axis), data_format=self.data_format)


@_register
class RandomHue(_HSV):
    """Hues h turned to h + f / 2 or, as often, h - f / 2 of a whole turn, f drawn for each image from `factor`.

    Args:
        factor: a pair in [0, 1], or one number for (0, factor).
        value_range: the range of the values.

    Raises:
        ValueError: for a factor or a range that is none; on a call, for images that have not 3 channels.

    >>> import fastkeras as keras
    >>> red = keras.ops.array([[[[200.0, 0.0, 0.0]]]])
    >>> keras.layers.RandomHue((1.0, 1.0))(red).numpy().round().tolist()
    [[[[0.0, 200.0, 200.0]]]]
    """

    _factor_bounds = (0, 1)
    _sorts_range = False

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        halves = ops.where(self._draw(self._batch_shape(data)[:1], 0, 1, seed) > 0.5, -0.5, 0.5)
        return {"factor": super().get_random_transformation(data, training, seed)["factor"] * halves}

    def _recolour(self, images, transformation):
        images = rescaled(ops.cast(images, "float32"), self.value_range, (0, 1))
        images = ops.clip(super()._recolour(images, transformation), 0, 1)
        return ops.cast(rescaled(images, (0, 1), self.value_range), self.compute_dtype)

    def _change_plane(self, plane, factors):
        return plane + factors  # hsv_to_rgb takes it modulo 1


@_register
class RandomSaturation(_HSV):
    """Saturations s changed to s * f / (1 - f), f drawn for each image from `factor`: gray at 0, the same at 0.5.

    Args:
        factor: a pair in [-1, 1], or one number for (-factor, factor), as in Keras; below 0 images are gray.
        value_range: what saturations are clipped to, as in Keras.

    Raises:
        ValueError: for a factor or a range that is none; on a call, for images that have not 3 channels.

    >>> import fastkeras as keras
    >>> red = keras.ops.array([[[[200.0, 100.0, 100.0]]]])
    >>> keras.layers.RandomSaturation((0.0, 0.0))(red).numpy().tolist()
    [[[[200.0, 200.0, 200.0]]]]
    """

    _plane = 1

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        factor = super().get_random_transformation(data, training, seed)["factor"]
        return {"factor": factor / (1 - factor + config.epsilon())}

    def _change_plane(self, plane, factors):
        return ops.clip(plane * factors, *self.value_range)


@_register
class RandomColorDegeneration(FactorRecolouring):
    """x + f * (gray(x) - x), f drawn for each image from `factor`, clipped to the range: duller colours.

    Args:
        factor: a pair in [-1, 1], or one number for (-factor, factor), as in Keras; below 0 colours are stronger.
        value_range: the range of the values.

    Raises:
        ValueError: for a factor or a range that is none; for images that have not 3 channels.

    >>> import fastkeras as keras
    >>> red = keras.ops.array([[[[100.0, 0.0, 0.0]]]])
    >>> keras.layers.RandomColorDegeneration((0.5, 0.5))(red).numpy().round().tolist()
    [[[[65.0, 15.0, 15.0]]]]
    """

    def _recolour(self, images, transformation):
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.clip(images + self._factors(images, transformation) * (gray - images), *self.value_range)

    def compute_output_shape(self, input_shape):
        shape = self._images_of(input_shape)
        if len(shape) not in (3, 4):
            raise ValueError(
                "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
                f"Received: input_shape={shape}"
            )
        if shape[self.channel_axis] not in (3, None):
            raise ValueError(
                f"Input images must have 3 channels, but received images with {shape[self.channel_axis]} channels."
            )
        return input_shape


@_register
class RandomColorJitter(ComposedImageLayer, Recolouring):
    """`RandomBrightness`, `RandomContrast`, `RandomSaturation` and `RandomHue`, one after the other.

    Args:
        value_range: the range of the values.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: the factors of these layers; None: not that
            one.

    Raises:
        ValueError: for a factor or a range that is none.

    >>> import fastkeras as keras
    >>> layer = keras.layers.RandomColorJitter(brightness_factor=(0.2, 0.2), saturation_factor=(0.0, 0.0))
    >>> layer(keras.ops.array([[[[100.0, 50.0, 0.0]]]])).numpy().round().tolist()
    [[[[151.0, 151.0, 151.0]]]]
    """

    def __init__(
        self,
        value_range=(0, 255),
        brightness_factor=None,
        contrast_factor=None,
        saturation_factor=None,
        hue_factor=None,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_range(value_range)
        self._set_seed(seed)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        self.random_brightness = self._jitter(RandomBrightness, brightness_factor)
        self.random_contrast = self._jitter(RandomContrast, contrast_factor)
        self.random_saturation = self._jitter(RandomSaturation, saturation_factor)
        self.random_hue = self._jitter(RandomHue, hue_factor)

    def _jitter(self, cls, factor):
        return None if factor is None else self._part(cls, factor, self.value_range, seed=self.seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        seed = self.generator if seed is None else seed
        return [layer.get_random_transformation(data, training, seed) for layer in self._layers]

    def _recolour(self, images, transformation):
        for layer, drawn in zip(self._layers, transformation, strict=True):
            images = layer.transform_images(images, drawn)
        return images
