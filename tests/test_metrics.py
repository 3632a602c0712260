"""Metrics beyond the figures of tests/reference: inside a trace, names, configs, errors."""

import sys
import warnings

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.engine import Function

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/reference")
import rows_metrics


def make(case, **more):
    name, arguments, _ = rows_metrics._CASES[case]
    return getattr(keras.metrics, name)(**arguments, **more)


@pytest.mark.parametrize("case", rows_metrics._CASES)
def test_traced_update_equals_eager_update(case):
    eager, traced, data = make(case), make(case), rows_metrics._CASES[case][2]
    update = Function(lambda t, p: traced.update_state(t, p))
    reset = Function(lambda: traced.reset_state())
    for seed in range(3):
        y_true, y_pred = data(seed)
        eager.update_state(y_true, y_pred)
        update(np.asarray(y_true), np.asarray(y_pred))
        if seed == 0:
            eager.reset_state()
            reset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = Function(traced.result)()
    np.testing.assert_allclose(result.numpy(), eager.result().numpy(), rtol=3e-6, atol=1e-6)
    for a, b in zip(eager.variables, traced.variables, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("case", rows_metrics._CASES)
def test_config_makes_the_same_metric(case):
    metric = make(case, name="mine")
    config = keras.metrics.serialize(metric)
    assert config["module"] == "keras.metrics" and config["class_name"] == rows_metrics._CASES[case][0]
    again = keras.metrics.deserialize(config)
    assert again.name == "mine" and str(again.get_config()) == str(metric.get_config())
    data = rows_metrics._CASES[case][2](1)
    np.testing.assert_array_equal(again(*data).numpy(), metric(*data).numpy())


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("mse", "MeanSquaredError"),
        ("MAE", "MeanAbsoluteError"),
        ("bce", "BinaryCrossentropy"),
        ("accuracy", "Accuracy"),
        ("categorical_accuracy", "CategoricalAccuracy"),
        ("top_k_categorical_accuracy", "TopKCategoricalAccuracy"),
        ("f_beta_score", "FBetaScore"),
        ("auc", "AUC"),
        ("binary_io_u", "BinaryIoU"),
        ("r2_score", "R2Score"),
        ("Precision", "Precision"),
    ],
)
def test_get_by_name(name, cls):
    assert type(keras.metrics.get(name)).__name__ == cls


def test_get():
    metric = keras.metrics.Mean()
    assert keras.metrics.get(metric) is metric and keras.metrics.get(None) is None
    with pytest.raises(ValueError, match="Could not interpret metric identifier"):
        keras.metrics.get("no such metric")


def test_direction_tells_what_is_better():
    up = ["Accuracy", "AUC", "Precision", "F1Score", "R2Score", "CosineSimilarity", "PearsonCorrelation"]
    assert all(getattr(keras.metrics, name)()._direction == "up" for name in up)
    assert keras.metrics.MeanSquaredError()._direction == keras.metrics.RootMeanSquaredError()._direction == "down"
    assert keras.metrics.MeanMetricWrapper(keras.losses.huber)._direction == "down"
    assert not hasattr(keras.metrics.MeanMetricWrapper(lambda a, b: a), "_direction")


def test_wrapper_keeps_its_function():
    metric = keras.metrics.MeanMetricWrapper(keras.losses.huber, name="mine", delta=0.5)
    again = keras.metrics.MeanMetricWrapper.from_config(metric.get_config())
    assert again.get_config() == metric.get_config() and again.name == "mine"
    assert float(again([[0.0]], [[1.0]])) == float(metric([[0.0]], [[1.0]])) == 0.375


def test_metrics_inside_metrics_share_their_state():
    class Both(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="both")
            self.n = self.add_weight(name="n")
            self.parts = [keras.metrics.Mean(), keras.metrics.Sum()]

        def update_state(self, values):
            self.n.assign_add(1.0)
            for part in self.parts:
                part.update_state(values)

        def result(self):
            return self.parts[0].result() + self.parts[1].result()

    metric = Both()
    assert [v.path for v in metric.variables] == ["both/n", "mean/total", "mean/count", "sum/total"]
    assert float(metric([1.0, 3.0])) == 6.0
    metric.reset_state()
    assert [float(v) for v in metric.variables] == [0.0] * 4


