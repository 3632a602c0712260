"""Gradients of composed functions, dtypes, symbolic use and errors of keras.ops; values are in tests/reference."""

import numpy as np
import pytest

from fastkeras import KerasTensor, Variable, engine, ops

R = np.random.RandomState(3)
X, Y = R.normal(size=(3, 4)), R.normal(size=(3, 4))
SQUARE = R.normal(size=(3, 3))

DIFFERENTIABLE = {
    "var": (lambda x: ops.var(x, axis=1), [X]),
    "std": (lambda x: ops.std(x), [X]),
    "quantile": (lambda x: ops.quantile(x, [0.2, 0.7], axis=1), [X]),
    "median": (lambda x: ops.median(x, axis=0), [X]),
    "nanmean": (lambda x: ops.nanmean(x, axis=1), [X]),
    "sort": (lambda x: ops.sort(x, axis=0), [X]),
    "top_k": (lambda x: ops.top_k(x, 2)[0], [X]),
    "cumprod": (lambda x: ops.cumprod(x, axis=1), [X]),
    "average": (lambda x, w: ops.average(x, axis=1, weights=w), [X, np.abs(Y)]),
    "trapezoid": (lambda y, x: ops.trapezoid(y, x), [X, Y]),
    "corrcoef": (ops.corrcoef, [X]),
    "logaddexp": (ops.logaddexp, [X, Y]),
    "logsumexp": (lambda x: ops.logsumexp(x, axis=0), [X]),
    "hypot": (ops.hypot, [X, Y]),
    "sinc": (ops.sinc, [X]),
    "erfc": (ops.erfc, [X]),
    "where": (lambda x, y: ops.where(x > 0, x * y, y), [X, Y]),
    "clip": (lambda x, low: ops.clip(x, low, 0.5), [X, Y - 1]),
    "divide_no_nan": (ops.divide_no_nan, [X, Y]),
    "pad": (lambda x: ops.pad(x, ((1, 2), (2, 0)), constant_values=3.0), [X]),
    "pad_reflect": (lambda x: ops.pad(x, ((1, 2), (2, 0)), mode="reflect"), [X]),
    "roll": (lambda x: ops.roll(x, (1, -2), axis=(0, 1)), [X]),
    "roll_twice": (lambda x: ops.roll(x, (1, -2), axis=1), [X]),
    "flip": (ops.flip, [X]),
    "tile": (lambda x: ops.tile(x, (2, 3)), [X]),
    "repeat": (lambda x: ops.repeat(x, 3, axis=0), [X]),
    "rot90": (ops.rot90, [X]),
    "stack": (lambda x, y: ops.stack([x, y, x], axis=1), [X, Y]),
    "split": (lambda x: ops.split(x, [1, 3], axis=1)[1], [X]),
    "meshgrid": (lambda x, y: ops.multiply(*ops.meshgrid(x, y)), [X[0], Y[0]]),
    "diff": (lambda x: ops.diff(x, n=2), [X]),
    "tril": (ops.tril, [X]),
    "diag": (lambda x: ops.diag(x, k=-1), [X[0]]),
    "diagonal": (lambda x: ops.diagonal(x, 1), [X]),
    "getitem": (lambda x: x[::-2, None, 1:], [X]),
    "index": (lambda x: x[[0, 2, 0], [1, 1, 1]], [X]),
    "take_along_axis": (lambda x: ops.take_along_axis(x, np.array([[1, 1], [0, 3], [2, 0]]), axis=1), [X]),
    "slice": (lambda x: ops.slice(x, (1, 1), (2, 2)), [X]),
    "slice_update": (lambda x, y: ops.slice_update(x, (0, 1), y[:2, :2]), [X, Y]),
    "scatter_add": (lambda x, y: ops.scatter_update(x, [[0, 1], [0, 1]], y[0, :2], reduction="add"), [X, Y]),
    "scatter_mul": (lambda x, y: ops.scatter_update(x, [[0, 1], [2, 1]], y[0, :2], reduction="mul"), [X, Y]),
    "scatter_max": (lambda x, y: ops.scatter_update(x, [[0], [2]], y[:2], reduction="max"), [X, Y]),
    "segment_max": (lambda x: ops.segment_max(x, [0, 1, 0], num_segments=2), [X]),
    "matmul": (ops.matmul, [X, Y.T]),
    "matmul_vector": (ops.matmul, [X, Y[0]]),
    "einsum": (lambda x, y: ops.einsum("ij,kj->ki", x, y), [X, Y]),
    "einsum_three": (lambda x, y, s: ops.einsum("ij,kj,ik->k", x, y, s), [X, Y, SQUARE]),
    "einsum_diagonal": (lambda s: ops.einsum("ii->i", s), [SQUARE]),
    "tensordot": (lambda x, y: ops.tensordot(x, y, axes=[[1], [1]]), [X, Y]),
    "cross": (ops.cross, [SQUARE, SQUARE[::-1].copy()]),
    "kron": (ops.kron, [X, Y[:2]]),
    "correlate": (lambda x, y: ops.correlate(x, y[:2], mode="full"), [X[0], Y[0]]),
    "cdist": (ops.cdist, [X, Y]),
    "norm": (lambda x: ops.norm(x, ord=3, axis=1), [X]),
    "norm_matrix": (lambda x: ops.norm(x, ord=1, axis=(0, 1)), [X]),
    "scan": (lambda x: ops.scan(lambda c, v: (c * v, c + v), ops.ones((4,), "float64"), x)[1], [X]),
    "associative_scan": (lambda x: ops.associative_scan(ops.multiply, x, axis=1), [X]),
    "vectorize": (lambda x, y: ops.vectorize(lambda a, b: ops.sum(a) * b, signature="(n),()->()")(x, y), [X, Y[:, 0]]),
    "cond": (lambda x: ops.cond(x[0, 0] > 0, lambda: x * 2, lambda: x * x), [X]),
    "linspace": (lambda x, y: ops.linspace(x, y, ops.convert_to_tensor(4)), [X, Y]),
    "inv": (ops.inv, [SQUARE]),
    "solve": (ops.solve, [np.stack([SQUARE, SQUARE.T]), R.normal(size=(2, 3, 2))]),
    "solve_vector": (ops.solve, [SQUARE, X[:, 0]]),
    "solve_triangular": (ops.solve_triangular, [SQUARE, X]),
    "solve_lower": (lambda a, b: ops.solve_triangular(a, b, lower=True), [SQUARE, X]),
    "cholesky": (lambda x: ops.cholesky(x @ ops.transpose(x) + np.eye(3)), [SQUARE]),
    "cholesky_inverse": (ops.cholesky_inverse, [np.tril(SQUARE)]),
    "det": (ops.det, [np.stack([SQUARE, SQUARE.T @ SQUARE])]),
    "logdet": (lambda x: ops.logdet(x @ ops.transpose(x)), [SQUARE]),
}


