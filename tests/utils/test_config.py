"""Settings, keras.json, what `import fastkeras` costs, and the functions of keras.backend."""

import json
import os

import numpy as np
import pytest
from helpers import run_python

import fastkeras as keras
from fastkeras import backend as K


def run(code, **environment):
    done = run_python(code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_keras_json_is_honoured(tmp_path):
    show = "import fastkeras as k; print(k.config.floatx(), k.config.epsilon(), k.config.image_data_format())"
    assert run(show, KERAS_HOME=str(tmp_path)) == "float32 1e-07 channels_last"
    settings = {"floatx": "float64", "epsilon": 1e-5, "image_data_format": "channels_first", "backend": "jax"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    assert run(show, KERAS_HOME=str(tmp_path)) == "float64 1e-05 channels_first"
    (tmp_path / "keras.json").write_text("{broken")
    assert run(show, KERAS_HOME=str(tmp_path)) == "float32 1e-07 channels_last"
    assert sorted(os.listdir(tmp_path)) == ["keras.json"]


def test_limits_from_the_environment():
    show = "import fastkeras as k; print(k.config.max_epochs(), k.config.max_steps_per_epoch())"
    assert run(show) == "None None"
    assert run(show, KERAS_MAX_EPOCHS="2", KERAS_MAX_STEPS_PER_EPOCH="5") == "2 5"


def test_import_is_light():
    """Importing loads nothing; a model loads nothing but NumPy and the library."""
    heavy = ["h5py", "rich", "PIL", "matplotlib", "ml_dtypes", "scipy", "pandas", "tensorflow", "jax", "torch"]
    code = f"""if True:
        import sys, fastkeras as keras
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        print([name for name in {heavy} if name in sys.modules])
    """
    assert run(code) == "[]"


def test_every_public_name_is_there():
    for module in (keras, keras.utils, keras.saving, keras.config, keras.datasets, keras.backend, keras.tree):
        missing = [name for name in dir(module) if not hasattr(module, name)]
        assert missing == [], module
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(keras, "nothing")  # noqa: B009 - asking is what raises
    assert keras.version() == keras.__version__


def test_settings():
    assert keras.config.backend() == "fastkeras"
    assert keras.config.dtype_policy().name == "float32"
    keras.config.disable_traceback_filtering()
    assert not keras.config.is_traceback_filtering_enabled()
    with pytest.raises(NotImplementedError, match="whole tracebacks"):
        keras.config.enable_traceback_filtering()
    keras.config.disable_flash_attention()
    assert not keras.config.is_flash_attention_enabled()
    with pytest.raises(NotImplementedError, match="no flash attention"):
        keras.config.enable_flash_attention()
    assert not keras.config.is_nnx_enabled()
    keras.config.set_epsilon(1e-3)
    try:
        assert keras.config.epsilon() == keras.backend.epsilon() == 1e-3
    finally:
        keras.config.set_epsilon(1e-7)
    assert keras.config.isa() in keras.config.available_isas()


X = np.random.RandomState(0).normal(size=(3, 4)).astype("float32")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: K.mean(X, axis=1, keepdims=True), X.mean(1, keepdims=True)),
        (lambda: K.sum(X), X.sum()),
        (lambda: K.argmax(X), X.argmax(-1)),
        (lambda: K.any(X > 9), False),
        (lambda: K.all(X < 9, axis=0), [True] * 4),
        (lambda: K.dot(X, X.T), X @ X.T),
        (lambda: K.batch_dot(X, X, axes=1), (X * X).sum(1, keepdims=True)),
        (lambda: K.batch_dot(X[:, None], X[:, :, None]), (X * X).sum(1)[:, None, None]),
        (lambda: K.batch_flatten(X[:, None]), X),
        (lambda: K.bias_add(X, np.arange(4.0, dtype="float32")), X + np.arange(4)),
        (lambda: K.clip(X, None, 0.5), X.clip(None, 0.5)),
        (lambda: K.concatenate([X, X]), np.concatenate([X, X], -1)),
        (lambda: K.permute_dimensions(X, (1, 0)), X.T),
        (
            lambda: K.relu(X, alpha=0.1, max_value=0.5, threshold=0.2),
            np.where(X >= 0.2, X.clip(None, 0.5), 0.1 * (X - 0.2)),
        ),
        (lambda: K.hard_sigmoid(X), np.clip(0.2 * X + 0.5, 0, 1)),
        (lambda: K.repeat(X, 2), np.stack([X, X], 1)),
        (lambda: K.repeat_elements(X, 2, axis=1), np.repeat(X, 2, 1)),
        (lambda: K.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True)),
        (lambda: K.switch(X[:, 0] > 0, X, -X), np.where(X[:, :1] > 0, X, -X)),
        (lambda: K.one_hot(np.array([1, 0]), 3), np.eye(3)[[1, 0]]),
        (lambda: K.gather(X, np.array([2, 0])), X[[2, 0]]),
        (lambda: K.reverse(X, 0), X[::-1]),
        (lambda: K.pow(X, 2), X**2),
        (lambda: K.constant(2.0, shape=(2, 2)), np.full((2, 2), 2)),
        (lambda: K.eye(3), np.eye(3)),
        (lambda: K.zeros_like(X), np.zeros_like(X)),
        (
            lambda: K.sparse_categorical_crossentropy(np.array([1, -1, 0]), K.softmax(X), ignore_class=-1),
            [-np.log(np.exp(X[0, 1]) / np.exp(X[0]).sum()), 0, -np.log(np.exp(X[2, 0]) / np.exp(X[2]).sum())],
        ),
    ],
)
def test_backend_functions(made, expected):
    np.testing.assert_allclose(K.get_value(made()), expected, rtol=2e-5, atol=1e-6)


