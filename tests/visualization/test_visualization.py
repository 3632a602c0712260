"""Boxes, masks and galleries as pictures; the values of masks are in reference/rows_visualization.py."""

import sys

import numpy as np
import pytest

import fastkeras as keras

pytest.importorskip("PIL")
pyplot = pytest.importorskip("matplotlib.pyplot")
pyplot.switch_backend("Agg")
visualization = keras.visualization
IMAGES = np.random.RandomState(0).randint(50, 90, (2, 64, 80, 3)).astype("uint8")
BOXES = {
    "boxes": np.array([[[10.9, 40, 30, 60], [50, 5, 40, 20]], [[5, 40, 20, 55], [60, 30, 70, 50]]]),
    "labels": np.array([[0, 1], [0, -1]]),
}
RED = (255, 0, 0)


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def red(images):
    return (images == RED).all(axis=-1)


@pytest.mark.parametrize(("thickness", "around"), [(1, 0), (2, 1), (3, 1), (-1, 0)])
def test_frames_lie_on_the_lines_of_boxes(thickness, around):
    drawn = visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", color=RED, line_thickness=thickness)
    expected = np.zeros(IMAGES.shape[:3], bool)
    for i, x1, y1, x2, y2 in ((0, 10, 40, 30, 60), (0, 40, 5, 50, 20), (1, 5, 40, 20, 55)):  # the label -1 is no box
        expected[i, y1 - around : y2 + around + 1, x1 - around : x2 + around + 1] = True
        if thickness > 0:
            inside = thickness - around
            expected[i, y1 + inside : y2 - inside + 1, x1 + inside : x2 - inside + 1] = False
    np.testing.assert_array_equal(red(drawn), expected)
    np.testing.assert_array_equal(drawn[~expected], IMAGES[~expected])


def test_names_stand_above_boxes_or_in_them():
    def written(images=IMAGES, **settings):
        bare = visualization.draw_bounding_boxes(images, BOXES, "xyxy", line_thickness=1)
        named = visualization.draw_bounding_boxes(images, BOXES, "xyxy", line_thickness=1, **settings)
        return (bare != named).any(axis=-1)

    small = written(class_mapping={0: "cat"}, font_scale=0.4)
    rows = np.flatnonzero(small[0].any(axis=1))
    assert 20 < rows.min() and rows.max() <= 40 - 8  # above
    rows = np.flatnonzero(written(class_mapping={1: "dog"}, font_scale=0.4)[0].any(axis=1))
    assert 5 < rows.min()  # no room above
    assert not written(class_mapping={2: "bird"}).any()
    assert written(class_mapping={0: "cat"}, font_scale=0.8).sum() > 2 * small.sum()
    assert written(class_mapping={0: "cat"}, font_scale=0.4, text_thickness=3).sum() > small.sum()
    scored = {**BOXES, "confidences": np.full((2, 2), 0.987)}
    without = visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", {0: "c | 0.99", 1: "d | 0.99"}, font_scale=0.4)
    found = visualization.draw_bounding_boxes(IMAGES, scored, "xyxy", {0: "c", 1: "d"}, font_scale=0.4)
    np.testing.assert_array_equal(found, without)


def test_images_of_other_kinds():
    def draw(images, **settings):
        return visualization.draw_bounding_boxes(images, BOXES, "xyxy", {0: "cat"}, RED, **settings)

    expected = draw(IMAGES)
    np.testing.assert_array_equal(draw(IMAGES.astype("float32")), expected)
    np.testing.assert_array_equal(draw(keras.ops.convert_to_tensor(IMAGES)), expected)
    np.testing.assert_allclose(draw(IMAGES / 255.0).astype(int), expected, atol=1)
    first = draw(IMAGES.transpose(0, 3, 1, 2), data_format="channels_first")
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), expected)
    gray = draw(IMAGES[..., :1])
    np.testing.assert_array_equal(gray, expected[..., :1])
    opaque = np.concatenate([IMAGES, np.full_like(IMAGES[..., :1], 255)], axis=-1)
    np.testing.assert_array_equal(draw(opaque)[..., :3], expected)
    shares = BOXES["boxes"] / [80, 64, 80, 64] + 1e-7
    found = visualization.draw_bounding_boxes(IMAGES, {**BOXES, "boxes": shares}, "rel_xyxy", {0: "cat"}, RED)
    np.testing.assert_array_equal(found, expected)


def test_masks_of_other_kinds():
    draw, masks = visualization.draw_segmentation_masks, np.random.RandomState(1).randint(0, 4, (2, 64, 80, 1))
    colors = {1: (200, 0, 0), 2: (0, 200, 0)}
    expected = draw(IMAGES, masks, 4, colors)
    np.testing.assert_array_equal(draw(IMAGES, masks[..., 0], 4, colors), expected)
    unpainted = (masks[..., 0] == 0) | (masks[..., 0] == 3)
    np.testing.assert_allclose(expected[unpainted].astype(int), IMAGES[unpainted], atol=1)
    covered = draw(IMAGES, masks, 4, colors, blend=False, ignore_index=2)
    assert (covered[masks[..., 0] == 1] == colors[1]).all()
    np.testing.assert_array_equal(covered[masks[..., 0] != 1], IMAGES[masks[..., 0] != 1])


def titles(figure):
    return [axis.get_title() for axis in figure.axes]


