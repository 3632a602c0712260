"""Losses beyond the figures of tests/reference: inside a trace, names, configs, errors."""

import sys

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.engine import Function

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/reference")
import rows_losses

NAMES = ["mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "kld", "KLD", "huber", "log_cosh",
         "hinge", "squared_hinge", "categorical_hinge", "cosine_similarity", "poisson", "dice", "tversky", "circle",
         "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "kl_divergence",
         "binary_focal_crossentropy", "categorical_focal_crossentropy", "mean_squared_error"]  # fmt: skip


@pytest.mark.parametrize("case", rows_losses._CASES)
def test_traced_loss_equals_eager_loss(case):
    name, arguments, (y_true, y_pred) = rows_losses._CASES[case]
    loss = getattr(keras.losses, name)(**arguments)
    traced = Function(lambda t, p: loss(t, p))(np.asarray(y_true), y_pred)
    np.testing.assert_allclose(traced.numpy(), loss(y_true, y_pred).numpy(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_get_by_name(name):
    found = keras.losses.get(name)
    assert callable(found) and getattr(keras.losses, name) is found


@pytest.mark.parametrize("case", rows_losses._CASES)
def test_config_makes_the_same_loss(case):
    name, arguments, (y_true, y_pred) = rows_losses._CASES[case]
    loss = getattr(keras.losses, name)(reduction="sum", name="mine", **arguments)
    config = keras.losses.serialize(loss)
    assert config["module"] == "keras.losses" and config["class_name"] == name
    again = keras.losses.deserialize(config)
    assert again.get_config() == loss.get_config() and again.name == "mine" and again.reduction == "sum"
    np.testing.assert_array_equal(again(y_true, y_pred).numpy(), loss(y_true, y_pred).numpy())


def test_functions_are_serialized_by_name():
    config = keras.losses.serialize(keras.losses.mean_squared_error)
    assert keras.losses.deserialize(config) is keras.losses.mean_squared_error
    assert keras.losses.deserialize("mse") is keras.losses.mean_squared_error


def test_class_name_makes_an_instance():
    assert isinstance(keras.losses.get("MeanSquaredError"), keras.losses.MeanSquaredError)
    assert isinstance(keras.losses.get(keras.losses.Huber), keras.losses.Huber)
    assert keras.losses.get(None) is None
    with pytest.raises(ValueError, match="Could not interpret loss identifier"):
        keras.losses.get("no such loss")


def test_wrapper_keeps_its_function():
    loss = keras.losses.LossFunctionWrapper(keras.losses.huber, name="mine", delta=0.5)
    assert "huber" in repr(loss)
    again = keras.losses.LossFunctionWrapper.from_config(loss.get_config())
    assert again.fn is keras.losses.huber and again.get_config() == loss.get_config()
    assert float(again([[0.0]], [[1.0]])) == float(keras.losses.Huber(0.5)([[0.0]], [[1.0]]))


def test_structures_of_outputs():
    def both(y_true, y_pred):
        a, b = (y_true[key] - y_pred[key] for key in "ab")
        return keras.ops.mean(keras.ops.square(a) + keras.ops.abs(b), -1)

    loss = keras.losses.LossFunctionWrapper(both)
    ones, zeros = np.ones((3, 2), "float32"), np.zeros((3, 2), "float32")
    assert float(loss({"a": ones, "b": ones[:, :1]}, {"a": zeros, "b": zeros[:, :1]})) == 2.0


def test_dtype_of_the_computation():
    loss = keras.losses.MeanSquaredError(dtype="float64")
    assert loss.dtype == "float64" and loss(np.ones((2, 2)), np.zeros((2, 2))).dtype == "float64"


def test_empty_batches_give_no_nan():
    assert keras.losses.MeanSquaredError()(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0,)
    sequences = np.zeros((0, 4, 3), "float32")
    assert float(keras.losses.MeanSquaredError()(sequences, sequences)) == 0.0


def test_automatic_names():
    keras.utils.clear_session()

    class MyLoss(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return y_pred - y_true

    assert [MyLoss().name, MyLoss().name] == ["my_loss", "my_loss_1"]
    with pytest.raises(NotImplementedError):
        keras.losses.Loss()([1.0], [1.0])


def test_wrong_arguments():
    with pytest.raises(ValueError, match="Invalid value for argument `reduction`"):
        keras.losses.MeanSquaredError(reduction="average")
    with pytest.raises(ValueError, match="interval"):
        keras.losses.CategoricalGeneralizedCrossEntropy(q=1.0)
    for loss in (keras.losses.categorical_crossentropy, keras.losses.categorical_focal_crossentropy):
        with pytest.raises(ValueError, match="`axis` must be of type `int`"):
            loss([[0.0, 1.0]], [[0.5, 0.5]], axis=True)
        with pytest.warns(SyntaxWarning, match="num_classes > 1"):
            loss([[1.0]], [[0.5]])
    with pytest.raises(ValueError):
        keras.losses.CategoricalCrossentropy()(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError):
        keras.losses.SparseCategoricalCrossentropy()(np.zeros((3,)), np.ones((2, 4)))


def test_reductions_of_tf_keras():
    reduction = keras.losses.Reduction
    assert keras.losses.MeanSquaredError(reduction=reduction.NONE)([[1.0]], [[2.0]]).shape == (1,)
    assert reduction.SUM in reduction.all()
    with pytest.raises(ValueError, match="Invalid Reduction Key"):
        reduction.validate("nonsense")


def test_class_numbers_are_not_rounded_to_the_dtype_of_the_loss():
    logits, labels = np.zeros((1, 400), "float32"), np.array([301])
    logits[0, 301] = 8.0
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="bfloat16")
    exact = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    np.testing.assert_allclose(float(loss(labels, logits)), float(exact), rtol=0.01)
