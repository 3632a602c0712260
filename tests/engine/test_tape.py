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


def jacobian_of_differences(f, x):
    columns = []
    for i in range(x.size):
        d = np.zeros(x.size)
        d[i] = 1e-6
        d = d.reshape(x.shape)
        columns.append((f(x + d) - f(x - d)) / 2e-6)
    return np.stack(columns, -1).reshape(*f(x).shape, *x.shape)


def test_jacobians():
    rng = np.random.default_rng(0)
    x, w, unused = Variable(rng.standard_normal((3, 4))), Variable(rng.standard_normal((4, 2))), Variable(np.ones(5))
    with GradientTape(persistent=True) as tape:
        y = exp(matmul(x, w))
    found = tape.jacobian(y, {"x": x, "w": w, "unused": unused})
    of_x = jacobian_of_differences(lambda v: np.exp(v @ w.numpy()), x.numpy())
    np.testing.assert_allclose(found["x"].numpy(), of_x, rtol=1e-6, atol=1e-6)
    of_w = jacobian_of_differences(lambda v: np.exp(x.numpy() @ v), w.numpy())
    np.testing.assert_allclose(found["w"].numpy(), of_w, rtol=1e-6, atol=1e-6)
    assert found["unused"] is None
    zero = tape.jacobian(y, unused, unconnected_gradients="zero")
    assert (zero.shape, zero.dtype, zero.numpy().any()) == ((3, 2, 5), "float64", False)
    each = tape.batch_jacobian(y, x)
    assert each.shape == (3, 2, 4)
    np.testing.assert_allclose(each.numpy(), of_x[range(3), :, range(3)], rtol=1e-6, atol=1e-6)
    assert tape.batch_jacobian(y, Variable(np.ones((3, 2)))) is None
    with pytest.raises(ValueError, match=r"\(3, 2\).*\(4, 2\).*to match"):
        tape.batch_jacobian(y, w)


def test_a_jacobian_uses_a_tape_up_and_may_be_of_a_gradient():
    x = Variable(np.array([[1.0, 2.0], [3.0, 0.5]]))
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = total(x * x * x)
        slope = inner.gradient(y, x)
    hessian = outer.jacobian(slope, x).numpy()
    np.testing.assert_allclose(hessian.reshape(4, 4), np.diag(6 * x.numpy().ravel()))
    with pytest.raises(RuntimeError, match="one set of gradients"):
        outer.jacobian(slope, x)
    with GradientTape() as tape:
        y = x * 2.0
        number = tape.jacobian(y[0, 0], x)  # while it records
    assert number.numpy().tolist() == [[2.0, 0.0], [0.0, 0.0]]


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
