"""Lines that a pool leaves over are not computed (cpp/graph/crop.cpp), and nothing else changes."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.engine import Function, GradientTape, primitive


def _random(seed, *shape):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def _pooled(x, w, b, pool, relu=True, padding=(0, 0, 0, 0)):
    y = primitive("conv")(x, w, strides=[1, 1], dilation=[1, 1], pads=list(padding), groups=1) + b
    y = keras.ops.relu(y) if relu else y
    return primitive(pool)(y, size=[2, 2], strides=[2, 2], pads=[0] * 4)


def _shapes(compiled, name):
    """Shapes that the nodes of one op make."""
    lines = [line for line in compiled.describe().split("\n") if line.startswith(name + "(")]
    return [line.rsplit(") -> ", 1)[1].split("(")[1].split(")")[0] for line in lines]


@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 1, 2, 0)])
@pytest.mark.parametrize("pool", ["max_pool", "average_pool"])
def test_a_convolution_before_a_pool(pool, padding):
    x, w, b = _random(1, 3, 13, 11, 16), _random(2, 3, 3, 16, 20), _random(3, 20)
    step = Function(lambda *operands: _pooled(*operands, pool, padding=padding))
    rows, columns = 11 + sum(padding[:2]), 9 + sum(padding[2:])
    assert _shapes(step.compile(x, w, b), "conv_bias") == [f"3, {rows // 2 * 2}, {columns // 2 * 2}, 20"]
    np.testing.assert_allclose(step(x, w, b).numpy(), _pooled(x, w, b, pool, padding=padding).numpy(), atol=1e-5)


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("channels", [3, 16])
def test_its_gradients(relu, channels):
    operands = _random(1, 3, 13, 11, channels), _random(2, 3, 3, channels, 20), _random(3, 20)

    def slopes(*operands):
        with GradientTape() as tape:
            for t in operands:
                tape.watch(t)
            loss = keras.ops.sum(keras.ops.square(_pooled(*operands, "max_pool", relu=relu)))
        return tape.gradient(loss, list(operands))

    compiled = Function(slopes).compile(*operands)
    assert _shapes(compiled, "conv_bias") == ["3, 10, 8, 20"]
    assert _shapes(compiled, "max_pool_relu_grad" if relu else "max_pool_grad") == ["3, 10, 8, 20"]
    for found, exact in zip(compiled(*operands), slopes(*(keras.ops.array(t) for t in operands)), strict=True):
        np.testing.assert_allclose(found.numpy(), exact.numpy(), atol=2e-5 * np.abs(exact.numpy()).max())


def test_what_somebody_else_reads_stays_whole():
    x, w, b = _random(1, 3, 13, 11, 16), _random(2, 3, 3, 16, 20), _random(3, 20)

    def both(x, w, b):
        y = primitive("conv")(x, w, strides=[1, 1], dilation=[1, 1], pads=[0] * 4, groups=1) + b
        return primitive("max_pool")(y, size=[2, 2], strides=[2, 2], pads=[0] * 4), keras.ops.sum(y)

    compiled = Function(both).compile(x, w, b)
    assert _shapes(compiled, "conv_bias") == ["3, 11, 9, 20"]
    for found, exact in zip(compiled(x, w, b), both(*(keras.ops.array(t) for t in (x, w, b))), strict=True):
        np.testing.assert_allclose(found.numpy(), exact.numpy(), rtol=1e-5, atol=1e-4)


def test_windows_that_overlap_or_reach_the_end_crop_nothing():
    x, w, b = _random(1, 3, 13, 11, 16), _random(2, 3, 3, 16, 20), _random(3, 20)
    for size, pads in (3, [0] * 4), (2, [0, 1, 0, 1]):

        def pooled(x, w, b, size=size, pads=pads):
            y = primitive("conv")(x, w, strides=[1, 1], dilation=[1, 1], pads=[0] * 4, groups=1) + b
            return primitive("max_pool")(y, size=[size, size], strides=[2, 2], pads=pads)

        assert _shapes(Function(pooled).compile(x, w, b), "conv_bias") == ["3, 11, 9, 20"]
