"""As many boxes for every image."""

from fastkeras import ops, registry
from fastkeras.layers.preprocessing.base import ImageLayer


@registry.register("keras.layers")
class MaxNumBoundingBoxes(ImageLayer):
    """The first `max_number` boxes of every image, with `fill_value` in place of those that are missing.

    Args:
        max_number: boxes per image.
        fill_value: int; the numbers and the label of a box that fills up.
        bounding_box_format: of the boxes, any.

    Raises:
        KeyError: where shapes are asked for boxes with more than `"boxes"` and `"labels"`.
        ValueError: for boxes without a `bounding_box_format`, labels or four numbers.

    >>> import fastkeras as keras, numpy as np
    >>> layer = keras.layers.MaxNumBoundingBoxes(2, bounding_box_format="xyxy")
    >>> boxes = {"boxes": np.array([[[1.0, 2.0, 3.0, 4.0]]]), "labels": np.array([[7]])}
    >>> layer({"images": np.zeros((1, 8, 8, 3)), "bounding_boxes": boxes})["bounding_boxes"]["labels"].numpy().tolist()
    [[7, -1]]
    """

    def __init__(self, max_number, fill_value=-1, **kwargs):
        super().__init__(**kwargs)
        self.max_number, self.fill_value = int(max_number), int(fill_value)

    def transform_images(self, images, transformation=None, training=True):
        return images

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        return {**bounding_boxes, **{key: self._filled(bounding_boxes[key]) for key in ("boxes", "labels")}}

    def _filled(self, values):
        values = ops.convert_to_tensor(values)[:, : self.max_number]
        widths = [(0, 0)] * len(values.shape)
        widths[1] = (0, self.max_number - values.shape[1])
        return ops.pad(values, widths, constant_values=self.fill_value)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, dict) or "bounding_boxes" not in input_shape:
            return input_shape
        shapes = input_shape["bounding_boxes"]
        if extra := sorted(shapes.keys() - {"boxes", "labels"}):
            raise KeyError(
                "There are unsupported keys in `bounding_boxes`. Only `boxes` and `labels` are supported. "
                f"Received: {extra}"
            )
        batch = tuple(shapes["boxes"][:-2])
        filled = {"boxes": (*batch, self.max_number, 4), "labels": (*batch, self.max_number)}
        return {**input_shape, "bounding_boxes": filled}
