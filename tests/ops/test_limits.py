"""keras.ops at the limits of dtypes and shapes: narrow ones, infinities, all digits, nothing; as NumPy has it."""

import numpy as np
import pytest

from fastkeras import Variable, engine, ops, random

INF, NAN = np.inf, np.nan
BYTES = np.array([[200, 100, 7], [3, 90, 250]], "uint8")
MASK = np.array([[True, False, True], [False, False, True]])


@pytest.mark.parametrize("x", [BYTES, MASK], ids=["uint8", "bool"])
def test_products_of_narrow_dtypes(x):
    for found, expected in (
        (ops.dot(x, x.T), np.dot(x, x.T)),
        (ops.inner(x, x), np.inner(x, x)),
        (ops.vdot(x, x), np.vdot(x, x)),
        (ops.tensordot(x, x, axes=2), np.tensordot(x, x, axes=2)),
        (ops.einsum("ab,cb->ac", x, x), np.einsum("ab,cb->ac", x, x)),
        (ops.einsum("ab->a", BYTES), np.einsum("ab->a", BYTES)),
    ):
        assert found.dtype == expected.dtype.name
        np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("dtype", ["uint8", "bool"])
@pytest.mark.parametrize("name", ["prod", "cumsum", "cumprod", "nancumsum", "nancumprod"])
def test_the_result_has_the_dtype_that_was_asked_for(name, dtype):
    found = getattr(ops, name)(BYTES, axis=1, dtype=dtype)
    expected = getattr(np, name)(BYTES.astype(dtype), axis=1, dtype="int64").astype(dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.numpy(), expected)


def test_masks_stay_masks():
    for found, expected in ((ops.tril(MASK), np.tril(MASK)), (ops.triu(MASK, 1), np.triu(MASK, 1))):
        assert found.dtype == "bool"
        np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_colours_keep_their_dtype(dtype):
    x = ops.cast([[[0.1, 0.5, 0.2]]], dtype)
    assert ops.image.rgb_to_hsv(x).dtype == ops.image.hsv_to_rgb(x).dtype == dtype


def test_python_floats_have_all_digits_in_float64():
    for make in (ops.convert_to_tensor, ops.cast, engine.convert_to_tensor, lambda x, dtype: Variable(x, dtype=dtype)):
        assert make(0.1, dtype="float64").numpy() == 0.1
        assert make([0.1, 1e300], dtype="float64").numpy().tolist() == [0.1, 1e300]
        assert make([0.1], dtype="float32").numpy() == np.float32(0.1)
    x = ops.ones((1,), "float64")
    np.testing.assert_allclose(ops.logaddexp(x, 0.1).numpy(), np.logaddexp(1, 0.1), rtol=1e-15)
    assert ops.full_like(x, 0.1).numpy() == 0.1


@pytest.mark.parametrize("name", ["linspace", "logspace", "geomspace"])
def test_spaces_have_all_digits_in_float64(name):
    for ends in ((0.1, 2.5), (3, 1), (np.array([0.1, 7.0]), 2)):
        found = getattr(ops, name)(*ends, 7, dtype="float64")
        assert found.dtype == "float64"
        np.testing.assert_allclose(found.numpy(), getattr(np, name)(*ends, 7), rtol=1e-14)


def test_counts_of_unsigned_integers_and_of_nothing():
    for dtype in ("uint8", "uint32"):
        assert ops.bincount(np.array([1, 1, 3], dtype)).numpy().tolist() == [0, 2, 0, 1]
    assert ops.bincount(np.zeros(0, "int32")).shape == (0,)
    assert ops.bincount(np.zeros(0, "int32"), minlength=2).numpy().tolist() == [0, 0]
    assert ops.bincount(np.zeros((2, 0), "int32"), minlength=3).shape == (2, 3)


def test_infinities():
    x = np.array([[1.0, INF, NAN], [1.0, 3.0, NAN], [NAN, NAN, NAN], [INF, -INF, 0.0]], "float32")
    np.testing.assert_array_equal(ops.nanvar(x, axis=1).numpy(), [NAN, 1.0, NAN, NAN])
    np.testing.assert_array_equal(ops.nanstd(x, axis=1, keepdims=True).numpy(), [[NAN], [1.0], [NAN], [NAN]])
    np.testing.assert_array_equal(ops.imag(x).numpy(), np.zeros_like(x))
    x = np.array([INF, -INF, 0.0, -0.0, NAN, 2.0, -2.0], "float32")
    np.testing.assert_array_equal(ops.angle(x).numpy(), np.angle(x).astype("float32"))


def test_sparsemax_passes_over_what_is_masked():
    x = np.array([0.5, 0.2, 0.1, -1.0], "float32")
    masked = np.concatenate([x, [-INF, -INF]]).astype("float32")
    np.testing.assert_array_equal(ops.sparsemax(masked).numpy(), [*ops.sparsemax(x).numpy(), 0.0, 0.0])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_nothing(name):
    for shape, axis in (((5, 0, 3), 0), ((0, 5), 0), ((2, 0, 3), (0, 1)), ((0, 3), None)):
        assert getattr(ops, name)(np.zeros(shape, "float32"), axis=axis).shape == shape


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_attention_with_a_bias_has_logits_in_float32(dtype):
    rng = np.random.RandomState(0)
    shapes = (2, 3, 2, 16), (2, 33, 2, 16), (2, 33, 2, 16), (2, 2, 3, 33)
    tensors = [ops.cast(3 * rng.standard_normal(shape), dtype) for shape in shapes]
    found = ops.dot_product_attention(*tensors)
    exact = ops.dot_product_attention(*[ops.cast(t, "float64") for t in tensors]).numpy()
    assert found.dtype == dtype
    rounding = 2.0 ** (-8 if dtype == "bfloat16" else -11)
    np.testing.assert_allclose(ops.cast(found, "float64").numpy(), exact, atol=4 * rounding * np.abs(exact).max())


@pytest.mark.parametrize(("dtype", "lowest"), [("int32", -(2**31)), ("int64", -(2**63))])
def test_remainders_of_the_smallest_integer(dtype, lowest):
    x = np.array([-1, 5, lowest, lowest, lowest, -7] * 5, dtype)
    y = np.array([lowest, lowest, -1, 3, lowest, 3] * 5, dtype)
    np.testing.assert_array_equal(ops.fmod(x, y).numpy(), [-1, 5, 0, -2, 0, -1] * 5)


@pytest.mark.parametrize("dtype", ["uint8", "uint32"])
def test_remainders_by_the_largest_integer(dtype, isa):
    x, y = np.array([7, 200] * 20, dtype), np.full(40, np.iinfo(dtype).max, dtype)
    np.testing.assert_array_equal(ops.fmod(x, y).numpy(), x)
    np.testing.assert_array_equal(ops.mod(x, y).numpy(), x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-4.0, -1.0), (0.1, 0.3)])
def test_uniform_numbers_of_narrow_dtypes_stay_below_their_bound(dtype, low, high):
    y = ops.cast(random.uniform((20_000,), low, high, dtype=dtype, seed=1), "float64").numpy()
    assert y.max() < ops.cast(ops.cast(high, dtype), "float64").numpy()
    assert abs(y.mean() - (low + high) / 2) < 0.03
