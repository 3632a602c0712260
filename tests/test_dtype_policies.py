"""Dtype policies, regularizers and constraints: names, configs, errors."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import constraints, dtype_policies, layers, regularizers


@pytest.fixture(autouse=True)
def default_policy():
    yield
    keras.config.set_dtype_policy("float32")


def test_global_policy_is_that_of_new_layers():
    assert keras.config.dtype_policy().name == "float32"
    keras.config.set_dtype_policy("float64")
    layer = layers.Dense(2)
    assert (layer.dtype, layer.compute_dtype) == ("float64", "float64")
    assert layer(np.ones((1, 2), "float32")).dtype == "float64"
    assert layers.Dense(2, dtype="float32").dtype == "float32"


def test_policy():
    policy = keras.DTypePolicy("mixed_bfloat16")
    assert (policy.compute_dtype, policy.variable_dtype, policy.name) == ("bfloat16", "float32", "mixed_bfloat16")
    assert policy == dtype_policies.get("mixed_bfloat16") and policy != keras.DTypePolicy("float32")
    assert policy == keras.FloatDTypePolicy("mixed_bfloat16")
    assert repr(policy) == '<DTypePolicy "mixed_bfloat16">'
    assert dtype_policies.deserialize(dtype_policies.serialize(policy)) == policy
    assert dtype_policies.get(np.dtype("float64")).name == "float64"


@pytest.mark.parametrize(
    "name, kind, message",
    [
        ("int8_from_float32", ValueError, "quantized policies are not supported"),
        ("mixed", ValueError, "Cannot convert 'mixed' to a mixed precision DTypePolicy"),
        (object(), ValueError, "Cannot interpret `dtype` argument"),
    ],
)
def test_policy_errors(name, kind, message):
    with pytest.raises(kind, match=message):
        dtype_policies.get(name)
    with pytest.raises(TypeError, match="'name' must be a string"):
        keras.DTypePolicy(3)


@pytest.mark.parametrize("name", ["l1", "L2", "l1l2", "orthogonal_regularizer"])
def test_regularizer_config(name):
    made = regularizers.get(name)
    config = regularizers.serialize(made)
    assert regularizers.deserialize(config).get_config() == made.get_config()
    assert config["module"] == "keras.regularizers"


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), "1"])
def test_regularizer_factor(value):
    for make in (regularizers.L1, regularizers.L2, regularizers.OrthogonalRegularizer):
        with pytest.raises(ValueError, match="expected a non-negative float"):
            make(value)


def test_regularizer_errors():
    with pytest.raises(ValueError, match="Invalid value for argument `mode`"):
        regularizers.OrthogonalRegularizer(mode="diagonal")
    with pytest.raises(ValueError, match="must have rank 2"):
        regularizers.OrthogonalRegularizer()(keras.ops.ones((3,)))

    class Mine(regularizers.Regularizer):
        pass

    with pytest.raises(NotImplementedError, match="does not implement get_config"):
        Mine().get_config()
    assert Mine()(3) == 0.0


@pytest.mark.parametrize("made", [constraints.MaxNorm(3, axis=[0, 1]), constraints.MinMaxNorm(0.1, 2.0, 0.5, 1)])
def test_constraint_config(made):
    twin = constraints.deserialize(constraints.serialize(made))
    assert type(twin) is type(made) and twin.get_config() == made.get_config()
