"""The published networks: weights from a server, wrong arguments, transfer learning."""

import http.server
import pathlib
import sys

import numpy as np
import pytest
from helpers import serving

import fastkeras as keras
from fastkeras.applications import _assembly, convnext, imagenet_utils, inception_resnet_v2, mobilenet

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "reference"))
from rows_applications import plausible

SMALL = {"alpha": 0.25, "input_shape": (128, 128, 3), "include_top": False}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server of the files in a folder; the address that stands in for Keras's own."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "published"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

    with serving(Handler) as made:
        yield folder, f"http://127.0.0.1:{made.server_port}/"


def test_published_weights_are_downloaded_once_and_loaded(server, monkeypatch):
    folder, address = server
    monkeypatch.setattr(mobilenet, "_BASE", address)
    source = keras.applications.MobileNet(weights=None, **SMALL)
    source.save(folder / "mobilenet_2_5_128_tf_no_top.h5")
    x = np.random.RandomState(0).uniform(-1, 1, (2, 128, 128, 3)).astype("float32")
    expected = source.predict(x, verbose=0)
    np.testing.assert_array_equal(keras.applications.MobileNet(**SMALL).predict(x, verbose=0), expected)
    (folder / "mobilenet_2_5_128_tf_no_top.h5").unlink()
    np.testing.assert_array_equal(keras.applications.MobileNet(**SMALL).predict(x, verbose=0), expected)


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    path = tmp_path / "narrow.weights.h5"
    keras.applications.MobileNet(weights=None, **SMALL).save_weights(path)
    with pytest.raises(ValueError, match="shape"):
        keras.applications.MobileNet(weights=str(path), **{**SMALL, "alpha": 0.5})


def test_wrong_arguments():
    build = keras.applications.MobileNetV2
    with pytest.raises(ValueError, match="`weights` argument should be either"):
        build(weights="image_net")
    with pytest.raises(ValueError, match="`classes` should be 1000"):
        build(classes=10)
    with pytest.raises(ValueError, match="Input size must be at least 32x32"):
        build(weights=None, input_shape=(16, 16, 3))
    with pytest.raises(ValueError, match="tuple of three integers"):
        build(weights=None, input_shape=(64, 64))
    with pytest.raises(ValueError, match="static `input_shape`"):
        build(weights=None, input_shape=(None, None, 3))
    with pytest.raises(ValueError, match="alpha must be one of"):
        build(alpha=0.4)
    with pytest.raises(ValueError, match="`input_shape` should be"):
        keras.applications.ResNet50(input_shape=(100, 100, 3))
    with pytest.raises(ValueError, match="Only `None` and `softmax`"):
        _assembly.check_activation("relu", "imagenet")
    with pytest.warns(UserWarning, match="1 or 3 input channels"):
        build(weights=None, input_shape=(32, 32, 4), include_top=False)


def test_wrong_arguments_of_mobilenet_v3():
    build = keras.applications.MobileNetV3Small
    with pytest.raises(ValueError, match="alpha can be one of `0.75`, `1.0` for non minimalistic"):
        build(alpha=0.5)
    with pytest.raises(ValueError, match="or `1.0` for minimalistic only. Received: alpha=0.75"):
        build(alpha=0.75, minimalistic=True)
    with pytest.raises(ValueError, match="Input size must be at least 32x32"):
        build(weights=None, input_tensor=keras.Input((16, 16, 3)))
    with pytest.raises(ValueError, match=r"input_shape\[1\] must equal input_tensor.shape\[2\]"):
        build(weights=None, input_shape=(64, 32, 3), input_tensor=keras.Input((64, 64, 3)))
    with pytest.raises(ValueError, match="valid Keras tensor type"):
        build(weights=None, input_tensor=np.zeros((1, 32, 32, 3)))
    with pytest.warns(UserWarning, match="`rows` is not 224"), pytest.raises(ValueError, match="Only `None` and"):
        build(classifier_activation="relu")


def test_smallest_images():
    for name, size in (("Xception", 71), ("InceptionV3", 75), ("InceptionResNetV2", 75)):
        build = getattr(keras.applications, name)
        with pytest.raises(ValueError, match=f"Input size must be at least {size}x{size}"):
            build(weights=None, input_shape=(size, size - 1, 3))
        with pytest.raises(ValueError, match=r"`input_shape` should be \(299, 299, 3\)"):
            build(input_shape=(size, size, 3))


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize("name", ["DenseNet121", "ConvNeXtTiny", "NASNetMobile"])
def test_networks_that_refuse_channels_first(name, channels_first):
    with pytest.raises(ValueError, match="does not support the `channels_first` image data format"):
        getattr(keras.applications, name)(weights=None, input_shape=(224, 224, 3))


@pytest.mark.parametrize(
    ("name", "side"),
    [("MobileNetV3Small", 32), ("EfficientNetV2B0", 32), ("InceptionV3", 75), ("InceptionResNetV2", 75)],
)
def test_channels_first_computes_the_same(name, side, channels_first):
    build = getattr(keras.applications, name)
    first = build(weights=None, input_shape=(3, side, side), include_top=False, pooling="avg")
    first.set_weights(plausible(first.weights))
    x = np.random.RandomState(0).uniform(0, 255, (1, side, side, 3)).astype("float32")
    found = first.predict(x.transpose(0, 3, 1, 2), verbose=0)
    keras.config.set_image_data_format("channels_last")
    last = build(weights=None, input_shape=(side, side, 3), include_top=False, pooling="avg")
    last.set_weights(first.get_weights())
    expected = last.predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_preprocessing_is_a_part_of_the_model_or_left_to_the_caller():
    x = np.random.RandomState(0).uniform(0, 255, (1, 4, 5, 3)).astype("float32")
    by_channel = (x / 255 - imagenet_utils.CHANNEL_MEANS) / imagenet_utils.CHANNEL_DEVIATIONS
    for build, stem, expected in (
        (keras.applications.MobileNetV3Small, "conv", x / 127.5 - 1),
        (keras.applications.EfficientNetV2B0, "stem_conv", by_channel),
        (keras.applications.EfficientNetV2S, "stem_conv", x / 128 - 1),
    ):
        model = build(weights=None, include_top=False, name="mine")
        assert model.name == "mine"
        read = keras.Model(model.input, model.get_layer(stem).input).predict(x, verbose=0)
        np.testing.assert_allclose(read, expected, rtol=1e-5, atol=1e-5)
        model = build(weights=None, include_top=False, include_preprocessing=False)
        assert model.get_layer(stem).input is model.input