@pytest.mark.parametrize("of", [ops.heaviside, ops.correlate, ops.nextafter, lambda x, y: ops.average(x, weights=y)])
def test_dtypes_of_two_tensors_are_joined_before_they_become_floats(of):
    pairs = [("int32", "bfloat16"), ("float16", "bool"), ("bool", "int8"), ("float64", "int32")]
    found = [of(ops.ones((3,), x), ops.ones((3,), y)).dtype for x, y in pairs]
    assert found == ["bfloat16", "float16", "float32", "float64"]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient(name):
    """Against central differences, eagerly and compiled; the compiled value equals the eager one."""
    function, arrays = DIFFERENTIABLE[name]
    shape = function(*map(ops.convert_to_tensor, arrays)).shape
    weights = np.random.RandomState(5).uniform(0.5, 1.5, shape)

    def value_and_gradients(*tensors):
        with engine.GradientTape() as tape:
            tape.watch(tensors)
            loss = ops.sum(function(*tensors) * weights)
        return loss, tape.gradient(loss, list(tensors))

    loss, gradients = value_and_gradients(*map(ops.convert_to_tensor, arrays))
    compiled_loss, compiled = engine.Function(value_and_gradients)(*arrays)
    np.testing.assert_allclose(float(compiled_loss), float(loss), rtol=1e-12)
    for i, array in enumerate(arrays):
        found = gradients[i].numpy()
        np.testing.assert_allclose(compiled[i].numpy(), found, rtol=1e-10, atol=1e-12)
        for position in np.random.RandomState(6).permutation(array.size)[:6]:
            changed = [a.copy() for a in arrays]
            sides = []
            for step in (1e-6, -2e-6):
                changed[i].flat[position] += step
                sides.append(float(ops.sum(function(*map(ops.convert_to_tensor, changed)) * weights)))
            np.testing.assert_allclose(found.flat[position], (sides[0] - sides[1]) / 2e-6, rtol=1e-5, atol=1e-6)


