"""Sizes and flips of images."""

from fastkeras import ops, random, registry
from fastkeras.layers.preprocessing.following import MovingImageLayer, SizedImageLayer

_register = registry.register("keras.layers")


@_register
class Resizing(SizedImageLayer):
    """Images brought to a size with `ops.image.resize`, in their own dtype; boxes follow.

    Boxes that only fill up, of four times 0 or -1, become four zeros, and their label -1.

    Args:
        height, width: of the results.
        interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode, fill_value, antialias: those of
            `ops.image.resize`.

    >>> import fastkeras as keras
    >>> keras.layers.Resizing(2, 3)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 2, 3, 3)
    """

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(height, width, data_format, **kwargs)
        self.interpolation = interpolation
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value = fill_mode, fill_value
        self.antialias = bool(antialias)

    def transform_images(self, images, transformation=None, training=True):
        return self._with(images, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._with(segmentation_masks, "nearest")

    def get_random_transformation(self, data, training=True, seed=None):
        return self._size_of(self._batch_shape(data))

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """Boxes of the resized images."""
        boxes = ops.cast(bounding_boxes["boxes"], "float32")
        fills = ops.logical_or(*(ops.all(boxes == filling, axis=-1, keepdims=True) for filling in (0, -1)))
        moved = self._follow_scaling({**bounding_boxes, "boxes": boxes}, transformation, *self._scaling(transformation))
        return {**moved, "boxes": ops.where(fills, 0.0, moved["boxes"])}

    def _scaling(self, size):
        """The scales and the shifts that bring images of a size to that of the results, in whole pixels."""
        target = self.height, self.width
        ratios = [new / old for new, old in zip(target, size, strict=True)]
        if not self.crop_to_aspect_ratio and not self.pad_to_aspect_ratio:
            return ratios, (0, 0)
        scale = min(ratios) if self.pad_to_aspect_ratio else max(ratios)
        fitting = ratios.index(scale)
        # Room beside the scaled image, or what is cut of it if below 0; times size[fitting] that is a whole number.
        rooms = [new * size[fitting] - old * target[fitting] for new, old in zip(target, size, strict=True)]
        return (scale, scale), [int(room / (2 * size[fitting])) for room in rooms]

    def _with(self, images, interpolation):
        return self._resize(
            images,
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
        )


@_register
class CenterCrop(SizedImageLayer):
    """The middle of the images; images that are too small are cut to its proportions and resized. Boxes follow.

    >>> import fastkeras as keras, numpy as np
    >>> layer = keras.layers.CenterCrop(4, 4, bounding_box_format="xyxy")
    >>> boxes = {"boxes": np.array([[1.0, 3.0, 4.0, 5.0]]), "labels": np.array([7])}
    >>> layer({"images": np.ones((8, 8, 3)), "bounding_boxes": boxes})["bounding_boxes"]["boxes"].numpy().tolist()
    [[0.0, 1.0, 2.0, 3.0]]
    """

    def get_random_transformation(self, data, training=True, seed=None):
        return {"input_shape": self._batch_shape(data)}

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        height, width = size = self._size_of(transformation["input_shape"])
        if height >= self.height and width >= self.width:
            start, part = ((height - self.height) // 2, (width - self.width) // 2), (self.height, self.width)
        else:
            start, part = self._middle(height, width)
        return self._follow_window(bounding_boxes, size, start, part)

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.compute_dtype)
        top = images.shape[self.height_axis] - self.height
        left = images.shape[self.width_axis] - self.width
        if top >= 0 and left >= 0:
            return self._window(images, top // 2, left // 2)
        return self._resize(images, crop_to_aspect_ratio=True)


@_register
class RandomCrop(SizedImageLayer):
    """In training a part of the images at a random place; images that are too small are resized.

    Boxes follow; those of Keras 3.15, which takes rows from columns, only do where both are equal.

    Args:
        height, width: of the results.

    >>> import fastkeras as keras
    >>> keras.layers.RandomCrop(2, 2)(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 2, 2, 3)
    """

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        super().__init__(height, width, data_format, name=name, **kwargs)
        self.seed = random.make_default_seed() if seed is None else seed
        self.generator = random.SeedGenerator(self.seed)

    def get_random_transformation(self, data, training=True, seed=None):
        height, width = self._size_of(self._batch_shape(data))
        if training and height > self.height and width > self.width:
            reach = height - self.height + 1, width - self.width + 1
            return (*(ops.cast(self._draw((), 0, n, seed), "int32") for n in reach), height, width)
        return (*self._middle(height, width)[0], height, width)

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        images = ops.cast(images, self.compute_dtype)
        top, left = transformation[:2]
        sizes = self._sizes(top, left, *self._size_of(images.shape))
        images = self._window(images, top, left, *sizes)
        return images if sizes == (self.height, self.width) else self._resize(images)

    def _sizes(self, top, left, height, width):
        """How much of images of a size is taken; a place that is drawn leaves enough."""
        if not isinstance(top, int):
            return self.height, self.width
        return min(self.height, height - top), min(self.width, width - left)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """Boxes of the part, cut at its edges; the label of one that is outside becomes -1."""
        if not training:
            return bounding_boxes
        top, left, *size = transformation
        return self._follow_window(bounding_boxes, size, (top, left), self._sizes(top, left, *size))


_HORIZONTAL, _VERTICAL = ("horizontal", "horizontal_and_vertical"), ("vertical", "horizontal_and_vertical")


@_register
class RandomFlip(MovingImageLayer):
    """Every second image, at random, flipped left to right and upside down, or as `mode` says; boxes follow.

    Args:
        mode: `"horizontal"`, `"vertical"` or `"horizontal_and_vertical"`.

    >>> import fastkeras as keras
    >>> keras.layers.RandomFlip("horizontal")(keras.ops.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 3)
    """

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        if mode not in (*_HORIZONTAL, "vertical"):
            raise ValueError(
                "[RandomFlip] mode must be 'horizontal', 'vertical' or 'horizontal_and_vertical'. "
                f"Received: mode={mode!r}"
            )
        self.seed, self.mode = seed, mode
        self.generator = random.SeedGenerator(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = self._batch_shape(data)
        return {"flips": self._draw((shape[0], 1, 1, 1), 0, 1, seed) <= 0.5, "input_shape": shape}

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        for modes, axis in ((_HORIZONTAL, self.width_axis), (_VERTICAL, self.height_axis)):
            if self.mode in modes:
                images = ops.where(transformation["flips"], ops.flip(images, axis=axis), images)
        return images

    def _move(self, x, y, transformation, height, width):
        flips = ops.squeeze(transformation["flips"], -1)
        if self.mode in _HORIZONTAL:
            x = ops.where(flips, width - x, x)
        if self.mode in _VERTICAL:
            y = ops.where(flips, height - y, y)
        return x, y
