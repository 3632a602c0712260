"""Datasets made from folders and series."""

import numpy as np
import pytest
from PIL import Image

import fastkeras
from fastkeras.data import Dataset
from fastkeras.utils import image_dataset_from_directory, text_dataset_from_directory, timeseries_dataset_from_array


@pytest.fixture
def folder(tmp_path):
    for c, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for i in range(5):
            pixels = np.full((6, 9, 3), 10 * (5 * c + i), dtype="uint8")
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
            (tmp_path / name / f"{i}.txt").write_text(f"{name} number {i}")
    return str(tmp_path)


def images(folder, **settings):
    return image_dataset_from_directory(folder, **{"image_size": (3, 4), "verbose": False, **settings})


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"),
    [("int", (4,), "int32"), ("binary", (4, 1), "float32"), ("categorical", (4, 2), "float32"), (None, None, None)],
)
def test_labels(folder, mode, shape, dtype):
    dataset = images(folder, label_mode=mode, batch_size=4, shuffle=False)
    assert len(dataset) == 3
    first = next(iter(dataset))
    x = first if mode is None else first[0]
    assert x.shape == (4, 3, 4, 3) and x.dtype == "float32"
    np.testing.assert_allclose(x[:, 0, 0, 0], [0, 10, 20, 30])
    if mode is not None:
        assert first[1].shape == shape and first[1].dtype == dtype
        assert dataset.class_names == ["cat", "dog"]
        assert dataset.file_paths[0].endswith("0.png")


def test_training_and_validation_share_nothing(folder, capsys):
    train, validation = images(folder, validation_split=0.3, subset="both", seed=1, verbose=True)
    printed = "Found 10 files belonging to 2 classes.\nUsing 7 files for training.\nUsing 3 files for validation.\n"
    assert capsys.readouterr().out == printed
    assert len(train.file_paths) == 7 and not set(train.file_paths) & set(validation.file_paths)
    alone = images(folder, validation_split=0.3, subset="validation", seed=1)
    assert alone.file_paths == validation.file_paths


def test_every_pass_has_its_own_order(folder):
    dataset = images(folder, seed=2, batch_size=10)
    passes = [[x[:, 0, 0, 0].tolist() for x, _ in dataset] for _ in range(3)]
    assert passes[0] != passes[1] and all(sorted(p[0]) == sorted(passes[0][0]) for p in passes)


def test_fit_and_map(folder):
    dataset = images(folder, batch_size=4, label_mode="binary")
    assert isinstance(dataset, Dataset)
    dataset = dataset.map(lambda x, y: (x / 255, y))
    model = fastkeras.Sequential([fastkeras.layers.Flatten(), fastkeras.layers.Dense(1, activation="sigmoid")])
    model.compile(fastkeras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(dataset, epochs=15, validation_data=dataset, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dataset.nonsense()


def test_texts(folder):
    dataset = text_dataset_from_directory(folder, batch_size=None, shuffle=False, max_length=5, verbose=False)
    assert [text for text, _ in dataset][4:6] == ["cat n", "dog n"]
    vectorize = fastkeras.layers.TextVectorization()
    texts = text_dataset_from_directory(folder, label_mode=None, verbose=False, seed=1)
    vectorize.adapt(texts)
    assert set(vectorize.get_vocabulary()[2:5]) == {"number", "cat", "dog"}


def test_files_are_read_when_they_are_needed(folder, monkeypatch):
    from fastkeras.utils import directories

    seen = []
    read = directories._image
    monkeypatch.setattr(directories, "_image", lambda path, *args: seen.append(path) or read(path, *args))
    dataset = images(folder, batch_size=2, shuffle=False)
    first = [y.tolist() for _, y in dataset.skip(4).repeat(2).cache()]
    assert first == [[1, 1], [1, 1]] and len(set(seen)) == 2
    kept = dataset.cache()
    assert len(list(kept)) == len(list(kept)) == 5
    assert len(seen) == 14


def test_broken_images_are_named(folder):
    with open(f"{folder}/dog/3.png", "wb") as file:
        file.write(b"no image")
    with pytest.raises(OSError, match=r"dog.3\.png"):
        list(images(folder))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": 3}, "labels"),
        ({"labels": [1, 2]}, "lengths"),
        ({"labels": None, "class_names": ["cat"]}, "class_names"),
        ({"class_names": ["bird"]}, "class_names"),
        ({"label_mode": "dense"}, "label_mode"),
        ({"label_mode": "binary", "class_names": ["cat"]}, "exactly 2"),
        ({"color_mode": "cmyk"}, "color_mode"),
        ({"image_size": (1, 2, 3)}, "image_size"),
        ({"interpolation": "cubic"}, "interpolation"),
        ({"format": "grain"}, "grain"),
        ({"validation_split": 2, "subset": "training", "seed": 1}, "validation_split"),
        ({"validation_split": 0.5}, "subset"),
        ({"validation_split": 0.5, "subset": "training"}, "seed"),
        ({"validation_split": 0.5, "subset": "test", "seed": 1}, "subset"),
        ({"validation_split": 0.01, "subset": "validation", "seed": 1}, "No images"),
    ],
)
def test_errors(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        images(folder, **settings)


def test_windows():
    data = np.arange(20)
    dataset = timeseries_dataset_from_array(
        data, data * 10, 4, sequence_stride=3, sampling_rate=2, batch_size=2, start_index=2, end_index=18
    )
    x, y = next(iter(dataset))
    assert x.tolist() == [[2, 4, 6, 8], [5, 7, 9, 11]] and y.tolist() == [20, 50]
    assert sum(len(y) for _, y in dataset) == 4
    shuffled = timeseries_dataset_from_array(data, None, 4, batch_size=None, shuffle=True, seed=1)
    assert sorted(int(window[0]) for window in shuffled) == list(range(17))
    for wrong in ({"start_index": 30}, {"end_index": 20}, {"sampling_rate": 0}, {"sequence_stride": 20}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            timeseries_dataset_from_array(data, None, 4, **wrong)


@pytest.mark.parametrize("batch_size", [None, 3])
def test_take_and_skip_part_a_dataset(batch_size):
    dataset = timeseries_dataset_from_array(np.arange(10), None, 1, batch_size=batch_size)
    order = [x.tolist() for x in dataset.take(-1)]
    assert len(order) == (batch_size and 4 or 10)
    for count in (0, 2, 20):
        assert [x.tolist() for x in dataset.take(count)] == order[:count]
        assert [x.tolist() for x in dataset.skip(count)] == order[count:]
    assert len(dataset.skip(-1)) == 0


def test_fit_keeps_the_order_of_a_dataset():
    seen = []

    class Recorder(fastkeras.Model):
        def call(self, x):
            return x

        def train_step(self, data):
            seen.append(float(data[0][0, 0]))
            return {}

    model = Recorder()
    model.compile("sgd", "mse", run_eagerly=True)
    dataset = timeseries_dataset_from_array(np.arange(40.0), np.zeros(40), 1, batch_size=2)
    model.fit(dataset, verbose=0)
    assert seen == list(range(0, 40, 2))
