"""Preprocessing layers in models, files and pipelines; their values are in reference/rows_preprocessing.py."""

import json

import numpy as np
import pytest

import fastkeras
from fastkeras import layers

IMAGES = np.random.RandomState(0).uniform(0, 255, (6, 8, 8, 3)).astype("float32")
RANDOM = [
    layers.RandomFlip("horizontal", seed=3),
    layers.RandomRotation(0.2, seed=3),
    layers.RandomZoom(0.3, 0.2, seed=3),
    layers.RandomTranslation(0.2, 0.3, "constant", seed=3),
    layers.RandomContrast(0.5, seed=3),
    layers.RandomBrightness(0.5, seed=3),
    layers.RandomInvert(seed=3),
    layers.Solarization(0.5, 0.5, seed=3),
    layers.RandomCrop(5, 6, seed=3),
]


@pytest.mark.parametrize("template", RANDOM, ids=lambda layer: type(layer).__name__)
def test_random_layers_draw_in_training(template):
    def make():
        return type(template).from_config(json.loads(json.dumps(template.get_config())))

    layer = make()
    first, second = layer(IMAGES).numpy(), layer(IMAGES).numpy()  # as Keras, they act unless told otherwise
    assert first.shape == layer.compute_output_shape(IMAGES.shape)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(make()(IMAGES).numpy(), first)  # the seed decides
    np.testing.assert_array_equal(layer(IMAGES, training=False).numpy(), IMAGES)


def test_gray_and_inverted_are_as_many_images_as_the_factor_says():
    images = np.random.RandomState(0).uniform(0, 255, (4000, 1, 1, 3)).astype("float32")
    for layer, share in ((layers.RandomGrayscale(0.3, seed=1), 0.3), (layers.RandomInvert((0.2, 0.6), seed=1), 0.4)):
        changed = (layer(images).numpy() != images).any(axis=(1, 2, 3))
        assert abs(changed.mean() - share) < 0.03
        data = layer({"images": images[:5], "labels": np.arange(5), "segmentation_masks": images[:5]})
        np.testing.assert_array_equal(data["segmentation_masks"], images[:5])
        np.testing.assert_array_equal(data["labels"], np.arange(5))


