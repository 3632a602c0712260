"""Wrong arguments and wrong inputs: the error says which layer, which rule, which value."""

import pytest
from helpers import ones

import fastkeras as keras
from fastkeras import layers

BAD_ARGUMENTS = [
    (lambda: layers.Dense(0), ValueError, "expected a positive integer. Received: units=0"),
    (lambda: layers.Dense(2.5), ValueError, "Received: units=2.5"),
    (lambda: layers.Dense(2, activation="reluu"), ValueError, "activation function identifier: reluu"),
    (lambda: layers.Dense(2, kernel_initializer="glorot"), ValueError, "initializer identifier: glorot"),
    (lambda: layers.Dense(2, kernel_regularizer="l3"), ValueError, "regularizer identifier: l3"),
    (lambda: layers.Dense(2, bias_constraint="norm"), ValueError, "constraint identifier: norm"),
    (lambda: layers.Dense(2, dtype="float31"), ValueError, "float31"),
    (lambda: layers.Embedding(0, 2), ValueError, "`input_dim` must be a positive integer"),
    (lambda: layers.Dropout(1.5), ValueError, "between 0 and 1. Received: rate=1.5"),
    (lambda: layers.Dropout(0.5, noise_shape="x"), ValueError, "noise_shape=x"),
    (lambda: layers.Dropout(0.5, noise_shape=(1, 0)), ValueError, "index 1: 0"),
    (lambda: layers.GaussianNoise(-1), ValueError, "argument `stddev`.*Received: stddev=-1"),
    (lambda: layers.ReLU(max_value=-1.0), ValueError, "max_value of a ReLU layer cannot be a negative value"),
    (lambda: layers.ReLU(negative_slope=None), ValueError, "negative_slope of a ReLU layer cannot be None"),
    (lambda: layers.LeakyReLU(-0.1), ValueError, "negative_slope value of a Leaky ReLU layer cannot be None"),
    (lambda: layers.ThresholdedReLU(None), ValueError, "cannot be None, expecting a float. Received: theta=None"),
    (lambda: layers.ThresholdedReLU(-1), ValueError, "should be >=0. Received: theta=-1"),
    (lambda: layers.SpectralNormalization(layers.Dense(1), 0), ValueError, "greater than zero.*`power_iterations=0`"),
    (lambda: layers.SpectralNormalization(3), ValueError, "isn't a supported layer type"),
    (lambda: layers.Reshape((-1, -1)), ValueError, "at most one unknown dimension"),
    (lambda: layers.Permute((0, 1)), ValueError, "must be consecutive and start from 1"),
    (lambda: layers.RepeatVector("2"), TypeError, "Expected an integer value for `n`"),
    (lambda: layers.RepeatVector(0), ValueError, "Received: n=0"),
    (lambda: layers.Dot("x"), TypeError, "Invalid type for argument `axes`"),
    (lambda: layers.Dot((1, 2, 3)), ValueError, "should contain two elements"),
    (lambda: layers.BatchNormalization(synchronized=True), ValueError, "synchronized=True is only supported"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"max": 1}), ValueError, "invalid keys"),
    (lambda: layers.LayerNormalization(axis="last"), TypeError, "Expected an int or a list/tuple of ints"),
    (lambda: layers.LayerNormalization(rms_scaling=True), ValueError, "rms_scaling"),
    (lambda: layers.GroupNormalization(groups=0), ValueError, "Received: groups=0"),
    (lambda: layers.UnitNormalization(axis="x"), TypeError, "Received: axis=x"),
    (lambda: layers.Normalization(mean=1.0), ValueError, "both `mean` and `variance` must be set"),
    (lambda: keras.Input(), ValueError, "You must pass a `shape` argument"),
    (lambda: keras.Input((2,), batch_shape=(1, 2)), ValueError, "both `shape` and `batch_shape`"),
    (lambda: keras.Input((2,), sparse=True), ValueError, "`sparse=True` is not supported"),
    (lambda: keras.Input((-2,)), ValueError, "Negative dimensions are not allowed"),
    (lambda: layers.InputLayer(input_tensor=3), ValueError, "must be a KerasTensor"),
    (
        lambda: layers.deserialize({"class_name": "Adam", "config": {}, "module": "keras.optimizers"}),
        ValueError,
        "Layer",
    ),
]


@pytest.mark.parametrize("make, kind, message", BAD_ARGUMENTS, ids=[m for _, _, m in BAD_ARGUMENTS])
def test_bad_argument(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


BAD_INPUTS = [
    (lambda: layers.EinsumDense("ab,bc", 3), ones(2, 6), "Invalid einsum equation"),
    (lambda: layers.EinsumDense("ab,bc->ad", 3), ones(2, 6), "'d' was specified in the output"),
    (lambda: layers.EinsumDense("ab,bcd->ac", 3), ones(2, 6), "Weight dimension 'd' did not have a match"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="b"), ones(2, 6), "Bias dimension 'b' was requested"),
    (lambda: layers.EinsumDense("ab,bc->abc", (5, 3)), ones(2, 6), "do not match at shared dimension 'b'"),
    (lambda: layers.Reshape((7,)), ones(2, 6), "total size of the tensor must be unchanged"),
    (lambda: layers.Reshape((4, -1)), ones(2, 6), "cannot by divided"),
    (lambda: layers.Permute((2, 1)), ones(2, 3), "expected ndim=3, found ndim=2"),
    (lambda: layers.RepeatVector(2), ones(2, 3, 4), "expected ndim=2, found ndim=3"),
    (lambda: layers.Add(), ones(2, 3), "should be called on a list of inputs"),
    (lambda: layers.Add(), [ones(2, 3), ones(2, 4)], "Inputs have incompatible shapes"),
    (lambda: layers.Add(), [ones(2, 3), ones(3, 3)], "Cannot merge tensors with different batch sizes"),
    (lambda: layers.Subtract(), [ones(2, 3)] * 3, "exactly 2 inputs"),
    (lambda: layers.Concatenate(), [ones(2, 3, 4), ones(2, 4, 4)], "matching shapes except for the concatenation axis"),
    (lambda: layers.Dot(1), [ones(2, 3), ones(2, 4)], "Incompatible input shapes: axis values 3"),
    (lambda: layers.Dot(0), [ones(2, 3), ones(2, 3)], "Cannot perform batch_dot over axis 0"),
    (lambda: layers.GroupNormalization(4), ones(2, 6), "must be a multiple of the number of channels"),
    (lambda: layers.GroupNormalization(8), ones(2, 6), "cannot be more than the number of channels"),
    (lambda: layers.GroupNormalization(2), ones(6), r"channels cannot be the first axis.*Received: axis=-1"),
    (lambda: layers.Normalization(axis=3), ones(2, 6), r"must be in the range \[-ndim, ndim\)"),
    (lambda: layers.SpatialDropout1D(0.5), ones(2, 6), "expected ndim=3"),
    (lambda: layers.SpectralNormalization(layers.ReLU()), ones(2, 6), "ReLU object has no attribute 'kernel' nor"),
]


@pytest.mark.parametrize("make, inputs, message", BAD_INPUTS, ids=[m for _, _, m in BAD_INPUTS])
def test_bad_input(make, inputs, message):
    with pytest.raises(ValueError, match=message):
        make()(inputs)


def test_kernel_before_build():
    with pytest.raises(AttributeError, match="You must build the layer before accessing `kernel`"):
        _ = layers.Dense(2).kernel
    with pytest.raises(ValueError, match="the layer isn't built"):
        layers.Dense(2).count_params()
