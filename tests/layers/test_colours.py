"""Layers of colours and of mixed images in models, files and dictionaries; values are in reference/rows_colours.py."""

import json

import numpy as np
import pytest

import fastkeras
from fastkeras import layers

IMAGES = np.random.RandomState(0).uniform(0, 255, (6, 8, 8, 3)).astype("float32")
LABELS = np.eye(6, dtype="float32")
MASKS = (IMAGES[..., :1] > 100).astype("float32")
RANDOM = [
    layers.RandomHue(0.5, seed=3),
    layers.RandomSaturation((0.2, 0.9), (0, 1), seed=3),
    layers.RandomColorDegeneration(0.5, seed=3),
    layers.RandomColorJitter((0, 255), 0.3, 0.4, 0.5, 0.6, seed=3),
    layers.RandomPosterization(6, seed=3),
    layers.RandomSharpness(1.0, seed=3),
    layers.MixUp(0.8, seed=3),
    layers.CutMix(seed=3),
    layers.RandAugment(num_ops=3, factor=(0.2, 0.7), seed=3),
    layers.AugMix(num_chains=2, chain_depth=2, seed=3),
]
FIXED = [
    layers.AutoContrast(),
    layers.Equalization(bins=64),
    layers.ContrastLimitedAdaptiveHistogramEqualization((0, 255), 2.0, (2, 3)),
]
CLAHE = layers.ContrastLimitedAdaptiveHistogramEqualization


def again(layer):
    return type(layer).from_config(json.loads(json.dumps(layer.get_config())))


def name_of(layer):
    return type(layer).__name__


@pytest.mark.parametrize("template", RANDOM, ids=name_of)
def test_random_layers_draw_in_training(template):
    layer = again(template)
    first, second = layer(IMAGES).numpy(), layer(IMAGES).numpy()
    assert first.shape == IMAGES.shape == layer.compute_output_shape(IMAGES.shape)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(again(template)(IMAGES).numpy(), first)  # the seed decides
    np.testing.assert_array_equal(layer(IMAGES, training=False).numpy(), IMAGES)
    assert first.min() >= -1e-3 and first.max() <= 255.001


@pytest.mark.parametrize("layer", [*RANDOM, *FIXED], ids=name_of)
def test_formats_and_dtypes(layer):
    config = {**layer.get_config(), "data_format": "channels_first"}
    first = type(layer).from_config(config)(IMAGES.transpose(0, 3, 1, 2), training=True).numpy()
    last = again(layer)(IMAGES, training=True).numpy()
    np.testing.assert_allclose(first.transpose(0, 2, 3, 1), last, atol=1e-3)
    half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})
    y = half(IMAGES / 255, training=True)
    assert y.dtype == "bfloat16" and np.isfinite(y.numpy().astype("float32")).all()
    assert again(layer)(IMAGES[0], training=True).shape == IMAGES[0].shape


@pytest.mark.parametrize("layer", [*RANDOM, *FIXED], ids=name_of)
def test_in_compiled_models_and_files(layer, tmp_path):
    model = fastkeras.Sequential(
        [fastkeras.Input((8, 8, 3)), again(layer), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1)]
    )
    assert model.layers[0].output.shape == (None, 8, 8, 3)
    model.compile("sgd", "mse")
    history = model.fit(IMAGES, np.zeros(6), epochs=2, batch_size=4, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[0] != history[1]
    model.save(tmp_path / "model.keras")
    copy = fastkeras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    np.testing.assert_array_equal(copy(IMAGES, training=True).numpy(), model(IMAGES, training=True).numpy())


@pytest.mark.parametrize("layer", [*RANDOM[:6], *FIXED], ids=name_of)
def test_labels_and_masks_stay(layer):
    data = layer({"images": IMAGES, "labels": np.arange(6), "segmentation_masks": MASKS}, training=True)
    np.testing.assert_array_equal(data["labels"].numpy(), np.arange(6))
    np.testing.assert_array_equal(data["segmentation_masks"], MASKS)
    assert data["images"].shape == IMAGES.shape


@pytest.mark.parametrize("layer", RANDOM[6:8], ids=name_of)
def test_labels_and_masks_are_mixed(layer):
    flat = np.broadcast_to(np.arange(6, dtype="float32").reshape(6, 1, 1, 1), (6, 40, 40, 3))
    data = layer({"images": flat, "labels": LABELS, "segmentation_masks": flat[..., :1]})
    images, labels, masks = (data[name].numpy() for name in ("images", "labels", "segmentation_masks"))
    np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-5)
    assert (labels >= 0).all() and not np.array_equal(labels, LABELS)
    np.testing.assert_array_equal(masks, images[..., :1])
    expected = labels @ np.arange(6)
    if isinstance(layer, layers.MixUp):
        np.testing.assert_allclose(images, np.broadcast_to(expected.reshape(6, 1, 1, 1), images.shape), rtol=1e-5)
    else:
        assert set(np.unique(images)) <= set(range(6))
        np.testing.assert_allclose(images.mean((1, 2, 3)), expected, atol=5 * 0.06)  # whole rows and columns
    numbers = layer({"images": IMAGES, "labels": np.arange(6.0)})["labels"]
    assert numbers.shape == (6,) and 0 <= numbers.numpy().min() <= numbers.numpy().max() <= 5
    alone = layer({"images": IMAGES[0], "labels": LABELS[0], "segmentation_masks": MASKS[0]})
    for name, value in (("images", IMAGES), ("labels", LABELS), ("segmentation_masks", MASKS)):
        np.testing.assert_allclose(alone[name].numpy(), value[0], rtol=1e-6)


