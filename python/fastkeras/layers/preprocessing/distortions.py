"""Images seen from another side, and bent, each with a probability."""

from fastkeras import ops, random, registry
from fastkeras.layers.preprocessing.following import MovingImageLayer
from fastkeras.layers.preprocessing.warping import Warping
from fastkeras.ops._image_warps import bent, homography

_register = registry.register("keras.layers")


@_register
class RandomPerspective(MovingImageLayer, Warping):
    """Images seen from another side: `ops.image.perspective_transform` with corners that move at random.

    A coordinate c of a corner becomes c (1 + scale d), d drawn from [-0.5, 0.5): the corner at (0, 0) stays.
    Upright boxes around the moved ones follow, of any `bounding_box_format`.

    Args:
        factor: the probability of an image to be changed: a number for (0, factor), or a pair to draw it from.
        scale: how far corners move, in [0, 1].
        interpolation: `"nearest"` or `"bilinear"`.
        fill_value: of pixels that the image does not reach.

    Raises:
        ValueError: for a factor or scale beyond [0, 1].
        NotImplementedError: for other interpolations.

    >>> import fastkeras as keras
    >>> keras.layers.RandomPerspective(0.5, 0.3)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    _factor_bounds = (0, 1)

    def __init__(
        self, factor=1.0, scale=1.0, interpolation="bilinear", fill_value=0.0, seed=None, data_format=None, **kwargs
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        if not 0 <= scale <= 1:
            raise ValueError(f"The `scale` argument should be a number in the range [0,1]. Received: scale={scale}")
        self.scale = scale
        self._set_up("constant", interpolation, seed, fill_value)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = self._batch_shape(data)
        right, down = shape[self.width_axis] - 1.0, shape[self.height_axis] - 1.0
        corners = ops.array([[[0.0, 0.0], [right, 0.0], [0.0, down], [right, down]]])
        return {
            "apply_perspective": self._choose(data, seed),
            "start_points": ops.repeat(corners, shape[0], axis=0),
            "end_points": corners * (1 + self._draw((shape[0], 4, 2), -0.5 * self.scale, 0.5 * self.scale, seed)),
            "input_shape": shape,
        }

    def _warp(self, images, transformation, interpolation):
        seen = ops.image.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return self._only(transformation["apply_perspective"], seen, images)

    def _move(self, x, y, transformation, height, width):
        start, end = (ops.cast(transformation[name], "float32") for name in ("start_points", "end_points"))
        h = [ops.reshape(n, (-1, 1, 1)) for n in ops.split(homography(end, start), 8, axis=1)]
        depth = h[6] * x + h[7] * y + 1.0
        moved = [(h[i] * x + h[i + 1] * y + h[i + 2]) / depth for i in (0, 3)]
        applied = ops.reshape(transformation["apply_perspective"], (-1, 1, 1))
        return [ops.where(applied, new, old) for new, old in zip(moved, (x, y), strict=True)]


@_register
class RandomElasticTransform(Warping):
    """Images bent like rubber, by `ops.image.elastic_transform`, and clipped to their range.

    For a batch one s is drawn from `scale`; alpha is 0.1 s times the longer side of the images, sigma 0.05 s times the
    shorter one.

    Args:
        factor: the probability of an image to be changed: a number for (0, factor), or a pair to draw it from.
        scale: how much images are bent: a number for (0, scale), or a pair, in [0, 1].
        interpolation: `"nearest"` or `"bilinear"`.
        fill_mode: `"reflect"`, `"wrap"`, `"constant"` (with `fill_value`), `"nearest"` or `"mirror"` beyond the border.
        value_range: the range of the values.

    Raises:
        ValueError: for a factor or scale beyond [0, 1].
        NotImplementedError: for other modes.

    >>> import fastkeras as keras
    >>> keras.layers.RandomElasticTransform(0.5, 0.3)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    _factor_bounds = (0, 1)
    _fill_modes = (*Warping._fill_modes, "mirror")

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.scale = self._bounds("scale", scale)
        self._set_up(fill_mode, interpolation, seed, fill_value)
        self._set_range(value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        return {
            "apply_transform": self._choose(data, seed),
            "distortion_factor": self._draw((), *self.scale, seed),
            "seed": random.draw_seed(self.generator if seed is None else seed),  # drawn: masks are bent like images
        }

    def _warp(self, images, transformation, interpolation):
        sizes = images.shape[self.height_axis], images.shape[self.width_axis]
        scale = transformation["distortion_factor"]
        moved = bent(
            images,
            alpha=0.1 * scale * max(sizes),
            sigma=0.05 * scale * min(sizes),
            largest_sigma=0.05 * self.scale[1] * min(sizes),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            seed=transformation["seed"],
            data_format=self.data_format,
        )
        return ops.clip(self._only(transformation["apply_transform"], moved, images), *self.value_range)
