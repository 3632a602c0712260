"""Bounding boxes: formats, movements, deltas to anchors, overlaps, training on them, the layer that fills up."""

import json

import numpy as np

TOLERANCE = {}
RNG = np.random.RandomState(3)
FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)
SIZE = {"height": 40, "width": 60}


def corners(*shape):
    """Boxes in "xyxy", some beyond an image of SIZE."""
    start = RNG.uniform(-10, 50, (*shape, 2))
    return np.concatenate([start, start + RNG.uniform(1, 30, (*shape, 2))], axis=-1).astype("float32")


BOXES, OTHERS, ANCHORS = corners(2, 5), corners(2, 3), corners(5)


def formats(k):
    convert = k.utils.bounding_boxes.convert_format
    results = {}
    for source in FORMATS:
        given = convert(BOXES, "xyxy", source, **SIZE)
        for target in FORMATS:
            results[f"{source} {target}"] = convert(given, source, target.upper(), **SIZE)
    by_image = {"height": np.array([[[30.0]], [[40.0]]]), "width": np.array([[[50.0]], [[70.0]]])}
    results["sizes of their own"] = convert(BOXES, "xyxy", "rel_center_xywh", **by_image)
    results["float16"] = convert(BOXES, "rel_xywh", "center_yxhw", **SIZE, dtype="float16")
    return results


def moving(k):
    boxes = k.utils.bounding_boxes
    labels = np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 0]])
    clipped = boxes.clip_to_image_size({"boxes": BOXES - 20, "labels": labels, "other": 1}, **SIZE)
    shares = boxes.clip_to_image_size({"boxes": BOXES[0] / 30, "labels": labels[0]}, bounding_box_format="rel_xyxy")
    results = {f"clipped {key}": value for key, value in clipped.items()}
    results |= {f"shares {key}": value for key, value in shares.items()}
    results["unlabelled"] = boxes.clip_to_image_size({"boxes": BOXES}, **SIZE)["boxes"]
    results["cropped"] = boxes.crop(BOXES, 5, 7, 20, 30)
    results["cropped integers"] = boxes.crop(ANCHORS.astype("int32"), 5, 7, 20, 30)
    results["padded"] = boxes.pad(BOXES, 5, 7, 100, 100)
    return results


def affine(k):
    numbers = [np.array(v, "float32") for v in ((30, -200), (0.1, -0.3), (-0.2, 0), (1.5, 0.7), (10, -35), (-20, 5))]
    move = k.utils.bounding_boxes.affine_transform
    return {
        "middle": move(BOXES, *numbers, 40, 60),
        "corner": move(BOXES, *numbers, 40, 60, center_x=0.0, center_y=1.0),
    }


def deltas(k):
    boxes, results = k.utils.bounding_boxes, {}
    settings = {"variance": [0.1, 0.1, 0.2, 0.2], "image_shape": (40, 60, 3)}
    for encoding in ("center_yxhw", "center_xywh"):
        encoded = boxes.encode_box_to_deltas(ANCHORS, BOXES, "xyxy", "yxyx", encoding)
        results[encoding] = encoded
        results[f"{encoding} decoded"] = boxes.decode_deltas_to_boxes(ANCHORS, encoded, "xyxy", "xywh", encoding)
        encoded = boxes.encode_box_to_deltas(ANCHORS / 60, BOXES[0], "rel_xywh", "xywh", encoding, **settings)
        results[f"{encoding} divided"] = encoded
        decoded = boxes.decode_deltas_to_boxes(
            {"P3": ANCHORS / 60}, {"P3": encoded}, "rel_xywh", "rel_xyxy", encoding, **settings
        )
        results[f"{encoding} of a level"] = decoded["P3"]
    return results


def overlap(k):
    boxes, results = k.utils.bounding_boxes, {}
    for name, first, second in (
        ("batches", BOXES, OTHERS),
        ("one", BOXES, ANCHORS),
        ("other", ANCHORS, OTHERS),
        ("none", BOXES[0], OTHERS[1]),
    ):
        results[name] = boxes.compute_iou(first, second, "xyxy")
    results["shares"] = boxes.compute_iou(BOXES / 60, OTHERS / 60, "rel_yxyx", image_shape=(40, 60, 3))
    absent = np.where(np.arange(5)[:, None] < 2, -1, BOXES)
    results["masked"] = boxes.compute_iou(absent, OTHERS, "xyxy", use_masking=True, mask_val=-7)
    for form in ("xyxy", "yxyx", "center_xywh"):
        given = [boxes.convert_format(b, "xyxy", form) for b in (BOXES, np.roll(BOXES, 1, axis=1) + 0.5)]
        results[f"complete {form}"] = boxes.compute_ciou(*given, form)
    return results


def training(k):
    """The complete IoU as the loss of a small detector: gradients through conversion and overlap."""
    model = k.Sequential([k.Input((6,)), k.layers.Dense(4)])
    model.set_weights([RNG.__class__(4).uniform(-0.5, 0.5, w.shape) + (w.ndim == 1) for w in model.get_weights()])

    def loss(y_true, y_pred):
        return 1.0 - k.utils.bounding_boxes.compute_ciou(y_true, y_pred, "center_xywh")

    model.compile(k.optimizers.SGD(0.1), loss)
    x = RNG.__class__(5).uniform(0, 1, (16, 6)).astype("float32")
    y = RNG.__class__(6).uniform(0.5, 2, (16, 4)).astype("float32")
    losses = [model.train_on_batch(x, y) for _ in range(5)]
    return {"losses": np.array([float(v) for v in losses]), **dict(zip("kb", model.get_weights(), strict=True))}


def filled(number):
    def row(k):
        layer = k.layers.MaxNumBoundingBoxes(number, fill_value=-2, bounding_box_format="xyxy")
        labels, images = np.arange(10).reshape(2, 5), np.ones((2, 4, 6, 3), "float32")
        data = layer({"images": images, "bounding_boxes": {"boxes": BOXES, "labels": labels}})
        one = layer({"images": images[0], "bounding_boxes": {"boxes": BOXES[0], "labels": labels[0]}})
        shape = {"images": (None, 4, 6, 3), "bounding_boxes": {"boxes": (None, 5, 4), "labels": (None, 5)}}
        shape = layer.compute_output_shape(shape)["bounding_boxes"]
        written = {key: layer.get_config()[key] for key in ("max_number", "data_format", "bounding_box_format")}
        return {
            "images": data["images"],
            **data["bounding_boxes"],
            **{f"one {key}": value for key, value in one["bounding_boxes"].items()},
            "shape": np.array([*shape["boxes"][1:], *shape["labels"][1:]]),
            "config": np.frombuffer(json.dumps(written, sort_keys=True).encode(), "uint8"),
        }

    return row


ROWS = {
    "formats": formats,
    "moving": moving,
    "affine": affine,
    "deltas": deltas,
    "overlap": overlap,
    "training": training,
    "MaxNumBoundingBoxes more": filled(8),
    "MaxNumBoundingBoxes fewer": filled(3),
}
TOLERANCE["formats/float16"] = 1e-3
