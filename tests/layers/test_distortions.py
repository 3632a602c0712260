"""Layers that warp, blur and erase; what they compute is in reference/rows_distortions.py."""

import json

import numpy as np
import pytest

import fastkeras
from fastkeras import layers

IMAGES = np.random.RandomState(0).uniform(0, 255, (6, 8, 9, 3)).astype("float32")
RANDOM = [
    layers.RandomShear(0.4, (0.1, 0.5), seed=3),
    layers.RandomErasing(0.9, seed=3),
    layers.RandomErasing((0.8, 1.0), fill_value=(1, 2, 3), seed=3),
    layers.RandomGaussianBlur(0.9, 5, (0.3, 1.0), seed=3),
    layers.RandomPerspective(0.9, 0.6, seed=3),
    layers.RandomElasticTransform(0.9, (0.5, 1.0), "nearest", "constant", 9.0, seed=3),
]


@pytest.mark.parametrize("template", RANDOM, ids=lambda layer: type(layer).__name__)
def test_random_layers_draw_in_training(template):
    def make():
        return type(template).from_config(json.loads(json.dumps(template.get_config())))

    layer = make()
    first, second = layer(IMAGES).numpy(), layer(IMAGES).numpy()
    assert first.shape == layer.compute_output_shape(IMAGES.shape)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(make()(IMAGES).numpy(), first)  # the seed decides
    compiled = fastkeras.engine.Function(lambda x: make()(x, training=True))(IMAGES)
    np.testing.assert_allclose(compiled.numpy(), first, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(layer(IMAGES, training=False).numpy(), IMAGES)
    assert layer(IMAGES[0]).shape == IMAGES[0].shape


def test_in_a_model_and_its_file(tmp_path):
    model = fastkeras.Sequential(
        [
            fastkeras.Input((8, 9, 3)),
            *(type(layer).from_config(layer.get_config() | {"name": f"augment_{i}"}) for i, layer in enumerate(RANDOM)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    history = model.fit(IMAGES, np.zeros(6), epochs=2, batch_size=3, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[0] != history[1]
    model.save(tmp_path / "model.keras")
    again = fastkeras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    configs = [[layer.get_config() for layer in m.layers] for m in (model, again)]
    assert json.dumps(configs[0]) == json.dumps(configs[1])


def test_as_many_images_change_as_the_factor_says():
    images = np.random.RandomState(0).uniform(0, 255, (2000, 4, 4, 1)).astype("float32")
    for make in (
        lambda factor: layers.RandomErasing(factor, (1, 1), seed=1),
        lambda factor: layers.RandomGaussianBlur(factor, sigma=(1, 1), seed=1),
        lambda factor: layers.RandomPerspective(factor, seed=1),
        lambda factor: layers.RandomElasticTransform(factor, (1, 1), seed=1),
    ):
        for factor, share in ((0.6, 0.3), ((0.5, 0.9), 0.7)):
            changed = (make(factor)(images).numpy() != images).any(axis=(1, 2, 3))
            assert abs(changed.mean() - share) < 0.05


def test_erased_parts_are_rectangles_of_the_size_that_scale_says():
    images = np.zeros((500, 20, 30, 1), "float32")
    erased = layers.RandomErasing((1, 1), (0.25, 0.25), fill_value=9, seed=1)(images).numpy()[..., 0] == 9
    for axis, length in ((2, 10), (1, 15)):
        sides = erased.any(axis=axis).sum(axis=1)
        assert set(sides) <= {length - 1, length, length + 1}
        starts = erased.any(axis=axis).argmax(axis=1)
        assert starts.min() <= 1 and starts.max() >= length - 1  # everywhere in the image
    assert (erased.sum(axis=(1, 2)) == erased.any(axis=2).sum(axis=1) * erased.any(axis=1).sum(axis=1)).all()


def test_noise_is_clipped_to_the_range():
    noise = layers.RandomErasing((1, 1), (1, 1), value_range=(0, 10), seed=1)(np.ones((8, 16, 16, 3))).numpy()
    assert noise.min() == 0 and noise.max() == 10 and abs((noise == 0).mean() - 0.5) < 0.05


def test_filling_of_channels():
    filled = layers.RandomErasing((1, 1), (1, 1), (1, 2, 300), data_format="channels_first")(np.zeros((2, 3, 4, 5)))
    np.testing.assert_array_equal(filled.numpy(), np.broadcast_to([[[1]], [[2]], [[255]]], (2, 3, 4, 5)))
    with pytest.raises(ValueError, match="broadcast"):
        layers.RandomErasing((1, 1), (1, 1), (1, 2, 3))(np.zeros((2, 3, 4, 1)))


def test_shears_are_drawn_for_both_sides():
    layer = layers.RandomShear((0.1, 0.3), 0.2, seed=1)
    shears = layer.get_random_transformation(np.zeros((4000, 4, 4, 1)))["shear_factor"].numpy()
    assert 0.1 <= np.abs(shears[:, 0]).min() and np.abs(shears).max(0).tolist() == pytest.approx([0.3, 0.2], abs=0.01)
    assert (np.abs(shears.mean(0)) < 0.02).all() and abs(np.corrcoef(shears.T)[0, 1]) < 0.05


def test_a_file_of_keras_writes_one_number_for_shear_as_a_pair():
    assert layers.RandomShear((-0.3, 0.3)).x_lower == layers.RandomShear(0.3).x_lower == -0.3
    assert layers.RandomShear(0.3).get_config()["x_factor"] == 0.3


def test_perspective_moves_corners_as_far_as_scale_says():
    layer = layers.RandomPerspective(scale=0.5, seed=1)
    drawn = layer.get_random_transformation(np.zeros((500, 11, 21, 1)))
    start, end = drawn["start_points"].numpy(), drawn["end_points"].numpy()
    assert start[0].tolist() == [[0, 0], [20, 0], [0, 10], [20, 10]]
    moved = (end / np.maximum(start, 1) - 1)[start > 0]
    assert moved.min() == pytest.approx(-0.25, abs=0.01) and moved.max() == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomPerspective(interpolation="nearest", seed=1),
        layers.RandomElasticTransform((1, 1), (1, 1), interpolation="nearest", seed=1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_masks_move_with_their_images(layer):
    masks = (IMAGES[..., :1] > 100).astype("float32")
    data = layer(
        {"images": np.concatenate([IMAGES, masks], axis=-1), "labels": np.arange(6), "segmentation_masks": masks}
    )
    np.testing.assert_array_equal(data["segmentation_masks"].numpy(), data["images"].numpy()[..., 3:])
    assert not np.array_equal(data["segmentation_masks"].numpy(), masks)
    np.testing.assert_array_equal(data["labels"], np.arange(6))


@pytest.mark.parametrize(
    "layer", [layers.RandomErasing(seed=1), layers.RandomGaussianBlur(seed=1)], ids=lambda layer: type(layer).__name__
)
def test_masks_stay_where_only_values_change(layer):
    data = layer({"images": IMAGES, "segmentation_masks": IMAGES[..., :1]})
    np.testing.assert_array_equal(data["segmentation_masks"], IMAGES[..., :1])


def test_nothing_to_draw():
    for layer in (layers.RandomElasticTransform(0.0), layers.RandomElasticTransform(scale=0.0)):
        assert layer.get_random_transformation(IMAGES) is None
        np.testing.assert_array_equal(layer(IMAGES), IMAGES)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.RandomShear(-0.1), ValueError, "x_factor=-0.1"),
        (lambda: layers.RandomShear(0.1, (0.2, 1.3)), ValueError, r"y_factor=\(0.2, 1.3\)"),
        (lambda: layers.RandomShear((0.1, 0.2, 0.3)), ValueError, "x_factor"),
        (lambda: layers.RandomShear((-0.2, 0.3)), ValueError, "x_factor"),
        (lambda: layers.RandomShear("much"), ValueError, "x_factor=much"),
        (lambda: layers.RandomShear(fill_mode="mirror"), NotImplementedError, "fill_mode='mirror'"),
        (lambda: layers.RandomErasing(1.5), ValueError, "factor=1.5"),
        (lambda: layers.RandomErasing(scale=(1.5, 2)), ValueError, r"`scale`.*scale=\(1.5, 2\)"),
        (lambda: layers.RandomErasing(fill_value=(1, 2)), ValueError, r"fill_value=\(1, 2\)"),
        (lambda: layers.RandomErasing(fill_value="red"), ValueError, "fill_value=red"),
        (lambda: layers.RandomErasing()(np.zeros((2, 2))), ValueError, "rank"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), ValueError, "odd number. Received: kernel_size=4"),
        (lambda: layers.RandomGaussianBlur(kernel_size=(3, 3, 3)), ValueError, "list of two numbers"),
        (lambda: layers.RandomGaussianBlur(sigma=2), ValueError, "`sigma`.*sigma=2"),
        (lambda: layers.RandomGaussianBlur(value_range=1), ValueError, "value_range=1"),
        (lambda: layers.RandomPerspective(scale=1.1), ValueError, "scale=1.1"),
        (lambda: layers.RandomPerspective(interpolation="cubic"), NotImplementedError, "interpolation='cubic'"),
        (lambda: layers.RandomElasticTransform(scale=-0.1), ValueError, "scale=-0.1"),
        (lambda: layers.RandomElasticTransform(fill_mode="edge"), NotImplementedError, "fill_mode='edge'"),
        (lambda: layers.RandomElasticTransform(value_range=(1, 2, 3)), ValueError, "value_range"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("template", RANDOM[:1] + RANDOM[4:], ids=lambda layer: type(layer).__name__)
def test_one_image_warps_as_in_a_batch(template):
    drawn = template.get_random_transformation(IMAGES[:1])
    one = template.transform_images(IMAGES[0], drawn)
    np.testing.assert_array_equal(one, template.transform_images(IMAGES[:1], drawn).numpy()[0])
    assert not np.array_equal(one, IMAGES[0])