def test_convnext_normalises_images_of_three_channels():
    x = np.random.RandomState(0).uniform(0, 255, (1, 4, 5, 3)).astype("float32")
    model = keras.applications.ConvNeXtTiny(weights=None, include_top=False, name="mine")
    normalized = model.get_layer("mine_prestem_normalization")
    read = keras.Model(model.input, normalized.output).predict(x, verbose=0)
    expected = (x / 255 - imagenet_utils.CHANNEL_MEANS) / imagenet_utils.CHANNEL_DEVIATIONS
    np.testing.assert_allclose(read, expected, rtol=1e-5, atol=1e-5)
    for settings in ({"include_preprocessing": False}, {"input_shape": (32, 32, 1)}):
        model = keras.applications.ConvNeXtTiny(weights=None, include_top=False, name="mine", **settings)
        assert "mine_prestem_normalization" not in [layer.name for layer in model.layers]


def test_nasnet_needs_the_size_of_the_image():
    build = keras.applications.NASNetMobile
    assert build(weights=None, include_top=False).input_shape == (None, 224, 224, 3)
    for size in ({"input_shape": (None, 64, 3)}, {"input_tensor": keras.Input((64, None, 3))}):
        with pytest.raises(ValueError, match=r"input_shape argument must be static.*Received: input_shape=\("):
            build(weights=None, include_top=False, **size)


@pytest.mark.parametrize(
    ("layer", "module"),
    [
        (convnext.LayerScale(0.5, 3, name="scale"), "convnext"),
        (inception_resnet_v2.CustomScaleLayer(0.25, name="scale"), "inception_resnet_v2"),
    ],
    ids=["LayerScale", "CustomScaleLayer"],
)
def test_layers_of_networks_have_keras_s_paths_in_files(layer, module):
    config = keras.saving.serialize_keras_object(layer)
    assert (config["module"], config["registered_name"]) == (f"keras.src.applications.{module}", type(layer).__name__)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(layer) and copy.get_config() == layer.get_config()


def test_input_tensor_and_predecessors():
    inputs = keras.Input((32, 32, 3))
    model = keras.applications.MobileNet(
        weights=None, input_tensor=keras.layers.Rescaling(1 / 255)(inputs), include_top=False, pooling="avg", alpha=0.25
    )
    assert model.inputs[0] is inputs
    assert model.output_shape == (None, 256)


@pytest.mark.parametrize("mode", ["tf", "torch", "caffe"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_preprocess_input_of_arrays_and_tensors(mode, data_format):
    x = np.random.RandomState(0).uniform(0, 255, (2, 3, 4, 3)).astype("float32")
    expected = {
        "tf": x / 127.5 - 1,
        "torch": (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        "caffe": x[..., ::-1] - [103.939, 116.779, 123.68],
    }[mode]
    given = x if data_format == "channels_last" else x.transpose(0, 3, 1, 2)
    for convert in (np.copy, keras.ops.convert_to_tensor, lambda a: a[0].copy()):
        found = np.asarray(imagenet_utils.preprocess_input(convert(given), data_format, mode))
        if data_format == "channels_first":
            found = np.moveaxis(found, -3, -1)
        np.testing.assert_allclose(found, expected if found.ndim == 4 else expected[0], rtol=1e-5, atol=2e-5)
    with pytest.raises(ValueError, match="mode to be one of"):
        imagenet_utils.preprocess_input(x, mode="other")


@pytest.mark.parametrize(
    "mode, steps", [("tf", "true_divide subtract"), ("torch", "true_divide add true_divide"), ("caffe", "flip add")]
)
def test_preprocess_input_in_a_model_takes_no_needless_steps(mode, steps):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, imagenet_utils.preprocess_input(inputs, mode=mode))
    assert [step.name.rstrip("_0123456789") for step in model.operations[1:]] == steps.split()


def test_decode_predictions(monkeypatch):
    monkeypatch.setattr(imagenet_utils, "_class_index", lambda: {str(i): [f"n{i}", f"name{i}"] for i in range(1000)})
    scores = np.zeros((1, 1000), "float32")
    scores[0, [7, 3]] = [0.5, 0.25]
    assert imagenet_utils.decode_predictions(scores, top=2) == [[("n7", "name7", 0.5), ("n3", "name3", 0.25)]]
    with pytest.raises(ValueError, match="expects a batch of predictions"):
        imagenet_utils.decode_predictions(scores[0])


def test_transfer_learning_changes_the_head_alone_then_everything():
    base = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None)
    base.trainable = False
    model = keras.Sequential([base, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.RandomState(0).uniform(-1, 1, (8, 32, 32, 3)).astype("float32")
    y = np.arange(8) % 2
    before = [w.copy() for w in base.get_weights()]
    model.fit(x, y, batch_size=4, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True))
    base.trainable = True
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=4, verbose=0)
    assert not any(np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True))
