"""Ops that work on rows: short rows share vectors, and no value depends on which rows."""

import numpy as np
import pytest

from fastkeras.engine import primitive

ROWS = 37  # two groups of 16 and a part of one


def rows_of(rng, n):
    return rng.standard_normal((ROWS, n)).astype("float32")


def softmax(x, _):
    return [primitive("softmax")(x)]


def log_softmax(x, _):
    return [primitive("log_softmax")(x)]


def softmax_grad(x, other):
    return [primitive("softmax_grad")(x, other)]


def log_softmax_grad(x, other):
    return [primitive("log_softmax_grad")(x, other)]


def crossentropy(x, other):
    return primitive("crossentropy")(np.abs(other), x)


def sparse_crossentropy(x, other):
    labels = (np.abs(other[:, 0]) * 100).astype("int32") % x.shape[1]
    return primitive("sparse_crossentropy")(labels, x)


def layer_norm(x, _):
    return primitive("layer_norm")(x, axes=1, epsilon=1e-3, scale=False, offset=False)


def rms_norm(x, _):
    return primitive("layer_norm")(x, axes=1, epsilon=1e-3, scale=False, offset=False, centered=False)


def layer_norm_grad(x, other):
    _, mean, inverse = layer_norm(x, None)
    return primitive("layer_norm_grad")(x, mean, inverse, other, axes=1, scale=False, offset=False)[:1]


@pytest.mark.parametrize("n", [1, 5, 16, 31, 64, 100, 128, 129, 1000])
@pytest.mark.parametrize(
    "op",
    [
        softmax,
        log_softmax,
        softmax_grad,
        log_softmax_grad,
        crossentropy,
        sparse_crossentropy,
        layer_norm,
        rms_norm,
        layer_norm_grad,
    ],
)
def test_a_row_does_not_depend_on_its_neighbours(isa, op, n):
    rng = np.random.default_rng(n)
    x, other = rows_of(rng, n), rows_of(rng, n)
    whole = [np.asarray(y) for y in op(x, other)]
    for part in [slice(0, 1), slice(5, 6), slice(36, 37), slice(3, 20), slice(1, 37)]:
        for all_rows, some in zip(whole, op(x[part], other[part]), strict=True):
            assert np.asarray(some).tobytes() == all_rows[part].tobytes()


@pytest.mark.parametrize("keys", [5, 100, 128, 129])
@pytest.mark.parametrize("masked", [False, True])
def test_a_query_does_not_depend_on_its_neighbours(isa, keys, masked):
    rng = np.random.default_rng(keys)
    q, k, v = (rng.standard_normal((2, rows, 3, 8)).astype("float32") for rows in (ROWS, keys, keys))
    mask = [rng.random((2, 1, ROWS, keys)) > 0.3] if masked else []
    attention = primitive("attention")
    whole, probabilities = attention(q, k, v, *mask, scale=0.4, causal=False, save=True)
    for part in [slice(0, 5), slice(31, 37), slice(3, 20)]:  # up to three rows are multiplied as inner products
        y, p = attention(q[:, part], k, v, *(m[:, :, part] for m in mask), scale=0.4, causal=False, save=True)
        assert p.numpy().tobytes() == probabilities.numpy()[:, :, part].tobytes()
        assert y.numpy().tobytes() == whole.numpy()[:, part].tobytes()