def test_variables_set_as_attributes_are_state():
    class Own(keras.metrics.Metric):
        def __init__(self):
            super().__init__()
            self.n = keras.Variable(1.0)

    assert len(Own().variables) == 1


def test_dtypes():
    assert keras.metrics.Mean(dtype="float64")([1.0, 2.0]).dtype == "float64"
    assert keras.metrics.MeanIoU(2).dtype == "int32"
    assert keras.metrics.SparseCategoricalAccuracy()(np.array([1, 0]), np.eye(2)).dtype == "float32"


def test_stateless_calls_leave_the_state():
    metric = keras.metrics.Mean()
    metric.update_state([4.0])
    state = metric.stateless_update_state(metric.stateless_reset_state(), [1.0, 3.0])
    assert float(metric.stateless_result(state)) == 2.0 and float(metric.result()) == 4.0
    for call in (metric.stateless_update_state, metric.stateless_result):
        with pytest.raises(ValueError, match="corresponding 1:1"):
            call([])


def test_adjusted_r2_without_enough_samples_warns():
    for regressors, message in ((2, "Division by zero"), (5, "More independent predictors")):
        metric = keras.metrics.R2Score(num_regressors=regressors)
        metric.update_state([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.5]])
        with pytest.warns(UserWarning, match=message):
            assert float(metric.result()) == pytest.approx(0.875)


def test_iou_warns_about_float_weights():
    with pytest.warns(UserWarning, match="passing weight as `float`"):
        keras.metrics.MeanIoU(2).update_state([0, 1], [0, 1], sample_weight=np.array([0.5, 0.5]))


def test_iou_leaves_out_classes_that_do_not_exist():
    metric = keras.metrics.MeanIoU(2)
    metric.update_state([0, 1, 7, 1], [0, 1, 1, -3])
    assert metric.total_cm.numpy().tolist() == [[1, 0], [0, 1]]


def test_binary_accuracy_is_named_by_its_class():
    keras.utils.clear_session()
    assert keras.metrics.TruePositives().name == "true_positives"
    assert keras.metrics.TruePositives().name == "true_positives_1"
    assert repr(keras.metrics.BinaryAccuracy()) == "<BinaryAccuracy name=binary_accuracy>"


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (lambda m: m.Precision(thresholds=[0.5, 1.5]), "must be in"),
        (lambda m: m.AUC(num_thresholds=1), "num_thresholds"),
        (lambda m: m.AUC(curve="nonsense"), "AUC curve"),
        (lambda m: m.AUC(summation_method="nonsense"), "summation method"),
        (lambda m: m.AUC(num_labels=3), "num_labels"),
        (lambda m: m.AUC(multi_label=True).update_state([1.0], [1.0]), "rank 2"),
        (lambda m: m.Precision(class_id=1).update_state([1.0], [1.0]), "class_id"),
        (lambda m: m.RecallAtPrecision(1.5), "precision"),
        (lambda m: m.PrecisionAtRecall(0.5, num_thresholds=0), "num_thresholds"),
        (lambda m: m.F1Score(average="all"), r"one of: \{None, 'micro', 'macro', 'weighted'\}. Received: average=all"),
        (lambda m: m.FBetaScore(beta=1), "beta"),
        (lambda m: m.FBetaScore(beta=-1.0), "beta"),
        (lambda m: m.FBetaScore(threshold=1), "threshold"),
        (lambda m: m.FBetaScore(threshold=2.0), "threshold"),
        (lambda m: m.F1Score().update_state([1.0], [1.0]), "2D"),
        (lambda m: m.R2Score(class_aggregation="sum"), "class_aggregation"),
        (lambda m: m.R2Score(num_regressors=-1), "num_regressors"),
        (lambda m: m.R2Score().update_state(np.ones((2, 2, 2)), np.ones((2, 2, 2))), "2D"),
        (lambda m: m.IoU(2, [2]), "out of range"),
    ],
)
def test_wrong_arguments(fails, message):
    with pytest.raises(ValueError, match=message):
        fails(keras.metrics)


def test_forgotten_super():
    class Forgetful(keras.metrics.Metric):
        def __init__(self):
            self.n = self.add_weight(name="n")

    with pytest.raises(RuntimeError, match="forgot to call"):
        Forgetful()
    with pytest.raises(NotImplementedError):
        keras.metrics.Metric().result()
    with pytest.raises(NotImplementedError):
        keras.metrics.Metric()(1)
