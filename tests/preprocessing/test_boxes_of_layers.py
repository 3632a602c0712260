"""Bounding boxes follow what images show; the figures of Keras are in reference/rows_boxes_of_layers.py."""

import json

import numpy as np
import pytest
from rows_bounding_boxes import FORMATS

import fastkeras
from fastkeras import layers
from fastkeras.engine import Function

convert = fastkeras.utils.bounding_boxes.convert_format
HEIGHT, WIDTH = 40, 60
SIZE = {"height": HEIGHT, "width": WIDTH}
# One rectangle for each image, far enough from its borders for what the layers do.
CORNERS = np.array([[[16, 12, 34, 22]], [[24, 14, 44, 30]]], "float32")
LABELS = np.array([[3], [7]])
SHOWN = np.zeros((2, HEIGHT, WIDTH, 1), "float32")
for image, (left, top, right, bottom) in zip(SHOWN, CORNERS[:, 0].astype(int), strict=True):
    image[top:bottom, left:right] = 1


def data(form="xyxy", images=SHOWN, boxes=CORNERS, labels=LABELS):
    return {
        "images": images,
        "bounding_boxes": {"boxes": convert(boxes, "xyxy", form, **SIZE).numpy(), "labels": labels},
    }


def seen(images):
    """The boxes around what images show."""
    found = []
    for image in np.asarray(images):
        rows, columns = np.nonzero(image[..., 0] > 0.5)
        found.append([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]])
    return np.array(found)


