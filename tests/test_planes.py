"""Products of float32 operands in planes of bfloat16 (cpp/README.md), at the kernels: beside float64 and floats."""

import functools

import numpy as np
import pytest
from helpers import rounded_to_bfloat16
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastkeras as keras
from fastkeras._core import multiplies_bfloat16, multiplies_tiles
from fastkeras.engine import config, convert_to_tensor, primitive


def _random(seed, *shape):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def _in_planes(planes, call, *operands):
    """What `call` gives for operands in so many planes, and in float64 for what those keep, and for its magnitude."""
    found = call(*operands, planes=planes, split=True).numpy()
    kept = []
    for x in operands:
        left = x.copy() if multiplies_bfloat16() and planes < 3 else x * 0
        for _ in range(planes):
            left -= rounded_to_bfloat16(left)
        kept.append((x - left).astype("float64"))
    return found, call(*kept).numpy(), call(*(np.abs(x) for x in kept)).numpy()


@pytest.mark.parametrize("level", ["high", "medium"])
def test_a_level_that_nothing_makes_use_of_gives_the_same_bits(isa, level):
    a, b = _random(1, 128, 256), _random(2, 256, 160)
    exact = keras.ops.matmul(a, b).numpy()
    with keras.config.float32_matmul_precision_scope(level):
        assert f"'{level}' allows" in keras.config.describe_kernels()
        same = np.array_equal(keras.ops.matmul(a, b).numpy(), exact)
    assert same == (not multiplies_bfloat16() or (level == "high" and not multiplies_tiles()))


@pytest.mark.parametrize("planes", [1, 2, 3])
@pytest.mark.parametrize("transposes", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    "m, n, k",
    [
        (1, 9, 5),
        (16, 16, 16),
        (17, 33, 65),
        (70, 100, 31),
        (169, 40, 1027),
        (33, 1030, 520),
        (47, 491, 305),
        (40, 520, 700),
    ],
)
def test_products_of_planes_are_those_of_what_the_planes_keep(isa, m, n, k, transposes, planes):
    ta, tb = transposes
    a, b = _random(1, *((k, m) if ta else (m, k))), _random(2, *((n, k) if tb else (k, n)))
    product = functools.partial(primitive("matmul"), transpose_a=ta, transpose_b=tb)
    found, exact, magnitude = _in_planes(planes, product, a, b)
    # Of two planes the product of both second ones is left out: 2^-16 of a term.
    assert (np.abs(found - exact) <= (2e-7 * np.sqrt(k) + 2**-16 * (planes == 2)) * magnitude).all()
    assert np.abs(found).min() > 0


def test_a_product_of_no_terms_is_zero(isa):
    used = [convert_to_tensor(np.full((40, 50), 7, "float32")) for _ in range(50)]
    del used  # its memory is what the product gets
    assert not primitive("matmul")(_random(1, 40, 0), _random(2, 0, 50), planes=3, split=True).numpy().any()


def test_planes_pay_where_products_are_large_enough(isa):
    small, large = (_random(1, 16, 16), _random(2, 16, 16)), (_random(1, 64, 50), _random(2, 50, 90))
    for operands, rounds in ((small, False), (large, multiplies_bfloat16())):
        exact = keras.ops.matmul(*operands).numpy()
        with keras.config.float32_matmul_precision_scope("medium"):
            assert np.array_equal(keras.ops.matmul(*operands).numpy(), exact) != rounds


_EXTREMES = {
    "infinity": lambda x: x.__setitem__((3, 4), np.inf),
    "not a number": lambda x: x.__setitem__((3, 4), np.nan),
    "greatest": lambda x: x.__setitem__((3, 4), np.finfo("float32").max),
    "tiny": lambda x: x.__setitem__((3, 4), 1e-36),
    "denormal": lambda x: x.__setitem__((3, 4), 1e-40),
    "graded": lambda x: x.__imul__(
        np.ldexp(1.0, np.random.RandomState(5).randint(-120, 60, x.shape)).astype("float32")
    ),
}


@pytest.mark.parametrize("planes", [2, 3])
@pytest.mark.parametrize("operand", [0, 1])
@pytest.mark.parametrize("name", _EXTREMES)
def test_operands_that_planes_cannot_hold_are_multiplied_as_floats(isa, name, operand, planes):
    """Such as infinities (inf x 0 in another plane would be NaN) and exponents whose last planes are denormal."""
    operands = [_random(1, 40, 50), _random(2, 50, 60)]
    product = primitive("matmul")
    changes = not np.array_equal(product(*operands, planes=planes, split=True).numpy(), product(*operands).numpy())
    assert changes == multiplies_bfloat16() or multiplies_tiles()
    _EXTREMES[name](operands[operand])
    with keras.config.float32_matmul_precision_scope("highest"):
        np.testing.assert_array_equal(product(*operands, planes=planes, split=True).numpy(), _as_floats(operands))


def _as_floats(operands):
    """The products of the float32 kernels: those of the widest instruction set that multiplies no bfloat16."""
    isa, wide = keras.config.isa(), [name for name in keras.config.available_isas() if name.startswith("avx512")]
    if multiplies_bfloat16():
        keras.config.set_isa(wide[0])
    exact = primitive("matmul")(*operands).numpy()
    keras.config.set_isa(isa)
    return exact


