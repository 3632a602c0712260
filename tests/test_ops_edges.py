"""Elementwise ops and reductions where they go wrong easily: NaN, infinities, integers at their limits, nothing."""

import math

import numpy as np
import pytest

from fastkeras.engine import Tensor, Variable, cast, convert_to_tensor, primitive

NAN, INF = np.nan, np.inf
SPECIAL = np.array([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 3e38, -3e38, 1e-30, 0.5, -2.5])


pytestmark = pytest.mark.usefixtures("isa")


def run(name, *arrays, **attrs):
    result = primitive(name)(*[convert_to_tensor(np.asarray(a)) for a in arrays], **attrs)
    return tuple(t.numpy() for t in result) if isinstance(result, tuple) else result.numpy()


def test_numpy_takes_tensors_and_leaves_operators_to_them():
    """`np.min(variable)` is NumPy's, `array + tensor` the tensor's."""
    for x in (convert_to_tensor([1.0, 2.0]), Variable([1.0, 2.0])):
        assert np.min(x) == 1.0 and np.mean(x) == 1.5
        np.testing.assert_array_equal(np.add(np.ones(2), x), [2.0, 3.0])
        np.testing.assert_allclose(np.exp(x), np.exp([1.0, 2.0]), rtol=1e-6)
        for other in (np.array([1.0, 2.0], "float32"), np.float32(2.0), np.float64(2.0), np.int64(2)):
            for operator in (lambda a, b: a + b, lambda a, b: a**b, lambda a, b: a < b, lambda a, b: a == b):
                assert type(operator(other, x)) is type(operator(x, other)) is Tensor
        assert type(np.ones((2, 2), "float32") @ x) is Tensor


