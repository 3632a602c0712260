"""Labels, padding, normalisation, images, batches: as Keras gives them."""

import io
import random

import numpy as np
import pytest

import fastkeras as keras


def test_to_categorical():
    np.testing.assert_array_equal(keras.utils.to_categorical([[0], [2]], num_classes=4), np.eye(4)[[0, 2]])
    assert keras.utils.to_categorical(np.arange(6).reshape(2, 3)).shape == (2, 3, 6)
    assert keras.utils.to_categorical([], num_classes=3).shape == (0, 3)
    made = keras.utils.to_categorical(keras.ops.convert_to_tensor([[1], [0]]), 2)
    np.testing.assert_array_equal(made.numpy(), [[0, 1], [1, 0]])


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_labels_out_of_range(labels):
    with pytest.raises(ValueError, match=r"labels must lie in \[0, num_classes\)"):
        keras.utils.to_categorical(labels, num_classes=3)


@pytest.mark.parametrize(("axis", "order"), [(-1, 2), (0, 2), (1, 1), (-1, np.inf)])
def test_normalize(axis, order):
    x = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, -1.0]])
    made = keras.utils.normalize(x, axis, order)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    np.testing.assert_allclose(made, x / np.where(norm == 0, 1, norm))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [[0, 0, 1], [2, 3, 4], [0, 0, 0]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 4], [0, 0, 0]]),
        ({"maxlen": 2}, [[0, 1], [3, 4], [0, 0]]),
        ({"maxlen": 2, "truncating": "post", "value": 9}, [[9, 1], [2, 3], [9, 9]]),
        ({"maxlen": 0}, [[], [], []]),
    ],
)
def test_pad_sequences(arguments, expected):
    made = keras.utils.pad_sequences([[1], [2, 3, 4], []], **arguments)
    assert made.dtype == np.int32
    np.testing.assert_array_equal(made, expected)


def test_pad_sequences_of_vectors_and_words():
    made = keras.utils.pad_sequences([[[1, 1]], [[2, 1], [2, 2]]])
    np.testing.assert_array_equal(made, [[[0, 0], [1, 1]], [[2, 1], [2, 2]]])
    words = keras.utils.pad_sequences([["a"], ["b", "c"]], dtype=object, value="-")
    assert words.tolist() == [["-", "a"], ["b", "c"]]
    with pytest.raises(ValueError, match="should set `dtype=object`"):
        keras.utils.pad_sequences([["a"]], value="-")
    with pytest.raises(ValueError, match="list of sequences"):
        keras.utils.pad_sequences([1, 2])
    with pytest.raises(ValueError, match="shape of the first"):
        keras.utils.pad_sequences([[[1, 2]], [[1]]])
    with pytest.raises(ValueError, match="padding must be 'pre' or 'post'"):
        keras.utils.pad_sequences([[1]], padding="both")


def test_batches_packed_and_unpacked():
    unpack, pack = keras.utils.unpack_x_y_sample_weight, keras.utils.pack_x_y_sample_weight
    assert unpack(1) == (1, None, None) and unpack([1, 2, 3]) == (1, 2, 3)
    assert pack(1) == 1 and pack([1]) == ([1],) and pack(1, 2, 3) == (1, 2, 3)
    with pytest.raises(ValueError, match="Data is expected to be in format"):
        unpack((1, 2, 3, 4))


def test_random_seed():
    def draw():
        return random.random(), np.random.rand(), float(keras.random.normal(()))

    keras.utils.set_random_seed(3)
    first = draw()
    keras.utils.set_random_seed(np.int64(3))
    assert draw() == first
    with pytest.raises(ValueError, match="must be an integer"):
        keras.utils.set_random_seed("3")


