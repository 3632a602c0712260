"""CTC beyond the rows of tests/cases and the figures of rows_ctc.py: traces, models, precision, errors."""

import itertools

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import ops
from fastkeras.engine import Function, GradientTape, convert_to_tensor


def logits(*shape, seed=0, dtype="float32"):
    return np.random.RandomState(seed).normal(scale=2.0, size=shape).astype(dtype)


def lengths(batch, n):
    return np.full(batch, n, "int32")


def loss_and_gradient(target, x, target_length, output_length):
    x = convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(x)
        loss = ops.ctc_loss(target, x, target_length, output_length)
    return loss.numpy(), tape.gradient(loss, x).numpy()


def likelihoods(x):
    """Of each label sequence that outputs (frames, classes) can become, blank being 0: all alignments tried."""
    p = np.exp(x - np.log(np.exp(x).sum(-1, keepdims=True)))
    found = {}
    for alignment in itertools.product(range(x.shape[1]), repeat=len(x)):
        labels = tuple(c for c, _ in itertools.groupby(alignment) if c)
        found[labels] = found.get(labels, 0.0) + np.prod(p[range(len(x)), alignment])
    return found


def test_loss_and_beams_are_those_of_all_alignments(isa):
    x = logits(5, 3, seed=1, dtype="float64")
    found = likelihoods(x)
    for labels, p in found.items():
        target = np.zeros((1, 5), "int32")
        target[0, : len(labels)] = labels
        loss = ops.ctc_loss(target, x[None], [len(labels)], [5])
        np.testing.assert_allclose(loss.numpy(), [-np.log(p)], rtol=1e-12)
    best = sorted(found, key=found.get, reverse=True)
    paths, scores = ops.ctc_decode(x[None], [5], strategy="beam_search", top_paths=len(best) + 2)
    assert [tuple(c for c in path if c >= 0) for path in paths.numpy()[:, 0]] == [*best, (), ()]
    np.testing.assert_allclose(np.exp(scores.numpy()[0]), [*(found[b] for b in best), 0.0, 0.0], rtol=1e-12)


def test_gradient_of_float32_keeps_its_digits_over_long_outputs(isa):
    target = np.random.RandomState(3).randint(1, 30, (2, 90)).astype("int32")
    x = logits(2, 2000, 30, seed=2)
    wide = loss_and_gradient(target, x.astype("float64"), lengths(2, 90), lengths(2, 2000))
    loss, gradient = loss_and_gradient(target, x, lengths(2, 90), lengths(2, 2000))
    np.testing.assert_allclose(loss, wide[0], rtol=1e-6)
    np.testing.assert_allclose(gradient, wide[1], atol=2e-4)  # floats of the loss, 8,300, are 1e-3 apart


def test_impossible_targets_have_finite_losses_and_gradients(isa):
    x = logits(2, 3, 4, dtype="float64")
    target, length = [[1, 1, 1], [3, 2, 1]], ([3, 3], [3, 2])
    loss, gradient = loss_and_gradient(target, x, *length)
    assert (np.round(loss / 1e5) >= 1).all() and np.isfinite(gradient).all()
    for index in [(0, 0, 1), (0, 2, 0), (1, 1, 2)]:
        up, down = x.copy(), x.copy()
        up[index] += 1e-3
        down[index] -= 1e-3
        slope = ops.sum(ops.ctc_loss(target, up, *length)) - ops.sum(ops.ctc_loss(target, down, *length))
        np.testing.assert_allclose(gradient[index], float(slope) / 2e-3, atol=1e-6)
    assert not gradient[1, 2].any()  # beyond the outputs that count


def test_classes_that_cannot_be(isa):
    x = np.zeros((2, 4, 3), "float32")
    x[0, :, 2] = -np.inf
    x[1, 1, 1] = np.nan
    loss = ops.ctc_loss([[1], [1]], x, [1, 1], [4, 4]).numpy()
    np.testing.assert_allclose(loss[0], -np.log(10 / 16), rtol=1e-6)  # where the label begins and ends
    assert np.isnan(loss[1])
    paths, scores = ops.ctc_decode(x, [4, 4], strategy="beam_search", beam_width=5, top_paths=3)
    assert 2 not in paths.numpy()[:, 0] and (paths.numpy()[:, 1] == -1).all() and (scores.numpy()[1] == -np.inf).all()