@pytest.mark.parametrize("kind", ["normal", "cancelling", "graded rows", "zeros"])
@pytest.mark.parametrize("size", [64, 300])
def test_three_planes_are_as_exact_as_a_chain_of_float32(isa, kind, size):
    """Element by element, in units of the sum of |a b|, the worst and in the mean."""
    a, b = _random(1, size, size), _random(2, size, size)
    if kind == "cancelling":
        a[:, size // 2 :], b[size // 2 :] = -a[:, : size // 2], b[: size // 2] * np.float32(1 + 2**-20)
    elif kind == "graded rows":
        a *= np.ldexp(1.0, np.linspace(-30, 30, size).astype(int)).astype("float32")[:, None]
    elif kind == "zeros":
        a *= a > 0
    exact, magnitude = a.astype("float64") @ b, np.abs(a).astype("float64") @ np.abs(b)
    split = np.abs(primitive("matmul")(a, b, planes=3, split=True).numpy() - exact) / magnitude
    floats = np.abs(_as_floats((a, b)) - exact) / magnitude
    assert split.max() <= 1.5 * floats.max() and split.mean() <= 1.1 * floats.mean()


_CONVOLUTIONS = {
    "valid": dict(image=(3, 9, 8), channels=6, filters=20, kernel=(3, 3), strides=(1, 1), pads=[0, 0, 0, 0]),
    "odd line": dict(image=(2, 7, 7), channels=16, filters=33, kernel=(3, 2), strides=(1, 1), pads=[1, 1, 0, 1]),
    "strided": dict(image=(5, 11, 10), channels=4, filters=8, kernel=(3, 3), strides=(2, 2), pads=[1, 1, 1, 1]),
    "odd channels": dict(image=(4, 6, 13), channels=3, filters=5, kernel=(3, 3), strides=(1, 1), pads=[1, 1, 1, 1]),
    "pointwise": dict(image=(4, 5, 5), channels=24, filters=40, kernel=(1, 1), strides=(1, 1), pads=[0, 0, 0, 0]),
    "line": dict(image=(3, 40), channels=8, filters=12, kernel=(5,), strides=(1,), pads=[2, 2]),
    "one pixel a line": dict(image=(3, 9, 1), channels=8, filters=12, kernel=(3, 1), strides=(1, 1), pads=[0] * 4),
    "groups": dict(image=(2, 6, 6), channels=8, filters=12, kernel=(3, 3), strides=(1, 1), pads=[1] * 4, groups=2),
    "volume": dict(image=(2, 5, 4, 6), channels=4, filters=6, kernel=(2, 3, 3), strides=(1, 1, 1), pads=[0, 1] * 3),
}


def _convolution(image, channels, filters, kernel, strides, pads, groups=1):
    """(name, call, operands) of a convolution and its two gradients."""
    attributes = dict(strides=list(strides), dilation=[1] * len(kernel), pads=pads, groups=groups)
    x, w = _random(1, *image, channels), _random(2, *kernel, channels // groups, filters)
    dy = _random(3, *primitive("conv")(x, w, **attributes).shape)
    spatial = list(image[1:])
    return [
        ("forward", functools.partial(primitive("conv"), **attributes), (x, w)),
        ("image", functools.partial(primitive("conv_input_grad"), shape=spatial, **attributes), (dy, w)),
        ("kernel", functools.partial(primitive("conv_kernel_grad"), kernel=list(kernel), **attributes), (x, dy)),
    ]


def _odd(name):
    return {sides for sides in ("channels", "filters") if _CONVOLUTIONS[name][sides] % 2}


@pytest.mark.parametrize("planes", [1, 2, 3])
@pytest.mark.parametrize("name", _CONVOLUTIONS)
def test_convolutions_of_planes_are_those_of_what_the_planes_keep(isa, name, planes):
    for what, call, operands in _convolution(**_CONVOLUTIONS[name]):
        found, exact, magnitude = _in_planes(planes, call, *operands)
        bound = (1e-6 + 2**-16 * (planes == 2)) * magnitude
        if {"forward": "channels", "image": "filters"}.get(what) in _odd(name):
            bound = 2.0 ** (1 - 8 * planes) * magnitude + 1e-6 * magnitude  # no pairs: they stay float32
        assert (np.abs(found - exact) <= bound).all(), what


def test_convolutions_at_medium_do_round(isa):
    for _, call, operands in _convolution(**_CONVOLUTIONS["valid"]):
        exact = call(*operands).numpy()
        with keras.config.float32_matmul_precision_scope("medium"):
            assert np.array_equal(call(*operands).numpy(), exact) != multiplies_bfloat16()


@pytest.mark.parametrize("name", _CONVOLUTIONS)
def test_an_infinity_reaches_what_it_reaches_in_float32(isa, name):
    """In particular not a weight whose last, odd pixel has it as a neighbour."""
    for what, call, operands in _convolution(**_CONVOLUTIONS[name]):
        operands = [x.copy() for x in operands]
        operands[0][:, -1, ..., 0] = np.inf
        expected = call(*operands).numpy()
        for planes in (1, 2, 3):
            found = call(*operands, planes=planes, split=True).numpy()
            np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected), err_msg=f"{what} {planes}")