class Squares(keras.utils.PyDataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        if index == 5 and getattr(self, "breaks", False):
            raise RuntimeError("batch 5 is broken")
        return np.full(3, index), np.full(3, index**2)


@pytest.mark.parametrize("settings", [{}, {"workers": 3}, {"workers": 2, "use_multiprocessing": True}])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_make_batches_in_order(settings):
    from fastkeras.utils.pydataset import batches

    dataset = Squares(**settings, max_queue_size=2)
    order = [3, 1, 6, 0, 2, 5, 4]
    assert [int(y[0]) for _, y in batches(dataset, order)] == [i * i for i in order]
    dataset.breaks = True
    with pytest.raises(RuntimeError, match="batch 5 is broken"):
        list(batches(dataset, order))


def test_pydataset_without_its_constructor():
    class Forgetful(keras.utils.PyDataset):
        def __init__(self):
            pass

    dataset = Forgetful()
    with pytest.warns(UserWarning, match=r"should call `super\(\).__init__"):
        assert dataset.workers == 1
    dataset.max_queue_size = 4
    assert (dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size) == (1, False, 4)
    with pytest.raises(NotImplementedError, match="num_batches"):
        getattr(dataset, "num_batches")  # noqa: B009 - asking is what raises


def test_images(tmp_path):
    pytest.importorskip("PIL")
    x = np.arange(6 * 4 * 3, dtype="float32").reshape(6, 4, 3)
    for name, scale in (("a.png", False), ("b.bmp", False)):
        keras.utils.save_img(tmp_path / name, x, scale=scale)
        np.testing.assert_array_equal(keras.utils.img_to_array(keras.utils.load_img(tmp_path / name)), x)
    scaled = keras.utils.img_to_array(keras.utils.array_to_img(x))
    assert (scaled.min(), scaled.max()) == (0, 255)
    gray = keras.utils.load_img(tmp_path / "a.png", color_mode="grayscale", target_size=(3, 2))
    assert keras.utils.img_to_array(gray).shape == (3, 2, 1)
    assert keras.utils.img_to_array(gray, data_format="channels_first").shape == (1, 3, 2)
    cut = keras.utils.load_img(tmp_path / "a.png", target_size=(2, 2), keep_aspect_ratio=True)
    np.testing.assert_array_equal(keras.utils.img_to_array(cut), x[1:5][::2][:, ::2] + (x[2, 1] - x[1, 0]))
    memory = io.BytesIO((tmp_path / "a.png").read_bytes())
    assert keras.utils.load_img(memory, color_mode="rgba").mode == "RGBA"
    with pytest.warns(UserWarning, match="does not support RGBA"):
        keras.utils.save_img(tmp_path / "c.jpg", np.zeros((2, 2, 4)))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: keras.utils.array_to_img(np.zeros((2, 2))), ValueError, "rank 3"),
        (lambda: keras.utils.array_to_img(np.zeros((2, 2, 5))), ValueError, "1, 3 or 4 channels"),
        (lambda: keras.utils.array_to_img(np.zeros((2, 2, 3)), data_format="x"), ValueError, "data_format"),
        (lambda: keras.utils.img_to_array(np.zeros(3)), ValueError, "rank 2 or 3"),
        (lambda: keras.utils.load_img(3), TypeError, "must be a path"),
    ],
)
def test_bad_images(call, error, words):
    pytest.importorskip("PIL")
    with pytest.raises(error, match=words):
        call()


def test_pictures_of_models_need_pydot(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydot", None)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ImportError, match=r"You must install pydot \(`pip install pydot`\) for `plot_model` to work"):
        keras.utils.plot_model(model)


def test_model_to_dot():
    pydot = pytest.importorskip("pydot")
    a = keras.Input((3,), name="a")
    inner_input = keras.Input((2,))
    inner = keras.Model(inner_input, keras.layers.Dense(4, name="deep")(inner_input), name="inner")
    x = keras.layers.Dense(2, activation="relu", name="first")(a)
    model = keras.Model(a, inner(x))
    dot = keras.utils.model_to_dot(model, show_shapes=True, show_layer_activations=True, show_trainable=True)
    assert isinstance(dot, pydot.Dot)
    assert len(dot.get_edges()) == 2
    text = dot.to_string()
    for part in ("<b>first</b> (Dense)", "Activation: <b>relu</b>", "Output shape: <b>(None, 2)</b>", "Trainable"):
        assert part in text
    nested = keras.utils.model_to_dot(model, expand_nested=True)
    assert [cluster.get_name() for cluster in nested.get_subgraphs()] == ["cluster_inner"]


def test_source_inputs():
    a, b = keras.Input((2,)), keras.Input((2,))
    out = keras.layers.Dense(1)(keras.layers.Add()([a, b]))
    assert [id(x) for x in keras.utils.get_source_inputs(out)] == [id(a), id(b)]
    assert keras.utils.is_keras_tensor(out) and not keras.utils.is_keras_tensor(1)
