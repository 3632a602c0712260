"""keras.ops.nn beyond what the rows of tests/cases and rows_nn.py cover: edges, errors, fusion, many classes."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import ops
from fastkeras.engine import Function, GradientTape, convert_to_tensor, primitive

INF, NAN = float("inf"), float("nan")


def log_softmax(x):
    x = x.astype("float64")
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def loss_and_gradient(function, x):
    x = convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(x)
        loss = function(x)
    return loss.numpy(), tape.gradient(loss, x).numpy()


# --- softmax ---------------------------------------------------------------------------------------------------------


def test_softmax_of_extreme_logits(isa):
    x = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4], [1e30, -1e30, 0], [-INF, 0, 0]], "float32")
    np.testing.assert_array_equal(
        ops.softmax(x).numpy(), np.array([[1, 0, 0], [1 / 3] * 3, [1, 0, 0], [0, 0.5, 0.5]], "float32")
    )
    np.testing.assert_allclose(ops.log_softmax(x).numpy()[0], [0, -1e4, -2e4])
    assert ops.log_softmax(x).numpy()[3].tolist()[0] == -INF


@pytest.mark.parametrize("row", [[-INF, -INF], [INF, 0.0], [NAN, 0.0], [0.0, NAN]])
def test_softmax_has_no_answer(row, isa):
    for n in (2, 40):  # in a partial vector, and in several
        x = np.zeros((2, n), "float32")
        x[0, :] = row[1] if row[0] == row[1] else 0.0
        x[0, :2] = row
        y = ops.softmax(x).numpy()
        assert np.isnan(y[0]).any() and np.isfinite(y[1]).all()


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 31, 1000, 100_000])
def test_softmax_of_any_width(n, isa):
    x = np.random.RandomState(n).normal(size=(3, n)).astype("float32") * 5
    y = primitive("softmax")(convert_to_tensor(x)).numpy()
    np.testing.assert_allclose(y, np.exp(log_softmax(x)), rtol=3e-6, atol=1e-12)
    np.testing.assert_allclose(
        primitive("log_softmax")(convert_to_tensor(x)).numpy(), log_softmax(x), rtol=1e-6, atol=1e-5
    )


def test_softmax_underflow_is_zero_not_denormal(isa):
    y = ops.softmax(np.array([[0.0, -87.0, -88.0, -103.0]], "float32")).numpy()
    np.testing.assert_allclose(y[0, 1], np.exp(-87.0), rtol=1e-5)
    assert (y[0, 2:] == 0).all()


def test_softmax_over_one_class_warns():
    with pytest.warns(UserWarning, match="always return the value 1"):
        ops.softmax(np.zeros((3, 1), "float32"))


def test_softmax_of_integers_and_bfloat16():
    assert ops.softmax([0, 0]).dtype == "float32"
    y = ops.softmax(ops.cast([0.0, 0.0], "bfloat16"))
    assert y.dtype == "bfloat16" and float(y[0]) == 0.5


# --- crossentropy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 10, 100, 1001, 100_000])
def test_sparse_crossentropy_for_any_number_of_classes(classes, isa):
    rng = np.random.RandomState(classes)
    logits, labels = rng.normal(size=(5, classes)).astype("float32") * 4, rng.randint(0, classes, 5)
    labels[:2] = 0, classes - 1
    loss, slope = loss_and_gradient(lambda x: ops.sparse_categorical_crossentropy(labels, x, from_logits=True), logits)
    expected = log_softmax(logits)
    np.testing.assert_allclose(loss, -expected[np.arange(5), labels], rtol=3e-6, atol=1e-6)
    here = np.arange(classes) == labels[:, None]
    np.testing.assert_allclose(slope, np.exp(expected) - here, rtol=1e-5, atol=1e-6)


def test_crossentropy_of_extreme_logits(isa):
    x = np.array([[1e4, -1e4, 0.0]], "float32")
    for label, expected in ((0, 0.0), (1, 2e4), (2, 1e4)):
        loss, slope = loss_and_gradient(
            lambda x, k=label: ops.sparse_categorical_crossentropy([k], x, from_logits=True), x
        )
        assert loss[0] == expected
        assert slope.tolist() == [[1.0 - (label == 0), -float(label == 1), -float(label == 2)]]
        dense, same = loss_and_gradient(
            lambda x, k=label: ops.categorical_crossentropy(np.eye(3, dtype="float32")[[k]], x, from_logits=True), x
        )
        assert dense[0] == expected and same.tolist() == slope.tolist()
    masked = np.array([[0.0, -INF, 0.0]], "float32")
    assert ops.sparse_categorical_crossentropy([1], masked, from_logits=True).numpy()[0] == INF
    np.testing.assert_allclose(
        ops.sparse_categorical_crossentropy([0], masked, from_logits=True).numpy(), np.log(2), rtol=1e-6
    )


@pytest.mark.parametrize("label", [-1, 3, 2**31 - 1, -(2**31)])
def test_label_outside_of_the_classes(label, isa):
    """The row is NaN, loss and gradient; nothing is read or written outside, and other rows do not notice."""
    labels, x = np.array([1, label, 2], "int32"), np.random.RandomState(0).normal(size=(3, 3)).astype("float32")
    for logits in (True, False):
        loss, slope = loss_and_gradient(
            lambda x, logits=logits: ops.sparse_categorical_crossentropy(labels, x, from_logits=logits), abs(x) + 0.1
        )
        assert np.isnan(loss).tolist() == [False, True, False]
        assert np.isfinite(slope[[0, 2]]).all()
        if logits:
            assert np.isnan(slope[1]).all()


def test_nan_logits_give_nan_loss(isa):
    for position in (0, 9, 17):
        x = np.zeros((2, 18), "float32")
        x[0, position] = NAN
        loss = ops.sparse_categorical_crossentropy([1, 1], x, from_logits=True).numpy()
        assert np.isnan(loss[0]) and np.isfinite(loss[1])


def test_binary_crossentropy_of_extreme_logits():
    x = np.array([200.0, -200.0, 1e30, 0.0], "float32")
    half = np.log(2)
    for target, expected, slopes in (
        (1.0, [0, 200, 0, half], [0, -1, 0, -0.5]),
        (0.0, [200, 0, 1e30, half], [1, 0, 1, 0.5]),
    ):
        t = np.full(4, target, "float32")
        loss, slope = loss_and_gradient(lambda x, t=t: ops.binary_crossentropy(t, x, from_logits=True), x)
        np.testing.assert_allclose(loss, np.float32(expected), rtol=1e-6)
        np.testing.assert_allclose(slope, slopes)
    near = ops.binary_crossentropy([1.0], [20.0], from_logits=True).numpy()
    np.testing.assert_allclose(near, [np.log1p(np.exp(-20.0))], rtol=1e-5)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        (ops.softmax, lambda p: ops.sparse_categorical_crossentropy([1, 0], p)),
        (ops.softmax, lambda p: ops.categorical_crossentropy(np.eye(3, dtype="float32")[[1, 0]], p)),
        (ops.sigmoid, lambda p: ops.binary_crossentropy(np.ones((2, 3), "float32"), p)),
    ],
    ids=["sparse", "dense", "binary"],
)
def test_probabilities_made_from_logits_in_the_trace_are_not_clipped(activation, loss):
    x = np.array([[90.0, -90.0, 0.0], [1.0, 2.0, 3.0]], "float32")
    traced = Function(lambda x: loss(activation(x)))
    eager, compiled = loss(activation(x)).numpy(), traced(x).numpy()
    np.testing.assert_allclose(compiled[1], eager[1], rtol=1e-5)
    assert compiled.max() > 80 > 17 > eager.max()
    assert np.isfinite(compiled).all()


def test_crossentropy_checks_shapes():
    with pytest.raises(
        ValueError, match=r"must have the same shape. Received: target.shape=\(3,\), output.shape=\(4,\)"
    ):
        ops.categorical_crossentropy(np.zeros(3, "float32"), np.zeros(4, "float32"))
    with pytest.raises(ValueError, match="at least rank 1"):
        ops.categorical_crossentropy(np.float32(1), np.float32(1))
    with pytest.raises(ValueError, match="at least rank 1"):
        ops.sparse_categorical_crossentropy(np.int32(1), np.float32(1))
    with pytest.raises(ValueError, match=r"up until the last dimension: target.shape=\(3,\), output.shape=\(4, 5\)"):
        ops.sparse_categorical_crossentropy(np.zeros(3, "int32"), np.zeros((4, 5), "float32"))
    with pytest.raises(ValueError, match="Only axis=-1"):
        ops.sparse_categorical_crossentropy(np.zeros(3, "int32"), np.zeros((3, 5), "float32"), axis=0)
    with pytest.raises(ValueError, match=r"Received: target.shape=\(3,\), output.shape=\(4,\)"):
        ops.binary_crossentropy(np.zeros(3, "float32"), np.zeros(4, "float32"))


def test_empty_batch():
    assert ops.sparse_categorical_crossentropy(
        np.zeros(0, "int32"), np.zeros((0, 5), "float32"), from_logits=True
    ).shape == (0,)
    assert ops.softmax(np.zeros((0, 5), "float32")).shape == (0, 5)
    assert ops.layer_normalization(np.zeros((0, 5), "float32")).shape == (0, 5)
    y, mean, variance = ops.nn.batch_norm_train(np.zeros((0, 5), "float32"), None, None, -1, 0.1)
    assert y.shape == (0, 5) and mean.shape == variance.shape == (5,)


# --- encodings and refusals ------------------------------------------------------------------------------------------


def test_one_hot_and_multi_hot_refuse():
    with pytest.raises(ValueError, match="sparse=True"):
        ops.one_hot([0], 2, sparse=True)
    with pytest.raises(ValueError, match="sparse=True"):
        ops.multi_hot([0], 2, sparse=True)
    with pytest.raises(ValueError, match="`num_classes` must be specified"):
        ops.multi_hot([0])
    assert ops.multi_hot([[0, 2]], num_tokens=3).numpy().tolist() == [[1, 0, 1]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.glu(np.zeros((2, 3), "float32")), "divisible by 2"),
        (lambda: ops.normalize([1.0], order=0), "`order` must be an int >= 1"),
        (lambda: ops.psnr([1.0], [1.0, 2.0], 1.0), "must match for PSNR"),
        (lambda: ops.softmax([1.0, 2.0], axis=1), "axis"),
        (lambda: ops.batch_normalization([[1.0]], [1.0], [1.0], axis=2), "axis"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_synchronized_moments_are_refused():
    with pytest.raises(NotImplementedError, match="synchronized=True"):
        ops.moments([1.0], [0], synchronized=True)


# --- normalisation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4000, 8), (64, 7, 300), (5, 3, 2)])
def test_batch_norm_keeps_its_digits_far_from_zero(shape, isa):
    """Mean 1,000 and deviation 1: squares that are not centred would lose all digits of the variance."""
    x = np.random.RandomState(0).normal(1000, 1, shape).astype("float32")
    axes = (0,) if len(shape) == 2 else (0, 2)
    y, mean, variance = ops.nn.batch_norm_train(x, None, None, 1, 0.0)
    wide = x.astype("float64")
    np.testing.assert_allclose(mean.numpy(), wide.mean(axes), rtol=1e-6)
    np.testing.assert_allclose(variance.numpy(), wide.var(axes), rtol=2e-4)
    assert abs(y.numpy().mean(axes)).max() < 1e-3


def test_batch_norm_train_equals_its_parts():
    x = np.random.RandomState(1).normal(size=(6, 4, 3)).astype("float32")
    gamma, beta = np.arange(1, 5, dtype="float32"), np.arange(4, dtype="float32")
    y, mean, variance = ops.nn.batch_norm_train(x, gamma, beta, 1, 1e-3)
    np.testing.assert_allclose(
        y.numpy(), ops.batch_normalization(x, mean, variance, 1, beta, gamma, 1e-3).numpy(), rtol=1e-5, atol=1e-5
    )


def test_norms_of_bfloat16_are_taken_in_float32():
    x = ops.cast(np.random.RandomState(2).normal(300, 1, (64, 8)), "bfloat16")
    y, mean, variance = ops.nn.batch_norm_train(x, None, None, -1, 1e-3)
    assert (y.dtype, mean.dtype, variance.dtype) == ("bfloat16", "float32", "float32")
    assert ops.layer_normalization(x).dtype == "bfloat16"
    assert ops.moments(x, [0])[0].dtype == "bfloat16"


# --- symbolic --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        ops.relu, ops.gelu, ops.softmax, ops.log_softmax, ops.sparsemax, ops.layer_normalization, ops.normalize,
        lambda x: ops.softmax(x, axis=(1, 2)), lambda x: ops.batch_normalization(x, np.zeros(4), np.ones(4), -1),
    ],
)  # fmt: skip
def test_keras_tensors_keep_their_shape(call):
    x = keras.KerasTensor((None, 3, 4))
    y = call(x)
    assert isinstance(y, keras.KerasTensor) and y.shape == (None, 3, 4) and y.dtype == "float32"


def test_losses_of_keras_tensors():
    y = ops.sparse_categorical_crossentropy(keras.KerasTensor((None,), "int32"), keras.KerasTensor((None, 5)))
    assert y.shape == (None,)
    assert ops.one_hot(keras.KerasTensor((None, 2), "int32"), 7).shape == (None, 2, 7)
