"""Convolutions of 3x3 taps by Winograd's algorithm, beside the direct kernels (attribute `direct`) and float64."""

import contextlib
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastkeras as keras
from fastkeras._core import multiplies_bfloat16
from fastkeras.engine import config, primitive


def _random(seed, *shape):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def _convolution(images=2, size=(8, 8), channels=16, filters=16, pads=(1, 1, 1, 1), relu=False, groups=1):
    """(name, call, operands) of a convolution and its two gradients; channels and filters are those of a group."""
    attributes = dict(strides=[1, 1], dilation=[1, 1], pads=list(pads), groups=groups)
    x, w = _random(1, images, *size, channels * groups), _random(2, 3, 3, channels, filters * groups)
    x = np.maximum(x, 0) if relu else x
    dy = _random(3, *primitive("conv")(x, w, **attributes).shape)
    return [
        ("forward", functools.partial(primitive("conv"), **attributes), (x, w)),
        ("image", functools.partial(primitive("conv_input_grad"), shape=list(size), **attributes), (dy, w)),
        ("kernel", functools.partial(primitive("conv_kernel_grad"), kernel=[3, 3], **attributes), (x, dy)),
    ]


def _exact(call, operands):
    return call(*(x.astype("float64") for x in operands)).numpy()


def _magnitude(call, operands):
    return call(*(np.abs(x).astype("float64") for x in operands)).numpy()


@settings(max_examples=60, deadline=None)
@given(
    images=st.integers(1, 3),
    size=st.tuples(st.integers(3, 11), st.integers(3, 11)),
    channels=st.integers(16, 40),
    filters=st.integers(16, 40),
    pads=st.tuples(*[st.integers(0, 3)] * 4),
    groups=st.integers(1, 3),
)
def test_any_shape(images, size, channels, filters, pads, groups):
    for name, call, operands in _convolution(images, size, channels, filters, pads, groups=groups):
        error = np.abs(call(*operands).numpy() - _exact(call, operands))
        assert (error <= 1e-6 * _magnitude(call, operands) + 1e-5).all(), name


@pytest.mark.parametrize(
    "shape", [(2, (8, 8), 16, 20), (3, (6, 10), 33, 64), (40, (12, 12), 24, 16), (1, (5, 9), 16, 48)], ids=str
)
def test_every_isa(isa, shape):
    for name, call, operands in _convolution(*shape):
        error = np.abs(call(*operands).numpy() - _exact(call, operands))
        assert (error <= 1e-6 * _magnitude(call, operands) + 1e-5).all(), name


@pytest.mark.parametrize("shape", [(8, 8, 16, 16), (6, 9, 32, 48), (12, 12, 24, 20)], ids=str)
def test_groups_are_convolutions_side_by_side(isa, shape):
    """Large and small tiles of gradients, sums in registers and in memory."""
    *size, channels, filters = shape
    for name, call, operands in _convolution(20, size, channels, filters, groups=3):
        joined = call(*operands).numpy()
        parts = (np.split(x, 3, axis=-1) for x in operands)
        alone = [call(*group, groups=1).numpy() for group in zip(*parts, strict=True)]
        np.testing.assert_array_equal(joined, np.concatenate(alone, axis=-1), name)


def test_it_is_used_and_nothing_else_is_changed(isa):
    """Large enough sides and channels only; `direct` is the way back."""
    for shape, ways in ({"channels": 32}, 2), ({"channels": 12}, 1), ({"size": (3, 3), "pads": (0,) * 4}, 1):
        for name, call, operands in _convolution(**shape):
            found = {call(*operands, **way).numpy().tobytes() for way in ({}, {"direct": True})}
            assert len(found) == ways or isa == "amx", (shape, name)


@contextlib.contextmanager
def _isa(name):
    before = config.isa()
    config.set_isa(name)
    try:
        yield
    finally:
        config.set_isa(before)


@pytest.mark.parametrize("shape", [(8, (16, 16), 32, 32), (2, (16, 16), 128, 64)], ids=str)
@pytest.mark.parametrize("relu", [False, True])
def test_errors_are_those_of_direct_sums(isa, shape, relu):
    """In units of the sum of |x w|, element by element: its chains of sums are nine times shorter.

    Those of the kernel's gradient are four times shorter, but the direct kernel cuts its own in up to 32 parts.
    """
    for name, call, operands in _convolution(*shape, relu=relu):
        exact, magnitude = _exact(call, operands), _magnitude(call, operands)
        found = call(*operands)
        with _isa("avx512" if isa == "amx" else isa):  # tiles multiply planes, more exactly than floats
            errors = [np.abs(y.numpy() - exact) / magnitude for y in (found, call(*operands, direct=True))]
        factor = 3 if name == "kernel" else 1.5
        assert errors[0].max() <= factor * errors[1].max(), name
        assert np.mean(errors[0]) <= factor * np.mean(errors[1]), name


@pytest.mark.parametrize("shape", [(4, (32, 32), 16, 16), (40, (11, 13), 16, 24)], ids=str)
@pytest.mark.parametrize("relu", [False, True])
def test_kernel_gradients_over_many_tiles(isa, shape, relu):
    """Tiles of 6x6 inputs: errors are at most those of one chain of multiply-adds over all pixels."""
    name, call, (x, dy) = _convolution(*shape, relu=relu)[2]
    exact, magnitude = _exact(call, (x, dy)), _magnitude(call, (x, dy))
    height, width = shape[1]
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]).astype("float64")
    taps = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    pixels = np.stack(taps, 3).reshape(-1, 9, shape[2], 1)
    chain = np.zeros((9, *shape[2:]), "float32")
    for pixel, slopes in zip(pixels, dy.reshape(-1, 1, 1, shape[3]).astype("float64"), strict=True):
        chain = (chain + pixel * slopes).astype("float32")  # rounded once, like a fused multiply-add
    errors = [np.abs(w.reshape(exact.shape) - exact) / magnitude for w in (call(x, dy).numpy(), chain)]
    assert errors[0].max() <= errors[1].max(), name
    assert np.mean(errors[0]) <= np.mean(errors[1]), name


