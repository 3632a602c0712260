"""Boxes in programs, models and under a tape, and what is refused; values are in reference/rows_bounding_boxes.py."""

import numpy as np
import pytest
from rows_bounding_boxes import ANCHORS, BOXES, FORMATS, OTHERS, SIZE

import fastkeras as keras
from fastkeras.engine import Function

boxes = keras.utils.bounding_boxes
SHAPE = (SIZE["height"], SIZE["width"], 3)


@pytest.mark.parametrize("form", FORMATS)
def test_formats_there_and_back(form):
    there = boxes.convert_format(BOXES.tolist(), "xyxy", form, **SIZE)
    np.testing.assert_allclose(boxes.convert_format(there, form, "xyxy", **SIZE), BOXES, rtol=1e-5, atol=1e-4)


def test_boxes_of_a_dictionary_are_replaced_in_it():
    given = {"boxes": np.array([[1.0, 2, 3, 6]]), "labels": [4]}
    assert boxes.convert_format(given, "xyxy", "xywh") is given
    assert given["boxes"].numpy().tolist() == [[1, 2, 2, 4]] and given["labels"] == [4]


def test_compiled_and_functional_models_give_the_same():
    def together(first, second):
        first = boxes.affine_transform(boxes.pad(first, 1, 2), 10, 0.1, 0.0, 1.1, 0, 0, *SHAPE[:2])
        first = boxes.clip_to_image_size({"boxes": first, "labels": first[..., 0]}, **SIZE)
        moved = boxes.crop(first["boxes"], 1, 2, 30, 40)
        deltas = boxes.encode_box_to_deltas(ANCHORS, moved, "xyxy", "xyxy")
        decoded = boxes.decode_deltas_to_boxes(ANCHORS, deltas, "xyxy", "rel_xywh", image_shape=SHAPE)
        scores = boxes.compute_iou(decoded, second / 60, "rel_xywh", image_shape=SHAPE, use_masking=True)
        return first["labels"], boxes.compute_ciou(moved, first["boxes"], "xyxy"), scores

    expected = [x.numpy() for x in together(BOXES, OTHERS)]
    inputs = [keras.Input(x.shape[1:]) for x in (BOXES, OTHERS)]
    model = keras.Model(inputs, together(*inputs))
    assert [x.shape for x in model.outputs] == [(None, 5), (None, 5), (None, 5, 3)]
    for found in (Function(together)(BOXES, OTHERS), model.predict([BOXES, OTHERS], verbose=0)):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_gradients_of_the_complete_iou():
    first, second = keras.ops.cast(BOXES, "float64"), np.roll(BOXES, 1, axis=1) * 0.9
    variable = keras.Variable(first, dtype="float64")

    def total(value):
        return keras.ops.sum(boxes.compute_ciou(value, second, "xyxy") ** 2)

    # convert_format computes in float32: a wide step, and its error
    with keras.GradientTape() as tape:
        result = total(variable)
    gradient = tape.gradient(result, variable).numpy()
    step = 0.05
    for place in np.ndindex(2, 2, 4):
        changes = [BOXES.astype("float64") for _ in range(2)]
        changes[0][place] += step
        changes[1][place] -= step
        slope = (float(total(changes[0])) - float(total(changes[1]))) / (2 * step)
        assert abs(gradient[place] - slope) < 1e-3 + 0.05 * abs(slope), place


def test_shares_of_the_image_are_taken_in_pixels():
    shares = [boxes.convert_format(b, "xyxy", "rel_center_xywh", **SIZE) for b in (BOXES, BOXES + 3)]
    np.testing.assert_allclose(
        boxes.compute_ciou(*shares, "rel_center_xywh", image_shape=SHAPE),
        boxes.compute_ciou(BOXES, BOXES + 3, "xyxy"),
        rtol=1e-4,
    )


def test_masks_of_boxes_with_and_without_batches():
    absent = np.where(np.arange(3)[:, None] < 2, -1, OTHERS)
    found = boxes.compute_iou(ANCHORS, absent, "xyxy", use_masking=True).numpy()
    assert (found[:, :, :2] == -1).all() and (found[:, :, 2] >= 0).all()
    found = boxes.compute_iou(absent, ANCHORS, "xyxy", use_masking=True).numpy()
    assert (found[:, :2] == -1).all() and (found[:, 2] >= 0).all()


def test_one_movement_for_all_boxes_of_one_image():
    numbers = [np.array([v], "float32") for v in (30, 0.1, -0.2, 1.5, 10, -20)]
    whole = boxes.affine_transform(BOXES[:1], *numbers, *SHAPE[:2])
    np.testing.assert_allclose(
        boxes.affine_transform(BOXES[0], 30, 0.1, -0.2, 1.5, 10, -20, 40, 60), whole[0], rtol=1e-5
    )


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"last dimension of 4. Received: boxes.shape=\(2, 3\)"):
        boxes.convert_format(np.zeros((2, 3)), "xyxy", "xywh")
    with pytest.raises(ValueError, match="Invalid source or target format.*Received: target='rel_center_yxhw'"):
        boxes.convert_format(BOXES, "xyxy", "rel_center_yxhw", **SIZE)
    with pytest.raises(ValueError, match="must receive `height` and `width`.*height=3, width=None"):
        boxes.convert_format(BOXES, "rel_xyxy", "rel_xyxy", height=3)
    with pytest.raises(ValueError, match="`height` and `width` must be set"):
        boxes.clip_to_image_size({"boxes": BOXES}, height=3)
    for function, arguments in (
        (boxes.clip_to_image_size, ({"boxes": BOXES}, 3, 4)),
        (boxes.crop, (BOXES, 1, 2, 3, 4)),
        (boxes.pad, (BOXES, 1, 2)),
        (boxes.affine_transform, (BOXES, 0, 0, 0, 1, 0, 0, 3, 4)),
    ):
        with pytest.raises(NotImplementedError, match="Received: bounding_box_format='xywh'"):
            function(*arguments, bounding_box_format="xywh")
    for function in (boxes.encode_box_to_deltas, boxes.decode_deltas_to_boxes):
        with pytest.raises(ValueError, match="should be one of 'center_xywh' or 'center_yxhw'. Received: enco"):
            function(ANCHORS, BOXES, "xyxy", "xyxy", "xyxy")
        with pytest.raises(ValueError, match="`variance` must be length 4"):
            function(ANCHORS, BOXES, "xyxy", "xyxy", variance=[1.0, 2.0])
    with pytest.raises(ValueError, match="expects boxes2 to be batched"):
        boxes.compute_iou(BOXES, BOXES[None], "xyxy")
    for function in (boxes.compute_iou, boxes.compute_ciou):
        with pytest.raises(ValueError, match="`image_shape` argument must be provided"):
            function(BOXES, BOXES, "rel_xyxy")
