"""Calls of a layer: what is passed on, converted and refused, symbolic calls, masks."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import layers, ops

pytestmark = pytest.mark.usefixtures("fresh_names")
X = np.ones((2, 3), "float32")


class Telling(layers.Layer):
    """Notes which `training` it is called with."""

    seen = None

    def call(self, inputs, training=None):
        self.seen = training
        return inputs


class Outer(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = Telling()

    def call(self, inputs, training=None):
        return self.inner(inputs)


# --- calling -----------------------------------------------------------------------------------------------------


def test_layer_without_build_is_built_by_its_first_call():
    layer = Outer()
    assert not layer.built
    layer(X)
    assert layer.built and layer.get_build_config() == {"input_shape": (2, 3)}


def test_training_is_passed_on():
    outer = Outer()
    outer(X)
    assert outer.inner.seen is None
    outer(X, training=True)
    assert outer.inner.seen is True
    outer.inner(X)
    assert outer.inner.seen is None


def test_training_ends_with_the_call_that_set_it():
    class Both(layers.Layer):
        def __init__(self):
            super().__init__()
            self.a, self.b = Telling(), Telling()

        def call(self, inputs):
            return self.b(self.a(inputs, training=False))

    layer = Both()
    layer(X, training=True)
    assert (layer.a.seen, layer.b.seen) == (False, True)
    with pytest.raises(ZeroDivisionError):
        class_of_error(layer)
    layer(X)
    assert layer.b.seen is None


def class_of_error(layer):
    layer.a.call = lambda inputs, training=None: 1 / 0
    try:
        layer(X, training=True)
    finally:
        del layer.a.call


def test_inputs_are_converted():
    layer = layers.Identity()
    assert layer(np.ones(3)).dtype == "float32"
    assert layer(np.ones(3, "int32")).dtype == "int32"
    assert layers.Identity(autocast=False)(np.ones(3)).dtype == "float64"
    assert layers.Identity(dtype="float64")(X).dtype == "float64"
    outputs = layer({"a": X, "b": [X]})
    assert outputs["b"][0].shape == (2, 3)


def test_only_tensors_are_positional():
    with pytest.raises(ValueError, match="Only input tensors may be passed as positional arguments"):
        layers.Identity()("text")


def test_mixed_structures_are_refused():
    class Takes(layers.Layer):
        def call(self, inputs, options=None):
            return inputs

    with pytest.raises(ValueError, match="you cannot mix tensors and non-tensors"):
        Takes()(X, options=[ops.ones(2), "text"])


def test_forgotten_super_init():
    class Forgetful(layers.Layer):
        def __init__(self):
            self.size = 3

        def call(self, inputs):
            return inputs

    with pytest.raises(RuntimeError, match="In layer 'Forgetful', you forgot to call `super\\(\\).__init__\\(\\)`"):
        Forgetful()(X)


def test_error_in_call_names_layer_and_arguments():
    class Failing(layers.Layer):
        def call(self, inputs, power=2):
            raise ValueError("too much")

    with pytest.raises(ValueError) as caught:
        Failing()(X, power=3)
    message = str(caught.value)
    assert message.startswith("Exception encountered when calling Failing.call().")
    assert "too much" in message and "inputs=Tensor(shape=(2, 3), dtype=float32)" in message and "power=3" in message


def test_call_must_be_written():
    with pytest.raises(NotImplementedError, match="Layer Layer does not have a `call` method implemented"):
        layers.Layer()(X)
    with pytest.raises(NotImplementedError, match="Should implement `def compute_output_shape"):
        layers.Layer().compute_output_shape((1, 2))


@pytest.mark.parametrize("shape, rule", [((3,), "expected min_ndim=2, found ndim=1"), ((2, 4), "have value 3")])
def test_input_spec_is_checked(shape, rule):
    layer = layers.Dense(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match=f"Input 0 with name 'None' of layer 'dense' is incompatible.*{rule}"):
        layer(np.ones(shape, "float32"))


def test_input_spec_rules():
    spec = layers.InputSpec(shape=(None, 3), dtype="float32")
    assert repr(spec) == "InputSpec(dtype=float32, shape=(None, 3), ndim=2)"
    assert layers.InputSpec.from_config(spec.get_config()).get_config() == spec.get_config()
    with pytest.raises(TypeError, match="must be a dict with integer keys"):
        layers.InputSpec(axes=[2])
    with pytest.raises(ValueError, match="Axis 3 is greater than the maximum allowed value: 1"):
        layers.InputSpec(ndim=2, axes={3: 1})

    class Strict(layers.Layer):
        def call(self, inputs):
            return inputs

    cases = [
        (layers.InputSpec(ndim=3), "expected ndim=3, found ndim=2"),
        (layers.InputSpec(max_ndim=1), "expected max_ndim=1, found ndim=2"),
        (layers.InputSpec(dtype="int32"), "expected dtype=int32, found dtype=float32"),
        (layers.InputSpec(shape=(None, 4)), r"expected shape=\(None, 4\), found shape=\(2, 3\)"),
        (layers.InputSpec(axes={5: 2}), "expected axis 5"),
        ([layers.InputSpec(), layers.InputSpec()], r"expects 2 input\(s\), but it received 1 input tensors"),
    ]
    for spec, message in cases:
        layer = Strict()
        layer.input_spec = spec
        with pytest.raises(ValueError, match=message):
            layer(X)
    layer = Strict()
    layer.input_spec = [layers.InputSpec(name="a"), layers.InputSpec(name="b")]
    with pytest.raises(ValueError, match='Missing data for input "b"'):
        layer({"a": X, "c": X})


# --- symbolic calls ----------------------------------------------------------------------------------------------


def test_keras_tensors_make_nodes():
    layer = layers.Dense(4)
    inputs = keras.Input((3,))
    outputs = layer(inputs)
    assert outputs.shape == (None, 4) and layer.output is outputs and layer.input is inputs
    assert layer.kernel.shape == (3, 4) and layer.get_build_config() == {"input_shape": (None, 3)}


def test_output_is_inferred_from_call():
    class Doubled(layers.Layer):
        def call(self, inputs):
            return {"sum": ops.sum(inputs, axis=1), "both": ops.concatenate([inputs, inputs], axis=0)}

    outputs = Doubled()(keras.Input((3,)))
    assert outputs["sum"].shape == (None,) and outputs["both"].shape == (None, 3)


def test_failing_inference_says_so():
    class Failing(layers.Layer):
        def call(self, inputs):
            raise ValueError("no way")

    with pytest.raises(ValueError, match="Could not automatically infer the output shape"):
        Failing()(keras.Input((3,)))


# --- masks -------------------------------------------------------------------------------------------------------


class Masked(layers.Layer):
    given = "nothing"

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        self.given = mask
        return inputs * 2.0


def test_mask_reaches_call_and_output():
    masked = layers.Masking()(np.array([[[1.0], [0.0]]], "float32"))
    layer = Masked()
    outputs = layer(masked)
    np.testing.assert_array_equal(layer.given, [[True, False]])
    np.testing.assert_array_equal(outputs._keras_mask, [[True, False]])
    layer(masked, mask=None)
    np.testing.assert_array_equal(layer.given, [[True, False]])
    layer(masked, mask=np.array([[False, False]]))
    np.testing.assert_array_equal(layer.given, [[False, False]])


def test_masks_of_several_inputs():
    class Two(layers.Layer):
        def call(self, query, value, query_mask=None, value_mask=None):
            self.given = (query_mask, value_mask)
            return query + value

    layer = Two()
    masked = layers.Masking()(np.array([[[1.0], [0.0]]], "float32"))
    plain = ops.ones((1, 2, 1))
    with pytest.warns(UserWarning, match="does not support masking and will therefore destroy the mask"):
        layer(masked, plain)
    assert layer.given[0] is not None and layer.given[1] is None


def test_merged_masks():
    a = layers.Masking()(np.array([[[1.0], [0.0], [0.0]]], "float32"))
    b = layers.Masking()(np.array([[[1.0], [2.0], [0.0]]], "float32"))
    for layer in (layers.Add(), layers.Concatenate(), layers.Maximum(), layers.Multiply()):
        np.testing.assert_array_equal(layer([a, b])._keras_mask, [[True, True, False]])
    assert getattr(layers.Add()([a, ops.ones((1, 3, 1))]), "_keras_mask", None) is None
    np.testing.assert_array_equal(layers.Multiply()([a, b])[0, :, 0], [1.0, 2.0, 0.0])
    np.testing.assert_array_equal(layers.Minimum()([a, b])[0, :, 0], [1.0, 2.0, 0.0])


def test_masked_softmax_and_batch_normalization():
    mask = np.array([[True, False, True]])
    y = layers.Softmax()(np.zeros((1, 3), "float32"), mask=mask)
    np.testing.assert_allclose(y, [[0.5, 0.0, 0.5]])
    with pytest.raises(ValueError, match="must be broadcastable"):
        layers.Softmax()(np.zeros((1, 3), "float32"), mask=np.ones((1, 2), bool))
    x = np.array([[[1.0], [9.0]], [[3.0], [9.0]]], "float32")
    layer = layers.BatchNormalization(momentum=0.0, epsilon=0.0)
    layer(x, training=True, mask=np.array([[True, False], [True, False]]))
    np.testing.assert_allclose(layer.moving_mean.numpy(), [2.0], rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), [1.0], rtol=1e-5)
