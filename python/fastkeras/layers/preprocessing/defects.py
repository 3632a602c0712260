"""Defects of images: holes and blur, each with a probability."""

from fastkeras import ops, random, registry
from fastkeras.layers.preprocessing.colours import RangedRecolouring

_register = registry.register("keras.layers")


@_register
class RandomErasing(RangedRecolouring):
    """A rectangle of the images replaced by noise, or by `fill_value` (Zhong et al., 2017).

    It is sqrt(a) times as wide and sqrt(b) times as high as the image, a and b drawn from `scale`.

    Args:
        factor: the probability of an image to be changed: a number for (0, factor), or a pair to draw it from.
        scale: of a and b: a number for (0, scale), or a pair, in [0, 1].
        fill_value: a number, one for each of three channels, or None: normal noise times value_range[1]. All is
            clipped to the range.
        value_range: the range of the values.

    Raises:
        ValueError: for a factor or scale beyond [0, 1], and for other fill values.

    >>> import fastkeras as keras
    >>> layer = keras.layers.RandomErasing((1, 1), (1, 1), fill_value=7)
    >>> layer(keras.ops.ones((1, 1, 1, 3))).numpy().tolist()
    [[[[7.0, 7.0, 7.0]]]]
    """

    _factor_bounds = (0, 1)

    def __init__(
        self,
        factor=1.0,
        scale=(0.02, 0.33),
        fill_value=None,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)
        self.scale = self._bounds("scale", scale)
        several = isinstance(fill_value, (tuple, list)) and len(fill_value) == 3
        if not several and not isinstance(fill_value, (int, float, type(None))):
            raise ValueError(
                "The `fill_value` argument should be a number (or a list of three numbers) "
                f"Received: fill_value={fill_value}"
            )
        self.fill_value = fill_value

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = self._batch_shape(data)
        rows, columns = (
            self._span(shape, axis, ops.sqrt(self._draw((shape[0], 1, 1, 1), *self.scale, seed)), seed)
            for axis in (self.height_axis, self.width_axis)
        )
        return {
            "apply_erasing": self._choose(data, seed),
            "batch_masks": ops.logical_and(rows, columns),
            "fill_value": self._filling(shape, seed),
        }

    def _filling(self, shape, seed):
        if self.fill_value is None:
            noise = random.normal(shape, seed=self.generator if seed is None else seed)
            return ops.clip(noise * self.value_range[1], *self.value_range)
        value = ops.convert_to_tensor(self.fill_value, "float32")
        if value.ndim and self.data_format == "channels_first":
            value = ops.reshape(value, (3, 1, 1))
        return ops.clip(ops.broadcast_to(value, shape), *self.value_range)

    def _recolour(self, images, transformation):
        filling = ops.cast(transformation["fill_value"], images.dtype)
        erased = ops.where(transformation["batch_masks"], filling, images)
        return self._only(transformation["apply_erasing"], erased, images)


@_register
class RandomGaussianBlur(RangedRecolouring):
    """Images blurred by `ops.image.gaussian_blur`, and clipped to their range.

    For a batch two deviations are drawn from `sigma`: along the width and along the height.

    Args:
        factor: the probability of an image to be changed: a number for (0, factor), or a pair to draw it from.
        kernel_size: pixels of the kernel, an odd number, or a pair along the width and along the height.
        sigma: a number for (0, sigma), or a pair, in [0, 1].
        value_range: the range of the values.

    Raises:
        ValueError: for a factor or sigma beyond [0, 1], and for an even kernel size.

    >>> import fastkeras as keras
    >>> keras.layers.RandomGaussianBlur(0.5)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    _factor_bounds = (0, 1)

    def __init__(
        self, factor=1.0, kernel_size=3, sigma=1.0, value_range=(0, 255), data_format=None, seed=None, **kwargs
    ):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)
        sizes = (kernel_size, kernel_size) if isinstance(kernel_size, (int, float)) else kernel_size
        if not isinstance(sizes, (tuple, list)) or len(sizes) != 2:
            raise ValueError(
                "The `kernel_size` argument should be a number (or a list of two numbers) "
                f"Received: kernel_size={kernel_size}"
            )
        if any(n % 2 == 0 for n in sizes):
            raise ValueError(f"kernel_size must be an odd number. Received: kernel_size={kernel_size}")
        self.kernel_size = tuple(sizes)
        self.sigma = self._bounds("sigma", sigma)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        return {"should_apply_blur": self._choose(data, seed), "blur_factor": self._draw((2,), *self.sigma, seed)}

    def _recolour(self, images, transformation):
        blurred = ops.image.gaussian_blur(
            images, self.kernel_size, transformation["blur_factor"], data_format=self.data_format
        )
        return ops.clip(self._only(transformation["should_apply_blur"], blurred, images), *self.value_range)
