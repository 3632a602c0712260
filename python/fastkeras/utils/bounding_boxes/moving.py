"""Boxes that follow their image where it is cut, padded and warped."""

import math

from fastkeras import ops
from fastkeras.utils.bounding_boxes.formats import convert_format


def clip_to_image_size(bounding_boxes, height=None, width=None, bounding_box_format="xyxy"):
    """Boxes without what lies outside of the image; where nothing is left the label becomes -1.

    Args:
        bounding_boxes: dictionary with `"boxes"`, (boxes, 4) or (batch, boxes, 4), and maybe `"labels"`, (boxes,) or
            (batch, boxes). The result is a copy of it.
        height, width: of the image, for `"xyxy"`.
        bounding_box_format: `"xyxy"` or `"rel_xyxy"`.

    Raises:
        ValueError: `"xyxy"` without a size of the image.
        NotImplementedError: for other formats.

    >>> import fastkeras as keras
    >>> boxes = {"boxes": [[-10, 20, 50, 60], [70, 20, 90, 30]], "labels": [3, 4]}
    >>> clipped = keras.utils.bounding_boxes.clip_to_image_size(boxes, height=40, width=70)
    >>> clipped["boxes"].numpy().tolist(), clipped["labels"].numpy().tolist()
    ([[0, 20, 50, 40], [70, 20, 70, 30]], [3, -1])
    """
    if bounding_box_format == "rel_xyxy":
        height = width = 1.0
    elif bounding_box_format != "xyxy":
        _refuse("clip_to_image_size", bounding_box_format, ("xyxy", "rel_xyxy"))
    if height is None or width is None:
        raise ValueError(
            f"`height` and `width` must be set if `format='xyxy'`. Received: height={height}, width={width}"
        )
    boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
    height, width = ops.cast(height, boxes.dtype), ops.cast(width, boxes.dtype)
    x1, y1, x2, y2 = _clipped(ops.split(boxes, 4, axis=-1), height, width)
    result = {**bounding_boxes, "boxes": ops.concatenate([x1, y1, x2, y2], axis=-1)}
    if bounding_boxes.get("labels") is not None:
        is_left = ops.squeeze((x2 - x1) * (y2 - y1) > 0, axis=-1)
        result["labels"] = ops.where(is_left, bounding_boxes["labels"], -1)
    return result


def crop(boxes, top, left, height, width, bounding_box_format="xyxy"):
    """Boxes of the part of an image from (`top`, `left`) on that is `height` high and `width` wide.

    Args:
        boxes: (..., 4).
        top, left, height, width: numbers, or tensors that broadcast to (..., 1).
        bounding_box_format: `"xyxy"`.

    Raises:
        NotImplementedError: for other formats.

    >>> import fastkeras as keras
    >>> keras.utils.bounding_boxes.crop([[10, 20, 50, 60]], top=10, left=20, height=40, width=20).numpy().tolist()
    [[0, 10, 20, 40]]
    """
    _require_corners("crop", bounding_box_format)
    return ops.concatenate(_clipped(_shifted(boxes, -left, -top), height, width), axis=-1)


def pad(boxes, top, left, height=None, width=None, bounding_box_format="xyxy"):
    """Boxes of an image that got `top` rows above and `left` columns to its left.

    Args:
        boxes: (..., 4).
        top, left: numbers, or tensors that broadcast to (..., 1).
        height, width: of the padded image; the boxes do not depend on them.
        bounding_box_format: `"xyxy"`.

    Raises:
        NotImplementedError: for other formats.

    >>> import fastkeras as keras
    >>> keras.utils.bounding_boxes.pad([[10, 20, 50, 60]], top=1, left=5).numpy().tolist()
    [[15, 21, 55, 61]]
    """
    _require_corners("pad", bounding_box_format)
    return ops.concatenate(_shifted(boxes, left, top), axis=-1)