# Each with a tolerance in pixels: half of one and what corners of turned rectangles and interpolation cost.
MOVERS = {
    "flip": (lambda **s: layers.RandomFlip("horizontal_and_vertical", seed=4, **s), 0),
    "crop": (lambda **s: layers.RandomCrop(36, 50, seed=4, **s), 0),
    "crop of small images": (lambda **s: layers.RandomCrop(44, 50, **s), 1),
    "center": (lambda **s: layers.CenterCrop(36, 50, **s), 0),
    "center of small images": (lambda **s: layers.CenterCrop(70, 60, **s), 1),
    "stretched": (lambda **s: layers.Resizing(57, 66, **s), 1),
    "cut": (lambda **s: layers.Resizing(57, 66, crop_to_aspect_ratio=True, **s), 1.5),
    "padded": (lambda **s: layers.Resizing(57, 66, pad_to_aspect_ratio=True, **s), 1),
    "zoom": (lambda **s: layers.RandomZoom(0.2, 0.2, "constant", seed=4, **s), 1.5),
    "translation": (lambda **s: layers.RandomTranslation(0.2, 0.2, "constant", seed=4, **s), 1),
    "quarter turn": (lambda **s: layers.RandomRotation((0.25, 0.25), "constant", **s), 1.5),
    "turn": (lambda **s: layers.RandomRotation((0.1, 0.1), "constant", **s), 2),
    "perspective": (lambda **s: layers.RandomPerspective((1, 1), 0.1, seed=4, **s), 2),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("mover", MOVERS)
def test_boxes_follow_what_images_show(mover, form):
    make, tolerance = MOVERS[mover]
    layer = make(bounding_box_format=form)
    found = layer(data(form))
    size = found["images"].shape[1:3]
    boxes = convert(found["bounding_boxes"]["boxes"], form, "xyxy", *size).numpy()
    np.testing.assert_allclose(boxes, seen(found["images"]), atol=tolerance + 1e-4)
    np.testing.assert_array_equal(found["bounding_boxes"]["labels"], LABELS)
    assert not np.allclose(boxes, CORNERS, atol=1e-4)
    copy = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    again = copy(data(form))["bounding_boxes"]["boxes"]
    np.testing.assert_allclose(again, found["bounding_boxes"]["boxes"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mover", MOVERS)
def test_in_programs_models_and_datasets(mover):
    make, _ = MOVERS[mover]
    inputs = {
        "images": fastkeras.Input(SHOWN.shape[1:], name="images"),
        "bounding_boxes": {
            "boxes": fastkeras.Input((1, 4), name="boxes"),
            "labels": fastkeras.Input((1,), name="labels"),
        },
    }
    layer = make(bounding_box_format="xyxy")
    outputs = layer(inputs, training=True)
    given = data()
    expected = make(bounding_box_format="xyxy")(given, training=True)
    assert outputs["images"].shape[1:] == expected["images"].shape[1:]
    assert outputs["bounding_boxes"]["boxes"].shape == (None, 1, 4)
    compiled = Function(lambda given: make(bounding_box_format="xyxy")(given, training=True))(given)
    dataset = fastkeras.data.Dataset.from_tensor_slices(given).batch(2).map(make(bounding_box_format="xyxy"))
    for found in (compiled, next(iter(dataset)), fastkeras.Model(inputs, outputs)(given)):
        for key in ("boxes", "labels"):
            a, b = found["bounding_boxes"][key], expected["bounding_boxes"][key]
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4, err_msg=key)


def test_what_leaves_the_image_loses_its_label():
    boxes = np.array([[[0, 0, 10, 10], [45, 5, 58, 30]]] * 2, "float32")
    layer = layers.RandomTranslation((0.0, 0.0), (0.3, 0.3), bounding_box_format="xyxy")
    found = layer(data(boxes=boxes, labels=np.array([[1, 2], [3, 4]])))["bounding_boxes"]
    assert found["labels"].numpy().tolist() == [[1, -1], [3, -1]]
    np.testing.assert_allclose(found["boxes"].numpy()[:, 0], [[18, 0, 28, 10]] * 2)
    crop = layers.RandomCrop(20, 30, bounding_box_format="xyxy")
    start = crop.get_random_transformation(SHOWN)
    found = crop.transform_bounding_boxes({"boxes": boxes, "labels": np.array([[1, 2], [3, 4]])}, (8, 3, *start[2:]))
    assert found["boxes"].numpy()[0].tolist() == [[0, 0, 7, 2], [30, 0, 30, 20]]
    assert found["labels"].numpy().tolist() == [[1, -1], [3, -1]]


def test_one_image_and_what_is_given_stays():
    layer = layers.RandomTranslation((0.1, 0.1), (0.2, 0.2), bounding_box_format="xywh")
    boxes = {"boxes": np.array([[24, 14, 20, 16]]), "labels": np.array([7]), "scores": np.array([0.5])}
    image = SHOWN[1]
    given = {"images": image, "bounding_boxes": boxes}
    found = layer(given)
    assert found["bounding_boxes"]["boxes"].numpy().tolist() == [[36, 18, 20, 16]]
    assert found["bounding_boxes"]["labels"].numpy().tolist() == [7]
    assert np.asarray(found["bounding_boxes"]["scores"]).tolist() == [0.5]
    assert given["images"] is image and given["bounding_boxes"] is boxes
    assert boxes["boxes"].tolist() == [[24, 14, 20, 16]]
    resting = layer(given, training=False)["bounding_boxes"]
    assert resting["boxes"].numpy().tolist() == [[24, 14, 20, 16]]


@pytest.mark.parametrize("shear", [(0.4, 0.0), (0.0, 0.3)])
def test_boxes_follow_one_shear_of_square_images(shear):
    layer = layers.RandomShear(0.5, 0.5, fill_mode="constant", bounding_box_format="xyxy")
    images = np.zeros((2, 50, 50, 1), "float32")
    images[:, 20:32, 18:38] = 1
    drawn = {"shear_factor": np.array([shear, np.negative(shear)], "float32"), "input_shape": images.shape}
    boxes = {"boxes": np.array([[[18, 20, 38, 32]]] * 2), "labels": LABELS}
    found = layer.transform_bounding_boxes(boxes, drawn)["boxes"].numpy()
    np.testing.assert_allclose(found, seen(layer.transform_images(images, drawn)), atol=1.5)
    assert np.abs(found - boxes["boxes"]).max() > 4


@pytest.mark.parametrize("mover", ["flip", "zoom", "translation", "turn", "perspective"])
def test_boxes_without_a_batch_are_those_of_every_image(mover):
    boxes, labels = CORNERS[:, 0], LABELS[:, 0]
    found = MOVERS[mover][0](bounding_box_format="xyxy")(data(boxes=boxes, labels=labels))["bounding_boxes"]
    repeated = data(boxes=np.stack([boxes] * 2), labels=np.stack([labels] * 2))
    expected = MOVERS[mover][0](bounding_box_format="xyxy")(repeated)["bounding_boxes"]
    np.testing.assert_allclose(found["boxes"], expected["boxes"], rtol=1e-6)
    np.testing.assert_array_equal(found["labels"], expected["labels"])


def test_mixed_images_have_the_boxes_of_both():
    layer = layers.MixUp(bounding_box_format="xyxy")
    drawn = {"mix_weight": np.array([0.5, 0.5], "float32"), "permutation_order": np.array([1, 0])}
    found = layer.transform_bounding_boxes(data()["bounding_boxes"], drawn)
    np.testing.assert_array_equal(found["boxes"], np.concatenate([CORNERS, CORNERS[::-1]], axis=1))
    assert found["labels"].numpy().tolist() == [[3, 7], [7, 3]]
    assert layer(data())["bounding_boxes"]["boxes"].shape == (2, 2, 4)
    shapes = {"images": (None, 4, 4, 1), "bounding_boxes": {"boxes": (None, 3, 4), "labels": (None, 3)}}
    shapes = layer.compute_output_shape(shapes)["bounding_boxes"]
    assert shapes == {"boxes": (None, None, 4), "labels": (None, None)}
    resting = layer(data(), training=False)["bounding_boxes"]
    np.testing.assert_array_equal(resting["boxes"], CORNERS)


@pytest.mark.parametrize("order", [(0, 2), (2, 0), (1, 1), (3, 8)])
def test_policies_move_boxes_in_the_order_of_images(order):
    layer = layers.RandAugment(num_ops=2, factor=0.2, seed=3, bounding_box_format="xywh")
    given = data("xywh")
    drawn = layer.get_random_transformation(given)
    drawn["layer_idxes"] = np.array(order)
    found = layer.transform_bounding_boxes(given["bounding_boxes"], drawn)
    expected = given["bounding_boxes"]
    for index in order:
        name = list(drawn["transforms"])[index]
        expected = getattr(layer, name).transform_bounding_boxes(expected, drawn["transforms"][name])
    np.testing.assert_allclose(found["boxes"], expected["boxes"], rtol=1e-5)
    moved = not np.allclose(found["boxes"], given["bounding_boxes"]["boxes"])
    assert moved == (order != (3, 8))  # which only change colours
    compiled = Function(lambda: layer.transform_bounding_boxes(given["bounding_boxes"], drawn))()
    np.testing.assert_allclose(compiled["boxes"], found["boxes"], rtol=1e-5)
    resting = layer(given, training=False)["bounding_boxes"]
    np.testing.assert_array_equal(resting["boxes"], given["bounding_boxes"]["boxes"])


def test_pipelines_hand_boxes_on():
    steps = [MOVERS[name][0](bounding_box_format="rel_xyxy") for name in ("flip", "center", "padded")]
    found = layers.Pipeline(steps)(data("rel_xyxy"))
    boxes = convert(found["bounding_boxes"]["boxes"], "rel_xyxy", "xyxy", *found["images"].shape[1:3])
    np.testing.assert_allclose(boxes, seen(found["images"]), atol=1.5)


def test_what_is_refused():
    for cls in (layers.CutMix, layers.RandomElasticTransform):
        with pytest.raises(NotImplementedError, match="bounding boxes are not supported. Received: 'xyxy'"):
            cls(bounding_box_format="xyxy")
        with pytest.raises(NotImplementedError, match="bounding boxes are not supported"):
            cls()(data())
    for form in ("yxhw", 3):
        with pytest.raises(ValueError, match=f"Supported formats: .*Received: bounding_box_format={form!r}"):
            layers.RandomFlip(bounding_box_format=form)
    with pytest.raises(ValueError, match="didn't specify a bounding box format"):
        layers.RandomFlip()(data())
