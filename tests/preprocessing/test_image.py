"""preprocessing.image: files, errors, order of draws; the values beside Keras's are in reference/rows_image.py."""

import pickle
import threading

import numpy as np
import pandas
import pytest
from PIL import Image

import fastkeras
from fastkeras.engine import config
from fastkeras.preprocessing.image import ImageDataGenerator, Iterator, apply_affine_transform, load_img

RNG = np.random.RandomState(0)


@pytest.fixture
def folder(tmp_path):
    """Two classes of five and three images, and an empty one."""
    for name, count in (("cat", 5), ("dog", 3), ("none", 0)):
        (tmp_path / name).mkdir()
        for i in range(count):
            pixels = np.full((6, 8, 3), 10 * i + (100 if name == "dog" else 0), dtype="uint8")
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    return tmp_path


def flow(folder, generator=None, **settings):
    return (generator or ImageDataGenerator()).flow_from_directory(str(folder), target_size=(4, 4), **settings)


def test_directory(folder, capsys):
    iterator = flow(folder, batch_size=3, shuffle=False)
    assert capsys.readouterr().out == "Found 8 images belonging to 3 classes.\n"
    assert iterator.class_indices == {"cat": 0, "dog": 1, "none": 2}
    batches = [iterator[i] for i in range(len(iterator))]
    assert [x.shape for x, _ in batches] == [(3, 4, 4, 3), (3, 4, 4, 3), (2, 4, 4, 3)]
    assert np.concatenate([x[:, 0, 0, 0] for x, _ in batches]).tolist() == [0, 10, 20, 30, 40, 100, 110, 120]
    assert np.concatenate([y.argmax(1) for _, y in batches]).tolist() == [0] * 5 + [1] * 3


@pytest.mark.parametrize(
    ("mode", "expected"), [("sparse", (8,)), ("binary", (8,)), ("categorical", (8, 3)), ("input", (8, 4, 4, 3))]
)
def test_class_modes(folder, mode, expected):
    x, y = flow(folder, class_mode=mode)[0]
    assert y.shape == expected and y.dtype == x.dtype == "float32"
    if mode == "input":
        np.testing.assert_array_equal(x, y)


def test_subsets_are_taken_of_every_class(folder):
    generator = ImageDataGenerator(validation_split=0.4)
    parts = {subset: flow(folder, generator, subset=subset) for subset in ("training", "validation")}
    assert {name: len(part.filenames) for name, part in parts.items()} == {"training": 5, "validation": 3}
    assert not set(parts["training"].filenames) & set(parts["validation"].filenames)


def test_broken_files_are_named(folder):
    path = folder / "cat" / "1.png"
    for content in (b"not a picture", path.read_bytes()[:45], b""):
        path.write_bytes(content)
        with pytest.raises(OSError, match=r"\[load_img\] .*cat.1\.png"):
            flow(folder)[0]


