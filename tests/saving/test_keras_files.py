"""Files between Keras and fastkeras: theirs load here and go on training, ours have their layout."""

import functools
import io
import json
import pathlib
import zipfile

import h5py
import models_for_files
import numpy as np
import pytest
import rows_features
from models_for_files import ALL, MODELS, predictions, train

import fastkeras as keras

FOLDER = pathlib.Path(__file__).parents[1] / "data" / "keras"
made = functools.partial(models_for_files.made, keras)
FORMATS = [(name, extension) for name in MODELS for extension in (".keras", ".h5")]


@pytest.fixture(scope="module")
def figures():
    with np.load(FOLDER / "figures.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


def check_predictions(model, x, figures, name):
    for index, array in enumerate(predictions(model, x)):
        np.testing.assert_allclose(array, figures[f"{name}/predictions{index}"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "extension"), FORMATS)
def test_load_what_keras_saved(name, extension, figures):
    _, x, y = made(name)
    model = keras.saving.load_model(FOLDER / f"{name}{extension}")
    check_predictions(model, x, figures, name)
    assert int(model.optimizer.iterations.numpy()) == 3
    if f"{name}/losses" in figures:  # the optimizer's slots are there too
        np.testing.assert_allclose(train(model, x, y, 3), figures[f"{name}/losses"], rtol=1e-4)


def test_load_a_feature_space_that_keras_saved():
    space = keras.saving.load_model(FOLDER / "feature_space.keras")
    with np.load(pathlib.Path(rows_features.__file__).with_suffix(".npz")) as arrays:
        np.testing.assert_allclose(rows_features.of_small(space), arrays["small feature space/new"], rtol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_load_weights_that_keras_saved(name, figures):
    model, x, y = made(name)
    train(model, x, y, 1)  # makes the slots
    model.load_weights(FOLDER / f"{name}.weights.h5")
    check_predictions(model, x, figures, name)
    if f"{name}/losses" in figures:
        np.testing.assert_allclose(train(model, x, y, 3), figures[f"{name}/losses"], rtol=1e-4)


@pytest.mark.parametrize(("name", "extension"), FORMATS)
def test_load_weights_of_a_whole_model(name, extension, figures):
    model, x, y = made(name)
    if extension == ".keras":  # as in Keras: a new optimizer has no slots to load into
        with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
            model.load_weights(FOLDER / f"{name}{extension}")
    else:
        model.load_weights(FOLDER / f"{name}{extension}")
    check_predictions(model, x, figures, name)


def test_load_by_name(figures):
    model, x, _ = made("functional")
    model.load_weights(FOLDER / "functional.h5", by_name=True)
    check_predictions(model, x, figures, "functional")


def tree(file):
    """{path: shape and dtype, or attributes} of an open HDF5 file."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            # Keras counts steps in int32 on JAX and in int64 on TensorFlow, as we do
            found[name] = item.shape, str(item.dtype).replace("int64", "int32"), item.chunks, item.compression
        else:
            found[name] = {key: np.asarray(value).tolist() for key, value in item.attrs.items()}

    file.visititems(visit)
    return found


def without_seeds(found):
    """Keras leaves the states of seed generators out, and does not look at them."""
    return {key: value for key, value in found.items() if "/seed_generator" not in key}


def h5_of_keras(path):
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        return tree(file)


def trained(name):
    model, x, y = made(name)
    train(model, x, y, 3)
    return model


@pytest.mark.parametrize("name", ALL)
def test_layout_of_weights(name, tmp_path):
    trained(name).save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as ours, h5py.File(FOLDER / f"{name}.weights.h5") as theirs:
        assert without_seeds(tree(ours)) == tree(theirs)


@pytest.mark.parametrize("name", MODELS)
def test_layout_of_the_archive(name, tmp_path):
    trained(name).save(tmp_path / "a.keras")
    assert without_seeds(h5_of_keras(tmp_path / "a.keras")) == h5_of_keras(FOLDER / f"{name}.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as ours, zipfile.ZipFile(FOLDER / f"{name}.keras") as theirs:
        assert [(i.filename, i.compress_type) for i in ours.infolist()] == [
            (i.filename, i.compress_type) for i in theirs.infolist()
        ]
        configs = [json.loads(archive.read("config.json")) for archive in (ours, theirs)]
        metadata = [json.loads(archive.read("metadata.json")) for archive in (ours, theirs)]
    assert comparable(configs[0]) == comparable(configs[1])
    assert metadata[0].keys() == metadata[1].keys()
    assert metadata[0]["keras_version"] == metadata[1]["keras_version"]


@pytest.mark.parametrize("name", MODELS)
def test_layout_of_h5(name, tmp_path):
    trained(name).save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as ours, h5py.File(FOLDER / f"{name}.h5") as theirs:
        trees = [tree(file) for file in (ours, theirs)]
        configs = [{key: json.loads(file.attrs[key]) for key in CONFIGS} for file in (ours, theirs)]
        assert ours.attrs.keys() == theirs.attrs.keys()
        assert ours.attrs["keras_version"] == theirs.attrs["keras_version"]
    assert [found["model_weights"].pop("backend") for found in trees] == ["fastkeras", "jax"]
    assert trees[0] == trees[1]
    assert comparable(configs[0]) == comparable(configs[1])


CONFIGS = ("model_config", "training_config")


def comparable(config):
    """A config without the numbers of shared objects (their addresses), and floats in the precision of float32."""
    if isinstance(config, list):
        return [comparable(item) for item in config]
    if isinstance(config, float):
        return float(np.float32(config))
    if not isinstance(config, dict):
        return config
    # jit_compile says how Keras chose to compile on its machine; we have one way
    return {key: comparable(v) for key, v in config.items() if key not in ("shared_object_id", "jit_compile")}
