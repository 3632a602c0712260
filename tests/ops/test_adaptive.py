"""Adaptive pooling: every pair of sizes against its definition, gradients, values that are no numbers, bad input."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import ops
from fastkeras.engine import Function, GradientTape


def random(*shape):
    return np.random.RandomState(4).normal(size=shape).astype("float32")


def bounds(n, m):
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


@pytest.mark.parametrize("n", [1, 2, 5, 6, 12, 13])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 7, 12, 14])
def test_windows_are_those_of_the_definition(n, m):
    x = random(2, n, 3)
    averages, maxima = ops.adaptive_average_pool(x, m), ops.adaptive_max_pool(x, m)
    expected = [x[:, low:high] for low, high in bounds(n, m)]
    np.testing.assert_allclose(averages, np.stack([w.mean(1) for w in expected], 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(maxima, np.stack([w.max(1) for w in expected], 1))


def test_axes_are_independent_and_formats_agree():
    x = random(2, 7, 6, 5, 3)
    y = ops.adaptive_average_pool(x, (3, 2, 4)).numpy()
    for i, rows in enumerate(bounds(7, 3)):
        for j, columns in enumerate(bounds(6, 2)):
            for k, planes in enumerate(bounds(5, 4)):
                window = x[:, slice(*rows), slice(*columns), slice(*planes)]
                np.testing.assert_allclose(y[:, i, j, k], window.mean((1, 2, 3)), rtol=1e-5, atol=1e-6)
    first = ops.adaptive_average_pool(np.moveaxis(x, -1, 1), (3, 2, 4), data_format="channels_first")
    np.testing.assert_allclose(np.moveaxis(first.numpy(), 1, -1), y, rtol=1e-6)


@pytest.mark.parametrize("pool", [ops.adaptive_average_pool, ops.adaptive_max_pool])
def test_gradient_is_what_differences_say_and_traces(pool):
    x, pattern = random(1, 7, 5, 2), random(1, 3, 4, 2)

    def run(x):
        with GradientTape() as tape:
            tape.watch(x)
            total = ops.sum(pool(x, (3, 4)) * pattern)
        return total, tape.gradient(total, x)

    total, gradient = run(ops.convert_to_tensor(x))
    traced = Function(run)(x)
    np.testing.assert_allclose(traced[0], total, rtol=1e-5)
    np.testing.assert_allclose(traced[1], gradient, rtol=1e-5, atol=1e-6)
    direction = np.random.RandomState(1).normal(size=x.shape).astype("float32")
    up, down = (float(run(ops.convert_to_tensor(x + step * direction))[0]) for step in (1e-3, -1e-3))
    np.testing.assert_allclose(np.sum(gradient.numpy() * direction), (up - down) / 2e-3, rtol=2e-2, atol=1e-2)


def test_an_infinite_value_stays_in_its_windows():
    x = np.ones((1, 7, 1), "float32")
    x[0, 0] = np.inf
    assert ops.adaptive_average_pool(x, 3).numpy().ravel().tolist() == [np.inf, 1.0, 1.0]
    assert ops.adaptive_max_pool(-x, 3).numpy().ravel().tolist() == [-1.0, -1.0, -1.0]


def test_images_of_any_size_in_one_model():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.AdaptiveMaxPooling2D((2, 3))(inputs))
    assert model.output_shape == (None, 2, 3, 3)
    for size in ((5, 4), (9, 11)):
        assert model(random(2, *size, 3)).shape == (2, 2, 3, 3)


@pytest.mark.parametrize(
    "shape, size", [((2, 3), 2), ((2, 3, 4), 0), ((2, 0, 4), 2), ((2, 3, 4, 5), (1, 2, 3)), ((1, 2, 2, 2, 2, 2), 2)]
)
def test_other_inputs_and_sizes_are_refused(shape, size):
    with pytest.raises(ValueError, match="output_size"):
        ops.adaptive_max_pool(np.ones(shape), size)


@pytest.mark.parametrize("rank, size, error", [(1, (1, 2), ValueError), (1, "3", TypeError), (2, (1, 2, 3), TypeError),
                                               (3, 2.0, TypeError)])  # fmt: skip
def test_layers_check_their_size(rank, size, error):
    with pytest.raises(error, match="`output_size` must be an integer or"):
        getattr(keras.layers, f"AdaptiveAveragePooling{rank}D")(size)