def affine_transform(
    boxes,
    angle,
    translate_x,
    translate_y,
    scale,
    shear_x,
    shear_y,
    height,
    width,
    center_x=None,
    center_y=None,
    bounding_box_format="xyxy",
):
    """The smallest upright boxes around boxes that are rotated, sheared, scaled about a centre and shifted.

    Args:
        boxes: (batch, boxes, 4), or (boxes, 4) where all else are numbers.
        angle, shear_x, shear_y: in degrees; numbers, or (batch,).
        translate_x, translate_y: shares of the image's width and height; numbers, or (batch,).
        scale: number, or (batch,).
        height, width: of the image.
        center_x, center_y: shares of width and height; None for the middle.
        bounding_box_format: `"xyxy"`.

    Raises:
        NotImplementedError: for other formats.

    >>> import fastkeras as keras
    >>> move = keras.utils.bounding_boxes.affine_transform
    >>> move([[[1.0, 2.0, 3.0, 6.0]]], 0, 0.5, 0, 1, 0, 0, height=11, width=11).numpy().tolist()
    [[[6.0, 2.0, 8.0, 6.0]]]
    """
    _require_corners("affine_transform", bounding_box_format)
    numbers = [ops.cast(v, "float32") for v in (angle, translate_x, translate_y, scale, shear_x, shear_y)]
    numbers = [v[:, None, None] if len(v.shape) == 1 else v for v in numbers]
    middle = 0.5 if center_x is None else center_x, 0.5 if center_y is None else center_y
    to_x, to_y = _matrix(*numbers, middle[0] * (width - 1), middle[1] * (height - 1), height, width)
    boxes = ops.cast(boxes, "float32")
    return around(boxes, lambda x, y: [a * x + b * y + c for a, b, c in (to_x, to_y)])


def around(boxes, move):
    """The smallest upright boxes around the corners of boxes, (..., 4), that `move(x, y)` has moved, each (..., 4)."""
    x1, y1, x2, y2 = ops.split(boxes, 4, axis=-1)
    x, y = ops.concatenate([x1, x2, x2, x1], axis=-1), ops.concatenate([y1, y1, y2, y2], axis=-1)
    x, y = move(x, y)
    x, y = x + ops.zeros_like(y), y + ops.zeros_like(x)  # only one of them may have the batch of what moves boxes
    return ops.stack([reduce(v, axis=-1) for reduce in (ops.amin, ops.amax) for v in (x, y)], axis=-1)


def follow(bounding_boxes, bounding_box_format, change, size, new_size=None):
    """Boxes and labels, as `clip_to_image_size` takes them, of an image that was changed.

    `change` takes boxes in `"xyxy"` where they go, `size` and `new_size` are the (height, width) of the image before
    and after; boxes are cut at the image.
    """
    new_size = new_size or size
    boxes = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", *size)
    moved = clip_to_image_size({**bounding_boxes, "boxes": change(boxes)}, *new_size)
    return convert_format(moved, "xyxy", bounding_box_format, *new_size)


def _matrix(angle, translate_x, translate_y, scale, shear_x, shear_y, x, y, height, width):
    """The two rows of the matrix that moves points, about the centre (x, y)."""
    rotation, shear_x, shear_y = (v * (-math.pi / 180) for v in (angle, shear_x, shear_y))
    a = ops.cos(rotation - shear_y) / ops.cos(shear_y)
    b = a * ops.tan(shear_x) + ops.sin(rotation)
    c = -ops.sin(rotation - shear_y) / ops.cos(shear_y)
    d = ops.cos(rotation) - c * ops.tan(shear_x)
    a, b, c, d = d * scale, -b * scale, -c * scale, a * scale
    from_x, from_y = x - translate_x * (width - 1), y - translate_y * (height - 1)
    return (a, b, x - a * from_x - b * from_y), (c, d, y - c * from_x - d * from_y)


def _shifted(boxes, right, down):
    x1, y1, x2, y2 = ops.split(ops.convert_to_tensor(boxes), 4, axis=-1)
    return x1 + right, y1 + down, x2 + right, y2 + down


def _clipped(columns, height, width):
    x1, y1, x2, y2 = columns
    return ops.clip(x1, 0, width), ops.clip(y1, 0, height), ops.clip(x2, 0, width), ops.clip(y2, 0, height)


def _require_corners(function, bounding_box_format):
    if bounding_box_format != "xyxy":
        _refuse(function, bounding_box_format, ("xyxy",))


def _refuse(function, bounding_box_format, known):
    raise NotImplementedError(
        f"[{function}] bounding_box_format must be one of {known}. "
        f"Received: bounding_box_format={bounding_box_format!r}"
    )