def test_in_a_model():
    model = fastkeras.Sequential(
        [
            fastkeras.Input((8, 8, 3)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip(seed=1),
            layers.RandomRotation(0.1, seed=1),
            layers.RandomZoom(0.1, seed=1),
            layers.RandomContrast(0.1, value_range=(0, 1), seed=1),
            layers.RandomGrayscale(0.5, seed=1),
            layers.RandomInvert(0.5, (0, 1), seed=1),
            layers.Solarization(0.1, 0.5, (0, 1), seed=1),
            layers.Resizing(6, 6),
            layers.CenterCrop(4, 4),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    assert model.layers[-3].output.shape == (None, 4, 4, 3)
    model.compile("sgd", "mse")
    y = np.zeros(6)
    history = model.fit(IMAGES, y, epochs=2, batch_size=3, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    copy = fastkeras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(copy.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0), rtol=1e-5)


def test_gradients_flow_through_warps():
    model = fastkeras.Sequential(
        [fastkeras.Input((8, 8, 3)), layers.EinsumDense("bhwc,cd->bhwd", (None, 8, 2)), layers.RandomRotation(0.1)]
    )
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.fit(IMAGES / 255, np.zeros((6, 8, 8, 2)), verbose=0)
    assert not np.array_equal(before, model.get_weights()[0])


def test_dictionaries_of_images_labels_and_masks():
    masks = (IMAGES[..., :1] > 100).astype("float32")
    data = {"images": IMAGES, "labels": np.arange(6), "segmentation_masks": masks}
    out = layers.RandomTranslation((0.25, 0.25), 0.0)(data)
    np.testing.assert_array_equal(out["labels"].numpy(), np.arange(6))
    assert set(np.unique(out["segmentation_masks"].numpy())) <= {0.0, 1.0}
    np.testing.assert_array_equal(out["segmentation_masks"].numpy()[:, 2:], masks[:, :-2])
    np.testing.assert_array_equal(data["images"], IMAGES)


BOXES = {"boxes": np.arange(48).reshape(6, 2, 4), "labels": np.arange(12).reshape(6, 2)}


def test_boxes_are_filled_up_in_models_and_come_back_from_files():
    layer = layers.MaxNumBoundingBoxes(3, fill_value=-2, bounding_box_format="xywh")
    copy = layers.MaxNumBoundingBoxes.from_config(json.loads(json.dumps(layer.get_config())))
    assert (copy.fill_value, copy.bounding_box_format) == (-2, "xywh")
    sizes = {"images": (8, 8, 3), "boxes": (2, 4), "labels": (2,)}
    inputs = {name: fastkeras.Input(size, name=name) for name, size in sizes.items()}
    given = {"boxes": inputs["boxes"], "labels": inputs["labels"]}
    outputs = copy({"images": inputs["images"], "bounding_boxes": given})["bounding_boxes"]
    assert (outputs["boxes"].shape, outputs["labels"].shape) == ((None, 3, 4), (None, 3))
    found = fastkeras.Model(inputs, outputs).predict({"images": IMAGES, **BOXES}, verbose=0)
    expected = layer({"images": IMAGES, "bounding_boxes": BOXES, "labels": np.arange(6)})["bounding_boxes"]
    for key in BOXES:
        np.testing.assert_array_equal(found[key], expected[key].numpy())
        np.testing.assert_array_equal(found[key][:, :2], BOXES[key])
        assert (found[key][:, 2] == -2).all()
    shape = {"bounding_boxes": {"boxes": (2, 4), "labels": (2,), "scores": (2,)}}
    with pytest.raises(KeyError, match="unsupported keys in `bounding_boxes`.*scores"):
        layer.compute_output_shape(shape)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (BOXES["boxes"], "dict with keys 'boxes' and 'labels'"),
        ({"boxes": BOXES["boxes"]}, "dict with keys 'boxes' and 'labels'"),
        ({**BOXES, "boxes": np.zeros(4)}, r"rank 2 or 3.*Received: bounding_boxes\['boxes'\].shape=\(4,\)"),
        ({**BOXES, "labels": np.zeros(6)}, "the rank of the boxes or one less"),
    ],
)
def test_boxes_that_are_refused(boxes, message):
    layer = layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    with pytest.raises(ValueError, match=message):
        layer({"images": IMAGES, "bounding_boxes": boxes})
    with pytest.raises(ValueError, match="didn't specify a bounding box format"):
        layers.MaxNumBoundingBoxes(3)({"images": IMAGES, "bounding_boxes": boxes})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomRotation(3), "range"),
        (lambda: layers.RandomRotation("a"), "factor"),
        (lambda: layers.RandomZoom(-1.0), "height_factor"),
        (lambda: layers.RandomZoom((0.1, 0.2, 0.3)), "height_factor"),
        (lambda: layers.RandomTranslation(0.1, 2), "width_factor"),
        (lambda: layers.RandomFlip("sideways"), "sideways"),
        (lambda: layers.RandomFlip(factor=1), "factor"),
        (lambda: layers.RandomContrast(0.1, value_range=3), "value_range"),
        (lambda: layers.RandomInvert(1.5), "factor=1.5"),
        (lambda: layers.RandomGrayscale(-0.1), "should be between 0 and 1. Received: factor=-0.1"),
        (lambda: layers.Solarization((0.1, 1.1)), r"addition_factor=\(0.1, 1.1\)"),
        (lambda: layers.Solarization(0.1, "much"), "threshold_factor=much"),
        (lambda: layers.Solarization(value_range=(1, 2, 3)), "value_range"),
        (lambda: layers.Resizing(2, 2, data_format="x"), "data_format"),
        (lambda: layers.Resizing(2, 2)(np.zeros((2, 2))), "Expected image tensor to have rank 3"),
        (lambda: layers.RandomBrightness(0.1)(np.zeros((2, 2))), "Expected the input image to be rank 3 or 4"),
        (lambda: layers.Resizing(2, 2, "cubic")(IMAGES), "interpolation"),
        (lambda: layers.CategoryEncoding(), "num_tokens"),
        (lambda: layers.CategoryEncoding(3, "dense"), "Unknown arg for output_mode: dense"),
        (lambda: layers.CategoryEncoding(3, sparse=True), "there are no sparse tensors"),
        (lambda: layers.CategoryEncoding(3)([[1]], count_weights=[[1.0]]), "count_weights"),
        (lambda: layers.Discretization(), "num_bins"),
        (lambda: layers.Discretization([1.0], 3), "Both"),
        (lambda: layers.Discretization([1.0]).adapt([1.0]), "Cannot adapt"),
        (lambda: layers.Discretization(num_bins=3)([1.0]), "adapt"),
        (lambda: layers.StringLookup(max_tokens=1), "max_tokens"),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), "repeated"),
        (lambda: layers.StringLookup(vocabulary=[]), "empty"),
        (lambda: layers.StringLookup(vocabulary=["a", "b"], max_tokens=2), "larger"),
        (lambda: layers.StringLookup(vocabulary=["a", ""], mask_token=""), "mask token"),
        (lambda: layers.StringLookup(vocabulary=["a"]).adapt(["b"]), "static vocabulary"),
        (lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"]), "OOV"),
        (lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"), "idf_weights"),
        (lambda: layers.IntegerLookup(salt=3), "salt"),
        (lambda: layers.IntegerLookup(oov_method="md5"), "oov_method"),
        (lambda: layers.Hashing(0), "num_bins"),
        (lambda: layers.Hashing(3, salt=(1, 2, 3)), "salt"),
        (lambda: layers.Hashing(3, dtype="float32"), "integer type"),
        (lambda: layers.Hashing(3, output_mode="tf_idf"), "Invalid value for argument `output_mode`. Expected one of"),
        (lambda: layers.Hashing(3, sparse=True), "`sparse` may only be true if `output_mode` is"),
        (lambda: layers.StringLookup(sparse=True), "`sparse` may only be true if `output_mode` is"),
        (lambda: layers.Hashing(3, output_mode="count", sparse=True), "there are no sparse tensors"),
        (lambda: layers.TextVectorization(split="lines"), "split"),
        (lambda: layers.TextVectorization(ngrams="2"), "ngrams"),
        (lambda: layers.TextVectorization(ragged=True), "ragged"),
        (
            lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3),
            "`output_sequence_length` must not be set if `output_mode` is not 'int'",
        ),
        (lambda: layers.TextVectorization(output_sequence_length="3"), "must be either None or an integer"),
        (lambda: layers.TextVectorization(vocabulary=["a"])([["a", "b"]]), "input rank"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_words_are_not_numbers():
    with pytest.raises(TypeError, match="strings"):
        layers.StringLookup(vocabulary=["a"])([1, 2])
    with pytest.raises(TypeError, match="integers"):
        layers.IntegerLookup(vocabulary=[1])([1.5])
    with pytest.raises(RuntimeError, match="vocabulary"):
        layers.StringLookup(output_mode="count")(["a"])


def test_strings_and_back():
    lookup = layers.StringLookup(vocabulary=["a", "b"])
    inverse = layers.StringLookup(vocabulary=["a", "b"], invert=True)
    for words in (["b", "?"], np.array(["b", "?"], object), np.array([b"b", b"?"])):
        assert inverse(lookup(words)).tolist() == ["b", "[UNK]"]
    assert int(lookup("b")) == 2


def test_vocabulary_files(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "a", "b"]
    for cls in (layers.StringLookup, layers.TextVectorization):
        with pytest.raises(ValueError, match="outside of the model archive"):
            cls.from_config({**cls().get_config(), "vocabulary": str(path)})


@pytest.mark.parametrize("output_mode", ["int", "tf_idf"])
def test_vocabularies_are_saved(tmp_path, output_mode):
    class Model(fastkeras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.words = layers.TextVectorization(output_mode=output_mode)

        def build(self, input_shape):
            pass

        def call(self, x):
            return x

        def get_config(self):
            return {}

    model = Model()
    model(np.zeros((1, 1)))
    model.words.adapt(["the cat", "the dog \u00e9t\u00e9"])
    model.save(tmp_path / "model.keras")
    again = fastkeras.models.load_model(tmp_path / "model.keras", custom_objects={"Model": Model})
    assert again.words.get_vocabulary() == model.words.get_vocabulary()
    expected = model.words(["the dog", "cat ?"]).numpy()
    np.testing.assert_allclose(again.words(["the dog", "cat ?"]).numpy(), expected)


def test_functions_cut_texts():
    layer = layers.TextVectorization(
        standardize=np.char.upper, split=lambda texts: [text.split("-") for text in texts], vocabulary=["A", "B"]
    )
    assert layer(["a-b", "b-x-a"]).numpy().tolist() == [[2, 3, 0], [3, 1, 2]]
    layer = layers.TextVectorization(
        standardize=None,
        split=lambda texts: [np.array(text.encode().split(b"|"), object) for text in texts],
        vocabulary=["\u00e9", "b"],
    )
    assert layer(["b|\u00e9", "c"]).numpy().tolist() == [[3, 2], [1, 0]]  # bytes, as TensorFlow's splits return
    assert layers.TextVectorization(split=None, vocabulary=["a b"])(["a b", "c"]).numpy().tolist() == [2, 1]


def test_normalization_from_batches():
    data = np.random.RandomState(1).normal(3, 2, (50, 4)).astype("float32")
    layer = layers.Normalization()
    layer.adapt([data[:20], data[20:]])
    np.testing.assert_allclose(layer(data).numpy().std(0), 1, rtol=1e-4)
    mean = layer.mean.numpy()
    layer.finalize_state()
    np.testing.assert_array_equal(layer.mean.numpy(), mean)
    np.testing.assert_array_equal(layer.convert_weight([1.0]).numpy(), [1.0])


def test_layers_that_were_written_for_keras_find_its_backend():
    class Noisy(layers.RandomFlip):
        def call(self, inputs):
            shape = self.backend.shape(inputs)
            seed = self._get_seed_generator(self.backend._backend)
            chosen = self.backend.random.uniform((shape[0], 1, 1, 1), 0.0, 1.0, seed=seed) > 0.5
            grey = self.backend.image.rgb_to_grayscale(self.backend.convert_to_tensor(inputs))
            return self.backend.numpy.where(chosen, grey, self.backend.cast(inputs, "float32"))

    found = Noisy(seed=1)(IMAGES).numpy()
    changed = (found != IMAGES).any(axis=(1, 2, 3))
    assert 0 < changed.sum() < len(IMAGES)
    assert (found[changed] == found[changed][..., :1]).all()
    with pytest.raises(ValueError, match="`seed` and `generator` variable must be set"):
        layers.Resizing(2, 2)._get_seed_generator()
