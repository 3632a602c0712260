"""What preprocessing layers share."""

from fastkeras import ops, random
from fastkeras.config import backend as backend_name
from fastkeras.engine import config
from fastkeras.layers.layer import Layer
from fastkeras.utils.bounding_boxes.formats import check_format


class _Backend:
    """Ops under the names of Keras's backend modules: `numpy`, `nn`, `image`, `random`, `cast` ..."""

    random = random
    name = _backend = backend_name()

    def __getattr__(self, name):
        return getattr(ops, name)


class DataLayer(Layer):
    """A layer that is as good in a data pipeline, on plain arrays, as in a model."""

    _allow_non_tensor_positional_args = True
    backend = _Backend()  # what subclasses that were written for Keras compute with

    def _get_seed_generator(self, backend=None):
        """The layer's generator, under the name that Keras's layers ask for it, one for all backends."""
        if not hasattr(self, "seed") or not hasattr(self, "generator"):
            raise ValueError(
                "The `seed` and `generator` variable must be set in the `__init__` method before calling "
                f"`_get_seed_generator()`. Received: layer={self.name}"
            )
        return self.generator

    def convert_weight(self, weight):
        """`weight` as a tensor."""
        return ops.convert_to_tensor(weight)


class ImageLayer(DataLayer):
    """Base of layers of images: (height, width, channels), batches of them, or a dictionary with the key `"images"`.

    A subclass draws in `get_random_transformation(data, training, seed)` and changes a batch in
    `transform_images(images, transformation, training)`; labels of a dictionary stay, masks follow where
    `transform_segmentation_masks` says how.
    """

    _wrong_rank = "Expected image tensor to have rank 3 (single image) or 4 (batch of images). Received: data.shape="
    _takes_factor = False
    _factor_bounds = (-1, 1)
    _sorts_range = False

    def __init__(self, factor=None, bounding_box_format=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        if bounding_box_format is not None:
            self._require_boxes(bounding_box_format)
            check_format("bounding_box_format", bounding_box_format)
        self.bounding_box_format = bounding_box_format
        self.data_format = data_format or config.image_data_format()
        if self.data_format not in ("channels_first", "channels_last"):
            raise ValueError(
                "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
                f"Received: data_format={data_format}"
            )
        first = self.data_format == "channels_first"
        self.height_axis, self.width_axis, self.channel_axis = (-2, -1, -3) if first else (-3, -2, -1)
        if self._takes_factor:
            self._set_factor(factor or 0.0)
        elif factor is not None:
            raise ValueError(
                f"Layer {type(self).__name__} does not take a `factor` argument. Received: factor={factor}"
            )

    def _set_factor(self, factor):
        self.factor = self._bounds("factor", factor)

    def _bounds(self, name, value):
        """(low, high) of a setting: a number for both sides, or a pair, within the bounds of the layer's factor."""
        low, high = self._factor_bounds
        message = (
            f"The `{name}` argument should be a number (or a list of two numbers) in the range [{low}, {high}]. "
            f"Received: {name}={value}"
        )
        if isinstance(value, (tuple, list)):
            if len(value) != 2 or value[0] > high or value[1] < low:
                raise ValueError(message)
            return tuple(sorted(value))
        if isinstance(value, (int, float)) and low <= value <= high:
            return max(-abs(value), low), abs(value)
        raise ValueError(message)

    def _set_range(self, value_range):
        if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
            raise ValueError(
                f"The `value_range` argument should be a list of two numbers. Received: value_range={value_range}"
            )
        self.value_range = sorted(value_range) if self._sorts_range else value_range

    def _draw(self, shape, low, high, seed=None):
        return random.uniform(shape, low, high, seed=self.generator if seed is None else seed)

    def _choose(self, data, seed=None):
        """Which images of the batch are changed: each with a probability drawn from `factor`."""
        shape = self._batch_shape(data)[:1]
        probability = self._draw(shape, *self.factor, seed)
        return self._draw(shape, 0, 1, seed) < probability

    @staticmethod
    def _only(chosen, changed, images):
        """The changed images where they were chosen, the others as they were."""
        return ops.where(ops.reshape(chosen, (-1, 1, 1, 1)), changed, images)

    def _span(self, shape, axis, share, seed):
        """Which places along an axis are in spans, (batch, 1, 1, 1) shares of it long, somewhere in images."""
        size, length = shape[axis], share * shape[axis]
        start = self._draw(length.shape, 0, 1, seed) * (size - length)
        places = ops.reshape(ops.arange(size, dtype="float32"), [-1 if i == axis else 1 for i in range(-4, 0)])
        return ops.logical_and(places >= start, places < start + length)

    @staticmethod
    def _images_of(data):
        return data["images"] if isinstance(data, dict) else data

    def _batch_shape(self, data):
        """The shape of the images as a batch."""
        shape = tuple(ops.shape(self._images_of(data)))
        if len(shape) not in (3, 4):
            raise ValueError(f"{self._wrong_rank}{shape}")
        return shape if len(shape) == 4 else (1, *shape)

    def get_random_transformation(self, data, training=True, seed=None):
        """What is drawn for the data; None: nothing."""
        return None

    def transform_images(self, images, transformation, training=True):
        """A batch of images, changed."""
        raise NotImplementedError(f"[{type(self).__name__}] an image layer defines transform_images")

    def transform_labels(self, labels, transformation, training=True):
        """Labels stay as they are."""
        return labels

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        """Boxes of the images and their labels, moved like them; raises NotImplementedError unless overridden."""
        raise NotImplementedError(
            f"[{type(self).__name__}] bounding boxes are not supported. Received: {bounding_boxes!r}"
        )

    def _size_of(self, shape):
        """(height, width) of images of that shape."""
        return shape[self.height_axis], shape[self.width_axis]

    def _require_boxes(self, received):
        if type(self).transform_bounding_boxes is ImageLayer.transform_bounding_boxes:
            self.transform_bounding_boxes(received)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """Masks of the images, moved like them, without mixing values."""
        return self.transform_images(segmentation_masks, transformation, training=training)

    def transform_single_image(self, image, transformation, training=True):
        """One image, changed."""
        return self._single(self.transform_images, image, transformation, training)

    def transform_single_label(self, label, transformation, training=True):
        """One label."""
        return self._single(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(self, bounding_box, transformation=None, training=True):
        """The boxes of one image, moved like it."""
        batch = {**bounding_box, **{key: ops.expand_dims(bounding_box[key], 0) for key in ("boxes", "labels")}}
        moved = self.transform_bounding_boxes(batch, transformation, training=training)
        return {**moved, **{key: ops.squeeze(moved[key], 0) for key in ("boxes", "labels")}}

    def transform_single_segmentation_mask(self, segmentation_mask, transformation, training=True):
        """One mask, moved like its image."""
        return self._single(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    @staticmethod
    def _single(transform, one, transformation, training):
        return ops.squeeze(transform(ops.expand_dims(one, 0), transformation, training=training), 0)

    def call(self, data, training=True):
        self._batch_shape(data)  # checks the rank
        transformation = self.get_random_transformation(data, training=training)
        if not isinstance(data, dict):
            return self._apply("image", data, transformation, training)
        data = dict(data)
        single = len(ops.shape(data["images"])) == 3
        if "bounding_boxes" in data:
            self._require_boxes(data["bounding_boxes"])
            boxes = checked_boxes(data["bounding_boxes"], self)
            move = self.transform_single_bounding_box if single else self.transform_bounding_boxes
            data["bounding_boxes"] = move(boxes, transformation, training=training)
        data["images"] = self._apply("image", data["images"], transformation, training)
        if "labels" in data:
            change = self.transform_single_label if single else self.transform_labels
            data["labels"] = change(ops.convert_to_tensor(data["labels"]), transformation, training=training)
        if "segmentation_masks" in data:
            data["segmentation_masks"] = self._apply(
                "segmentation_mask", data["segmentation_masks"], transformation, training
            )
        return data

    def _apply(self, kind, images, transformation, training):
        images = ops.convert_to_tensor(images)
        name = f"transform_single_{kind}" if len(images.shape) == 3 else f"transform_{kind}s"
        return getattr(self, name)(images, transformation, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {**super().get_config(), "data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return config


def checked_boxes(bounding_boxes, layer):
    """The boxes of one image or of a batch as tensors; raises ValueError for what are none."""
    if layer.bounding_box_format is None:
        raise ValueError(
            "You passed an input with a 'bounding_boxes' key, but you didn't specify a bounding box format. Pass a "
            f"`bounding_box_format` argument to your {type(layer).__name__} layer, e.g. `bounding_box_format='xyxy'`. "
            f"Received: bounding_box_format={layer.bounding_box_format}"
        )
    if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= bounding_boxes.keys():
        raise ValueError(
            "Expected `bounding_boxes` argument to be a dict with keys 'boxes' and 'labels'. "
            f"Received: bounding_boxes={bounding_boxes}"
        )
    boxes = ops.convert_to_tensor(bounding_boxes["boxes"], "float32")
    labels = ops.convert_to_tensor(bounding_boxes["labels"])
    shapes = f"bounding_boxes['boxes'].shape={boxes.shape}, bounding_boxes['labels'].shape={labels.shape}"
    if len(boxes.shape) not in (2, 3):
        raise ValueError(
            "Expected `bounding_boxes['boxes']` to have rank 2 or 3, with shape (num_boxes, 4) or (batch_size, "
            f"num_boxes, 4). Received: {shapes}"
        )
    if len(labels.shape) - len(boxes.shape) not in (-1, 0):
        raise ValueError(
            f"Expected `bounding_boxes['labels']` to have the rank of the boxes or one less. Received: {shapes}"
        )
    return {**bounding_boxes, "boxes": boxes, "labels": labels}


class ComposedImageLayer(ImageLayer):
    """An image layer that draws and transforms through others."""

    def _part(self, cls, *args, **settings):
        settings |= {"data_format": self.data_format, "bounding_box_format": self.bounding_box_format}
        return cls(*args, dtype=self.dtype_policy, **settings)

    def build(self, input_shape=None):
        for layer in self._layers:
            layer.build(input_shape)
