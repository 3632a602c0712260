"""name_scope, StatelessScope and device."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.engine import Function


def path():
    return keras.Variable(0.0, name="v").path


def test_name_scopes():
    owner = object()
    with keras.name_scope("a", caller=owner):
        with keras.name_scope("a", caller=owner):
            assert path() == "a/v"
        with keras.name_scope("b", caller=owner):
            assert path() == "a/b/v"
        with keras.name_scope("a", caller=owner, deduplicate=False):
            assert path() == "a/a/v"
        with keras.name_scope("c", override_parent="x/y"), keras.name_scope("d"):
            assert path() == "x/y/c/d/v"
        with keras.name_scope("c", override_parent=""):
            assert path() == "c/v"
        assert path() == "a/v"
    assert path() == "v"
    for name in ("a/b", 3):
        with pytest.raises(ValueError, match=f"cannot contain character `/`. Received: name={name}"):
            keras.name_scope(name)


def test_stateless_scope_of_variables():
    a, b, c = (keras.Variable(value) for value in (1.0, 2.0, 3.0))
    with pytest.raises(RuntimeError, match="stop"):
        with keras.StatelessScope([(a, b), (b, 20.0)]) as scope:
            assert (float(a), float(b), float(scope.get_current_value(b))) == (2.0, 20.0, 20.0)
            with keras.StatelessScope([(b, 0.0)]) as inner:
                c.assign(7.0)
            assert (float(inner.get_current_value(c)), float(b), float(c)) == (7.0, 20.0, 3.0)
            scope.add_update((a, 5.0))
            raise RuntimeError("stop")
    assert (float(a), float(b), float(c)) == (1.0, 2.0, 3.0)
    assert (float(scope.get_current_value(a)), float(scope.get_current_value(b))) == (5.0, 20.0)
    assert scope.get_current_value(c) is None


def test_stateless_scope_of_a_training():
    """What compiled steps, bursts of them and layers assign is undone, and known."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.BatchNormalization()])
    model.compile("adam", "mse")
    x, y = np.random.RandomState(0).normal(size=(20, 2)), np.ones((20, 3))
    before = [w.copy() for w in model.get_weights()]
    for _ in range(2):  # traced in the first scope, run from the cache in the second
        with keras.StatelessScope() as scope:
            model.fit(x, y, batch_size=4, epochs=2, verbose=0)
            inside = model.get_weights()
        for variable, old, new in zip(model.weights, before, inside, strict=True):
            np.testing.assert_array_equal(variable.numpy(), old)
            np.testing.assert_array_equal(scope.get_current_value(variable), new)
            assert np.abs(old - new).max() > 0
        assert int(model.optimizer.iterations) == 0
        assert int(scope.get_current_value(model.optimizer.iterations)) == 10


def test_stateless_scope_inside_a_program():
    v = keras.Variable(1.0)

    def step(x):
        with keras.StatelessScope([(v, x)]) as scope:
            v.assign_add(1.0)
        return scope.get_current_value(v) + v

    assert float(Function(step)(keras.ops.array(5.0))) == 7.0
    assert float(v) == 1.0


def test_stateless_scope_collects_losses():
    layer = keras.layers.ActivityRegularization(l1=1.0)
    for collect, expected in ((True, [3.0]), (False, [])):
        with keras.StatelessScope(collect_losses=collect) as scope:
            layer(keras.ops.ones((1, 3)))
        assert [float(loss) for loss in scope.losses] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"state_mapping": [(keras.ops.ones(2), 1.0)]}, "must be Variable instances"),
        ({"state_mapping": [(keras.Variable([1.0, 2.0]), [1.0])]}, r"with shape \(1,\)"),
        ({"initialize_variables": False}, "initialize_variables=False"),
    ],
)
def test_wrong_stateless_scopes(arguments, message):
    with pytest.raises(ValueError, match=message):
        keras.StatelessScope(**arguments)


def test_device():
    for name in ("cpu", "CPU:0"):
        with keras.device(name):
            assert keras.ops.ones(2).shape == (2,)
    for name in ("gpu:0", "cpu:1", 0):
        with pytest.raises(ValueError, match=f"device_name={name!r}"):
            keras.device(name)


def test_rounding_variables_and_tensors():
    for x in (keras.Variable([0.5, 1.26]), keras.ops.array([0.5, 1.26])):
        np.testing.assert_allclose(round(x), [0.0, 1.0])
        np.testing.assert_allclose(round(x, 1), [0.5, 1.3], rtol=1e-6)
