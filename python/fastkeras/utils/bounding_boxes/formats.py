"""The ways in which four numbers say where a box is."""

from fastkeras import ops

_ABSOLUTE = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
_FORMATS = (*_ABSOLUTE, "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")


def convert_format(boxes, source, target, height=None, width=None, dtype="float32"):
    """Boxes in another format.

    `"xyxy"`: left, top, right, bottom. `"yxyx"`: top, left, bottom, right. `"xywh"`: left, top, width, height.
    `"center_xywh"`: middle, width, height. `"center_yxhw"`: the same, vertical numbers first. `"rel_xyxy"`,
    `"rel_yxyx"`, `"rel_xywh"`, `"rel_center_xywh"`: shares of the image's width and height in place of pixels.

    Args:
        boxes: (..., 4), or a dictionary whose `"boxes"` are replaced in place.
        source, target: formats, in upper or lower case.
        height, width: of the image, for formats of shares; numbers, or tensors that broadcast to (..., 1).
        dtype: of the results.

    Raises:
        ValueError: for an unknown format, boxes of another size, or a format of shares without a size of the image.

    >>> import fastkeras as keras
    >>> boxes = [[10, 20, 30, 40]]
    >>> keras.utils.bounding_boxes.convert_format(boxes, "xyxy", "center_xywh").numpy().tolist()
    [[20.0, 30.0, 20.0, 20.0]]
    """
    if isinstance(boxes, dict):
        boxes["boxes"] = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return boxes
    boxes = ops.convert_to_tensor(boxes)
    source, target = source.lower(), target.lower()
    _check(boxes, source, target, height, width)
    boxes = ops.cast(boxes, dtype)
    if source == target:
        return boxes
    columns = _corners(boxes, source)
    shares = _is_relative(source), _is_relative(target)
    size = [side if side is None else ops.cast(side, dtype) for side in (width, height)] * 2
    if shares == (True, False):
        columns = [x * side for x, side in zip(columns, size, strict=True)]
    columns = _from_corners(columns, target)
    if shares == (False, True):
        columns = [x / side for x, side in zip(columns, size, strict=True)]
    return ops.concatenate(_flipped(columns) if _has_rows_first(target) else columns, axis=-1)


def check_format(name, value):
    """Raises ValueError for what is no format."""
    if not isinstance(value, str) or value.lower() not in _FORMATS:
        raise ValueError(f"Invalid source or target format. Supported formats: {_FORMATS}. Received: {name}={value!r}")


def image_size(image_shape):
    """(height, width) of a shape without the batch, (None, None) of None."""
    return (None, None) if image_shape is None else tuple(image_shape)[:2]


def _check(boxes, source, target, height, width):
    if boxes.shape[-1] != 4:
        raise ValueError(
            f"`boxes` must be a tensor with the last dimension of 4. Received: boxes.shape={tuple(boxes.shape)}"
        )
    for name, value in (("source", source), ("target", target)):
        check_format(name, value)
    if (_is_relative(source) or _is_relative(target)) and (height is None or width is None):
        raise ValueError(
            "convert_format() must receive `height` and `width` transforming between relative and absolute formats. "
            f"Received: source={source!r}, target={target!r}, height={height}, width={width}"
        )


def _is_relative(form):
    return form.startswith("rel_")


def _has_rows_first(form):
    return form.endswith(("yxyx", "yxhw"))


def _flipped(columns):
    """Horizontal and vertical numbers change places."""
    return [columns[i] for i in (1, 0, 3, 2)]


def _corners(boxes, form):
    """Left, top, right and bottom, each (..., 1)."""
    columns = ops.split(boxes, 4, axis=-1)
    x, y, w, h = _flipped(columns) if _has_rows_first(form) else columns
    if "center" in form:
        half_w, half_h = w / 2.0, h / 2.0
        return [x - half_w, y - half_h, x + half_w, y + half_h]
    return [x, y, x + w, y + h] if form.endswith("wh") else [x, y, w, h]


def _from_corners(columns, form):
    """The numbers of a format, horizontal ones first."""
    x1, y1, x2, y2 = columns
    if form.endswith(("xyxy", "yxyx")):
        return columns
    w, h = x2 - x1, y2 - y1
    return [x1 + w / 2.0, y1 + h / 2.0, w, h] if "center" in form else [x1, y1, w, h]