SYMBOLIC = {
    "concatenate": (lambda x: ops.concatenate([x, x], axis=-1), (None, 8)),
    "stack": (lambda x: ops.stack([x, x], axis=1), (None, 2, 4)),
    "mean": (lambda x: ops.mean(x, axis=-1), (None,)),
    "reshape": (lambda x: ops.reshape(x, (-1, 2, 2)), (None, 2, 2)),
    "transpose": (ops.transpose, (4, None)),
    "getitem": (lambda x: x[:, 1:3], (None, 2)),
    "matmul": (lambda x: ops.matmul(x, np.ones((4, 5), "float32")), (None, 5)),
    "einsum": (lambda x: ops.einsum("bi,ij->bj", x, np.ones((4, 5), "float32")), (None, 5)),
    "pad": (lambda x: ops.pad(x, ((0, 0), (1, 1))), (None, 6)),
    "split": (lambda x: ops.split(x, 2, axis=-1)[1], (None, 2)),
    "top_k": (lambda x: ops.top_k(x, 3)[0], (None, 3)),
    "take": (lambda x: ops.take(x, [0, 1, 1], axis=1), (None, 3)),
    "where": (lambda x: ops.where(x > 0, x, 0.0), (None, 4)),
    "operators": (lambda x: -x * 2 + x / 3, (None, 4)),
    "meshgrid": (lambda x: ops.meshgrid(x[0], x[1])[0], (4, 4)),
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_keras_tensors_become_models(name):
    from fastkeras import Input, Model

    function, shape = SYMBOLIC[name]
    inputs = Input((4,))
    outputs = function(inputs)
    assert isinstance(outputs, KerasTensor) and outputs.shape == shape
    x = R.normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(Model(inputs, outputs)(x).numpy(), function(ops.convert_to_tensor(x)).numpy(), rtol=1e-6)


def test_python_numbers_take_the_dtype_of_tensors():
    x = ops.ones((2,), "float32")
    for number in (2, 2.5, True, np.float64(2.5), np.sqrt(2.0)):
        assert ops.multiply(x, number).dtype == (x * number).dtype == (number * x).dtype == "float32"
        assert ops.where(x > 0, x, number).dtype == ops.maximum(x, number).dtype == "float32"
    assert ops.add(ops.ones((2,), "int32"), 1).dtype == "int32"
    assert ops.add(ops.ones((2,), "int32"), 1.5).dtype == "float32"
    assert ops.add(ops.ones((2,), "bfloat16"), 1.5).dtype == "bfloat16"


def test_floatx_decides_for_integers_and_new_tensors():
    before = engine.config.floatx()
    engine.config.set_floatx("float64")
    try:
        assert ops.mean([1, 2]).dtype == ops.sqrt([4]).dtype == ops.divide(1, 2).dtype == "float64"
        assert ops.zeros((1,)).dtype == ops.eye(1).dtype == ops.linspace(0, 1, 2).dtype == "float64"
    finally:
        engine.config.set_floatx(before)


def test_variables_are_tensors():
    v = Variable(X.astype("float32"))
    assert ops.concatenate([v, v]).shape == (6, 4)
    assert ops.shape(v) == (3, 4) and ops.ndim(v) == 2 and ops.size(v) == 12
    np.testing.assert_array_equal(v[1], X[1].astype("float32"))
    np.testing.assert_allclose(ops.einsum("ij,ij->", v, v), (X**2).sum(), rtol=1e-5)


BAD = [
    (ValueError, r"\[sum\] axis", lambda: ops.sum(X, axis=2)),
    (ValueError, "once", lambda: ops.sum(X, axis=(0, -2))),
    (ValueError, r"\[reshape\]", lambda: ops.reshape(X, (5, -1))),
    (ValueError, r"\[reshape\]", lambda: ops.reshape(X, (5, 2))),
    (ValueError, r"\[reshape\]", lambda: ops.reshape(X, (-1, -1))),
    (ValueError, r"\[transpose\]", lambda: ops.transpose(X, (0, 0))),
    (ValueError, r"\[concatenate\]", lambda: ops.concatenate([X, X[:, :2]], axis=0)),
    (ValueError, r"\[concatenate\]", lambda: ops.concatenate([])),
    (ValueError, r"\[stack\]", lambda: ops.stack([X, X[:2]])),
    (ValueError, r"\[split\]", lambda: ops.split(X, 3, axis=1)),
    (ValueError, "Cannot squeeze", lambda: ops.squeeze(X, axis=0)),
    (ValueError, "pad_width", lambda: ops.pad(X, ((1, 1), (1, 1), (1, 1)))),
    (ValueError, "pad_width", lambda: ops.pad(X, -1)),
    (ValueError, "constant_values", lambda: ops.pad(X, 1, mode="reflect", constant_values=0)),
    (ValueError, "mode", lambda: ops.pad(X, 1, mode="nearest")),
    (ValueError, r"\[matmul\]", lambda: ops.matmul(X, X)),
    (ValueError, r"\[matmul\]", lambda: ops.matmul(X, 2.0)),
    (ValueError, r"\[einsum\]", lambda: ops.einsum("ij,jk->ik", X, X)),
    (ValueError, r"\[einsum\]", lambda: ops.einsum("ij->ijk", X)),
    (ValueError, r"\[einsum\]", lambda: ops.einsum("ijk->k", X)),
    (ValueError, r"\[tensordot\]", lambda: ops.tensordot(X, X, axes=1)),
    (ValueError, "must be either 2 or 3", lambda: ops.cross(X, X)),
    (ValueError, r"\[top_k\]", lambda: ops.top_k(X, 5)),
    (ValueError, r"\[quantile\]", lambda: ops.quantile(X, 1.5)),
    (ValueError, r"\[quantile\] method", lambda: ops.quantile(X, 0.5, method="cubic")),
    (ValueError, "1-D", lambda: ops.searchsorted(X, 1.0)),
    (ValueError, "side", lambda: ops.searchsorted(X[0], 1.0, side="middle")),
    (ValueError, "both", lambda: ops.where(X > 0, X)),
    (ValueError, "Invalid reduction", lambda: ops.scatter_update(X, [[0]], X[:1], reduction="mean")),
    (ValueError, "dimensions", lambda: ops.slice(X, (0,), (1,))),
    (ValueError, "larger", lambda: ops.slice(X, (0, 0), (4, 1))),
    (ValueError, r"\[repeat\]", lambda: ops.repeat(X, [1, 2], axis=0)),
    (ValueError, r"\[bincount\]", lambda: ops.bincount([-1, 2])),
    (ValueError, "Axis must be specified", lambda: ops.average(X, weights=[1.0, 2.0, 3.0])),
    (ValueError, "indexing", lambda: ops.meshgrid(X[0], indexing="yx")),
    (ValueError, "num", lambda: ops.linspace(0, 1, -1)),
    (ValueError, r"\[vectorize\] arguments", lambda: ops.vectorize(ops.dot, signature="(n),(n)->()")(X, X[0, :2])),
    (ValueError, r"\[vectorize\] arguments", lambda: ops.vectorize(ops.sum, signature="(n)->()")(1.0)),
    (ValueError, r"\[vectorize\] there", lambda: ops.vectorize(ops.sum)(X[:0])),
    (TypeError, r"\[vectorize\]", lambda: ops.vectorize(ops.dot, signature="(n)->()")(X, X)),
    (ValueError, "positive definite|Cholesky", lambda: ops.cholesky(-np.eye(2))),
    (ValueError, "[Ss]ingular", lambda: ops.inv(np.zeros((2, 2)))),
    (ValueError, "square", lambda: ops.det(X)),
    (ValueError, "Incompatible", lambda: ops.solve(SQUARE, np.ones(4))),
    (ValueError, "ord", lambda: ops.norm(X, ord="nuclear", axis=(0, 1))),
    (ValueError, "same kind", lambda: engine.Function(lambda p: ops.cond(p, lambda: X, lambda: X[0]))(np.array(True))),
    (TypeError, "integer", lambda: ops.ldexp(X, 1.5)),
    (TypeError, "integers", lambda: ops.take(X, [0.5], axis=0)),
    (NotImplementedError, "while_loop", lambda: engine.Function(_loop)(np.array(3.0))),
    (NotImplementedError, r"\[nonzero\]", lambda: engine.Function(ops.nonzero)(X)),
]


def _loop(x):
    return ops.while_loop(lambda v: v < 10, lambda v: v * 2, x)


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_arguments_raise(number):
    error, message, call = BAD[number]
    with pytest.raises(error, match=message):
        call()


def test_long_axes_match_numpy():
    """Sizes that reach the blocked and the parallel paths."""
    x = R.normal(size=(300, 517)).astype("float32")
    x.flat[::1000] = np.nan
    np.testing.assert_array_equal(ops.sort(x, axis=0), np.sort(x, axis=0))
    np.testing.assert_array_equal(ops.argsort(x), np.argsort(x, kind="stable"))
    np.testing.assert_array_equal(ops.transpose(x), x.T)
    np.testing.assert_array_equal(ops.concatenate([x, x[:, :3]], axis=1), np.concatenate([x, x[:, :3]], axis=1))
    for dtype in ("int64", "uint8", "int32", "float64"):
        y = R.randint(0, 50, (40, 200)).astype(dtype)
        y = -y if dtype != "uint8" else y
        np.testing.assert_array_equal(ops.argsort(y), np.argsort(y, kind="stable"))
        np.testing.assert_array_equal(ops.sort(y), np.sort(y))
        np.testing.assert_array_equal(ops.top_k(y, 7)[0], -np.sort(-y.astype("int64"))[:, :7])


def test_zeros_are_equal_when_sorting():
    x = np.array([0.0, -0.0, 0.0, -1.0], "float32")
    assert ops.argsort(x).numpy().tolist() == [3, 0, 1, 2]


def test_vectorize():
    products = ops.vectorize(lambda a, b: ops.sum(a * b), signature="(n),(n)->()")
    np.testing.assert_allclose(products(X, Y), (X * Y).sum(-1), rtol=1e-12)
    np.testing.assert_allclose(products(X[:, None], Y), X @ Y.T, rtol=1e-12)
    both = ops.vectorize(lambda a, b, scale: (a * scale, a - b), excluded={"scale"})
    first, second = both(X, Y[:, :1], scale=3.0)
    np.testing.assert_allclose(first, 3 * X, rtol=1e-12)
    np.testing.assert_allclose(second, X - Y[:, :1], rtol=1e-12)
    outer = ops.vectorize(lambda a, b: ops.outer(a, b), signature="(m),(n)->(m,n)")
    assert outer(X, Y[0]).shape == (3, 4, 4)
    assert ops.vectorize(lambda a: 1 if a > 0 else 2.5)([[1, -1]]).numpy().tolist() == [[1.0, 2.5]]
    assert ops.vectorize(lambda a: a + 1)(2).shape == ()


def test_jvp_matches_differences():
    def function(a, b):
        return ops.sin(a) * b

    y, dy = ops.jvp(function, (X, Y), (np.ones_like(X), np.full_like(Y, 0.5)))
    np.testing.assert_allclose(y, np.sin(X) * Y, rtol=1e-12)
    np.testing.assert_allclose(dy, np.cos(X) * Y + 0.5 * np.sin(X), rtol=1e-12)


def test_areas_and_norms_of_nothing():
    empty = np.zeros((2, 0), "float32")
    for x in (None, empty):
        assert ops.trapezoid(empty, x=x).numpy().tolist() == [0.0, 0.0]
    for order in (1, 2, 3, np.inf):
        assert ops.norm(empty, ord=order, axis=-1, keepdims=True).numpy().tolist() == [[0.0], [0.0]]
    for order in (1, 2, np.inf, "fro", "nuc"):
        assert float(ops.norm(empty, ord=order)) == 0.0


@pytest.mark.parametrize("dtype", ["uint8", "uint32", "int32"])
def test_angles_of_integers_and_negative_numbers(dtype):
    x = np.arange(3, dtype=dtype)
    np.testing.assert_allclose(ops.arctan2(x, -1), np.arctan2(x.astype("float32"), np.float32(-1)), rtol=1e-6)
    np.testing.assert_allclose(ops.divide(x, -2), x.astype("float32") / -2)
