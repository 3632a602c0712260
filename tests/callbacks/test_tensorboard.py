"""TensorBoard: what lands in the files, and what is refused."""

import sys

import numpy as np
import pytest

import fastkeras as keras


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
    """A MultiOptimizer has none of its own."""
    pytest.importorskip("tensorboard")
    optimizers = keras.optimizers.OptimizerMap(keras.optimizers.SGD())
    fit(keras.callbacks.TensorBoard(tmp_path), keras.optimizers.MultiOptimizer(optimizers))
    assert sorted(read(tmp_path / "train")) == ["epoch_loss", "keras"]


def test_refusals(tmp_path, monkeypatch):
    for name in ("write_images", "profile_batch", "embeddings_freq", "embeddings_metadata"):
        with pytest.raises(ValueError, match=f"{name} is not supported"):
            keras.callbacks.TensorBoard(tmp_path, **{name: 1})
    with pytest.raises(ValueError, match="update_freq must be"):
        keras.callbacks.TensorBoard(tmp_path, update_freq="often")
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        fit(keras.callbacks.TensorBoard(tmp_path))