@pytest.mark.parametrize("shape", [(8, (16, 16), 32, 48), (3, (9, 7), 64, 32)], ids=str)
def test_rounded_to_bfloat16(isa, shape):
    """At "medium" transforms are rounded, not operands: errors are at most twice as large."""
    for name, call, operands in _convolution(*shape, relu=True):
        exact, magnitude = _exact(call, operands), _magnitude(call, operands)
        errors = [np.abs(call(*operands, planes=1, direct=d).numpy() - exact) / magnitude for d in (False, True)]
        assert errors[0].max() <= 3 * errors[1].max() + 1e-6 and np.mean(errors[0]) <= 2 * np.mean(errors[1]) + 1e-6, (
            name
        )
        rounds = np.mean(errors[1]) > 1e-5
        assert rounds == multiplies_bfloat16(), name
        if isa == "avx512_bf16":
            assert not np.array_equal(*errors), name


def test_bits_do_not_depend_on_threads_in_bfloat16(isa, set_threads):
    for name, call, operands in _convolution(20, (14, 14), 32, 32):
        results = []
        for threads in (1, 2, 3):
            set_threads(threads)
            results.append(call(*operands, planes=1).numpy())
        for other in results[1:]:
            np.testing.assert_array_equal(results[0], other, err_msg=name)


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_reaches_what_sees_it(isa, value, planes):
    for name, call, operands in _convolution(channels=32, filters=32):
        call = functools.partial(call, planes=planes)
        for i in (0, 1):
            wrong = [x.copy() for x in operands]
            wrong[i][:, 2, 1, ..., 3] = value
            found = call(*wrong).numpy()
            assert not np.isfinite(found).all(), name
            np.testing.assert_array_equal(found, call(*wrong, direct=True).numpy(), err_msg=name)


def test_outputs_that_see_nothing_are_zero(isa):
    """The image's gradient where the last lines of the image were not read: exactly zero, as directly."""
    attributes = dict(strides=[1, 1], dilation=[1, 1], pads=[0, -1, 0, -2], groups=1)
    dy, w = _random(1, 3, 10, 12, 32), _random(2, 3, 3, 24, 32)
    found, direct = (
        primitive("conv_input_grad")(dy, w, shape=[13, 16], direct=d, **attributes).numpy() for d in (False, True)
    )
    assert not found[:, 12:].any() and not found[:, :, 14:].any() and found[:, :12, :14].all()
    np.testing.assert_allclose(found, direct, atol=1e-4)


def test_whole_numbers_are_exact(isa):
    x, w = np.round(_random(1, 2, 9, 9, 16) * 4), np.round(_random(2, 3, 3, 16, 16) * 4)
    attributes = dict(strides=[1, 1], dilation=[1, 1], pads=[1] * 4, groups=1)
    exact = primitive("conv")(x.astype("float64"), w.astype("float64"), **attributes).numpy()
    np.testing.assert_array_equal(primitive("conv")(x, w, **attributes).numpy(), exact)


@pytest.mark.parametrize("activation", [None, "relu", "relu6"])
def test_bias_and_activation(isa, activation):
    x, w, bias = _random(1, 2, 7, 10, 17), _random(2, 3, 3, 17, 18), _random(3, 18) * 9
    attributes = dict(strides=[1, 1], dilation=[1, 1], pads=[1, 0, 1, 1], groups=1)
    exact = primitive("conv")(x.astype("float64"), w.astype("float64"), **attributes).numpy() + bias
    ends = {None: (-np.inf, np.inf), "relu": (0, np.inf), "relu6": (0, 6)}[activation]
    named = {"activation": activation} if activation else {}
    found = primitive("conv_bias")(x, w, bias, **attributes, **named).numpy()
    np.testing.assert_allclose(found, np.clip(exact, *ends), atol=2e-5)


def test_bits_depend_on_neither_threads_nor_the_batch(isa, set_threads):
    for name, call, operands in _convolution(20, (14, 14), 16, 32):
        results = []
        for threads in (1, 2, 3):
            set_threads(threads)
            results.append(call(*operands).numpy())
        for other in results[1:]:
            np.testing.assert_array_equal(results[0], other, err_msg=name)
        if name != "kernel":
            alone = call(operands[0][7:8], operands[1]).numpy()
            np.testing.assert_array_equal(results[0][7:8], alone, err_msg=name)


def test_a_layer_trains_as_the_direct_kernels_do():
    """Gradients of a layer between others, against float64."""

    weights = [0.2 * _random(i, *shape) for i, shape in enumerate([(3, 3, 3, 16), (16,), (3, 3, 16, 24), (24,)])]

    def gradients(dtype):
        conv = functools.partial(keras.layers.Conv2D, kernel_size=3, activation="tanh", dtype=dtype)
        model = keras.Sequential([keras.Input((9, 9, 3), dtype=dtype), conv(16), conv(24, padding="same")])
        model.set_weights(weights)
        with keras.GradientTape() as tape:
            loss = keras.ops.sum(keras.ops.square(model(_random(9, 4, 9, 9, 3).astype(dtype))))
        return [np.asarray(g) for g in tape.gradient(loss, model.trainable_variables)]

    for narrow, wide in zip(gradients("float32"), gradients("float64"), strict=True):
        np.testing.assert_allclose(narrow, wide, atol=1e-5 * np.abs(wide).max())