def test_gallery_of_images():
    images = np.linspace(-1, 1, 5)[:, None, None, None] * np.ones((5, 4, 6, 3))
    y_true, y_pred = np.array([0, 1, 0, 1, 7]), [1, 1, 1]
    visualization.plot_image_gallery(
        images, y_true, y_pred, {0: "cat", 1: "dog"}, value_range=(-1, 1), scale=1.5, show=False
    )
    figure = pyplot.gcf()
    assert titles(figure) == [
        "Label: cat  Pred: dog",
        "Label: dog  Pred: dog",
        "Label: cat  Pred: dog",
        "Label: dog",
        "Label: Unknown",
        "",
    ]
    assert figure.get_size_inches().tolist() == [3.0, 4.5]
    shown = [axis.get_images()[0].get_array()[0, 0, 0] for axis in figure.axes[:5]]
    assert shown == [0, 63, 127, 191, 255] and not figure.axes[5].get_images()


@pytest.mark.parametrize(
    ("given", "grid"), [({}, (3, 3)), ({"cols": 7}, (1, 7)), ({"rows": 2}, (2, 4)), ({"rows": 2, "cols": 2}, (2, 2))]
)
def test_rows_and_columns(given, grid):
    visualization.plot_image_gallery(np.zeros((7, 4, 4, 1)), show=False, **given)
    axes = pyplot.gcf().axes
    assert axes[0].get_gridspec().get_geometry() == grid
    assert sum(bool(axis.get_images()) for axis in axes) == min(7, grid[0] * grid[1])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_galleries_of_boxes_and_masks(data_format, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("fastkeras.visualization.galleries.plot_image_gallery", lambda x, **k: shown.append((x, k)))
    images, masks = IMAGES, np.random.RandomState(1).randint(0, 3, (2, 64, 80, 1))
    boxes = images
    for mapping, color in (({0: "cat"}, RED), ({0: "dog"}, (0, 255, 0))):
        boxes = visualization.draw_bounding_boxes(boxes, BOXES, "xyxy", mapping, color, text_thickness=2)
    drawn = visualization.draw_segmentation_masks(images, masks, 3)
    expected = np.stack([images, drawn, drawn], axis=1).reshape(6, 64, 80, 3)
    if data_format == "channels_first":
        images, masks = images.transpose(0, 3, 1, 2), masks.transpose(0, 3, 1, 2)
    visualization.plot_bounding_box_gallery(
        images / 255.0,
        "xyxy",
        BOXES,
        BOXES,
        value_range=(0, 1),
        true_color=RED,
        pred_color=(0, 255, 0),
        ground_truth_mapping={0: "cat"},
        class_mapping={0: "dog"},
        legend=True,
        data_format=data_format,
        path=str(tmp_path / "boxes.png"),
    )
    visualization.plot_segmentation_mask_gallery(
        images, 3, y_true=masks, y_pred=masks.astype("float32"), data_format=data_format
    )
    (found, settings), (columns, grid) = shown
    np.testing.assert_allclose(found.astype(int), boxes, atol=1)
    assert [handle.get_label() for handle in settings["legend_handles"]] == ["Ground Truth", "Prediction"]
    np.testing.assert_array_equal(columns, expected)
    assert (grid["rows"], grid["cols"]) == (2, 3)


def test_files(tmp_path):
    path = tmp_path / "gallery.png"
    visualization.plot_bounding_box_gallery(IMAGES, "xyxy", BOXES, legend=True, rows=1, path=path, dpi=50, scale=3)
    height, width, _ = keras.utils.img_to_array(keras.utils.load_img(path)).shape
    assert 200 < width <= 300 and 100 < height <= 150
    assert not pyplot.get_fignums()


def test_what_is_refused(monkeypatch):
    draw, gallery = visualization.draw_bounding_boxes, visualization.plot_image_gallery
    for function in (
        lambda x: draw(x, BOXES, "xyxy"),
        lambda x: visualization.draw_segmentation_masks(x, np.zeros((64, 80), int)),
        gallery,
        lambda x: visualization.plot_bounding_box_gallery(x, "xyxy"),
        lambda x: visualization.plot_segmentation_mask_gallery(x, 3),
    ):
        with pytest.raises(ValueError, match=r"must be batched 4D tensor. Received: images.shape=\(64, 80, 3\)"):
            function(IMAGES[0])
    with pytest.raises(TypeError, match="should be a dict"):
        draw(IMAGES, BOXES["boxes"], "xyxy")
    with pytest.raises(ValueError, match="containing 'boxes' and 'labels'"):
        draw(IMAGES, {"boxes": BOXES["boxes"]}, "xyxy")
    with pytest.raises(TypeError, match="integer dtype. Received: segmentation_masks.dtype=float64"):
        visualization.draw_segmentation_masks(IMAGES, np.zeros((2, 64, 80)))
    with pytest.raises(ValueError, match="as many channels as the images"):
        visualization.draw_segmentation_masks(IMAGES[..., :1], np.zeros((2, 64, 80), int), 3)
    with pytest.raises(ValueError, match="either `path` to be set, or `show`"):
        gallery(IMAGES, path="x.png", show=True)
    with pytest.raises(ValueError, match="`label_map` must also be provided"):
        gallery(IMAGES, y_true=[0, 1])
    with pytest.raises(ValueError, match="`legend` OR `legend_handles`"):
        visualization.plot_bounding_box_gallery(IMAGES, "xyxy", legend=True, legend_handles=[1])
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="needs Pillow"):
        draw(IMAGES, BOXES, "xyxy")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for function in (gallery, visualization.plot_bounding_box_gallery, visualization.plot_segmentation_mask_gallery):
        with pytest.raises(ImportError, match=f"The `{function.__name__}` function requires the `matplotlib` package"):
            function(IMAGES, 3)