def test_backend_variables():
    v = K.variable([1.0, 2.0], name="v")
    K.set_value(v, [3.0, 4.0])
    K.update_add(v, [1.0, 1.0])
    K.update_sub(v, [0.5, 0.5])
    K.moving_average_update(v, np.zeros(2, "float32"), 0.5)
    assert K.eval(v).tolist() == [1.75, 2.25]
    K.batch_set_value([(v, [0.0, 1.0])])
    assert [a.tolist() for a in K.batch_get_value([v])] == [[0.0, 1.0]]
    assert (K.int_shape(v), K.ndim(v), K.dtype(v), K.count_params(v)) == ((2,), 1, "float32", 2)
    assert K.cast_to_floatx([1]).dtype == np.float32
    assert K.random_normal((2, 3), seed=1).shape == (2, 3)
    assert set(K.get_value(K.random_bernoulli((50,), p=0.5, seed=1)).tolist()) == {0.0, 1.0}
    keras.utils.clear_session()
    assert [K.get_uid("a"), K.get_uid("a"), K.get_uid("b")] == [1, 2, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: K.gradients(K.constant(1.0), []), RuntimeError, "GradientTape"),
        (lambda: K.ctc_label_dense_to_sparse(X, X), AttributeError, "ctc_label_dense_to_sparse"),
        (lambda: K.pool2d(K.ones((1, 4, 4, 1)), (2, 2), pool_mode="mean"), ValueError, "pool_mode=mean"),
        (lambda: K.pool3d(K.ones((1, 4, 4, 4, 1)), (2, 2)), ValueError, "pool_size"),
        (
            lambda: K.conv2d(K.ones((1, 4, 4, 1)), K.ones((2, 2, 1, 1)), data_format="CHW"),
            ValueError,
            "data_format=CHW",
        ),
        (lambda: K.temporal_padding(K.ones((1, 2, 1)), (1,)), ValueError, r"padding=\(1,\)"),
        (lambda: K.spatial_2d_padding(K.ones((1, 2, 2, 1)), (1, 1, 1)), ValueError, "padding="),
        (lambda: K.resize_images(K.ones((1, 2, 2, 1)), 2, 2, "channels_last", "gaussian"), ValueError, "gaussian"),
        (
            lambda: K.conv2d_transpose(K.ones((1, 3, 3, 1)), K.ones((3, 3, 1, 1)), (1, 9, 9, 1), (2, 2)),
            ValueError,
            r"output_shape=\(1, 9, 9, 1\)",
        ),
        (lambda: K.map_fn(lambda x: x, K.constant([1.0]), dtype="int32"), TypeError, "dtype=int32"),
        (lambda: K.foldl(lambda a, x: a + x, K.zeros((0, 2))), ValueError, "elems"),
        (lambda: K.rnn(lambda x, s: (x, s), K.zeros((2, 0, 1)), []), ValueError, "at least one step"),
    ],
)
def test_what_the_backend_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_backend_loops_train_in_a_layer():
    """K.rnn and K.conv2d_transpose in a Lambda layer: traced, with gradients, the batch size unknown."""

    def walk(x):
        return K.rnn(lambda x, states: (x + states[0], [x + states[0]]), x, [K.zeros_like(x[:, 0])])[0]

    def enlarge(x):
        return K.conv2d_transpose(x, K.ones((3, 3, 1, 2)), (None, 9, 9, 1), strides=(2, 2))

    steps = keras.Sequential([keras.Input((3, 4)), keras.layers.Dense(2), keras.layers.Lambda(walk)])
    images = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 1), keras.layers.Lambda(enlarge)])
    assert (steps.output_shape, images.output_shape) == ((None, 2), (None, 9, 9, 1))
    for model, x in ((steps, X[:, None] * np.ones((3, 3, 1), "float32")), (images, np.ones((5, 4, 4, 1), "float32"))):
        model.compile("sgd", "mse")
        before = [w.copy() for w in model.get_weights()]
        model.fit(x, np.ones((len(x), *model.output_shape[1:]), "float32"), verbose=0)
        assert all(np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True))


def test_batch_normalization_along_another_axis():
    moments = [np.arange(1.0, 4.0, dtype="float32")] * 4
    last = K.get_value(K.batch_normalization(X.T[None], *moments))
    first = K.get_value(K.batch_normalization(np.moveaxis(X.T[None], -1, 1), *moments, axis=1))
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), last)
