"""Boxes and masks drawn on images."""

import numpy as np

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.utils.bounding_boxes import convert_format
from fastkeras.utils.images import array_to_img, img_to_array, pillow

_FONT_SIZE = 30  # capitals are 21 pixels high, as those of OpenCV's font, with which Keras draws
_PALETTE = np.array([2**25 - 1, 2**15 - 1, 2**21 - 1])


def draw_bounding_boxes(
    images,
    bounding_boxes,
    bounding_box_format,
    class_mapping=None,
    color=(128, 128, 128),
    line_thickness=2,
    text_thickness=1,
    font_scale=1.0,
    data_format=None,
):
    """Images with frames around objects, and the names of these.

    Args:
        images: (batch, height, width, channels), or channels first; bytes, or floats up to 1 or up to 255.
        bounding_boxes: dictionary with `"boxes"`, (batch, boxes, 4), `"labels"`, (batch, boxes), where -1 is no box,
            and maybe `"confidences"`, (batch, boxes), written behind the names.
        bounding_box_format: see `utils.bounding_boxes.convert_format`.
        class_mapping: {label: name}; boxes of other labels have no name.
        color: red, green and blue, from 0 to 255.
        line_thickness: in pixels; negative for filled boxes.
        text_thickness: of the strokes; None for `line_thickness`.
        font_scale: 1 for capitals of 21 pixels.
        data_format: `"channels_last"` or `"channels_first"`; default: `config.image_data_format()`.

    Returns:
        array of uint8, of the shape of `images`.

    Raises:
        ValueError: for images of another rank, boxes without `"boxes"` or `"labels"`.
        TypeError: for boxes that are no dictionary.
        ImportError: without Pillow.

    >>> import fastkeras as keras, numpy as np
    >>> boxes = {"boxes": np.array([[[1, 1, 3, 3]]]), "labels": np.array([[0]])}
    >>> draw = keras.visualization.draw_bounding_boxes
    >>> draw(np.zeros((1, 5, 5, 1)), boxes, "xyxy", color=(9, 9, 9), line_thickness=1)[0, :, :, 0]
    array([[0, 0, 0, 0, 0],
           [0, 9, 9, 9, 0],
           [0, 9, 0, 9, 0],
           [0, 9, 9, 9, 0],
           [0, 0, 0, 0, 0]], dtype=uint8)
    """
    pillow("draw_bounding_boxes")
    data_format = config.standardize_data_format(data_format)
    shape = batch_shape(images)
    _check_boxes(bounding_boxes)
    height, width = shape[1:3] if data_format == "channels_last" else shape[2:4]
    boxes = ops.convert_to_numpy(convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", height, width))
    labels = ops.convert_to_numpy(bounding_boxes["labels"]).astype("int32")
    names = _names(labels, class_mapping or {}, bounding_boxes.get("confidences"))
    drawn = _bytes(ops.convert_to_numpy(images))
    for i, image in enumerate(drawn):
        image = array_to_img(image, data_format, scale=False)
        for box, label, name in zip(boxes[i].astype("int32").tolist(), labels[i], names[i], strict=True):
            if label != -1:
                _frame(image, box, color, line_thickness)
            if label != -1 and name is not None:
                _write(image, name, box[:2], color, text_thickness or line_thickness, font_scale)
        drawn[i] = img_to_array(image, data_format, dtype="uint8")
    return drawn


def draw_segmentation_masks(
    images,
    segmentation_masks,
    num_classes=None,
    color_mapping=None,
    alpha=0.8,
    blend=True,
    ignore_index=-1,
    data_format=None,
):
    """Images whose pixels are coloured by their class: (1 - alpha) * image + alpha * colour.

    Args:
        images: (batch, height, width, channels), or channels first; values from 0 to 255.
        segmentation_masks: integers, (batch, height, width) or (batch, height, width, 1), or channels first.
        num_classes: classes 0 to it, without it, are drawn; None for the largest in the masks, without it.
        color_mapping: {class: (red, green, blue)}, classes that it lacks are not drawn; None for colours of its own,
            of which class 0 has black.
        alpha: opacity of the colours, from 0 to 1.
        blend: False puts the colours in the place of the image, whatever `alpha`.
        ignore_index: a class whose pixels stay as they are.
        data_format: of images and masks, `"channels_last"` or `"channels_first"`; default:
            `config.image_data_format()`.

    Returns:
        array (batch, height, width, channels) of uint8, or of float32 without `blend`.

    Raises:
        ValueError: for images of another rank, or colours of another number of channels than the images.
        TypeError: for masks that are no integers.

    >>> import fastkeras as keras, numpy as np
    >>> draw = keras.visualization.draw_segmentation_masks
    >>> images, masks = np.full((1, 1, 2, 3), 100.0), np.array([[[0, 1]]])
    >>> draw(images, masks, num_classes=2, color_mapping={1: (200, 0, 0)}, alpha=0.5)[0, 0].tolist()
    [[100, 100, 100], [150, 50, 50]]
    """
    batch_shape(images)
    images = ops.convert_to_numpy(images).astype("float32")
    masks = ops.convert_to_numpy(segmentation_masks)
    if not np.issubdtype(masks.dtype, np.integer):
        raise TypeError(
            f"`segmentation_masks` must be in integer dtype. Received: segmentation_masks.dtype={masks.dtype}"
        )
    if config.standardize_data_format(data_format) == "channels_first":
        images = images.transpose(0, 2, 3, 1)
        masks = masks.transpose(0, 2, 3, 1) if masks.ndim == 4 else masks
    masks = masks[..., 0] if masks.ndim == 4 else masks
    colors = _colors(int(masks.max()) if num_classes is None else num_classes, color_mapping, images.shape[-1])
    drawn = images.copy()
    for label, color in colors.items():
        drawn[masks == label] = color
    if blend:
        drawn = images * (1 - alpha) + drawn * alpha
    drawn = np.where((masks == ignore_index)[..., None], images, drawn)
    return drawn.astype("uint8") if blend else drawn


def batch_shape(images):
    """The shape of a batch of images; raises ValueError for other ranks."""
    shape = tuple(ops.shape(images))
    if len(shape) != 4:
        raise ValueError(f"`images` must be batched 4D tensor. Received: images.shape={shape}")
    return shape


def _check_boxes(bounding_boxes):
    if not isinstance(bounding_boxes, dict):
        raise TypeError(
            f"`bounding_boxes` should be a dict. Received: bounding_boxes={bounding_boxes} of type "
            f"{type(bounding_boxes)}"
        )
    if "boxes" not in bounding_boxes or "labels" not in bounding_boxes:
        raise ValueError(
            "`bounding_boxes` should be a dict containing 'boxes' and 'labels' keys. "
            f"Received: bounding_boxes={bounding_boxes}"
        )


def _bytes(images):
    """A copy of the images as bytes."""
    if images.dtype.kind == "f" and images.size:
        images = np.clip(images, 0, 1) * 255 if images.max() <= 1 else np.clip(images, 0, 255)
    return images.astype("uint8")


def _names(labels, class_mapping, confidences):
    """What is written to each box; None for nothing."""
    names = [[class_mapping.get(label) for label in row] for row in labels.tolist()]
    if confidences is None:
        return names
    return [
        [name if name is None else f"{name} | {confidence:.2f}" for name, confidence in zip(*rows, strict=True)]
        for rows in zip(names, ops.convert_to_numpy(confidences), strict=True)
    ]


def _frame(image, box, color, thickness):
    from PIL import ImageDraw

    (x1, x2), (y1, y2) = sorted(box[::2]), sorted(box[1::2])
    color, around = _in_mode(image, color), max(thickness, 0) // 2
    place = (x1 - around, y1 - around, x2 + around, y2 + around)
    style = {"fill": color} if thickness < 0 else {"outline": color, "width": thickness}
    ImageDraw.Draw(image).rectangle(place, **style)


def _write(image, text, corner, color, thickness, scale):
    """Above the corner of a box, or inside of it where there is no room."""
    from PIL import ImageDraw, ImageFont

    x, y = corner
    height = 2 * int(12 * scale)
    x, y = (x, y - 8) if y - 8 - height > 0 else (x + 3, y + height + thickness + 3)
    ImageDraw.Draw(image).text(
        (x, y),
        str(text),
        fill=_in_mode(image, color),
        font=ImageFont.load_default(_FONT_SIZE * scale),
        anchor="ls",
        stroke_width=max(thickness, 0) // 2,  # on both sides of strokes that are there
    )


def _in_mode(image, color):
    """`color` as the image stores it: gray images take the first number."""
    return tuple(int(c) for c in color)[: 1 if image.mode == "L" else None]


def _colors(num_classes, color_mapping, channels):
    """{class: colour} of the classes that are drawn."""
    if color_mapping is None:
        color_mapping = {i: i * _PALETTE % 255 for i in range(num_classes)}
    colors = {i: color_mapping[i] for i in range(num_classes) if i in color_mapping}
    for label, color in colors.items():
        if len(color) != channels:
            raise ValueError(
                f"The colors of masks must have as many channels as the images ({channels}). "
                f"Received: color {tuple(color)} of class {label}"
            )
    return colors
