"""Boxes as a network sees them: by how much they differ from anchors."""

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.utils.bounding_boxes.formats import convert_format, image_size


def encode_box_to_deltas(
    anchors, boxes, anchor_format, box_format, encoding_format="center_yxhw", variance=None, image_shape=None
):
    """(middle of box - middle of anchor) / size of anchor, and log(size of box / size of anchor).

    Args:
        anchors: (boxes, 4).
        boxes: (boxes, 4) or (batch, boxes, 4).
        anchor_format, box_format: see `convert_format`.
        encoding_format: `"center_yxhw"` or `"center_xywh"`, the order of the deltas.
        variance: four numbers that the deltas are divided by, or None.
        image_shape: (height, width, channels), for formats of shares.

    Raises:
        ValueError: for another encoding, a variance of another length, and as in `convert_format`.

    >>> import fastkeras as keras
    >>> encode = keras.utils.bounding_boxes.encode_box_to_deltas
    >>> encode([[0, 0, 4, 4]], [[1, 2, 5, 6]], "xyxy", "xyxy", "center_xywh").numpy().tolist()
    [[0.25, 0.5, 0.0, 0.0]]
    """
    variance = _checked(variance, "encoding_format", encoding_format)
    height, width = image_size(image_shape)
    anchors = convert_format(anchors, anchor_format, encoding_format, height, width)
    boxes = convert_format(boxes, box_format, encoding_format, height, width)
    anchor_size, box_size = (ops.maximum(x[..., 2:], config.epsilon()) for x in (anchors, boxes))
    deltas = ops.concatenate(
        [(boxes[..., :2] - anchors[..., :2]) / anchor_size, ops.log(box_size / anchor_size)], axis=-1
    )
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors, boxes_delta, anchor_format, box_format, encoded_format="center_yxhw", variance=None, image_shape=None
):
    """The boxes of deltas that `encode_box_to_deltas` made.

    Args:
        anchors: (boxes, 4), or a dictionary of them.
        boxes_delta: (boxes, 4) or (batch, boxes, 4), or a dictionary of them with the keys of `anchors`.
        anchor_format, box_format: see `convert_format`.
        encoded_format: `"center_yxhw"` or `"center_xywh"`, the order of the deltas.
        variance: four numbers that the deltas are multiplied by, or None.
        image_shape: (height, width, channels), for formats of shares.

    Raises:
        ValueError: for another encoding, a variance of another length, and as in `convert_format`.

    >>> import fastkeras as keras
    >>> decode = keras.utils.bounding_boxes.decode_deltas_to_boxes
    >>> decode([[0, 0, 4, 4]], [[0.25, 0.5, 0.0, 0.0]], "xyxy", "xyxy", "center_xywh").numpy().tolist()
    [[1.0, 2.0, 5.0, 6.0]]
    """
    variance = _checked(variance, "encoded_format", encoded_format)
    height, width = image_size(image_shape)

    def decoded(anchors, deltas):
        anchors = convert_format(anchors, anchor_format, encoded_format, height, width)
        deltas = ops.convert_to_tensor(deltas)
        deltas = deltas if variance is None else deltas * variance
        middle, size = anchors[..., :2], anchors[..., 2:]
        boxes = ops.concatenate([deltas[..., :2] * size + middle, ops.exp(deltas[..., 2:]) * size], axis=-1)
        return convert_format(boxes, encoded_format, box_format, height, width)

    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        return {level: decoded(anchor, boxes_delta[level]) for level, anchor in anchors.items()}
    return decoded(anchors, boxes_delta)


def _checked(variance, name, form):
    """`variance` as a tensor."""
    if variance is not None:
        variance = ops.convert_to_tensor(variance, "float32")
        if variance.shape[-1:] != (4,):
            raise ValueError(f"`variance` must be length 4. Received: variance={variance}")
    if form not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"`{name}` should be one of 'center_xywh' or 'center_yxhw'. Received: {name}={form!r}")
    return variance