def test_huge_images_are_refused(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(OSError, match="exceeds limit"):
        load_img(folder / "cat" / "0.png")


def test_no_images(tmp_path):
    (tmp_path / "empty").mkdir()
    iterator = flow(tmp_path)
    assert len(iterator) == 0
    with pytest.raises(ValueError, match="length 0"):
        iterator[0]


def test_a_broken_file_ends_fit_with_its_name(folder):
    (folder / "dog" / "0.png").write_bytes(b"x")
    model = fastkeras.Sequential([fastkeras.layers.Flatten(), fastkeras.layers.Dense(3)])
    model.compile("sgd", "mse")
    before = threading.active_count()
    with pytest.raises(OSError, match=r"dog.0\.png"):
        model.fit(flow(folder, batch_size=2, shuffle=False), verbose=0)
    assert threading.active_count() == before


def test_dataframe(folder):
    table = pandas.DataFrame(
        {
            "filename": ["cat/0.png", "dog/1.png", "cat/2.png", "cat/absent.png"],
            "class": ["a", "b", "a", "b"],
            "weight": [1.0, 2.0, 3.0, 4.0],
            "value": [0.5, 1.5, 2.5, 3.5],
        }
    )

    def flow(**settings):
        settings = {"target_size": (4, 4), "shuffle": False, **settings}
        return ImageDataGenerator().flow_from_dataframe(table, str(folder), **settings)

    with pytest.warns(UserWarning, match="Found 1 invalid image filename"):
        x, y, weights = flow(weight_col="weight")[0]
    assert x[:, 0, 0, 0].tolist() == [0, 110, 20] and y.tolist() == [[1, 0], [0, 1], [1, 0]]
    assert weights.tolist() == [1, 2, 3]
    table = table.iloc[:3]
    assert flow(y_col="value", class_mode="raw")[0][1].tolist() == [0.5, 1.5, 2.5]
    assert [y.tolist() for y in flow(y_col=["value", "weight"], class_mode="multi_output")[0][1]] == [
        [0.5, 1.5, 2.5],
        [1, 2, 3],
    ]
    assert flow(classes=["a"], class_mode="sparse").filenames == ["cat/0.png", "cat/2.png"]
    with pytest.raises(TypeError, match="must be strings"):
        flow(y_col="value", class_mode="binary")
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        flow(nonsense=1)


def test_saves_what_it_yields(tmp_path):
    x = RNG.uniform(0, 255, (3, 5, 5, 3))
    next(ImageDataGenerator().flow(x, batch_size=2, shuffle=False, save_to_dir=tmp_path, save_prefix="im"))
    names = sorted(p.name for p in tmp_path.iterdir())
    assert [name.split("_")[:2] for name in names] == [["im", "0"], ["im", "1"]]
    assert load_img(tmp_path / names[0]).size == (5, 5)


def test_extra_inputs_and_weights_follow():
    x, extra, y, weights = RNG.rand(6, 4, 4, 1), np.arange(6), np.arange(6) * 2, np.arange(6) * 3
    (images, more), targets, w = next(ImageDataGenerator().flow((x, [extra]), y, 4, sample_weight=weights, seed=0))
    assert images.shape == (4, 4, 4, 1)
    np.testing.assert_array_equal(targets, more * 2)
    np.testing.assert_array_equal(w, more * 3)


def test_fit_gives_the_batches_of_next():
    """Batches are made ahead by a thread; what is drawn is drawn in order."""
    x = RNG.rand(20, 6, 6, 1).astype("float32")
    seen = []

    class Model(fastkeras.Sequential):
        def train_step(self, data):
            seen.append(data[0].numpy())
            return {}

    def batches(workers):
        seen.clear()
        np.random.seed(5)
        model = Model([fastkeras.Input((6, 6, 1)), fastkeras.layers.Flatten(), fastkeras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        iterator = ImageDataGenerator(rotation_range=30, zoom_range=0.2).flow(x, np.zeros(20), batch_size=8)
        iterator.workers = workers
        model.fit(iterator, epochs=2, verbose=0, shuffle=False)
        return [*seen]

    first, again, two = batches(1), batches(1), batches(2)
    assert len(first) == 6
    for a, b, c in zip(first, again, two, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_threads_and_isas_agree(set_threads):
    x = RNG.uniform(0, 255, (8, 64, 64, 3)).astype("float32")
    isa = config.isa()

    def batch(threads, isa):
        set_threads(threads)
        config.set_isa(isa)
        return next(ImageDataGenerator(rotation_range=45, zoom_range=0.5, fill_mode="reflect").flow(x, seed=1))

    try:
        one = batch(1, isa)
        np.testing.assert_array_equal(one, batch(2, isa))
        for name in config.available_isas():
            np.testing.assert_allclose(one, batch(1, name), atol=2e-3)
    finally:
        config.set_isa(isa)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 1), (9, 1, 3), (2, 2, 2), (5, 200, 5)])
@pytest.mark.parametrize("mode", ["nearest", "constant", "reflect", "wrap"])
def test_single_precision_equals_double(shape, mode):
    """The double path goes pixel by pixel; the float path has vectors, tiles and spare channels."""
    x = RNG.uniform(0, 1, shape)
    generator = ImageDataGenerator(fill_mode=mode)
    for seed in range(20):
        moves = np.random.RandomState(seed).uniform(-1, 1, 6)
        given = dict(zip(("theta", "tx", "ty", "shear"), moves * (180, 3, 3, 30, 1, 1), strict=False))
        given |= {"zx": 1 + 0.7 * moves[4], "zy": 1 + 0.7 * moves[5]}
        double, single = (generator.apply_transform(x.astype(t), given) for t in ("float64", "float32"))
        np.testing.assert_allclose(single, double, atol=2e-4)


@pytest.mark.parametrize("amount", [np.nan, np.inf, 1e300, -1e18])
@pytest.mark.parametrize("mode", ["nearest", "constant", "reflect", "wrap"])
def test_absurd_transforms_stay_inside(amount, mode):
    x = np.ones((4, 4, 1), "float32")
    y = ImageDataGenerator(fill_mode=mode, cval=1).apply_transform(x, {"tx": amount, "zy": amount})
    assert y.shape == x.shape


def test_overridden_methods_are_called():
    class Generator(ImageDataGenerator):
        def standardize(self, x):
            return x + 1

    assert (next(Generator(rotation_range=5).flow(np.zeros((2, 3, 3, 1)))) == 1).all()


def test_not_fitted_warns():
    iterator = ImageDataGenerator(featurewise_center=True).flow(np.ones((2, 3, 3, 1)))
    with pytest.warns(UserWarning, match="hasn't been fit"):
        next(iterator)


def test_iterators_can_be_pickled_and_subclassed():
    iterator = ImageDataGenerator(rotation_range=9).flow(RNG.rand(4, 5, 5, 1), seed=3, shuffle=True)
    copy = pickle.loads(pickle.dumps(iterator))
    np.testing.assert_array_equal(next(iterator), next(copy))

    class Numbers(Iterator):
        def _get_batches_of_transformed_samples(self, index_array):
            return index_array * 10

    assert [Numbers(5, 2, False, None)[i].tolist() for i in range(3)] == [[0, 10], [20, 30], [40]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"zoom_range": "x"}, "zoom_range"),
        ({"zoom_range": (1, 2, 3)}, "zoom_range"),
        ({"brightness_range": 1}, "brightness_range"),
        ({"validation_split": 1.5}, "validation_split"),
        ({"data_format": "last"}, "data_format"),
        ({"fill_mode": "mirror"}, "fill_mode='mirror'"),
        ({"interpolation_order": 3}, "interpolation_order=3"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator(**settings)


def test_wrong_calls():
    generator, x = ImageDataGenerator(validation_split=0.5), np.zeros((4, 3, 3, 1))
    with pytest.raises(ValueError, match="same length"):
        generator.flow(x, np.zeros(3))
    with pytest.raises(ValueError, match="rank 4"):
        generator.flow(x[0])
    with pytest.raises(ValueError, match="rank 4"):
        generator.fit(x[0])
    with pytest.raises(ValueError, match="Invalid subset"):
        generator.flow(x, subset="test")
    with pytest.raises(ValueError, match="different number of classes"):
        generator.flow(x, [0, 0, 1, 1], subset="training")
    with pytest.warns(UserWarning, match="channels on axis 3"):
        generator.flow(np.zeros((2, 3, 3, 2)))
    with pytest.raises(ValueError, match="1, 3 or 4 channels"):
        ImageDataGenerator(brightness_range=(1, 2)).apply_transform(np.zeros((3, 3, 2)), {"brightness": 1.5})
    for axes in ((0, 0, 1), (1, 2, 3), (0, 2, 1)):
        with pytest.raises(ValueError, match="axis|axes|[Cc]hannels"):
            apply_affine_transform(x[0], 5, row_axis=axes[0], col_axis=axes[1], channel_axis=axes[2])
