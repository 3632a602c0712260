"""Every row of layer_cases.py and conv_cases.py in tests/reference: shapes, dtypes, configs, eager equal to traced."""

import warnings

import numpy as np
import pytest
from conv_cases import CASES as CONV_CASES
from layer_cases import CASES

import fastkeras as keras
from fastkeras.engine import Function, nest


@pytest.fixture(params=[*CASES, *CONV_CASES], ids=str)
def case(request):
    keras.utils.clear_session()
    return request.param


def batchless(shape):
    return (None, *shape[1:])


def test_output_shape_and_dtype_are_as_announced(case):
    layer = case.build(keras)
    outputs = case.call(layer, case.inputs())
    announced = layer.compute_output_shape(case.shapes)
    assert all(a in (None, b) for a, b in zip(announced, outputs.shape, strict=True))
    assert outputs.dtype == layer.compute_dtype

    symbolic = symbolic_inputs(case, layer)
    spec = layer(symbolic if isinstance(case.shapes, list) else symbolic[0])
    assert spec.shape == tuple(layer.compute_output_shape(open_shapes(case)))
    assert spec.dtype == outputs.dtype
    assert all(a in (None, b) for a, b in zip(spec.shape, outputs.shape, strict=True))


def open_shapes(case):
    return [batchless(s) for s in case.shapes] if isinstance(case.shapes, list) else batchless(case.shapes)


def symbolic_inputs(case, layer):
    shapes = open_shapes(case)
    dtype = "int32" if case.integers else layer.compute_dtype
    return [keras.Input(batch_shape=s, dtype=dtype) for s in (shapes if isinstance(shapes, list) else [shapes])]


def test_config_makes_the_same_layer(case):
    layer = case.build(keras)
    config = layer.get_config()
    twin = type(layer).from_config(config)
    assert twin.get_config() == config
    stored = keras.layers.serialize(layer)
    again = keras.layers.deserialize(stored)
    assert type(again) is type(layer)
    recorded = dict(keras.layers.serialize(again))
    if type(layer).built:  # built from the start: the shape is not needed to make it again
        stored.pop("build_config"), recorded.pop("build_config", None)
    assert recorded == stored
    if not case.random:
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(case.call(again, case.inputs()), case.call(layer, case.inputs()))


def run(case, layer, inputs):
    with keras.GradientTape() as tape:
        flat = nest.flatten(inputs)
        for x in flat:
            tape.watch(x)
        outputs = case.call(layer, inputs)
        total = keras.ops.sum(outputs * outputs)
        for loss in layer.losses:
            total = total + loss
    sources = [*(flat if case.smooth else []), *layer.trainable_variables]
    return outputs, tape.gradient(total, sources)


def test_traced_equals_eager(case):
    inputs = nest.map(keras.ops.convert_to_tensor, case.inputs())
    eager_layer, traced_layer = case.build(keras), case.build(keras)
    if case.random:
        for layer in (eager_layer, traced_layer):
            layer.seed_generator.state.assign(np.array([9, 0], "uint32"))
    eager = run(case, eager_layer, inputs)
    step = Function(lambda *given: run(case, traced_layer, list(given) if isinstance(inputs, list) else given[0]))
    traced = step(*(inputs if isinstance(inputs, list) else [inputs]))
    for a, b in zip(nest.flatten(eager), nest.flatten(traced), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-5)
    state = "variables" if case.random else "weights"
    for a, b in zip(getattr(eager_layer, state), getattr(traced_layer, state), strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-5, atol=1e-6)


def test_gradient_of_weights_is_what_differences_say(case):
    if case.random or not case.build(keras).trainable_variables:
        return
    layer, inputs = case.build(keras), case.inputs()
    statistics = [(v, v.numpy()) for v in layer.non_trainable_variables]
    gradients = run(case, layer, nest.map(keras.ops.convert_to_tensor, inputs))[1][-len(layer.trainable_variables) :]
    rng = np.random.RandomState(0)
    for variable, gradient in zip(layer.trainable_variables, gradients, strict=True):
        direction, start = rng.normal(size=variable.shape).astype("float32"), variable.numpy()
        moved = []
        for step in (1e-2, -1e-2):
            variable.assign(start + step * direction)
            for statistic, value in statistics:
                statistic.assign(value)
            outputs = case.call(layer, inputs)
            moved.append(float(keras.ops.sum(outputs * outputs)) + sum(float(x) for x in layer.losses))
        variable.assign(start)
        expected = (moved[0] - moved[1]) / 2e-2
        np.testing.assert_allclose(np.sum(gradient.numpy() * direction), expected, rtol=2e-2, atol=2e-2)


UNMASKED = ("BatchNormalization", "Softmax", "GlobalAveragePooling1D")  # take a mask of another kind, or end it


def test_mask_passes_or_is_given_up_with_a_warning(case):
    layer = case.build(keras)
    inputs = case.inputs()
    if isinstance(inputs, list) or case.integers or inputs.ndim != 3 or case.cls in UNMASKED:
        return
    x = keras.ops.convert_to_tensor(inputs)
    x._keras_mask = keras.ops.array(np.random.RandomState(0).rand(*inputs.shape[:2]) > 0.5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outputs = case.call(layer, x)
    if layer.supports_masking:
        assert not caught
        assert outputs._keras_mask.shape == inputs.shape[:2]
        if case.cls != "Masking":
            np.testing.assert_array_equal(outputs._keras_mask, x._keras_mask)
    else:
        assert "does not support masking" in str(caught[0].message)


def test_inputs_are_not_changed(case):
    inputs = case.inputs()
    before = nest.map(np.copy, inputs)
    case.call(case.build(keras), inputs)
    for a, b in zip(nest.flatten(inputs), nest.flatten(before), strict=True):
        np.testing.assert_array_equal(a, b)
