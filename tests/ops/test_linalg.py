"""Decompositions of matrices beyond the rows of tests/cases and the figures of rows_decompositions.py."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import ops
from fastkeras.engine import Function, GradientTape

R = np.random.RandomState(8)
SHAPES = [(1, 1), (1, 4), (4, 1), (3, 3), (7, 4), (4, 7), (40, 40), (60, 33)]


def orthonormal(q, tolerance):
    return np.abs(np.swapaxes(q, -1, -2) @ q - np.eye(q.shape[-1])).max(initial=0) < tolerance


def matrices_of(shape, dtype):
    """Of full rank, of rank 1, zero, with equal columns, and of far apart sizes."""
    m, n = shape
    full = R.normal(size=shape)
    scaled = full * np.logspace(0, -9, m)[:, None]
    return np.stack([full, np.outer(full[:, 0], full[0]), 0 * full, np.ones(shape), scaled]).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_decompositions_put_together_again(shape, dtype, isa):
    x = matrices_of(shape, dtype)
    k = min(shape)
    small = (20 + 4 * max(shape)) * np.finfo(dtype).eps
    size = np.abs(x).max()
    for mode in ("reduced", "complete"):
        q, r = (t.numpy() for t in ops.qr(x, mode=mode))
        assert q.dtype == r.dtype == dtype and q.shape[-1] == (k if mode == "reduced" else shape[0])
        assert orthonormal(q, small) and np.abs(q @ r - x).max() < small * size * k
        assert (np.tril(r, -1) == 0).all()
    for full in (False, True):
        u, s, vt = (t.numpy() for t in ops.svd(x, full_matrices=full))
        assert u.shape[-1] == (shape[0] if full else k) and vt.shape[-2] == (shape[1] if full else k)
        assert orthonormal(u, small) and orthonormal(np.swapaxes(vt, -1, -2), small)
        assert np.abs((u[..., :k] * s[..., None, :]) @ vt[..., :k, :] - x).max() < small * size * k
    assert (np.diff(s) <= 0).all() and (s >= 0).all()
    expected = np.linalg.svd(x.astype("float64"), compute_uv=False)
    assert np.abs(s - expected).max() < small * size * k
    np.testing.assert_array_equal(ops.svd(x, compute_uv=False).numpy(), s)
    symmetric = x @ np.swapaxes(x, -1, -2) - np.eye(shape[0], dtype=dtype)
    w, v = (t.numpy() for t in ops.eigh(symmetric))
    assert (np.diff(w) >= 0).all() and orthonormal(v, small)
    assert np.abs((v * w[..., None, :]) @ np.swapaxes(v, -1, -2) - symmetric).max() < small * size**2 * k * max(shape)


def test_small_singular_values_keep_their_digits():
    """One-sided rotations find the singular values of scaled orthogonal columns to relative precision."""
    q = np.linalg.qr(R.normal(size=(9, 9)))[0]
    sizes = np.logspace(0, -90, 9)
    np.testing.assert_allclose(ops.svd(q * sizes, compute_uv=False).numpy(), sizes, rtol=1e-12)
    np.testing.assert_allclose(ops.svd(q * 1e300, compute_uv=False).numpy(), np.full(9, 1e300), rtol=1e-12)


@pytest.mark.parametrize("number", [1.0, 1 / 3, -0.7])
def test_matrices_of_one_number(isa, number):
    """What is left of them when one direction is taken away is nothing, or almost."""
    for n in (2, 28, 29, 30, 31, 32, 44, 45):
        x = np.full((n, n), number)
        w, v = (t.numpy() for t in ops.eigh(x))
        u, s, vt = (t.numpy() for t in ops.svd(x))
        assert orthonormal(v, 1e-13) and orthonormal(u, 1e-13) and orthonormal(vt.T, 1e-13)
        np.testing.assert_allclose(s, [n * abs(number)] + [0] * (n - 1), atol=1e-13)
        np.testing.assert_allclose(sorted(np.abs(w)), s[::-1], atol=1e-13)


@pytest.mark.parametrize("shape", [(120, 120), (90, 130)])
def test_many_rows(isa, shape):
    """Of random numbers, with values that are equal, nearly equal, and far apart."""
    k = min(shape)
    u = np.linalg.qr(R.normal(size=(shape[0], k)))[0]
    vt = np.linalg.qr(R.normal(size=(shape[1], k)))[0].T
    near = 1 + 1e-12 * R.normal(size=k)
    for sizes in (np.ones(k), near, np.logspace(0, -12, k), np.repeat([1, 1e-5, 0], k // 3), R.uniform(size=k)):
        x = (u * sizes) @ vt
        a, s, b = (t.numpy() for t in ops.svd(x, full_matrices=False))
        assert orthonormal(a, 1e-13) and orthonormal(b.T, 1e-13)
        np.testing.assert_allclose(s, np.sort(sizes)[::-1], atol=1e-13)
        np.testing.assert_allclose((a * s) @ b, x, atol=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_becomes_nan_and_nothing_else_does(bad):
    x = R.normal(size=(3, 5, 5))
    x[1, 2, 3] = bad
    for function in (ops.qr, ops.eigh, ops.svd, lambda t: ops.svd(t, compute_uv=False), ops.pinv):
        result = function(x)
        for t in result if isinstance(result, tuple) else (result,):
            assert np.isnan(t.numpy()[1]).any() and np.isfinite(t.numpy()[[0, 2]]).all()


@pytest.mark.parametrize("shape", [(0, 4, 4), (2, 0, 3, 3)])
def test_empty_batches(shape):
    x = np.zeros(shape)
    for function in (ops.qr, ops.eigh, ops.svd, ops.lu_factor):
        assert all(0 in t.shape for t in function(x))
    assert ops.pinv(x).shape == shape and ops.matrix_rank(x).shape == shape[:-2]


@pytest.mark.parametrize("shape", [(3, 0), (0, 3)])
def test_matrices_without_elements(shape):
    x = np.zeros(shape)
    assert [t.shape for t in ops.qr(x, mode="complete")] == [(shape[0], shape[0]), shape]
    assert [t.shape for t in ops.svd(x)] == [(shape[0], shape[0]), (0,), (shape[1], shape[1])]
    np.testing.assert_array_equal(ops.svd(x)[0].numpy(), np.eye(shape[0]))
    assert ops.pinv(x).shape == shape[::-1]


def test_halves_keep_their_dtype():
    x = ops.cast(R.normal(size=(4, 3)), "bfloat16")
    wide = ops.cast(x, "float32").numpy()
    assert all(t.dtype == "bfloat16" for t in (*ops.qr(x), *ops.svd(x), ops.pinv(x), ops.lu_factor(x)[0]))
    assert ops.lu_factor(x)[1].dtype == "int32"
    assert int(ops.matrix_rank(x)) == 3
    expected = np.linalg.pinv(wide)
    np.testing.assert_allclose(ops.cast(ops.pinv(x), "float32").numpy(), expected, atol=0.01 * np.abs(expected).max())


def test_integers_become_floats():
    np.testing.assert_allclose(ops.eigh([[2, 1], [1, 2]])[0].numpy(), [1, 3], rtol=1e-6)
    assert ops.qr([[3, 4], [5, 6]])[0].dtype == "float32"


COMPILED = {
    "qr": lambda x: ops.qr(x),
    "eigh": lambda x: ops.eigh(x[:, :4]),
    "svd": lambda x: ops.svd(x),
    "values": lambda x: (ops.svd(x, compute_uv=False), ops.norm(x, ord="nuc", axis=(1, 2)), ops.matrix_rank(x)),
    "pinv": lambda x: (ops.pinv(x), ops.lstsq(x[0], x[1])),
    "lu_factor": lambda x: ops.lu_factor(x),
    "i0": lambda x: (ops.i0(x),),
    "histogram": lambda x: ops.histogram(ops.ravel(x)),
}


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_equals_eager(name, isa):
    x = R.normal(size=(3, 6, 4)).astype("float32")
    eager, compiled = COMPILED[name](ops.convert_to_tensor(x)), Function(COMPILED[name])(x)
    for a, b in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-6, atol=1e-6)


def test_layers_of_unknown_batch():
    inputs = keras.Input((5, 3))
    outputs = keras.layers.Lambda(lambda t: ops.svd(t, compute_uv=False))(inputs)
    assert outputs.shape == (None, 3)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    x = R.normal(size=(6, 5, 3)).astype("float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), np.linalg.svd(x, compute_uv=False), rtol=1e-5)


def gradient(function, x):
    x = ops.convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


def test_gradients_that_do_not_need_distances_are_finite_at_equal_values():
    eye = np.eye(3)
    np.testing.assert_allclose(gradient(lambda t: ops.eigh(t)[0], eye).numpy(), eye, atol=1e-12)
    np.testing.assert_allclose(gradient(lambda t: ops.svd(t)[1], eye).numpy(), eye, atol=1e-12)
    np.testing.assert_allclose(gradient(lambda t: ops.pinv(t), eye).numpy(), -np.ones((3, 3)), atol=1e-12)


def test_gradients_that_do_not_exist_say_so():
    tall = R.normal(size=(5, 3))
    with pytest.raises(ValueError, match=r"\[qr\] mode 'complete'"):
        gradient(lambda t: ops.qr(t, mode="complete")[0], tall)
    with pytest.raises(ValueError, match=r"\[svd\] the vectors"):
        gradient(lambda t: ops.svd(t)[0], tall)
    assert np.isfinite(gradient(lambda t: ops.svd(t)[1], tall).numpy()).all()


def test_singular_matrices_have_factors():
    for x in (np.zeros((3, 3)), np.ones((3, 3)), np.array([[0.0, 1.0], [0.0, 2.0]])):
        lu, pivots = (t.numpy() for t in ops.lu_factor(x))
        rows = np.arange(len(x))
        for i, p in enumerate(pivots):
            rows[[i, p]] = rows[[p, i]]
        np.testing.assert_allclose((np.tril(lu, -1) + np.eye(len(x))) @ np.triu(lu), x[rows])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_i0(dtype, isa):
    x = np.concatenate([np.linspace(-80, 80, 4001), [0, 1e-30, 7.9999, 8, 8.0001, 300]]).astype(dtype)
    x = x if dtype == "float64" else x[np.abs(x) < 88]
    tolerance = 1e-11 if dtype == "float64" else 1e-5  # of e^x, for which half an ulp of 80 is 4e-6
    np.testing.assert_allclose(ops.i0(x).numpy(), np.i0(x.astype("float64")), rtol=tolerance)
    near = x[np.abs(x) <= 8]
    np.testing.assert_allclose(ops.i0(near).numpy(), np.i0(near.astype("float64")), rtol=tolerance / 10)


def test_bad_arguments_raise():
    for message, call in (
        ("rank >= 2", lambda: ops.qr(np.ones(3))),
        ("rank >= 2", lambda: ops.svd(np.ones(3))),
        ("square", lambda: ops.eigh(np.ones((2, 3)))),
        ("`mode`", lambda: ops.qr(np.ones((2, 2)), mode="raw")),
        (r"\[lstsq\]", lambda: ops.lstsq(np.ones((2, 2)), np.ones(3))),
    ):
        with pytest.raises(ValueError, match=message):
            call()