def test_nothing_to_align():
    none = np.zeros((2, 0, 3), "float32")
    assert not ops.ctc_loss(np.zeros((2, 0)), none, [0, 0], [0, 0]).numpy().any()
    assert ops.ctc_loss(np.zeros((0, 2)), none.reshape(0, 2, 3), [], []).shape == (0,)
    for strategy in ("greedy", "beam_search"):
        paths, scores = ops.ctc_decode(none, [0, 0], strategy=strategy)
        assert paths.shape == (1, 2, 0) and not scores.numpy().any()


def test_no_second_derivative():
    x = convert_to_tensor(logits(1, 4, 3))
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as tape:
            tape.watch(x)
            loss = ops.ctc_loss([[1]], x, [1], [4])
        slope = ops.sum(tape.gradient(loss, x))
    with pytest.raises(ValueError, match="no second derivative"):
        outer.gradient(slope, x)


@pytest.mark.parametrize("strategy", ["greedy", "beam_search"])
def test_decoding_in_traces_and_models(strategy):
    x, count = logits(3, 6, 4), np.array([6, 4, 0], "int32")
    settings = {"strategy": strategy, "beam_width": 8, "top_paths": 1}
    eager = ops.ctc_decode(x, count, **settings)
    assert (eager[0].dtype, eager[1].dtype) == ("int32", "float32") and (eager[0].numpy()[0, 2] == -1).all()
    inputs = keras.Input((6, 4)), keras.Input((), dtype="int32")
    labels, scores = ops.ctc_decode(*inputs, **settings)
    assert labels.shape == (1, None, 6) and scores.shape == (None, 1)
    model = keras.Model(inputs, [labels[0], scores])
    for made in (Function(lambda x, n: ops.ctc_decode(x, n, **settings))(x, count), model((x, count))):
        np.testing.assert_array_equal(np.reshape(made[0], (3, 6)), eager[0].numpy()[0])
        np.testing.assert_array_equal(made[1], eager[1].numpy())


def test_loss_in_models_and_in_halves():
    target, x = np.array([[1, 2], [3, 3]], "int32"), logits(2, 5, 4)
    inputs = keras.Input((2,), dtype="int32"), keras.Input((5, 4))
    n = [keras.Input((), dtype="int32") for _ in range(2)]
    loss = ops.ctc_loss(*inputs, *n)
    assert loss.shape == (None,) and loss.dtype == "float32"
    expected = ops.ctc_loss(target, x, lengths(2, 2), lengths(2, 5)).numpy()
    model = keras.Model([*inputs, *n], loss)
    np.testing.assert_allclose(model([target, x, lengths(2, 2), lengths(2, 5)]), expected, rtol=1e-6)
    half = ops.ctc_loss(target, ops.cast(x, "bfloat16"), lengths(2, 2), lengths(2, 5))
    assert half.dtype == "float32"
    np.testing.assert_allclose(half.numpy(), expected, rtol=0.02)


def test_loss_by_name_and_config():
    assert keras.losses.get("ctc") is keras.losses.ctc
    loss = keras.losses.get("CTC")
    assert isinstance(loss, keras.losses.CTC) and loss.get_config() == {
        "name": "ctc", "reduction": "sum_over_batch_size",
    }  # fmt: skip
    again = keras.losses.deserialize(keras.losses.serialize(keras.losses.CTC(reduction="sum", name="mine")))
    assert isinstance(again, keras.losses.CTC) and (again.name, again.reduction) == ("mine", "sum")
    assert keras.losses.deserialize(keras.losses.serialize(keras.losses.ctc)) is keras.losses.ctc


