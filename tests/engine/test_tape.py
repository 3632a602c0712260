"""GradientTape against derivatives known on paper."""

import numpy as np
import pytest

from fastkeras import GradientTape, Variable
from fastkeras.engine import Function, convert_to_tensor, primitive

matmul, total, exp = primitive("matmul"), primitive("sum"), primitive("exp")


def test_gradient_of_variables_and_structures():
    v, w = Variable([1.0, 2.0]), Variable(3.0)
    with GradientTape() as tape:
        y = v * v * w
    grads = tape.gradient(y, {"v": v, "w": w})
    np.testing.assert_allclose(grads["v"].numpy(), [6.0, 12.0])
    np.testing.assert_allclose(grads["w"].numpy(), 5.0)


def test_second_derivatives_by_nested_tapes():
    x = convert_to_tensor(np.float64(0.7))
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = exp(x * x)
        first = inner.gradient(y, x)
    second = outer.gradient(first, x)
    value = np.exp(0.49)
    assert float(first) == pytest.approx(1.4 * value)
    assert float(second) == pytest.approx((2 + 1.96) * value)


def test_unwatched_and_unconnected():
    x, v = convert_to_tensor(2.0), Variable(1.0)
    with GradientTape(persistent=True) as tape:
        y = x * 3.0
    assert tape.gradient(y, [x, v]) == [None, None]
    zero = tape.gradient(y, [x, v], unconnected_gradients="zero")
    assert [float(g) for g in zero] == [0.0, 0.0]


def test_untrainable_variables_are_not_watched():
    v = Variable(1.0, trainable=False)
    with GradientTape() as tape:
        y = v * 2.0
    assert tape.gradient(y, v) is None
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * 2.0
    assert float(tape.gradient(y, v)) == 2.0


def test_output_gradients_weigh_the_targets():
    v = Variable([1.0, 2.0])
    with GradientTape() as tape:
        y = v * v
    np.testing.assert_allclose(tape.gradient(y, v, output_gradients=np.float32([1, 10])).numpy(), [2.0, 40.0])


def test_a_tape_is_used_once_unless_persistent():
    v = Variable(1.0)
    with GradientTape() as tape:
        y = v * 2.0
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match="non-persistent"):
        tape.gradient(y, v)
    with GradientTape(persistent=True) as tape:
        y = v * 2.0
    assert [float(tape.gradient(y, v)) for _ in range(2)] == [2.0, 2.0]


def test_stop_recording_and_reset():
    v = Variable(2.0)
    with GradientTape() as tape:
        y = v * 2.0
        with tape.stop_recording():
            y = y * v
        z = y * v
    assert float(tape.gradient(z, v)) == 8.0
    with GradientTape() as tape:
        y = v * 2.0
        tape.reset()
    assert tape.gradient(y, v) is None


def test_gradients_while_the_tape_records():
    x = Variable(3.0)
    with GradientTape(persistent=True) as tape:
        y = x * x
        slope = tape.gradient(y, x)
        z = x * x * x
    assert (float(slope), float(tape.gradient(y, x)), float(tape.gradient(z, x))) == (6.0, 6.0, 27.0)


@pytest.mark.parametrize("trainable", [True, False])
def test_a_variable_may_be_assigned_before_its_gradient_is_asked_for(trainable):
    x = Variable(3.0, trainable=trainable)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
    x.assign(5.0)
    assert float(tape.gradient(y, x)) == 6.0


def test_a_tape_inside_a_traced_function_is_the_same():
    w = Variable(np.random.RandomState(0).rand(5, 4).astype("float32"))

    def slope(x):
        with GradientTape() as tape:
            y = total(exp(matmul(x, w)))
        return tape.gradient(y, w)

    x = np.random.RandomState(1).rand(3, 5).astype("float32")
    np.testing.assert_allclose(Function(slope)(x).numpy(), slope(convert_to_tensor(x)).numpy(), rtol=1e-6)


def test_watch_wants_tensors():
    with GradientTape() as tape, pytest.raises(ValueError, match="not a Tensor or Variable"):
        tape.watch(3.0)
