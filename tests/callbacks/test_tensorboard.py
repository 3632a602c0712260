"""TensorBoard: what lands in the files, and what is refused."""

import io
import sys

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers


def fit(callback, optimizer="sgd"):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="out")], name="net")
    model.compile(optimizer, "mse")
    random = np.random.RandomState(0)
    x, y = random.rand(20, 3), random.rand(20, 2)
    history = model.fit(x, y, epochs=2, batch_size=4, validation_split=0.2, verbose=0, callbacks=[callback])
    return model, history.history


def read(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    from tensorboard.util.tensor_util import make_ndarray

    return {
        tag: {event.step: make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
    }


def test_files(tmp_path):
    pytest.importorskip("tensorboard")
    callback = keras.callbacks.TensorBoard(tmp_path, histogram_freq=2, update_freq=2, write_steps_per_second=True)
    model, history = fit(callback)
    train, validation = read(tmp_path / "train"), read(tmp_path / "validation")
    assert [float(v) for v in train["epoch_loss"].values()] == [np.float32(v) for v in history["loss"]]
    assert [float(v) for v in validation["epoch_loss"].values()] == [np.float32(v) for v in history["val_loss"]]
    assert list(validation["evaluation_loss_vs_iterations"]) == [4, 8]
    assert float(train["epoch_learning_rate"][0]) == np.float32(0.01)
    assert list(train["batch_loss"]) == list(train["batch_steps_per_second"]) == [2, 4, 6, 8]
    assert list(train["net/out/kernel/histogram"]) == [0]
    assert train["net/out/kernel/histogram"][0][:, 2].sum() == 6  # left, right, count
    assert train["keras"][0].item() == model.to_json().encode()


def test_without_a_learning_rate(tmp_path):
    """A MultiOptimizer has none of its own: those of its optimizers are written by their names."""
    pytest.importorskip("tensorboard")
    optimizers = keras.optimizers.OptimizerMap(keras.optimizers.SGD(name="plain"))
    fit(keras.callbacks.TensorBoard(tmp_path), keras.optimizers.MultiOptimizer(optimizers))
    assert sorted(read(tmp_path / "train")) == ["epoch_learning_rate_plain", "epoch_loss", "keras"]


def test_weights_as_images(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    pytest.importorskip("tensorboard")
    model, _ = fit(keras.callbacks.TensorBoard(tmp_path, histogram_freq=1, write_images=True))
    images = read(tmp_path / "train")
    kernel = images["net/out/kernel/image"][1]
    assert [bytes(part) for part in kernel[:2]] == [b"3", b"2"] and len(kernel) == 3  # width, height, one image
    pixels = np.asarray(Image.open(io.BytesIO(kernel[2])))
    np.testing.assert_array_equal(pixels, np.clip(model.layers[0].kernel.numpy().T * 255.5, 0, 255) // 1)
    assert images["net/out/bias/image"][1][:2].tolist() == [b"1", b"2"]


def test_only_weights_that_can_be_seen_become_images(tmp_path):
    pytest.importorskip("PIL.Image")
    pytest.importorskip("tensorboard")
    model = keras.Sequential([keras.Input((4, 4, 3)), layers.Conv2D(2, 3), layers.Conv2D(4, 2), layers.Flatten()])
    model.compile("sgd", "mse")
    callback = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1, write_images=True)
    model.fit(np.ones((2, 4, 4, 3)), np.ones((2, 4)), verbose=0, callbacks=[callback])
    shown = {tag.split("/", 1)[1] for tag in read(tmp_path / "train") if tag.endswith("image")}
    names = [layer.name for layer in model.layers]
    # two channels are no colours, four are
    assert shown == {f"{names[0]}/bias/image", f"{names[1]}/kernel/image", f"{names[1]}/bias/image"}


def test_vectors_for_the_projector(tmp_path):
    pytest.importorskip("tensorboard")

    def train(metadata):
        model = keras.Sequential([keras.Input((3,)), layers.Embedding(5, 2, name="words"), layers.Dense(1)])
        model.compile("sgd", "mse")
        callback = keras.callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata=metadata)
        model.fit(np.ones((2, 3), int), np.ones((2, 3, 1)), verbose=0, callbacks=[callback])
        return model

    model = train({"words": "labels.tsv"})
    lines = (tmp_path / "projector_config.pbtxt").read_text().splitlines()
    assert lines == [
        "embeddings {",
        '  tensor_name: "words"',
        '  metadata_path: "labels.tsv"',
        '  tensor_path: "words_vectors.tsv"',
        "}",
    ]
    np.testing.assert_allclose(np.loadtxt(tmp_path / "words_vectors.tsv"), model.layers[0].embeddings.numpy())
    with pytest.raises(ValueError, match="Unrecognized `Embedding` layer names passed to"):
        train({"verbs": "labels.tsv"})


def test_refusals(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="profile_batch is not supported"):
        keras.callbacks.TensorBoard(tmp_path, profile_batch=1)
    with pytest.raises(ValueError, match="update_freq must be"):
        keras.callbacks.TensorBoard(tmp_path, update_freq="often")
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        fit(keras.callbacks.TensorBoard(tmp_path))
