"""Convolutions of many groups of few channels, beside the direct kernels (attribute `direct`) and float64."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastkeras.engine import primitive

conv, input_grad, kernel_grad = (primitive(f"conv{name}") for name in ("", "_input_grad", "_kernel_grad"))


def convolution(make, images, sizes, kernel, width, groups, strides, dilation, pads):
    """(name, call, operands) of a convolution and its two gradients, of numbers that make(shape) gives."""
    attributes = {"strides": strides, "dilation": dilation, "pads": pads, "groups": groups}
    channels = width * groups
    x, w = make((images, *sizes, channels)), make((*kernel, width, channels))
    dy = make(conv(x, w, **attributes).shape)
    return [
        ("forward", functools.partial(conv, **attributes), (x, w)),
        ("image", functools.partial(input_grad, shape=list(sizes), **attributes), (dy, w)),
        ("kernel", functools.partial(kernel_grad, kernel=list(kernel), **attributes), (x, dy)),
    ]


def whole_numbers(shape):
    """Every order of summation gives the same."""
    return np.random.default_rng(sum(shape)).integers(-4, 5, shape).astype("float32")


def normal(shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype("float32")


def check(*shape):
    found = []
    for name, call, operands in convolution(whole_numbers, *shape):
        found.append(call(*operands).numpy())
        np.testing.assert_array_equal(found[-1], call(*operands, direct=True).numpy(), name)
        np.testing.assert_array_equal(found[-1], call(*(a.astype("float64") for a in operands)).numpy(), name)
    return found


@st.composite
def axes(draw, rank):
    kernel = draw(st.tuples(*[st.integers(1, 5)] * rank))
    strides = draw(st.tuples(*[st.integers(1, 4)] * rank))
    dilation = draw(st.tuples(*[st.integers(1, 3)] * rank))
    pads = draw(st.tuples(*[st.integers(0, 4)] * (2 * rank)))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [draw(st.integers(max(1, r - pads[2 * i] - pads[2 * i + 1]), 25)) for i, r in enumerate(reach)]
    return sizes, kernel, list(strides), list(dilation), list(pads)


@settings(max_examples=150, deadline=None)
@given(shape=st.integers(1, 2).flatmap(axes), images=st.integers(1, 3), width=st.sampled_from([1, 2, 4, 8, 16]),
       groups=st.integers(2, 21))  # fmt: skip
def test_any_shape(shape, images, width, groups):
    sizes, kernel, strides, dilation, pads = shape
    check(images, sizes, kernel, width, groups, strides, dilation, pads)


LARGE = [
    (3, (57, 60), (3, 3), 4, 9, [1, 1], [1, 1], [1, 1, 1, 1]),  # bands of lines, a part of a block
    (2, (61, 40), (3, 3), 8, 10, [2, 2], [1, 1], [0, 1, 1, 0]),  # several runs of blocks
    (5, (900,), (5,), 2, 20, [1], [2], [8, 0]),  # lines in pieces
    (1, (3, 301), (2, 3), 4, 5, [1, 2], [1, 1], [0, 0, 1, 1]),
    (9, (14, 14), (5, 4), 16, 5, [1, 2], [2, 1], [4, 4, 2, 1]),
    (4, (30, 30), (1, 1), 16, 2, [1, 1], [1, 1], [0, 0, 0, 0]),
]


@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_large_images_on_every_isa_and_any_threads(isa, shape, set_threads):
    found = []
    for threads in (1, 2):
        set_threads(threads)
        found.append(check(*shape))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_each_image_gets_what_it_gets_alone(isa):
    shape = (6, (15, 17), (3, 3), 4, 8, [2, 1], [1, 1], [1, 1, 1, 1])
    for _, call, (first, second) in convolution(normal, *shape)[:2]:
        alone = [call(first[i : i + 1], second).numpy() for i in range(len(first))]
        np.testing.assert_array_equal(call(first, second).numpy(), np.concatenate(alone))


def test_errors_are_those_of_direct_sums(isa):
    for width, strides in ((4, [1, 1]), (8, [2, 2]), (16, [2, 1])):
        shape = (8, (28, 28), (3, 3), width, 6, strides, [1, 1], [1, 1, 1, 1])
        for name, call, operands in convolution(normal, *shape):
            exact = call(*(a.astype("float64") for a in operands)).numpy()
            size = call(*(np.abs(a).astype("float64") for a in operands)).numpy()
            worst, direct = (
                np.max(np.abs(call(*operands, direct=way).numpy() - exact) / np.maximum(size, 1e-3))
                for way in (False, True)
            )
            assert worst <= 1.3 * direct and worst < 1e-6, (name, width)


def test_the_kernel_is_another_than_the_direct_one():
    """Up to 16 channels a group, as many filters as channels, one depth; else nothing is changed."""
    for width, ways in ((4, 2), (16, 2), (12, 1)):
        shape = (2, (9, 9), (3, 3), width, 4, [2, 2], [1, 1], [1, 1, 1, 1])
        for name, call, operands in convolution(normal, *shape):
            found = {call(*operands, direct=way).numpy().tobytes() for way in (False, True)}
            assert len(found) == ways, (name, width)


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_bias_and_activation(isa, activation):
    x, w, bias = normal((2, 9, 7, 24)) * 4, normal((3, 3, 4, 24)), normal((24,))
    attributes = {"strides": [1, 1], "dilation": [1, 1], "pads": [1, 1, 1, 1], "groups": 6}
    expected = conv(x, w, **attributes).numpy() + bias
    expected = np.clip(expected, 0, 6 if activation == "relu6" else np.inf)
    found = primitive("conv_bias")(x, w, bias, activation=activation, **attributes).numpy()
    np.testing.assert_array_equal(found, expected)


def test_what_is_not_finite_stays_in_its_group(isa):
    (_, forward, (x, w)), (_, image, (dy, _)), _ = convolution(
        normal, 1, (12, 13), (3, 3), 4, 8, [1, 1], [1, 1], [1, 1, 1, 1]
    )
    x[0, 4, 7, 2], dy[0, 9, 1, 29] = np.nan, np.inf
    found = np.isnan(forward(x, w).numpy()[0])
    assert found[3:6, 6:9, :4].all() and found.sum() == 9 * 4
    found = np.isinf(image(dy, w).numpy()[0])
    assert found[8:11, 0:3, 28:].all() and found.sum() == 9 * 4