def test_labels_are_not_rounded_to_the_dtype_of_the_loss():
    x = np.zeros((1, 4, 400), "float32")
    x[..., 301] = 8.0
    loss = keras.losses.CTC(dtype="bfloat16")([[301]], x)
    assert loss.dtype == "bfloat16"
    np.testing.assert_allclose(float(loss), float(keras.losses.CTC()([[301]], x)), atol=0.02)


def test_wrong_arguments():
    x, n = logits(2, 5, 4), lengths(2, 2)
    target = np.ones((2, 3), "int32")
    for y_true, y_pred, argument in ((target[0], x, "y_true"), (target, x[0], "y_pred"), (x, x, "y_true")):
        with pytest.raises(ValueError, match=f"Received: {argument}.shape="):
            keras.losses.ctc(y_true, y_pred)
    for arguments in ((target[:1], x, n, n), (target, x, n[:1], n), (target, x, n, n[:1])):
        with pytest.raises(ValueError, match="must have the same first dimension"):
            ops.ctc_loss(*arguments)
    for arguments in ((target, x[0], n, n), (target[0][:2], x, n, n), (target, x, n[:, None], n)):
        with pytest.raises(ValueError, match="Received: "):
            ops.ctc_loss(*arguments)
    for mask in (-1, 4):
        with pytest.raises(ValueError, match=f"Received: mask_index={mask}"):
            ops.ctc_loss(target, x, n, n, mask_index=mask)
        with pytest.raises(ValueError, match=f"Received: mask_index={mask}"):
            ops.ctc_decode(x, n, strategy="beam_search", mask_index=mask)
    with pytest.raises(ValueError, match="Invalid strategy best"):
        ops.ctc_decode(x, n, strategy="best")
    with pytest.raises(ValueError, match="Received: beam_width=0"):
        ops.ctc_decode(x, n, strategy="beam_search", beam_width=0)
    with pytest.raises(ValueError, match="top_paths=0"):
        ops.ctc_decode(x, n, strategy="beam_search", top_paths=0)
    with pytest.raises(ValueError, match="same first dimension"):
        ops.ctc_decode(x, n[:1])
    with pytest.raises(ValueError, match=r"Received: inputs.shape=\(5, 4\)"):
        ops.ctc_decode(x[0], n)


def test_backend_of_keras_2():
    x = logits(2, 6, 4)
    x[0, :, 1] += 3.0  # a label that repeats
    p, target, n = ops.softmax(x).numpy(), [[1, 1, 0], [2, 0, 0]], [6, 5]
    cost = keras.backend.ctc_batch_cost(target, p, [[6], [5]], [[2], [1]])
    expected = ops.ctc_loss(target, x, [2, 1], n, mask_index=3).numpy()
    np.testing.assert_allclose(cost.numpy(), expected[:, None], rtol=1e-5)
    paths, scores = keras.backend.ctc_decode(p, n)
    np.testing.assert_array_equal(paths[0], ops.ctc_decode(x, n, mask_index=None)[0].numpy()[0])
    assert len(paths) == 1 and scores.shape == (2, 1)
    paths, scores = keras.backend.ctc_decode(p, n, greedy=False, beam_width=9, top_paths=3)
    full, expected = ops.ctc_decode(x, n, "beam_search", beam_width=9, top_paths=3, mask_index=None)
    np.testing.assert_allclose(scores.numpy(), expected.numpy(), rtol=1e-4)
    for path, whole in zip(np.reshape(paths, (6, 6)), full.numpy().reshape(6, 6), strict=True):
        merged = [c for c, _ in itertools.groupby(whole[whole >= 0])]
        assert path.tolist() == merged + [-1] * (6 - len(merged))
    assert any((w[1:] == w[:-1])[w[1:] >= 0].any() for w in full.numpy().reshape(6, 6))


def test_threads_agree_on_the_gradient(set_threads, isa):
    target = np.random.RandomState(6).randint(1, 20, (33, 12))
    x, made = logits(33, 40, 20, seed=6), []
    for threads in (1, 2):
        set_threads(threads)
        made.append(loss_and_gradient(target, x, lengths(33, 12), lengths(33, 40)))
    for one, two in zip(*made, strict=True):
        assert one.tobytes() == two.tobytes()