def _recurrent(kind, units):
    """A fused layer and its gradients for (batch 20, 7 steps, 24 features)."""
    keras.utils.set_random_seed(3)
    layer, x = getattr(keras.layers, kind)(units, return_sequences=True), _random(1, 20, 7, 24)
    layer.build(x.shape)

    def call():
        with keras.GradientTape() as tape:
            y = layer(x)
            loss = keras.ops.sum(keras.ops.square(y))
        return [y.numpy(), *(g.numpy() for g in tape.gradient(loss, layer.trainable_variables))]

    return call


@pytest.mark.parametrize("units", [17, 18, 40])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_layers_at_medium_are_near(isa, kind, units):
    call = _recurrent(kind, units)
    exact = call()
    with keras.config.float32_matmul_precision_scope("medium"):
        found = call()
    for a, b in zip(found, exact, strict=True):
        np.testing.assert_allclose(a, b, atol=0.01 * np.abs(b).max())
    assert np.array_equal(found[0], exact[0]) != multiplies_bfloat16()


@pytest.mark.parametrize("keys", [64, 100])
def test_attention_at_medium_is_near(isa, keys):
    def call():
        tensors = [convert_to_tensor(_random(i, 2, n, 3, 32)) for i, n in enumerate((70, keys, keys))]
        with keras.GradientTape() as tape:
            for x in tensors:
                tape.watch(x)
            y = keras.ops.dot_product_attention(*tensors)
            loss = keras.ops.sum(keras.ops.square(y))
        return [y.numpy(), *(g.numpy() for g in tape.gradient(loss, tensors))]

    exact = call()
    with keras.config.float32_matmul_precision_scope("medium"):
        found = call()
    for a, b in zip(found, exact, strict=True):
        np.testing.assert_allclose(a, b, atol=0.02 * np.abs(b).max())
        assert np.array_equal(a, b) != multiplies_bfloat16()


def test_threads_agree_at_medium(isa, set_threads):
    calls = [(functools.partial(primitive("matmul")), (_random(1, 300, 200), _random(2, 200, 150)))]
    calls += [(call, operands) for _, call, operands in _convolution((16, 20, 20), 16, 32, (3, 3), (1, 1), [1] * 4)]
    calls += [(_recurrent(kind, 32), ()) for kind in ("LSTM", "GRU")]
    for call, operands in calls:
        results = []
        for threads in (1, 2, 3):
            set_threads(threads)
            with keras.config.float32_matmul_precision_scope("medium"):
                made = call(*operands)
                results.append(made if isinstance(made, list) else [made.numpy()])
        for other in results[1:]:
            for a, b in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(a, b)


_sizes = st.one_of(st.integers(1, 70), st.integers(1, 700))


@settings(max_examples=60, deadline=None)
@given(
    planes=st.integers(1, 3),
    sizes=st.tuples(_sizes, _sizes, _sizes),
    transposes=st.tuples(st.booleans(), st.booleans()),
    threads=st.integers(1, 2),
)
def test_products_of_any_shape(planes, sizes, transposes, threads):
    """On the best kernels of this CPU; slices of k, panels and rows end anywhere."""
    (m, n, k), (ta, tb) = sizes, transposes
    a, b = _random(1, *((k, m) if ta else (m, k))), _random(2, *((n, k) if tb else (k, n)))
    product = functools.partial(primitive("matmul"), transpose_a=ta, transpose_b=tb)
    before = config.num_threads()
    config.set_num_threads(threads)
    try:
        found, exact, magnitude = _in_planes(planes, product, a, b)
    finally:
        config.set_num_threads(before)
    assert (np.abs(found - exact) <= (1e-6 + 2**-15 * (planes == 2)) * magnitude).all()


@settings(max_examples=60, deadline=None)
@given(
    planes=st.integers(1, 3),
    images=st.integers(1, 8),
    size=st.tuples(st.integers(1, 23), st.integers(1, 23)),
    channels=st.integers(1, 69),
    filters=st.integers(1, 69),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
)
def test_kernel_gradients_of_any_shape(planes, images, size, channels, filters, kernel, strides, dilation, pads):
    """On tiles they are kernels of their own (conv_tiles.cpp)."""
    attributes = dict(strides=list(strides), dilation=list(dilation), pads=list(pads), groups=1)
    room = [size[i] + pads[2 * i] + pads[2 * i + 1] - (kernel[i] - 1) * dilation[i] - 1 for i in (0, 1)]
    assume(min(room) >= 0)
    x = _random(1, images, *size, channels)
    dy = _random(2, images, *(room[i] // strides[i] + 1 for i in (0, 1)), filters)
    call = functools.partial(primitive("conv_kernel_grad"), kernel=list(kernel), **attributes)
    found, exact, magnitude = _in_planes(planes, call, x, dy)
    assert (np.abs(found - exact) <= (2e-6 + 2**-15 * (planes == 2)) * magnitude + 1e-30).all()
