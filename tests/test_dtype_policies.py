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
        ("int8", ValueError, "Cannot convert `policy` into a valid pair"),
        ("int8_from_mixed_float16", ValueError, "doesn't work well with compute_dtype='float16'"),
        ("gptq/4/128_from_float32", ValueError, "GPTQ and AWQ are not supported"),
        ("int4/0_from_float32", ValueError, "Invalid block_size in mode.*got 0 from 'int4/0'"),
        ("int4/a_from_float32", ValueError, "<block_size> must be an integer"),
        ("int8/2_from_float32", ValueError, "Invalid quantization mode.*Received: mode=int8/2"),
        ("mixed", ValueError, "Cannot convert 'mixed' to a mixed precision DTypePolicy"),
        (object(), ValueError, "Cannot interpret `dtype` argument"),
    ],
)
def test_policy_errors(name, kind, message):
    with pytest.raises(kind, match=message):
        dtype_policies.get(name)
    with pytest.raises(TypeError, match="'name' must be a string"):
        keras.DTypePolicy(3)


def test_quantized_policies():
    for name, mode, kind in (
        ("int8_from_mixed_bfloat16", "int8", "QuantizedDTypePolicy"),
        ("int4_from_float32", "int4", "QuantizedDTypePolicy"),
        ("int4/64_from_float32", "int4", "Int4DTypePolicy"),
        ("float8_from_float32", "float8", "QuantizedFloat8DTypePolicy"),
    ):
        policy = dtype_policies.get(name)
        assert (policy.name, policy.quantization_mode, type(policy).__name__) == (name, mode, kind)
        assert policy == dtype_policies.deserialize(dtype_policies.serialize(policy)) != keras.DTypePolicy("float32")
        assert repr(policy) == f'<{kind} "{name}">'
    policies = dtype_policies.DTypePolicyMap("int8_from_float32")
    assert (policies.quantization_mode, policies["any"].name) == ("int8", "int8_from_float32")
    short = dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", amax_history_length=8)
    assert short != policy and short.get_config()["amax_history_length"] == 8
    with pytest.raises(TypeError, match="must be an integer. Received: amax_history_length=1.5"):
        dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", 1.5)


def test_policy_map_is_a_mapping():
    policies = dtype_policies.DTypePolicyMap("float32", {"a/.*": keras.DTypePolicy("float16")})
    policies["a/b"] = "mixed_bfloat16"
    assert [policies[key].name for key in ("a/b", "a/c", "a")] == ["mixed_bfloat16", "float16", "float32"]
    assert (policies.name, policies.compute_dtype, policies.variable_dtype) == ("map_float32", "float32", "float32")
    assert (list(policies), len(policies), "a/c" in policies) == (["a/.*", "a/b"], 2, False)
    assert dtype_policies.deserialize(dtype_policies.serialize(policies)) == policies
    assert policies != dtype_policies.DTypePolicyMap("float32") and policies != keras.DTypePolicy("float32")
    assert repr(policies).endswith("default_policy=float32, mapping=[('a/.*', 'float16'), ('a/b', 'mixed_bfloat16')]>")
    del policies["a/b"]
    assert policies["a/b"].name == "float16"


def test_policy_map_of_layers(tmp_path):
    """A layer, and layers inside of it, have the policy of their path from when they are built."""
    policies = dtype_policies.DTypePolicyMap("float32", {"heads/query": keras.DTypePolicy("mixed_bfloat16")})
    heads = layers.MultiHeadAttention(2, 4, dtype=policies, name="heads")
    heads(*[np.ones((1, 3, 4), "float32")] * 2)
    assert heads.dtype_policy is policies
    assert (heads.compute_dtype, heads._query_dense.compute_dtype) == ("float32", "bfloat16")
    policies = dtype_policies.DTypePolicyMap(None, {"second": keras.DTypePolicy("float64")})
    model = keras.Sequential(
        [keras.Input((2,)), *(layers.Dense(1, name=n, dtype=policies) for n in ("first", "second"))]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [layer.compute_dtype for layer in loaded.layers] == ["float32", "float64"]
    assert loaded.layers[0].dtype_policy == policies
    first = loaded.layers[0]
    for name in ("float16", "bfloat16"):  # it goes into the map, for files
        first.dtype_policy = name
        assert first.dtype_policy["first"].name == first.compute_dtype == name
    first.dtype_policy = other = dtype_policies.DTypePolicyMap("float64")
    assert first.dtype_policy is other and first.compute_dtype == "float64"


@pytest.mark.parametrize("policy", [None, 12345, {"class_name": "DTypePolicy", "config": {"name": "float32"}}])
def test_the_global_policy_is_set_by_name_or_policy(policy):
    with pytest.raises(ValueError, match=r"Invalid `policy` argument.*Received: policy="):
        keras.config.set_dtype_policy(policy)


def test_policy_map_errors():
    policies = dtype_policies.DTypePolicyMap("float32", {"a.*": keras.DTypePolicy("float16")})
    with pytest.raises(ValueError, match="already exist in the DTypePolicyMap"):
        policies["a.*"] = "float32"
    with pytest.raises(ValueError, match="Cannot interpret the assigned value.*nothing"):
        policies["b"] = "nothing"
    policies[".*b"] = "float64"
    with pytest.raises(ValueError, match="'ab' matches multiple dtype policy"):
        policies["ab"]
    with pytest.raises(ValueError, match="cannot be a `DTypePolicyMap`"):
        dtype_policies.DTypePolicyMap(policies)
    with pytest.raises(TypeError, match="must be a dict"):
        dtype_policies.DTypePolicyMap("float32", [])


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
