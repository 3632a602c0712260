"""Images mixed with others of their batch, and labels with them."""

from fastkeras import ops, random, registry
from fastkeras.layers.preprocessing.base import ImageLayer

_register = registry.register("keras.layers")


class _Mixing(ImageLayer):
    """Draws `permutation_order`, who is mixed with whom, and `mix_weight`, the share that everyone keeps."""

    def __init__(self, seed, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def _partners(self, values, transformation):
        return ops.take(values, transformation["permutation_order"], axis=0)

    def _mixed(self, values, transformation, rank=None):
        weight = ops.reshape(transformation["mix_weight"], (-1,) + (1,) * ((rank or len(values.shape)) - 1))
        return weight * values + (1 - weight) * self._partners(values, transformation)

    def _mix_images(self, images, transformation):
        raise NotImplementedError(f"[{type(self).__name__}] a mixing layer defines _mix_images")

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        return ops.cast(self._mix_images(images, transformation), self.compute_dtype)

    def transform_labels(self, labels, transformation, training=True):
        """Labels, numbers or one-hot vectors, mixed as the images are."""
        return self._mixed(labels, transformation) if training and transformation is not None else labels


@_register
class MixUp(_Mixing):
    """w * x + (1 - w) * x', x' being another image of the batch, w ~ Beta(alpha, alpha) drawn for each image.

    Labels, and masks, are mixed likewise when a dictionary of `"images"` and `"labels"` comes in. Images get the boxes
    of both, each with its label; Keras 3.15 joins these labels along the batch.

    Args:
        alpha: above 0; small ones leave w near 0 or 1.

    Raises:
        ValueError: for another alpha.

    H. Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2017).

    >>> import fastkeras as keras
    >>> data = {"images": keras.random.uniform((4, 8, 8, 3)), "labels": keras.ops.eye(4)}
    >>> keras.layers.MixUp()(data)["labels"].numpy().sum(axis=1).round(5).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        if not alpha > 0:
            raise ValueError(f"[MixUp] alpha must be above 0. Received: alpha={alpha}")
        self.alpha = alpha

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        batch, seed = self._batch_shape(data)[0], self.generator if seed is None else seed
        return {
            "mix_weight": random.beta((batch,), self.alpha, self.alpha, seed=seed),
            "permutation_order": random.shuffle(ops.arange(batch), seed=seed),
        }

    def _mix_images(self, images, transformation):
        return self._mixed(images, transformation, rank=4)

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        """The boxes of both images, and their labels."""
        if not training or transformation is None:
            return bounding_boxes
        boxes, labels = (ops.convert_to_tensor(bounding_boxes[key]) for key in ("boxes", "labels"))
        return {
            key: ops.concatenate([x, self._partners(x, transformation)], axis=min(1, len(x.shape) - 1))
            for key, x in (("boxes", boxes), ("labels", labels))
        }

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, dict) or "bounding_boxes" not in input_shape:
            return input_shape
        shapes = input_shape["bounding_boxes"]
        axis = len(shapes["boxes"]) - 2  # as many boxes, or twice as many in training
        shapes = {key: (*shapes[key][:axis], None, *shapes[key][axis + 1 :]) for key in ("boxes", "labels")}
        return {**input_shape, "bounding_boxes": shapes}


@_register
class CutMix(_Mixing):
    """Images with a rectangle of another image of the batch, at a random place, the same in both.

    Its sides are sqrt(1 - w) of the image's, w ~ Beta(a, a) being drawn for each image, a for the batch from
    `factor`. Labels are mixed by the areas when a dictionary of `"images"` and `"labels"` comes in, masks are cut like
    images. Images that come alone stay.

    Args:
        factor: a pair in [0, 1], or one number for (0, factor).

    Raises:
        ValueError: for another factor.
        NotImplementedError: for bounding boxes.

    S. Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features" (2019).

    >>> import fastkeras as keras
    >>> data = {"images": keras.random.uniform((4, 8, 8, 3)), "labels": keras.ops.eye(4)}
    >>> keras.layers.CutMix()(data)["labels"].numpy().sum(axis=1).round(5).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    _factor_bounds = (0, 1)

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        self._set_factor(factor)

    def get_random_transformation(self, data, training=True, seed=None):
        shape, seed = self._batch_shape(data), self.generator if seed is None else seed
        if not training or len(ops.shape(self._images_of(data))) == 3:
            return None
        alpha = self._draw((), *self.factor, seed) + 1e-6
        weight = random.beta(shape[:1], alpha, alpha, seed=seed)
        side = ops.reshape(ops.sqrt(1 - weight), (-1, 1, 1, 1))
        columns, rows = (self._span(shape, axis, side, seed) for axis in (self.width_axis, self.height_axis))
        return {
            "permutation_order": random.shuffle(ops.arange(shape[0]), seed=seed),
            "batch_masks": ops.logical_and(rows, columns),
            "mix_weight": weight,
        }

    def _mix_images(self, images, transformation):
        return ops.where(transformation["batch_masks"], self._partners(images, transformation), images)