def test_areas_of_cuts():
    drawn = layers.CutMix(seed=1).get_random_transformation(np.zeros((400, 40, 30, 3)))
    share, weight = drawn["batch_masks"].numpy().mean((1, 2, 3)), drawn["mix_weight"].numpy()
    np.testing.assert_allclose(share, 1 - weight, atol=0.06)  # whole rows and columns
    assert share.min() < 0.1 and share.max() > 0.9
    assert drawn["batch_masks"].numpy()[:, 1:, 1:].any(0).all()  # the first places only for cuts that begin at 0.0
    assert sorted(drawn["permutation_order"].numpy()) == list(range(400))


def test_shares_of_mixtures():
    for alpha in (0.2, 1.0, 4.0):
        weight = layers.MixUp(alpha, seed=1).get_random_transformation(np.zeros((4000, 1, 1, 1)))["mix_weight"].numpy()
        assert abs(weight.mean() - 0.5) < 0.03
        assert abs(weight.var() - 1 / (8 * alpha + 4)) < 0.01  # of Beta(alpha, alpha)


def test_what_is_drawn():
    many = np.zeros((2000, 1, 1, 3))

    def drawn(layer, name="factor"):
        return layer.get_random_transformation(many)[name].numpy()

    hue = drawn(layers.RandomHue((0.2, 0.6), seed=1))
    assert 0.1 <= abs(hue).min() < 0.11 < 0.29 < abs(hue).max() <= 0.3 and abs((hue > 0).mean() - 0.5) < 0.05
    saturation = drawn(layers.RandomSaturation((0.25, 0.75), seed=1))
    assert 1 / 3 - 1e-3 < saturation.min() < 0.35 < 2.9 < saturation.max() < 3.001
    shifts = drawn(layers.RandomPosterization((3, 6), seed=1), "shift_factor")
    assert sorted(set(shifts)) == [3, 4, 5] and (np.bincount(shifts)[3:] > 500).all()
    dull = drawn(layers.RandomColorDegeneration(0.5, seed=1))
    assert -0.5 <= dull.min() < -0.48 < 0.48 < dull.max() <= 0.5


def test_jitter_is_its_parts():
    jitter = layers.RandomColorJitter((0, 255), 0.3, 0.4, hue_factor=0.6, seed=3)
    drawn = jitter.get_random_transformation(IMAGES)
    assert jitter.random_saturation is None and len(drawn) == 3
    expected = IMAGES
    for part, transformation in zip((jitter.random_brightness, jitter.random_contrast, jitter.random_hue), drawn):
        expected = part.transform_images(expected, transformation)
    np.testing.assert_array_equal(jitter.transform_images(IMAGES, drawn).numpy(), expected.numpy())
    np.testing.assert_array_equal(layers.RandomColorJitter()(IMAGES).numpy(), IMAGES)


def test_fixed_layers_in_inference():
    for layer in (layers.AutoContrast(), CLAHE()):
        np.testing.assert_array_equal(layer(IMAGES, training=False).numpy(), layer(IMAGES).numpy())
        assert not np.array_equal(layer(IMAGES).numpy(), IMAGES)
    np.testing.assert_array_equal(layers.Equalization()(IMAGES, training=False).numpy(), IMAGES)
    assert CLAHE()(IMAGES.astype("uint8")).dtype == "uint8"
    plain = np.full((2, 8, 8, 3), 7.0)
    for layer in (layers.AutoContrast(), layers.Equalization()):
        np.testing.assert_array_equal(layer(plain).numpy(), plain)


POLICIES = [layers.RandAugment(factor=0.8, seed=5), layers.AugMix(all_ops=False, seed=5)]


@pytest.mark.parametrize("layer", POLICIES, ids=name_of)
def test_policies_choose_and_move_masks(layer):
    masks = np.broadcast_to(IMAGES[..., :1], IMAGES.shape)
    data = {"images": masks, "labels": np.arange(6), "segmentation_masks": masks.astype("uint8")}
    moved = 0
    for _ in range(12):
        result = layer(data)
        np.testing.assert_array_equal(result["labels"].numpy(), np.arange(6))
        assert result["segmentation_masks"].dtype == "float32"
        moved += not np.array_equal(result["segmentation_masks"].numpy(), masks.astype("uint8"))
    assert 0 < moved < 12 or isinstance(layer, layers.AugMix)  # colours are as likely as warps


def test_compiled_policies_are_eager_ones():
    for template in POLICIES:
        eager, compiled = again(template), again(template)
        run = fastkeras.engine.Function(lambda x: compiled(x, training=True))  # noqa: B023
        for _ in range(3):  # the choice is drawn in every run
            np.testing.assert_allclose(run(IMAGES).numpy(), eager(IMAGES).numpy(), rtol=1e-3, atol=0.05)


