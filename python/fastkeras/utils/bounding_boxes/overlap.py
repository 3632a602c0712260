"""How well boxes cover each other."""

import math

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.utils.bounding_boxes.formats import convert_format, image_size


def compute_iou(boxes1, boxes2, bounding_box_format, use_masking=False, mask_val=-1, image_shape=None):
    """Area of the intersection / area of the union, of every box with every other.

    Args:
        boxes1: (m, 4) or (batch, m, 4).
        boxes2: (n, 4) or (batch, n, 4).
        bounding_box_format: of both, see `convert_format`.
        use_masking: pairs with a box of negative numbers only get `mask_val`.
        mask_val: number.
        image_shape: (height, width, channels), for formats of shares.

    Returns:
        (m, n), or (batch, m, n) when one of them has a batch.

    Raises:
        ValueError: for boxes of other ranks, or a format of shares without `image_shape`.

    >>> import fastkeras as keras
    >>> iou = keras.utils.bounding_boxes.compute_iou
    >>> iou([[0, 0, 2, 2]], [[1, 0, 3, 2], [4, 4, 5, 5]], "xyxy").numpy().round(4)
    array([[0.3333, 0.    ]], dtype=float32)
    """
    ranks = len(ops.shape(boxes1)), len(ops.shape(boxes2))
    for name, rank in zip(("boxes1", "boxes2"), ranks, strict=True):
        if rank not in (2, 3):
            raise ValueError(
                f"compute_iou() expects {name} to be batched, or to be unbatched, of rank 3 or 2. "
                f"Received: len(boxes1.shape)={ranks[0]}, len(boxes2.shape)={ranks[1]}"
            )
    boxes1, boxes2 = _corners(boxes1, boxes2, bounding_box_format, image_shape)
    columns1 = ops.split(boxes1, 4, axis=-1)  # (..., m, 1)
    columns2 = [ops.swapaxes(x, -1, -2) for x in ops.split(boxes2, 4, axis=-1)]  # (..., 1, n)
    shared = _shared_area(columns1, columns2)
    result = shared / (_area(*columns1) + _area(*columns2) - shared + config.epsilon())
    if not use_masking:
        return result
    is_mask1, is_mask2 = (ops.max(x, axis=-1, keepdims=True) < 0.0 for x in (boxes1, boxes2))
    is_masked = ops.logical_or(is_mask1, ops.swapaxes(is_mask2, -1, -2))
    return ops.where(is_masked, ops.cast(mask_val, result.dtype), result)


def compute_ciou(boxes1, boxes2, bounding_box_format, image_shape=None):
    """Complete IoU of pairs of boxes: IoU - d^2 / c^2 - v^2 / (1 - IoU + v) (Zheng et al., 2020).

    d is the distance of their middles, c the diagonal of the smallest box around both, v = 4 / pi^2 times the squared
    difference of atan(width / height). `1 - compute_ciou(y_true, y_pred, ...)` is a loss for boxes.

    Args:
        boxes1, boxes2: (..., 4), of shapes that broadcast.
        bounding_box_format: of both, see `convert_format`.
        image_shape: (height, width, channels), for formats of shares.

    Returns:
        (...,).

    Raises:
        ValueError: for a format of shares without `image_shape`.

    >>> import fastkeras as keras
    >>> ciou = keras.utils.bounding_boxes.compute_ciou
    >>> ciou([[0, 0, 2, 2]], [[1, 0, 3, 2]], "xyxy").numpy().round(4)
    array([0.2564], dtype=float32)
    """
    boxes1, boxes2 = _corners(boxes1, boxes2, bounding_box_format, image_shape)
    columns1, columns2 = ops.split(boxes1, 4, axis=-1), ops.split(boxes2, 4, axis=-1)
    return ops.squeeze(_complete_iou(columns1, columns2, config.epsilon()), axis=-1)


def _complete_iou(columns1, columns2, epsilon):
    (left1, top1, right1, bottom1), (left2, top2, right2, bottom2) = columns1, columns2
    width1, height1 = right1 - left1, bottom1 - top1 + epsilon
    width2, height2 = right2 - left2, bottom2 - top2 + epsilon
    shared = _shared_area(columns1, columns2)
    iou = shared / (width1 * height1 + width2 * height2 - shared + 2 * epsilon)
    around_width = ops.maximum(right1, right2) - ops.minimum(left1, left2)
    around_height = ops.maximum(bottom1, bottom2) - ops.minimum(top1, top2)
    diagonal = around_width**2 + around_height**2 + epsilon
    distance = ((left1 + right1) / 2 - (left2 + right2) / 2) ** 2 + ((top1 + bottom1) / 2 - (top2 + bottom2) / 2) ** 2
    shape = (4 / math.pi**2) * (ops.arctan(width2 / height2) - ops.arctan(width1 / height1)) ** 2
    return iou - (distance / diagonal + shape * shape / (shape - iou + (1 + epsilon)))


def _corners(boxes1, boxes2, bounding_box_format, image_shape):
    if "rel" in bounding_box_format and image_shape is None:
        raise ValueError(
            "When using relative bounding box formats (e.g. `rel_yxyx`) the `image_shape` argument must be provided. "
            f"Received: bounding_box_format={bounding_box_format!r}, image_shape={image_shape}"
        )
    height, width = image_size(image_shape)
    return [convert_format(x, bounding_box_format, "xyxy", height, width) for x in (boxes1, boxes2)]


def _shared_area(columns1, columns2):
    (left1, top1, right1, bottom1), (left2, top2, right2, bottom2) = columns1, columns2
    width = ops.minimum(right1, right2) - ops.maximum(left1, left2)
    height = ops.minimum(bottom1, bottom2) - ops.maximum(top1, top2)
    return ops.maximum(width, 0) * ops.maximum(height, 0)


def _area(left, top, right, bottom):
    return (right - left) * (bottom - top)
