"""Products: values, rounding, order of summation, ISAs, threads, gradients, fused epilogues."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastkeras.engine import Function, GradientTape, cast, convert_to_tensor, primitive

matmul = primitive("matmul")
EPS = {"float32": 2.0**-24, "float64": 2.0**-53}
# Around the tiles (6x16, 14x32, 6x8) and the ways of few rows or columns; then across the blocks of 168 x 256 to 1024.
SIZES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 28, 31, 32, 33, 47, 64, 100]
LARGE = [
    (250, 40, 1100), (490, 129, 70), (400, 530, 2048), (33, 700, 520), (1, 4100, 300), (2000, 1, 700), (3, 90, 1030),
    (40, 33, 513), (300, 100, 3000), (1100, 256, 1200), (70, 1100, 2100), (40, 33, 2047), (40, 33, 2500),
    (128, 128, 8900),
]  # fmt: skip


def operands(rng, m, n, k, transpose_a, transpose_b, dtype="float32"):
    """Matrices as they lie in memory, and as they enter the product."""
    a = rng.standard_normal((k, m) if transpose_a else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if transpose_b else (k, n)).astype(dtype)
    return a, b, a.T if transpose_a else a, b.T if transpose_b else b


def check(m, n, k, transpose_a, transpose_b, dtype):
    a, b, left, right = operands(np.random.default_rng(m * 31 + n * 7 + k), m, n, k, transpose_a, transpose_b, dtype)
    got = matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b).numpy()
    wide = np.longdouble if dtype == "float64" else np.float64
    exact, magnitude = left.astype(wide) @ right.astype(wide), np.abs(left.astype(wide)) @ np.abs(right.astype(wide))
    assert got.dtype == dtype
    assert got.shape == (m, n)
    # One rounding per multiply-add of the chain; the portable kernels round product and sum.
    assert np.all(np.abs(got - exact) <= 2 * (k + 1) * EPS[dtype] * magnitude)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.tuples(*[st.sampled_from(SIZES)] * 3),
    transposes=st.tuples(st.booleans(), st.booleans()),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_error_is_that_of_a_chain(isa, sizes, transposes, dtype):
    check(*sizes, *transposes, dtype)


@pytest.mark.parametrize("transposes", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("sizes", LARGE)
def test_across_blocks(isa, sizes, transposes):
    check(*sizes, *transposes, "float32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_does_not_depend_on_its_neighbours(isa, dtype):
    """One chain per element in the order of k: the same bits alone, in a batch, across blocks."""
    rng = np.random.default_rng(0)
    for m, n, k in [(5, 10, 7), (32, 128, 784), (245, 33, 600), (17, 1, 40)]:
        a, b, *_ = operands(rng, m, n, k, False, False, dtype)
        whole = matmul(a, b).numpy()
        for i in {0, 1, m // 2, m - 1}:
            assert matmul(a[i : i + 1], b).numpy().tobytes() == whole[i : i + 1].tobytes()
            assert matmul(a[: i + 1], b).numpy().tobytes() == whole[: i + 1].tobytes()


@pytest.mark.parametrize(
    "sizes",
    [
        (32, 128, 784),
        (784, 128, 32),
        (300, 300, 300),
        (2, 6000, 200),
        (9000, 1, 300),
        (200, 700, 1536),
        (520, 300, 2100),
        (64, 450, 2100),
        (7, 100, 2500),
        (100, 128, 9000),
        (3200, 64, 32),
    ],
)
@pytest.mark.parametrize("transposes", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_agree(isa, set_threads, sizes, transposes, dtype):
    a, b, *_ = operands(np.random.default_rng(1), *sizes, *transposes, dtype)
    results = []
    for count in (1, 2):
        set_threads(count)
        results.append(matmul(a, b, transpose_a=transposes[0], transpose_b=transposes[1]).numpy().tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("sizes", [(1, 20, 9), (2, 20, 9), (7, 20, 9), (7, 1, 9), (40, 40, 40)])
@pytest.mark.parametrize("transposes", [(False, False), (True, False), (False, True)])
def test_infinities_and_nans(isa, sizes, transposes):
    rng = np.random.default_rng(2)
    a, b, left, right = operands(rng, *sizes, *transposes)
    a.flat[rng.integers(a.size)], b.flat[rng.integers(b.size)] = np.inf, -np.inf
    a.flat[rng.integers(a.size)], b.flat[rng.integers(b.size)] = np.nan, 0
    with np.errstate(invalid="ignore"):
        expected = left.astype("float64") @ right.astype("float64")
    got = matmul(a, b, transpose_a=transposes[0], transpose_b=transposes[1]).numpy()
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(got) * np.sign(got), np.isinf(expected) * np.sign(expected))


SHAPES = [
    ((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 5)),
    ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (6, 4, 5)), ((6, 3, 4), (2, 1, 4, 5)), ((3, 4), (2, 4, 5)),
    ((0, 4), (4, 5)), ((3, 0), (0, 5)), ((2, 0, 4), (4, 1)), ((0, 3, 4), (0, 4, 5)), ((64, 20, 16), (64, 16, 20)),
]  # fmt: skip


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int32", "int64", "uint32", "uint8", "bool", "float16", "bfloat16"]
)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_shapes_and_dtypes_of_numpy(isa, shapes, dtype):
    rng = np.random.default_rng(3)
    a, b = (rng.integers(0, 4, shape) for shape in shapes)  # whole numbers: exact in every dtype, but for 8 bits
    if dtype == "bool":
        a, b = a > 2, b > 2
    got = matmul(cast(convert_to_tensor(a), dtype), cast(convert_to_tensor(b), dtype))
    assert got.dtype == dtype
    expected = np.matmul(a, b) % 256 if dtype == "uint8" else np.matmul(a, b)
    np.testing.assert_array_equal(cast(got, "float64").numpy(), expected)


def test_integers_wrap_around():
    big = np.array([[2**30, 2**30, 2**30, 2**30, 5]], "int32")
    assert matmul(big, np.ones((5, 1), "int32")).numpy().tolist() == [[5]]


@pytest.mark.parametrize("shapes", [s for s in SHAPES if 0 not in s[0] + s[1]], ids=str)
@pytest.mark.parametrize("transposes", [(False, False), (True, False), (False, True), (True, True)])
def test_gradients(shapes, transposes):
    """A product is linear in each operand: <dL/da, va> = L(va, b) for every direction va, and again for b."""
    rng = np.random.default_rng(4)

    def random(shape, transpose):
        shape = (*shape[:-2], shape[-1], shape[-2]) if transpose and len(shape) > 1 else shape
        return convert_to_tensor(rng.standard_normal(shape))

    a, va = (random(shapes[0], transposes[0]) for _ in range(2))
    b, vb = (random(shapes[1], transposes[1]) for _ in range(2))
    weights = rng.standard_normal(np.matmul(*(np.ones(s) for s in shapes)).shape)

    def objective(x, y):
        return primitive("sum")(weights * matmul(x, y, transpose_a=transposes[0], transpose_b=transposes[1]))

    with GradientTape() as outer:
        outer.watch(b)
        with GradientTape() as inner:
            inner.watch([a, b])
            value = objective(a, b)
        da, db = inner.gradient(value, [a, b])
        slope = primitive("sum")(da * va)
    dslope = outer.gradient(slope, b)
    assert (da.shape, db.shape, dslope.shape) == (a.shape, b.shape, b.shape)
    np.testing.assert_allclose(float(slope), float(objective(va, b)), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(np.sum(db.numpy() * vb.numpy()), float(objective(a, vb)), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(np.sum(dslope.numpy() * vb.numpy()), float(objective(va, vb)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh"])
@pytest.mark.parametrize(
    "sizes", [(1, 128, 60), (3, 10, 40), (32, 128, 784), (250, 17, 9), (19, 1, 8), (5, 40, 1100), (9, 200, 2100)]
)
def test_fused_epilogue(isa, sizes, activation):
    m, n, k = sizes
    rng = np.random.default_rng(5)
    x, w, _, _ = operands(rng, m, n, k, False, False)
    w, bias = w / np.float32(k**0.5), rng.standard_normal(n).astype("float32")
    x[0, 0] = np.nan

    def layer(x, w, bias):
        y = matmul(x, w) + bias
        return primitive(activation)(y) if activation else y

    compiled = Function(layer).compile(x, w, bias)
    assert "dense" in compiled.describe()
    got, expected = compiled(x, w, bias).numpy(), layer(x, convert_to_tensor(w), bias).numpy()
    assert np.isnan(got[0]).all()
    if activation in (None, "relu"):
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((3, 4), (3, 4), r"\[matmul\] the inner dimensions must be equal.*\(3, 4\)"),
        ((), (3,), r"\[matmul\] scalars cannot be multiplied"),
        ((2, 3, 4), (3, 4, 5), r"\[matmul\].*\(2,\).*\(3,\)"),
    ],
)
def test_errors(a, b, message):
    with pytest.raises(ValueError, match=message):
        matmul(np.ones(a, "float32"), np.ones(b, "float32"))
