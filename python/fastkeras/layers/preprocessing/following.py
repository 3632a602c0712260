"""Image layers that move what images show, and the boxes that follow."""

from fastkeras import ops
from fastkeras.layers.preprocessing.base import ImageLayer
from fastkeras.utils.bounding_boxes.moving import around, follow


class MovingImageLayer(ImageLayer):
    """An image layer that says, in training, where the points of images go; boxes follow."""

    def _move(self, x, y, transformation, height, width):
        """Where points go, (..., boxes, 4) each, as what is drawn says for images of that size."""
        raise NotImplementedError(f"[{type(self).__name__}] a moving layer defines _move")

    def _move_boxes(self, boxes, transformation, height, width):
        return around(boxes, lambda x, y: self._move(x, y, transformation, height, width))

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        """Boxes around their moved corners, cut at the image; the label of one that leaves it becomes -1."""
        if not training or transformation is None:
            return bounding_boxes
        size = self._size_of(transformation["input_shape"])
        return follow(
            bounding_boxes, self.bounding_box_format, lambda boxes: self._move_boxes(boxes, transformation, *size), size
        )


class SizedImageLayer(ImageLayer):
    """An image layer whose results are `height` high and `width` wide."""

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = height, width

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, dict):
            kinds = input_shape.keys() & {"images", "segmentation_masks"}
            return {**input_shape, **{kind: self.compute_output_shape(input_shape[kind]) for kind in kinds}}
        shape = list(input_shape)
        shape[self.height_axis], shape[self.width_axis] = self.height, self.width
        return tuple(shape)

    def _resize(self, images, **settings):
        return ops.image.resize(images, (self.height, self.width), data_format=self.data_format, **settings)

    def _middle(self, height, width):
        """(top, left) and size of the largest part with the proportions of the results, in the middle of an image."""
        sizes = int(width * self.height / self.width), int(height * self.width / self.height)
        size = max(min(height, sizes[0]), 1), max(min(width, sizes[1]), 1)
        return ((height - size[0]) // 2, (width - size[1]) // 2), size

    def _follow_window(self, bounding_boxes, size, start, part):
        """Boxes of images of a size, from whose (top, left) `start` a part of another size makes the results."""
        scale = self.height / part[0], self.width / part[1]
        return self._follow_scaling(bounding_boxes, size, scale, [-x * by for x, by in zip(start, scale, strict=True)])

    def _follow_scaling(self, bounding_boxes, size, scale, shift):
        """Boxes of images of a size that are scaled and then shifted; all pairs are (vertical, horizontal)."""
        scale, shift = (ops.stack([ops.cast(pair[i], "float32") for i in (1, 0, 1, 0)]) for pair in (scale, shift))
        new_size = self.height, self.width
        return follow(bounding_boxes, self.bounding_box_format, lambda boxes: boxes * scale + shift, size, new_size)

    def _window(self, images, top, left, height=None, width=None):
        """The images from row `top` and column `left`, numbers or tensors, as large as the layer says."""
        sizes = height or self.height, width or self.width
        for axis, start, size in zip((self.height_axis, self.width_axis), (top, left), sizes, strict=True):
            images = ops.take(images, ops.arange(size) + start, axis=axis)
        return images
