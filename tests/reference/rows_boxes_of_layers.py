"""Bounding boxes that follow images through layers; random layers are given what they would draw."""

import numpy as np
from rows_bounding_boxes import FORMATS

RNG = np.random.RandomState(5)
HEIGHT, WIDTH = 20, 30
IMAGES = RNG.uniform(0, 255, (3, HEIGHT, WIDTH, 3)).astype("float32")
FIRST = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))
LABELS = np.arange(15).reshape(3, 5)
START = RNG.uniform((0, 0), (WIDTH - 2, HEIGHT - 2), (3, 5, 2))
INSIDE = np.concatenate([START, START + RNG.uniform(0.1, 1, (3, 5, 2)) * ((WIDTH, HEIGHT) - START)], -1)
INSIDE = INSIDE.astype("float32")
BEYOND = INSIDE * 2 - (15, 10, 15, 10)  # some in part, some altogether
BEYOND = BEYOND.astype("float32")
COLUMN = RNG.uniform(0.6, 1.4, (3, 1)).astype("float32")
CORNERS = np.array([[0, 0], [WIDTH - 1, 0], [0, HEIGHT - 1], [WIDTH - 1, HEIGHT - 1]], "float32")
SHAPE = {"input_shape": IMAGES.shape}


def data(k, boxes, form, images=IMAGES, index=slice(None)):
    boxes = np.asarray(k.utils.bounding_boxes.convert_format(boxes, "xyxy", form, HEIGHT, WIDTH))
    return {"images": images[index], "bounding_boxes": {"boxes": boxes[index], "labels": LABELS[index]}}


def together(found):
    """Boxes and labels in one array."""
    boxes, labels = (np.asarray(found[key]) for key in ("boxes", "labels"))
    return np.concatenate([boxes, labels[..., None]], axis=-1)


def given(name, *args, transformation, boxes=BEYOND, formats=FORMATS, **settings):
    """A layer's `transform_bounding_boxes`, in every format."""

    def row(k):
        results, drawn = {}, {**transformation, **SHAPE}
        drawn = {key: k.ops.convert_to_tensor(v) if isinstance(v, np.ndarray) else v for key, v in drawn.items()}
        for form in formats:
            layer = getattr(k.layers, name)(*args, bounding_box_format=form, **settings)
            found = layer.transform_bounding_boxes(data(k, boxes, form)["bounding_boxes"], drawn, training=True)
            results[form] = together(found)
        results["not training"] = together(layer(data(k, boxes, form), training=False)["bounding_boxes"])
        return results

    return row


def called(name, *args, boxes=BEYOND, formats=FORMATS, images=IMAGES, **settings):
    """A layer that draws nothing, called on dictionaries of a batch and of one image."""

    def row(k):
        results = {}
        for form in formats:
            layer = getattr(k.layers, name)(*args, bounding_box_format=form, **settings)
            for kind, index in (("batch", slice(None)), ("single", 1)):
                found = layer(data(k, boxes, form, images, index))["bounding_boxes"]
                results[f"{form} {kind}"] = together(found)
        results["config"] = np.frombuffer(layer.get_config()["bounding_box_format"].encode(), "uint8")
        return results

    return row


def filled(k):
    """Boxes that only fill up, in a layer that tells them from others."""
    boxes = np.concatenate([INSIDE, np.zeros((3, 1, 4)), -np.ones((3, 2, 4))], axis=1).astype("float32")
    labels, results = np.concatenate([LABELS, -np.ones((3, 3), int)], axis=1), {}
    for form in ("xyxy", "center_xywh", "rel_yxyx"):
        layer = k.layers.Resizing(13, 17, pad_to_aspect_ratio=True, bounding_box_format=form)
        found = layer({"images": IMAGES, "bounding_boxes": {"boxes": boxes, "labels": labels}})["bounding_boxes"]
        results[form] = together(found)
    return results


def mixed(k):
    layer = k.layers.MixUp(bounding_box_format="xyxy")
    drawn = {"mix_weight": k.ops.convert_to_tensor(COLUMN[:, 0]), "permutation_order": np.array([2, 0, 1])}
    found = layer.transform_bounding_boxes(data(k, INSIDE, "xyxy")["bounding_boxes"], drawn, training=True)
    return {"boxes": found["boxes"]}  # Keras joins labels along the batch


