"""Powers by numbers of Python's, which are products and roots, beside those by tensors."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import ops
from fastkeras.engine import GradientTape


@pytest.mark.parametrize("exponent", [2, 3, 4, 0.5, -0.5, -1, -2, 2.0, 5, 1, 0])
def test_equal_powers_by_tensors(exponent):
    x = ops.convert_to_tensor(np.array([0.3, 1.0, 2.5, 40.0], "float32"))
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        by_number = x**exponent, ops.power(x, exponent)
        by_tensor = ops.power(x, ops.convert_to_tensor(float(exponent)))
    expected = np.array([0.3, 1.0, 2.5, 40.0]) ** exponent
    slope = exponent * np.array([0.3, 1.0, 2.5, 40.0]) ** (exponent - 1.0)
    for y in (*by_number, by_tensor):
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)
        np.testing.assert_allclose(tape.gradient(y, x).numpy(), slope, rtol=2e-6)


def test_squares_are_exact_and_see_signs():
    x = np.array([-3.0, -0.0, 0.1, np.nan, -np.inf], "float32")
    np.testing.assert_array_equal(ops.power(ops.convert_to_tensor(x), 2).numpy(), x * x)
    np.testing.assert_array_equal((ops.convert_to_tensor(x) ** 3).numpy(), x * (x * x))


def test_dtypes_and_kinds_of_operands():
    assert (ops.convert_to_tensor([2, 3]) ** 2).dtype == "int32"
    assert (ops.convert_to_tensor([2, 3]) ** 2).numpy().tolist() == [4, 9]
    assert ops.power([2.0, 3.0], 2).numpy().tolist() == [4, 9]
    assert (keras.Variable([2.0, 3.0]) ** 2).numpy().tolist() == [4, 9]
    assert (ops.cast([1.5], "bfloat16") ** 2).dtype == "bfloat16"
    assert (2.0 ** ops.convert_to_tensor([3.0])).numpy().tolist() == [8]
    x = keras.Input((3,))
    model = keras.Model(x, x**2 + ops.power(x, 0.5))
    assert model.predict_on_batch(np.full((1, 3), 4.0, "float32")).tolist() == [[18.0] * 3]