def test_choices_are_even():
    layer = layers.RandAugment(num_ops=3000, seed=1)
    choices = np.bincount(layer.get_random_transformation(IMAGES)["layer_idxes"].numpy(), minlength=11)
    assert len(choices) == 11 and (abs(choices / 3000 - 1 / 11) < 0.02).all()
    mixes = [layers.AugMix(num_chains=4, chain_depth=1, seed=i).get_random_transformation(IMAGES) for i in range(60)]
    weights = np.array([mix["chain_mixing_weights"].numpy() for mix in mixes])
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-5)
    assert abs(weights.mean(0) - 0.25).max() < 0.08
    steps = {int(chain[0]["layer_idx"]) for mix in mixes for chain in mix["chain_transforms"]}
    assert steps == set(range(12))  # 11: no layer
    assert not hasattr(layers.AugMix(all_ops=False), "random_contrast")


def test_pipeline(tmp_path):
    pipeline = layers.Pipeline([layers.RandomHue(0.5, seed=1), layers.MixUp(seed=2), layers.CenterCrop(4, 4)])
    assert [type(layer).__name__ for layer in pipeline.layers] == ["RandomHue", "MixUp", "CenterCrop"]
    data = pipeline({"images": IMAGES, "labels": LABELS})
    assert data["images"].shape == (6, 4, 4, 3)
    np.testing.assert_allclose(data["labels"].numpy().sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(pipeline(IMAGES, training=False).numpy(), IMAGES[:, 2:6, 2:6])
    model = fastkeras.Sequential([fastkeras.Input((8, 8, 3)), pipeline, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(IMAGES / 255, np.zeros(6), verbose=0)
    model.save(tmp_path / "model.keras")
    copy = fastkeras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy(IMAGES, training=True).numpy(), model(IMAGES, training=True).numpy())


def test_pipeline_passes_masks_on():
    x = np.array([[[1.0], [0.0], [2.0]]])
    pipeline = layers.Pipeline([layers.Masking(), layers.LSTM(2, seed=1)])
    expected = pipeline.layers[1](x, mask=np.array([[True, False, True]]))
    np.testing.assert_array_equal(pipeline(x).numpy(), expected.numpy())
    alone = layers.Pipeline([pipeline.layers[1]])
    with pytest.warns(UserWarning, match="does not support masking"):
        y = alone(x, mask=np.array([[True, False, True]]))
    np.testing.assert_array_equal(y.numpy(), expected.numpy())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomHue(-0.1), r"range \[0, 1\]. Received: factor=-0.1"),
        (lambda: layers.RandomHue(0.1, 255), "value_range=255"),
        (lambda: layers.RandomHue(0.1)(IMAGES[..., :1]), r"RandomHue\] images must have 3 channels. Received: shape="),
        (lambda: layers.RandomSaturation(1.1), r"range \[-1, 1\]. Received: factor=1.1"),
        (lambda: layers.RandomSaturation(0.1, (1, 2, 3)), "list of two numbers. Received: value_range"),
        (lambda: layers.RandomColorDegeneration("much"), "factor=much"),
        (lambda: layers.RandomColorDegeneration(0.1)(fastkeras.Input((4, 4, 1))), "3 channels, but received .* 1"),
        (lambda: layers.RandomColorDegeneration(0.1).compute_output_shape((4, 4)), "Invalid images rank"),
        (lambda: layers.RandomColorJitter(brightness_factor=2), "factor=2"),
        (lambda: layers.RandomColorJitter((0, 1, 2)), "value_range"),
        (lambda: layers.RandomPosterization(9), r"range \[1, 8\]. Received: factor=9"),
        (lambda: layers.RandomPosterization((2.5, 3)), r"whole numbers. Received: factor=\(2.5, 3\)"),
        (lambda: layers.RandomSharpness((0.1, 0.2, 0.3)), "factor"),
        (lambda: layers.AutoContrast(3), "value_range=3"),
        (lambda: layers.AutoContrast(factor=0.5), "does not take a `factor` argument. Received: factor=0.5"),
        (lambda: layers.Equalization([1]), r"value_range=\[1\]"),
        (lambda: CLAHE(value_range=None), "value_range=None"),
        (lambda: layers.CutMix(1.5), "factor=1.5"),
        (lambda: layers.MixUp(0), "alpha must be above 0. Received: alpha=0"),
        (lambda: layers.MixUp()(np.zeros((2, 2))), "rank"),
        (lambda: layers.RandAugment(factor=2), "factor=2"),
        (lambda: layers.RandAugment(value_range=1), "value_range=1"),
        (lambda: layers.AugMix(factor="much"), "factor=much"),
        (lambda: layers.Pipeline(layers.Identity()), "must be a list of layers"),
        (lambda: layers.Pipeline([abs]), "must be a list of layers. Received: layers="),
        (lambda: layers.Pipeline.from_config({"name": "a"}), "must contain a `layers` key"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