def recoloured(k):
    """Layers of colours, and a mixture of many things, leave boxes where they are."""
    results = {}
    for name, args in (
        ("RandomBrightness", (0.1,)),
        ("RandomContrast", (0.1,)),
        ("RandomHue", (0.1,)),
        ("RandomSaturation", (0.1,)),
        ("RandomColorJitter", ()),
        ("RandomColorDegeneration", (0.1,)),
        ("RandomInvert", ()),
        ("RandomSharpness", (0.1,)),
        ("RandomPosterization", (4,)),
        ("RandomErasing", ()),
        ("RandomGaussianBlur", ()),
        ("Solarization", (0.1,)),
        ("AutoContrast", ()),
        ("Equalization", ()),
        ("AugMix", ()),
    ):
        layer = getattr(k.layers, name)(*args, bounding_box_format="xywh")
        found = layer(data(k, BEYOND, "xywh"))["bounding_boxes"]
        results[name] = together(found)
    return results


FLIPS = {"flips": np.array([True, False, True]).reshape(3, 1, 1, 1)}
ANGLES = np.array([30.0, -200.0, 90.0], "float32")
SIZES = {"image_height": HEIGHT, "image_width": WIDTH, "batch_size": 3}
MOVED = CORNERS + RNG.uniform(-6, 6, (3, 4, 2)).astype("float32")
ROWS = {
    "RandomFlip horizontal": given("RandomFlip", "horizontal", boxes=INSIDE, transformation=FLIPS),
    "RandomFlip vertical": given("RandomFlip", "vertical", boxes=INSIDE, transformation=FLIPS),
    "RandomFlip": given("RandomFlip", boxes=INSIDE, transformation=FLIPS),
    "RandomZoom": given("RandomZoom", 0.5, 0.5, transformation={"height_zoom": COLUMN, "width_zoom": 1.8 - COLUMN}),
    "RandomZoom called": called("RandomZoom", (0.3, 0.3), (-0.4, -0.4), images=FIRST, data_format="channels_first"),
    "RandomTranslation": given(
        "RandomTranslation",
        0.5,
        0.5,
        transformation={"translations": np.concatenate([COLUMN * 9 - 10, 8 - COLUMN * 7], axis=1)},
    ),
    "RandomTranslation called": called("RandomTranslation", (0.3, 0.3), (-0.4, -0.4)),
    "RandomShear": given(
        "RandomShear",
        0.5,
        0.5,
        transformation={"shear_factor": np.concatenate([COLUMN - 1, 0.9 - COLUMN], axis=1)},
    ),
    # Keras reads boxes of any format as "xyxy"
    "RandomRotation": given("RandomRotation", 0.5, formats=["xyxy"], transformation={"angle": ANGLES, **SIZES}),
    "RandomRotation called": called("RandomRotation", (0.1, 0.1), formats=["xyxy"]),
    # Keras writes boxes of any format as "xyxy"
    "RandomPerspective": given(
        "RandomPerspective",
        0.5,
        formats=["xyxy"],
        transformation={
            "apply_perspective": np.array([True, False, True]),
            "start_points": np.stack([CORNERS] * 3),
            "end_points": MOVED,
        },
    ),
    "CenterCrop": called("CenterCrop", 13, 17),
    "CenterCrop first": called("CenterCrop", 8, 30, images=FIRST, data_format="channels_first", formats=["rel_xywh"]),
    "CenterCrop of small images": called("CenterCrop", 23, 17),
    "Resizing": called("Resizing", 13, 37),
    "Resizing cut above": called("Resizing", 13, 37, crop_to_aspect_ratio=True),
    "Resizing cut beside": called("Resizing", 33, 17, crop_to_aspect_ratio=True),
    "Resizing padded above": called("Resizing", 32, 17, pad_to_aspect_ratio=True),
    "Resizing padded beside": called(
        "Resizing", 13, 37, pad_to_aspect_ratio=True, images=FIRST, data_format="channels_first"
    ),
    "Resizing of what fills up": filled,
    "MixUp": mixed,
    "recoloured": recoloured,
}
