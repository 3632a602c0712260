"""Rotations, zooms, shifts and shears of images by random amounts."""

import math

from fastkeras import ops, random, registry
from fastkeras.layers.preprocessing.base import ImageLayer
from fastkeras.layers.preprocessing.following import MovingImageLayer
from fastkeras.utils.bounding_boxes.moving import around

_register = registry.register("keras.layers")


class Warping(ImageLayer):
    """Moves what images show, in training only; masks move with them, without mixing values."""

    _fill_modes = ("reflect", "wrap", "constant", "nearest")
    _interpolations = ("nearest", "bilinear")

    def _set_up(self, fill_mode, interpolation, seed, fill_value):
        for name, value, known in (
            ("fill_mode", fill_mode, self._fill_modes),
            ("interpolation", interpolation, self._interpolations),
        ):
            if value not in known:
                raise NotImplementedError(f"Unknown `{name}`. Expected one of {known}. Received: {name}={value!r}")
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.seed, self.fill_value = seed, fill_value
        self.generator = random.SeedGenerator(seed)

    def transform_images(self, images, transformation, training=True):
        return self._warped(images, transformation, training, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._warped(segmentation_masks, transformation, training, "nearest")

    def _warped(self, images, transformation, training, interpolation):
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        if len(images.shape) == 3:
            return self._warp(images[None], transformation, interpolation)[0]
        return self._warp(images, transformation, interpolation)

    def _warp(self, images, transformation, interpolation):
        raise NotImplementedError(f"[{type(self).__name__}] a warping layer defines _warp")


class _Affine(MovingImageLayer, Warping):
    """Draws a row of `ops.image.affine_transform`'s numbers for each image."""

    def _pair(self, name, factor, open_end=False):
        """(low, high) of a factor: a number for both sides, or a pair, each in [-1, 1]."""
        values = factor if isinstance(factor, (tuple, list)) else (factor,)
        fits = all(isinstance(v, (int, float)) and (-1 < v if open_end else -1 <= v) and v <= 1 for v in values)
        if len(values) not in (1, 2) or not fits:
            raise ValueError(
                f"The `{name}` argument should be a number (or a list of two numbers) in the range "
                f"{'(' if open_end else '['}-1.0, 1.0]. Received: {name}={factor}"
            )
        return tuple(sorted(values)) if len(values) == 2 else (-abs(values[0]), abs(values[0]))

    def _matrix(self, transformation, height, width):
        """a0, a1, a2, b0, b1, b2 of every image, each of shape (batch, 1)."""
        raise NotImplementedError(f"[{type(self).__name__}] a warping layer defines _matrix")

    def _move(self, x, y, transformation, height, width):
        """The inverse of the matrix, which says where the pixels of the result come from."""
        a0, a1, a2, b0, b1, b2 = (ops.reshape(n, (-1, 1, 1)) for n in self._matrix(transformation, height, width))
        x, y, area = x - a2, y - b2, a0 * b1 - a1 * b0
        return (b1 * x - a1 * y) / area, (a0 * y - b0 * x) / area

    def _warp(self, images, transformation, interpolation):
        numbers = self._matrix(transformation, *self._size_of(images.shape))
        zero = numbers[0] * 0
        return ops.image.affine_transform(
            images,
            ops.concatenate([*numbers, zero, zero], axis=1),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )


@_register
class RandomRotation(_Affine):
    """Images rotated about their centre; upright boxes around the turned ones follow, of any `bounding_box_format`.

    Args:
        factor: share of a whole turn, a number for both sides or a pair.
        fill_mode: `"reflect"`, `"wrap"`, `"constant"` (with `fill_value`) or `"nearest"` beyond the border.
        interpolation: `"nearest"` or `"bilinear"`.

    >>> import fastkeras as keras
    >>> keras.layers.RandomRotation(0.1)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    _takes_factor = True

    def __init__(
        self,
        factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self._set_up(fill_mode, interpolation, seed, fill_value)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        low, high = self.factor
        shape = self._batch_shape(data)
        return {"angle": self._draw((shape[0], 1), low * 360, high * 360, seed), "input_shape": shape}

    def _matrix(self, transformation, height, width):
        angle = transformation["angle"] * (math.pi / 180)
        cos, sin = ops.cos(angle), ops.sin(angle)
        x, y = (width - 1) / 2, (height - 1) / 2
        return cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos


@_register
class RandomZoom(_Affine):
    """Images zoomed about their centre: a factor of 0.2 shows 1.2 times as much, -0.2 0.8 times. Boxes follow.

    Args:
        height_factor: a number for both sides or a pair, above -1.
        width_factor: the same for the width; None keeps the proportions.
        fill_mode, interpolation, fill_value: as in `RandomRotation`.

    >>> import fastkeras as keras
    >>> keras.layers.RandomZoom(0.1)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_lower, self.height_upper = self._pair("height_factor", height_factor, open_end=True)
        if width_factor is not None:
            self.width_lower, self.width_upper = self._pair("width_factor", width_factor, open_end=True)
        self._set_up(fill_mode, interpolation, seed, fill_value)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = self._batch_shape(data)
        column = (shape[0], 1)
        height = width = self._draw(column, 1 + self.height_lower, 1 + self.height_upper, seed)
        if self.width_factor is not None:
            width = self._draw(column, 1 + self.width_lower, 1 + self.width_upper, seed)
        return {"height_zoom": height, "width_zoom": width, "input_shape": shape}

    def _matrix(self, transformation, height, width):
        x, y = transformation["width_zoom"], transformation["height_zoom"]
        return x, x * 0, (width - 1) / 2 * (1 - x), x * 0, y, (height - 1) / 2 * (1 - y)


@_register
class RandomTranslation(_Affine):
    """Images shifted: a factor of 0.2 moves them down, or to the right, by a fifth of their size. Boxes follow.

    Args:
        height_factor, width_factor: a number for both sides or a pair, in [-1, 1].
        fill_mode, interpolation, fill_value: as in `RandomRotation`.

    >>> import fastkeras as keras
    >>> keras.layers.RandomTranslation(0.1, 0.2)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_lower, self.height_upper = self._pair("height_factor", height_factor)
        self.width_lower, self.width_upper = self._pair("width_factor", width_factor)
        self._set_up(fill_mode, interpolation, seed, fill_value)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = self._batch_shape(data)
        column = (shape[0], 1)
        down = self._draw(column, self.height_lower, self.height_upper, seed) * shape[self.height_axis]
        right = self._draw(column, self.width_lower, self.width_upper, seed) * shape[self.width_axis]
        return {"translations": ops.concatenate([right, down], axis=1), "input_shape": shape}

    def _matrix(self, transformation, height, width):
        right, down = ops.split(transformation["translations"], 2, axis=1)
        zero = right * 0
        return zero + 1, zero, -right, zero, zero + 1, -down

    def _move(self, x, y, transformation, height, width):
        translations = ops.cast(transformation["translations"], x.dtype)
        # As in Keras, one image leaves boxes without a batch as such.
        if len(x.shape) == 3 or translations.shape[0] > 1:
            translations = ops.expand_dims(translations, 1)
        right, down = ops.split(translations, 2, axis=-1)
        return x + right, y + down


@_register
class RandomShear(_Affine):
    """Images sheared: pixel (x, y) of the result is the image's pixel (x + sx y, sy x + y).

    Both are negated for every second image, at random. Boxes are sheared as in Keras: along, then down, by shares of
    the image in place of pixels. They fit what is seen where images are square and one of the factors is 0.

    Args:
        x_factor, y_factor: of sx and sy: a pair in [0, 1], or one number for both sides.
        interpolation, fill_mode, fill_value: as in `RandomRotation`.

    Raises:
        ValueError: for other factors.

    >>> import fastkeras as keras
    >>> keras.layers.RandomShear(0.1, 0.2)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    def __init__(
        self,
        x_factor=0.0,
        y_factor=0.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.x_factor, self.y_factor = x_factor, y_factor
        self.x_lower, self.x_upper = self._shares("x_factor", x_factor)
        self.y_lower, self.y_upper = self._shares("y_factor", y_factor)
        self._set_up(fill_mode, interpolation, seed, fill_value)

    def _shares(self, name, factor):
        """(low, high) of a factor: a number for both sides, which Keras writes as a pair, or a pair in [0, 1]."""
        pair = (-factor, factor) if isinstance(factor, (int, float)) else factor
        fits = isinstance(pair, (tuple, list)) and len(pair) == 2 and max(pair) <= 1
        if not fits or (min(pair) < 0 and not 0 < pair[1] == -pair[0]):
            raise ValueError(
                f"The `{name}` argument should be a number (or a list of two numbers) in the range [0, 1.0]. "
                f"Received: {name}={factor}"
            )
        return tuple(sorted(pair))

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = self._batch_shape(data)
        column = (shape[0], 1)
        side = ops.where(self._draw(column, 0, 1, seed) > 0.5, -1.0, 1.0)
        shears = [
            self._draw(column, *bounds, seed) * side
            for bounds in ((self.x_lower, self.x_upper), (self.y_lower, self.y_upper))
        ]
        return {"shear_factor": ops.concatenate(shears, axis=1), "input_shape": shape}

    def _matrix(self, transformation, height, width):
        along, down = ops.split(transformation["shear_factor"], 2, axis=1)
        zero = along * 0
        return zero + 1, along, zero, down, zero + 1, zero

    def _move_boxes(self, boxes, transformation, height, width):
        shears = ops.split(ops.cast(transformation["shear_factor"], boxes.dtype), 2, axis=1)
        along, down = (ops.reshape(shear, (-1, 1, 1)) for shear in shears)
        boxes = around(boxes, lambda x, y: (x - along * y * (width / height), y))
        return around(boxes, lambda x, y: (x, y - down * x * (height / width)))