UNARY = "abs sign square sqrt exp expm1 exp2 log log1p log2 log10 tanh sinh cosh floor ceil trunc isnan isinf isfinite"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY.split())
def test_special_values_as_numpy(name, dtype):
    x = SPECIAL.astype(dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(run(name, x), getattr(np, name)(x), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name", "add subtract multiply divide maximum minimum power fmod mod floor_divide arctan2 less equal".split()
)
def test_special_pairs_as_numpy(name, dtype):
    a, b = np.meshgrid(SPECIAL.astype(dtype), SPECIAL.astype(dtype))
    with np.errstate(all="ignore"):
        expected, tiny = getattr(np, name)(a, b), np.finfo(dtype).tiny  # denormals may be zero
        np.testing.assert_allclose(run(name, a, b), expected, rtol=1e-6, atol=tiny)


def test_denormals_are_flushed_for_any_number_of_threads(set_threads):
    small, many = (np.full(n, 1e-30, "float32") for n in (5, 1_000_000))
    for threads in (1, 2):
        set_threads(threads)
        for x in (small, many):
            assert not run("multiply", x, np.float32(1e-10)).any()
    assert np.float32(1e-30) * np.float32(1e-10) != 0  # the caller's mode is as it was


def test_activations_keep_nan():
    x = np.array([NAN, 1.0], "float32")
    for (
        name
    ) in "relu relu6 sigmoid tanh softplus silu mish selu hard_sigmoid hard_tanh log_sigmoid softsign erf".split():
        assert list(np.isnan(run(name, x))) == [True, False], name
    for name, attrs in [("gelu", {"approximate": True}), ("gelu", {"approximate": False}), ("elu", {"alpha": 1.0})]:
        assert np.isnan(run(name, x, **attrs)[0])
    assert np.isnan(run("leaky_relu", x, negative_slope=0.1)[0])
    assert np.isnan(run("clip", x, minimum=0, maximum=1)[0])


def test_activations_saturate():
    x = np.array([-1e4, -INF, 1e4, INF], "float32")
    np.testing.assert_array_equal(run("sigmoid", x), [0, 0, 1, 1])
    np.testing.assert_array_equal(run("softplus", x), [0, 0, 1e4, INF])
    np.testing.assert_array_equal(run("log_sigmoid", x), [-1e4, -INF, 0, 0])
    np.testing.assert_array_equal(run("mish", x[2:3]), [1e4])
    np.testing.assert_array_equal(run("gelu", x, approximate=False), [0, 0, 1e4, INF])
    np.testing.assert_array_equal(run("gelu_grad", np.ones_like(x), x, approximate=False), [0, 0, 1, 1])
    np.testing.assert_array_equal(run("erfinv", np.array([-1.0, 1.0], "float32")), [-INF, INF])
    assert np.isnan(run("erfinv", np.array([1.5]))[0])


def test_gelu_and_its_slope_are_as_good_as_floats_allow():
    x = np.linspace(-9, 9, 36001).astype("float32")
    wide = x.astype("float64")
    below = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in wide])
    gelu, slope = wide * below, below + wide * np.exp(-wide * wide / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(run("gelu", x, approximate=False), gelu, rtol=2e-7, atol=5e-8)
    np.testing.assert_allclose(run("gelu_grad", np.ones_like(x), x, approximate=False), slope, rtol=0, atol=1.2e-7)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integer_limits(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    a = np.array([low, low, 7, -7, 7, -7, 0, high], dtype)
    b = np.array([-1, 0, 0, 0, -2, 2, 5, -1], dtype)
    np.testing.assert_array_equal(run("floor_divide", a, b), [low, 0, 0, 0, -4, -4, 0, -high])
    np.testing.assert_array_equal(run("mod", a, b), [0, 0, 0, 0, -1, 1, 0, 0])
    np.testing.assert_array_equal(run("fmod", a, b), [0, 0, 0, 0, 1, -1, 0, 0])
    one = np.array([1], dtype)
    assert run("add", np.array([high], dtype), one)[0] == low
    assert run("subtract", np.array([low], dtype), one)[0] == high
    assert run("negative", np.array([low], dtype))[0] == low
    assert run("abs", np.array([low], dtype))[0] == low
    np.testing.assert_array_equal(
        run("power", np.array([2, -1, 1, 0], dtype), np.array([-1, -3, -5, 0], dtype)), [0, -1, 1, 1]
    )


def test_shifts_out_of_range():
    a, bits = np.array([1, 1, -8, -8, 8], "int32"), np.array([32, -1, 40, -3, 77], "int32")
    np.testing.assert_array_equal(run("left_shift", a, bits), [0, 0, 0, 0, 0])
    np.testing.assert_array_equal(run("right_shift", a, bits), [0, 0, -1, -1, 0])


def test_clip_of_integers_with_infinite_limits():
    x = np.array([-5, 0, 5], "int32")
    np.testing.assert_array_equal(run("clip", x, minimum=-INF, maximum=3), [-5, 0, 3])
    np.testing.assert_array_equal(run("clip", x, minimum=0, maximum=INF), [0, 0, 5])


@pytest.mark.parametrize("to", ["uint8", "int32", "uint32", "int64"])
def test_cast_of_what_does_not_fit_saturates(to):
    limits = np.iinfo(to)
    x = np.array([NAN, INF, -INF, 1e30, -1e30, 2.9, 200.0])
    expected = [0, limits.max, limits.min, limits.max, limits.min, 2, 200]
    np.testing.assert_array_equal(run("cast", x, dtype=to), expected)
    np.testing.assert_array_equal(run("cast", x.astype("float32"), dtype=to), expected)


def test_bfloat16_rounds_to_even_and_keeps_nan():
    x = np.array([1.0, 1.00390625, 1.01171875, 3.4e38, NAN, -0.0], "float32")
    back = cast(cast(convert_to_tensor(x), "bfloat16"), "float32").numpy()
    np.testing.assert_array_equal(back, np.array([1.0, 1.0, 1.015625, INF, NAN, -0.0], "float32"))
    assert np.signbit(back[-1])


def test_every_float16_is_widened_and_rounded_as_by_numpy():
    x = np.arange(1 << 16, dtype="uint16").view("float16")
    wide = run("cast", x, dtype="float32")
    np.testing.assert_array_equal(wide, x.astype("float32"))
    np.testing.assert_array_equal(np.signbit(wide), np.signbit(x))
    for n in (x.size, 21):  # whole vectors, and a part of one
        np.testing.assert_array_equal(run("cast", x.astype("float32")[-n:], dtype="float16"), x[-n:])
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(run("add", x[-n:], x[-n:]), x[-n:] + x[-n:])
    np.testing.assert_array_equal(run("cast", x, dtype="float64"), x.astype("float64"))


def test_float32_is_rounded_to_float16_as_by_numpy():
    bits = np.random.RandomState(0).randint(0, 1 << 32, size=200_000, dtype="uint32")
    halves = np.arange(1 << 16, dtype="uint32").astype("uint16").view("float16").astype("float32")
    with np.errstate(over="ignore", invalid="ignore"):
        ties = (halves + np.nextafter(halves, np.float32(INF))) / 2, halves * np.float32(1 + 2**-11), halves * 0.75
        x = np.concatenate(
            [bits.view("float32"), *(t.astype("float32") for t in ties), [65519.9, 65520, -65520, 2**-25]]
        )
        x = x.astype("float32")
        expected = x.astype("float16")
    np.testing.assert_array_equal(run("cast", x, dtype="float16"), expected)
    np.testing.assert_array_equal(run("cast", x.astype("float64"), dtype="float16"), expected)  # one at a time


NUMBERS = ("uint8", "int32", "uint32", "int64")
FOLDS = {"sum": ("bool", *NUMBERS), "prod": ("bool", *NUMBERS), "max": NUMBERS, "min": NUMBERS,
         "any": ("bool",), "all": ("bool",)}  # fmt: skip
ALONG = {"argmax": NUMBERS, "argmin": NUMBERS, "cumsum": ("bool", *NUMBERS), "cumprod": ("bool", *NUMBERS)}


@pytest.mark.parametrize(("name", "dtype"), [(name, d) for name, ds in (FOLDS | ALONG).items() for d in ds])
def test_integers_are_folded_right_at_every_length(name, dtype):
    """What a compiler makes of a loop differs with the number of its turns."""
    rng = np.random.RandomState(3)
    for n in (*range(1, 100), 127, 128, 129, 1000, 1023, 1025):
        x = rng.randint(0, 3, size=(3, n)).astype(dtype)
        x[rng.rand(3, n) < 0.9] = name in ("prod", "cumprod", "all")
        for y, axis in ((x, 1), (x.T.copy(), 0)):
            found = run(name, y, **({"axes": (axis,), "keepdims": False} if name in FOLDS else {"axis": axis}))
            np.testing.assert_array_equal(found, getattr(np, name)(y, axis=axis).astype(found.dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 200), (200, 3), (5, 40)])
@pytest.mark.parametrize("name", ["max", "min", "sum", "mean", "prod", "logsumexp", "argmax", "argmin"])
def test_reductions_see_nan_wherever_it_is(name, shape, dtype):
    for axis in (0, 1):
        x = np.random.RandomState(0).rand(*shape).astype(dtype)
        x[tuple(s // 2 for s in shape)] = NAN
        x[0, 0] = NAN
        if name.startswith("arg"):
            np.testing.assert_array_equal(run(name, x, axis=axis), getattr(np, name)(x, axis))
        else:
            np.testing.assert_array_equal(np.isnan(run(name, x, axes=[axis])), np.isnan(x).any(axis))


@pytest.mark.parametrize("length", [9, 15, 16, 17, 24, 31, 33, 63, 64, 127, 255, 256])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
def test_short_rows_are_reduced_together_as_each_alone(name, length):
    x = np.random.RandomState(length).normal(size=(37, length)).astype("float32")
    x[5, length // 2], x[20, length - 1] = NAN, INF
    together = run(name, x, axes=[1])
    alone = [run(name, row, axes=[1])[0] for row in x[:, None]]
    np.testing.assert_array_equal(together, alone)
    assert np.isnan(together[5]) and np.isfinite(np.delete(together, [5, 20])).all()


@pytest.mark.parametrize("length", [1, 2, 10, 15, 16, 17, 33, 100, 256, 257])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_extremes_of_many_rows_are_the_first_as_numpy(name, length):
    x = np.random.RandomState(length).randint(-3, 3, size=(71, length)).astype("float32")  # ties
    x[3, length // 2 :], x[18], x[19], x[40, length - 1] = NAN, INF, -INF, NAN
    np.testing.assert_array_equal(run(name, x, axis=1), getattr(np, name)(x, axis=1))


def test_reductions_of_infinities():
    x = np.array([[INF, 1.0], [-INF, -INF], [INF, -INF]], "float32")
    np.testing.assert_array_equal(run("logsumexp", x, axes=[1]), [INF, -INF, INF])
    np.testing.assert_array_equal(run("max", x, axes=[1]), [INF, -INF, INF])
    np.testing.assert_array_equal(run("logsumexp", x.T, axes=[0]), [INF, -INF, INF])
    long = np.full((1, 20000), -INF, "float32")
    assert run("logsumexp", long)[()] == -INF


def test_reductions_of_nothing():
    x = np.zeros((0, 3), "float32")
    np.testing.assert_array_equal(run("sum", x, axes=[0]), [0, 0, 0])
    np.testing.assert_array_equal(run("prod", x, axes=[0]), [1, 1, 1])
    np.testing.assert_array_equal(run("logsumexp", x, axes=[0]), [-INF] * 3)
    assert np.isnan(run("mean", x)[()])
    assert all(np.isnan(v).all() for v in run("moments", x, axes=[0]))
    assert run("any", x)[()] == np.False_ and run("all", x)[()] == np.True_
    assert run("sum", x, axes=[1]).shape == (0,)
    for name in ("max", "min"):
        with pytest.raises(ValueError, match=rf"\[{name}\] the reduced axes must not be empty"):
            run(name, x)
        assert run(name, x, axes=[1]).shape == (0,)
    with pytest.raises(ValueError, match=r"\[argmax\] the axis must not be empty"):
        run("argmax", x, axis=0)


def test_variance_keeps_its_digits_beside_a_large_mean():
    x = np.random.RandomState(0).rand(50000, 5) + 1000
    for axis, array in ((0, x), (1, x.T)):
        mean, variance = run("moments", array.astype("float32"), axes=[axis])
        np.testing.assert_allclose(variance, array.astype("float32").astype("float64").var(axis), rtol=1e-4)
        np.testing.assert_allclose(mean, array.mean(axis), rtol=1e-6)


def test_long_sums_keep_their_digits():
    x = np.random.RandomState(0).rand(1 << 20).astype("float32")
    np.testing.assert_allclose(run("sum", x), x.sum(dtype="float64"), rtol=3e-7)
    np.testing.assert_allclose(
        run("sum", x.reshape(-1, 4), axes=[0]), x.reshape(-1, 4).sum(0, dtype="float64"), rtol=3e-6
    )


def test_gradients_at_zero():
    from fastkeras.engine import GradientTape

    def gradient(name, *values, **attrs):
        tensors = [convert_to_tensor(np.asarray(v, "float32")) for v in values]
        with GradientTape() as tape:
            for t in tensors:
                tape.watch(t)
            y = primitive("sum")(primitive(name)(*tensors, **attrs))
        return [g.numpy().tolist() for g in tape.gradient(y, tensors)]

    assert gradient("prod", [0.0, 2.0, 3.0]) == [[6.0, 0.0, 0.0]]
    assert gradient("prod", [0.0, 0.0, 3.0]) == [[0.0, 0.0, 0.0]]
    assert gradient("cumprod", [2.0, 0.0, 3.0], axis=0) == [[1.0, 8.0, 0.0]]
    assert gradient("power", [0.0, 2.0], [0.0, 3.0])[0] == [0.0, 12.0]
    assert gradient("power", [0.0, -2.0], [2.0, 3.0])[1] == [0.0, 0.0]
    assert gradient("maximum", [1.0, 2.0], [1.0, 3.0]) == [[0.5, 0.0], [0.5, 1.0]]
    assert gradient("max", [2.0, 1.0, 2.0]) == [[0.5, 0.0, 0.5]]
    assert gradient("relu", [-1.0, 0.0, 1.0]) == [[0.0, 0.0, 1.0]]


def test_bad_calls_say_what_is_wrong():
    x, i = np.zeros((2, 3), "float32"), np.zeros((2, 3), "int32")
    with pytest.raises(TypeError, match=r"\[bitwise_and\] tensors must be integers. Received: dtype=float32"):
        run("bitwise_and", x, x)
    with pytest.raises(ValueError, match=r"\[add\] shapes must broadcast. Received: shapes \(2, 3\) and \(4,\)"):
        run("add", x, np.zeros(4, "float32"))
    with pytest.raises(ValueError, match=r"\[add\] takes 2 tensors"):
        run("add", x)
    with pytest.raises(TypeError, match="alpha is missing"):
        run("elu", x)
    with pytest.raises(ValueError, match=r"\[sum\] axis must be in \[-2, 2\). Received: axis=2"):
        run("sum", x, axes=[2])
    with pytest.raises(ValueError, match=r"\[sum\] axes must be distinct"):
        run("sum", x, axes=[0, -2])
    with pytest.raises(ValueError, match=r"\[broadcast_to\] the tensor must broadcast"):
        run("broadcast_to", x, shape=[3, 2])
    with pytest.raises(TypeError, match=r"\[where\] tensors must have one dtype"):
        run("where", i, x, x)


def test_dtypes_of_mixed_calls():
    b, i, f = np.ones(2, "bool"), np.ones(2, "int32"), np.ones(2, "float32")
    assert run("add", b, i).dtype == np.int32
    assert run("add", i, f).dtype == np.float32
    assert run("divide", i, i).dtype == np.float32
    assert run("sqrt", i).dtype == np.float32
    assert run("sum", b).dtype == np.int32
    assert run("mean", i).dtype == np.float32
    assert run("where", b, i, f).dtype == np.float32
    assert run("less", i, f).dtype == np.bool_
