"""int8: where it comes and goes, what it promotes to, and products, which are exact."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import ops
from fastkeras.engine import Function, config, primitive

matmul = primitive("matmul")
# Around the tiles of rows and vectors, the blocks of rows and columns, and the words of two or four steps of k.
SIZES = [
    (1, 1, 1), (1, 64, 7), (1, 130, 260), (2, 3, 0), (3, 70, 66), (5, 15, 9), (6, 64, 4), (7, 65, 33), (9, 17, 270),
    (13, 100, 31), (32, 128, 140), (96, 64, 20), (97, 20, 65), (200, 130, 67), (0, 4, 3),
]  # fmt: skip
EXTREMES = np.array([-128, -127, -1, 0, 1, 127], "int8")


def numbers(rng, *shape):
    return rng.integers(-128, 128, shape, "int8")


def test_arrays_come_and_go_as_int8():
    x = np.arange(-128, 128).astype("int8")
    for tensor in (ops.convert_to_tensor(x), ops.cast(x, "int8"), ops.array(x.tolist(), dtype="int8")):
        assert tensor.dtype == tensor.numpy().dtype == "int8"
        np.testing.assert_array_equal(tensor.numpy(), x)
    for reshaped in (ops.reshape(x, (4, 64)), ops.transpose(ops.reshape(x, (4, 64)))[:, 1:], ops.concatenate([x, x])):
        assert reshaped.dtype == "int8"
    np.testing.assert_array_equal(ops.take(x, [5, -1]).numpy(), x[[5, -1]])
    np.testing.assert_array_equal(ops.take(np.arange(9), np.array([-2, 3], "int8")).numpy(), [7, 3])
    np.testing.assert_array_equal(ops.sort(x[::-1]).numpy(), x)
    np.testing.assert_array_equal(ops.argsort(x[::-1]).numpy(), np.arange(256)[::-1])
    assert Function(lambda t: ops.add(t, 1))(x).dtype == "int8"
    variable = keras.Variable(x, dtype="int8")
    variable.assign(x[::-1])
    np.testing.assert_array_equal(variable.numpy(), x[::-1])


@pytest.mark.parametrize("other", config.DTYPES)
def test_casts(isa, other):
    x = np.concatenate([EXTREMES, np.arange(-50, 50).astype("int8")])
    through = ops.cast(ops.cast(x, other), "int8").numpy()
    np.testing.assert_array_equal(through, (x != 0) if other == "bool" else x)
    wide = ops.cast(x, other)
    if "int" in other:  # integers wrap, in both directions
        np.testing.assert_array_equal(wide.numpy(), x.astype(other))
        big = np.array([300, 128, 255, 64], "int64").astype(other)
        np.testing.assert_array_equal(ops.cast(big, "int8").numpy(), big.astype("int8"))
    elif other != "bool":
        np.testing.assert_array_equal(ops.cast(ops.cast([-1e4, 1e4, np.nan, -1.75], other), "int8"), [-128, 127, 0, -1])


def test_arithmetic_wraps(isa):
    a, b = np.array([100, -128, 127, -1], "int8"), np.array([100, -1, 2, -128], "int8")
    with np.errstate(over="ignore"):
        for name in ("add", "subtract", "multiply", "maximum", "minimum", "bitwise_and", "left_shift"):
            shift = np.abs(b) % 8 if "shift" in name else b
            np.testing.assert_array_equal(getattr(ops, name)(a, shift).numpy(), getattr(np, name)(a, shift), name)
        np.testing.assert_array_equal(ops.negative(a).numpy(), -a)
    np.testing.assert_array_equal((ops.convert_to_tensor(a) < b).numpy(), a < b)


@pytest.mark.parametrize("other, common", [("int8", "int8"), ("bool", "int8"), ("int32", "int32"), ("uint32", "int64"),
                                           ("int64", "int64"), ("float16", "float16"), ("float32", "float32"),
                                           ("uint8", "int32")])  # fmt: skip
def test_promotion(other, common):
    """As in Keras, but that int8 with uint8 is int32: there is no int16."""
    assert config.result_type("int8", other) == config.result_type(other, "int8") == common
    assert ops.add(np.array([-1], "int8"), ops.cast([1], other)).dtype == common
    np.testing.assert_array_equal(ops.add(np.array([-1], "int8"), ops.cast([1], other)), [0])


@pytest.mark.parametrize("transposes", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("m, n, k", SIZES)
def test_products_are_exact(isa, m, n, k, transposes):
    rng = np.random.default_rng(m + 7 * n + 31 * k)
    for make in (
        numbers,
        lambda rng, *shape: rng.choice(EXTREMES, shape),
        lambda rng, *shape: np.full(shape, -128, "int8"),
    ):
        a, b = make(rng, m, k), make(rng, k, n)
        operands = [np.ascontiguousarray(x.T) if turned else x for x, turned in zip((a, b), transposes, strict=True)]
        got = matmul(*operands, transpose_a=transposes[0], transpose_b=transposes[1])
        assert got.dtype == "int32"
        np.testing.assert_array_equal(got.numpy(), a.astype("int64") @ b.astype("int64"))


@pytest.mark.parametrize(
    "shapes", [((3, 2, 5), (3, 5, 4)), ((2, 1, 6, 3), (4, 3, 7)), ((5,), (5,)), ((2, 3, 5), (5, 9))]
)
def test_products_of_stacks_and_vectors(isa, shapes):
    rng = np.random.default_rng(3)
    a, b = (numbers(rng, *shape) for shape in shapes)
    np.testing.assert_array_equal(ops.matmul(a, b).numpy(), a.astype("int64") @ b.astype("int64"))


@pytest.mark.parametrize("m, n, k", [(300, 200, 500), (96, 2000, 300), (1, 5000, 700)])
def test_threads_agree(isa, set_threads, m, n, k):
    a, b = numbers(np.random.default_rng(0), m, k), numbers(np.random.default_rng(1), k, n)
    set_threads(1)
    alone = ops.matmul(a, b).numpy()
    set_threads(2)
    np.testing.assert_array_equal(ops.matmul(a, b).numpy(), alone)


@pytest.mark.parametrize("equation", ["ij,jk->ik", "ij,kj->ki", "ij,jk->ijk", "ij,jk->i", "ij,jk->", "bij,bjk->bik"])
def test_sums_of_einsum_are_int32(equation):
    rng = np.random.default_rng(5)
    sizes = dict(zip("bijk", (2, 3, 40, 5), strict=True))
    a, b = (numbers(rng, *[sizes[c] for c in labels]) for labels in equation.split("->")[0].split(","))
    got = ops.einsum(equation, a, b)
    assert got.dtype == "int32"
    np.testing.assert_array_equal(got.numpy(), np.einsum(equation, a.astype("int64"), b.astype("int64")))


def test_other_products_stay_int8():
    a = np.array([[1, -2], [3, 100]], "int8")
    with np.errstate(over="ignore"):
        for name in ("dot", "inner", "outer", "tensordot", "vdot"):
            got = getattr(ops, name)(a, a)
            assert got.dtype == "int8", name
            np.testing.assert_array_equal(got.numpy(), getattr(np, name)(a, a), name)


def rounded_product(x, kernel, scale):
    s = (np.float32(127) / (np.abs(x).max(-1, keepdims=True) + np.float32(1e-7))).astype("float32")
    q = np.clip(np.round(x * s), -127, 127).astype("int64")
    return (q @ kernel.astype("int64")).astype("float32") / (s * scale)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("m, n, k", SIZES)
def test_rounded_products(isa, m, n, k, transpose):
    """Float rows that are rounded on the way, with scale, bias and relu, as op by op: to the last bit."""
    rng = np.random.default_rng(m + n + k)
    x, kernel = rng.normal(size=(m, k)).astype("float32"), numbers(rng, k, n)
    scale, bias = rng.uniform(50, 90, n).astype("float32"), rng.normal(size=n).astype("float32")
    if k == 0:
        return
    multiply = primitive("quantized_matmul")
    given = np.ascontiguousarray(kernel.T) if transpose else kernel
    expected = rounded_product(x, kernel, scale)
    got = multiply(x, given, scale, epsilon=1e-7, transpose=transpose).numpy()
    np.testing.assert_array_equal(got, expected)
    fused = Function(lambda x: ops.relu(ops.add(multiply(x, given, scale, epsilon=1e-7, transpose=transpose), bias)))
    np.testing.assert_array_equal(fused(x).numpy(), np.maximum(expected + bias, 0))
    assert m == 0 or "quantized_dense" in fused.compile(x).describe()


def test_rounded_products_of_what_is_not_finite(isa):
    x = np.array([[np.nan, 1, 2], [np.inf, 1, 2], [0, 0, 0], [1, 2, 3]], "float32")
    kernel, scale = np.ones((3, 2), "int8"), np.ones(2, "float32")
    y = primitive("quantized_matmul")(x, kernel, scale, epsilon=1e-7).numpy()
    assert np.isnan(y[:2]).all()
    np.testing.assert_allclose(y[2:], [[0, 0], [6, 6]], rtol=0.02)


def test_rounded_products_say_what_does_not_fit():
    multiply, x = primitive("quantized_matmul"), np.ones((2, 3), "float32")
    with pytest.raises(TypeError, match="kernel int8. Received: dtypes float32, float32, float32"):
        multiply(x, np.ones((3, 2), "float32"), np.ones(2, "float32"), epsilon=1e-7)
    with pytest.raises(ValueError, match="as long as the kernel's columns"):
        multiply(x, np.ones((4, 2), "int8"), np.ones(2, "float32"), epsilon=1e-7)
