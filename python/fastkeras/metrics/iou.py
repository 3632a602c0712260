"""Intersection over union of predicted and true classes, from a confusion matrix."""

import warnings

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.metrics.metric import Metric
from fastkeras.registry import register


@register("keras.metrics")
class IoU(Metric):
    """Mean over `target_class_ids` of `true positives / (true positives + false positives + false negatives)`.

    Args:
        num_classes: number of classes.
        target_class_ids: classes to average over.
        ignore_class: samples with this label are left out.
        sparse_y_true, sparse_y_pred: are labels and predictions class indices, or scores along `axis`?
        axis: axis of the classes.
        name, dtype: as for `Metric`; the dtype of the counts is `int32` by default.

    Raises:
        ValueError: for a class that does not exist.

    >>> import fastkeras as keras
    >>> metric = keras.metrics.IoU(num_classes=2, target_class_ids=[0])
    >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    _direction = "up"

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        if max(target_class_ids) >= num_classes:
            raise ValueError(f"Target class id {max(target_class_ids)} is out of range, which is [0, {num_classes}).")
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        shape = (num_classes, num_classes)
        self.total_cm = self.add_weight(shape, dtype=self.dtype, name="total_confusion_matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        if not self.sparse_y_true:
            y_true = ops.argmax(ops.convert_to_tensor(y_true), axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(ops.convert_to_tensor(y_pred), axis=self.axis)
        y_true, y_pred = (ops.reshape(ops.convert_to_tensor(y, dtype=self.dtype), (-1,)) for y in (y_true, y_pred))
        weight = ops.broadcast_to(self._flat_weight(sample_weight), y_true.shape)
        inside = (y_true >= 0) & (y_true < self.num_classes) & (y_pred >= 0) & (y_pred < self.num_classes)
        if self.ignore_class is not None:
            inside = inside & ops.not_equal(y_true, self.ignore_class)
        cells = ops.cast(y_true, "int32") * self.num_classes + ops.cast(y_pred, "int32")
        counts = ops.segment_sum(
            ops.where(inside, weight, ops.zeros_like(weight)),
            ops.where(inside, cells, ops.zeros_like(cells)),
            num_segments=self.num_classes**2,
        )
        self.total_cm.assign_add(ops.reshape(counts, self.total_cm.shape))

    def _flat_weight(self, sample_weight):
        if sample_weight is None:
            return ops.convert_to_tensor(1, dtype=self.dtype)
        if "float" in str(getattr(sample_weight, "dtype", "")) and "int" in self.dtype:
            warnings.warn(
                "You are passing weight as `float`, but dtype is `int`. This may result in an incorrect weight due to "
                "type casting Consider using integer weights.",
                stacklevel=3,
            )
        weight = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
        return ops.reshape(weight, (-1,)) if len(weight.shape) > 1 else weight

    def result(self):
        matrix = ops.cast(self.total_cm, "float32")
        common = ops.diag(matrix)
        union = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - common
        chosen = ops.convert_to_tensor(self.target_class_ids, dtype="int32")
        common, union = ops.take(common, chosen, axis=0), ops.take(union, chosen, axis=0)
        seen = union > 1e-9
        iou = ops.where(seen, common / (union + config.epsilon()), ops.zeros_like(union))
        return ops.sum(iou) / (ops.sum(ops.cast(seen, "float32")) + config.epsilon())

    def get_config(self):
        own = {name: getattr(self, name) for name in self._config_names}
        return {**super().get_config(), **own}


@register("keras.metrics")
class BinaryIoU(IoU):
    """`IoU` of two classes, the predicted class being `y_pred >= threshold`.

    >>> import fastkeras as keras
    >>> round(float(keras.metrics.BinaryIoU()([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.5833
    """

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred, dtype="float32")
        super().update_state(y_true, ops.cast(y_pred >= self.threshold, self.dtype), sample_weight)


@register("keras.metrics")
class MeanIoU(IoU):
    """`IoU` of all classes."""

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        classes = range(num_classes)
        super().__init__(num_classes, classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


@register("keras.metrics")
class OneHotIoU(IoU):
    """`IoU` for one-hot labels."""

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


@register("keras.metrics")
class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot labels."""

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
