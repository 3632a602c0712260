"""Gradients of images of few channels, convolutions to few filters, gradients of their kernels.

Products with all taps are spread over pixels, kernels are turned; or not so, with `direct`.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastkeras.engine import primitive

input_grad, conv, conv_bias, kernel_grad = map(primitive, ("conv_input_grad", "conv", "conv_bias", "conv_kernel_grad"))


def operands(images, sizes, kernel, channels, filters, strides, dilation, pads):
    """dy and w, whole numbers, so that every order of summation gives the same; and the attributes."""
    rng = np.random.default_rng(sum(sizes) + channels)
    attributes = {"strides": strides, "dilation": dilation, "pads": pads, "groups": 1}
    w = rng.integers(-4, 5, (*kernel, channels, filters)).astype("float32")
    x = np.zeros((images, *sizes, channels), "float32")
    dy = rng.integers(-4, 5, conv(x, w, **attributes).shape).astype("float32")
    return dy, w, {**attributes, "shape": list(sizes)}


def check(dy, w, attributes):
    found = input_grad(dy, w, **attributes).numpy()
    np.testing.assert_array_equal(found, input_grad(dy, w, direct=True, **attributes).numpy())
    np.testing.assert_array_equal(found, input_grad(dy.astype("float64"), w.astype("float64"), **attributes).numpy())
    return found


@st.composite
def axes(draw, rank):
    kernel = draw(st.tuples(*[st.integers(1, 4)] * rank))
    strides = draw(st.tuples(*[st.integers(1, 3)] * rank))
    dilation = draw(st.tuples(*[st.integers(1, 3)] * rank))
    pads = draw(st.tuples(*[st.integers(0, 4)] * (2 * rank)))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    most = 40 if rank < 3 else 12
    sizes = [draw(st.integers(max(1, r - pads[2 * i] - pads[2 * i + 1]), most)) for i, r in enumerate(reach)]
    return sizes, kernel, list(strides), list(dilation), list(pads)


@settings(max_examples=150, deadline=None)
@given(shape=st.integers(1, 3).flatmap(axes), images=st.integers(1, 3), channels=st.integers(1, 9),
       filters=st.integers(1, 40))  # fmt: skip
def test_any_shape(shape, images, channels, filters):
    sizes, kernel, strides, dilation, pads = shape
    check(*operands(images, sizes, kernel, channels, filters, strides, dilation, pads))


@settings(max_examples=150, deadline=None)
@given(
    shape=st.integers(1, 3).flatmap(axes),
    images=st.integers(1, 3),
    channels=st.integers(1, 40),
    filters=st.integers(1, 12),
    strided=st.booleans(),
    activation=st.sampled_from([None, "relu", "relu6"]),
)
def test_few_filters(shape, images, channels, filters, strided, activation):
    sizes, kernel, strides, dilation, pads = shape
    attributes = {"strides": strides if strided else [1] * len(sizes), "dilation": dilation, "pads": pads, "groups": 1}
    rng = np.random.default_rng(sum(sizes) + channels)
    x, w, bias = (
        rng.integers(-4, 5, shape).astype("float32")
        for shape in ((images, *sizes, channels), (*kernel, channels, filters), (filters,))
    )
    more = {**attributes, "activation": activation} if activation else attributes
    y = conv_bias(x, w, bias, **more).numpy()
    np.testing.assert_array_equal(y, conv_bias(x, w, bias, direct=True, **more).numpy())
    np.testing.assert_array_equal(y, conv_bias(*(a.astype("float64") for a in (x, w, bias)), **more).numpy())
    dw = kernel_grad(x, y, kernel=list(kernel), **attributes).numpy()
    np.testing.assert_array_equal(dw, kernel_grad(x, y, kernel=list(kernel), direct=True, **attributes).numpy())


LARGE = [
    (1, (700, 130), (3, 3), 1, 8, [1, 1], [1, 1], [1, 1, 1, 1]),  # bands of lines
    (2, (300, 301), (7, 7), 3, 16, [2, 2], [1, 1], [3, 3, 3, 3]),
    (3, (90000,), (5,), 2, 4, [1], [2], [8, 0]),  # one line longer than what is multiplied at a time
    (2, (200, 150), (5, 3), 8, 20, [1, 2], [2, 1], [0, 0, 2, 1]),
    (2, (9, 80, 70), (3, 3, 3), 2, 16, [1, 1, 1], [1, 1, 1], [1] * 6),
]


@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_large_images_on_every_isa_and_any_threads(isa, shape, set_threads):
    found = []
    for threads in (1, 2):
        set_threads(threads)
        found.append(check(*operands(*shape)))
    np.testing.assert_array_equal(*found)


def test_errors_are_those_of_direct_sums(isa):
    rng = np.random.default_rng(0)
    dy, w, attributes = operands(2, (40, 40), (3, 3), 3, 64, [1, 1], [1, 1], [1] * 4)
    dy, w = (rng.standard_normal(a.shape) for a in (dy, w))
    exact = input_grad(dy, w, **attributes).numpy()
    dy, w = dy.astype("float32"), w.astype("float32")
    size = input_grad(np.abs(dy), np.abs(w), **attributes).numpy()
    worst = {
        direct: (np.abs(input_grad(dy, w, direct=direct, **attributes).numpy() - exact) / size).max()
        for direct in (False, True)
    }
    assert worst[False] <= 1.2 * worst[True] and worst[True] < 1e-6


def test_what_is_not_finite_goes_where_it_was_met():
    dy, w, attributes = operands(1, (12, 12), (3, 3), 1, 5, [1, 1], [1, 1], [1] * 4)
    dy[0, 4, 7, 2], dy[0, 9, 1, 0] = np.nan, np.inf
    found = input_grad(dy, w, **attributes).numpy()[0, ..., 0]
    np.testing.assert_array_equal(np.isnan(found[3:6, 6:9]), True)
    assert np.isnan(found).sum() - 9 + np.isinf(found).sum() == 9
