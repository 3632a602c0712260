"""Rows of tests/test_reference.py: every metric over three batches, with and without weights, state and reset."""

import numpy as np


def _random(seed):
    return np.random.RandomState(seed)


def _values(seed, shape=(6, 4), low=-2.0):
    r = _random(seed)
    return r.uniform(low, 2.0, shape).astype("float32"), r.uniform(low, 2.0, shape).astype("float32")


def _positive(seed):
    return _values(seed, low=0.1)


def _columns(seed):
    return _values(seed, (6, 1))


def _one_hot(seed, shape=(8, 5)):
    r = _random(seed)
    scores = np.exp(r.normal(size=shape))
    labels = np.eye(shape[-1], dtype="float32")[r.randint(0, shape[-1], shape[:-1])]
    return labels, (scores / scores.sum(-1, keepdims=True)).astype("float32")


def _sparse(seed, shape=(8, 5)):
    labels, scores = _one_hot(seed, shape)
    return labels.argmax(-1), scores


def _sparse_column(seed):
    labels, scores = _sparse(seed)
    return labels[:, None], scores


def _sequence(seed):
    return _sparse(seed, (6, 4, 3))


def _one_hot_sequence(seed):
    return _one_hot(seed, (6, 4, 3))


def _binary(seed, shape=(10,)):
    r = _random(seed)
    scores = r.uniform(size=shape).astype("float32")
    scores.reshape(-1)[:2] = [0.0, 1.0]  # at the edges
    return r.randint(0, 2, shape).astype("float32"), scores


def _binary_column(seed):
    return _binary(seed, (10, 1))


def _multi(seed):
    return _binary(seed, (7, 3))


def _classes(seed):
    r = _random(seed)
    return r.randint(0, 3, 12), r.randint(0, 3, 12)


def _ids(seed):
    r = _random(seed)
    return r.randint(0, 5, 8), np.stack([r.permutation(5) for _ in range(8)])


# name -> (class, its arguments, data by seed)
_CASES = {
    "accuracy": ("Accuracy", {}, _classes),
    "binary_accuracy": ("BinaryAccuracy", {}, _binary_column),
    "binary_accuracy_threshold": ("BinaryAccuracy", {"threshold": 0.7}, _multi),
    "categorical_accuracy": ("CategoricalAccuracy", {}, _one_hot),
    "categorical_accuracy_sequence": ("CategoricalAccuracy", {}, _one_hot_sequence),
    "sparse_categorical_accuracy": ("SparseCategoricalAccuracy", {}, _sparse),
    "sparse_categorical_accuracy_column": ("SparseCategoricalAccuracy", {}, _sparse_column),
    "sparse_categorical_accuracy_sequence": ("SparseCategoricalAccuracy", {}, _sequence),
    "top_k": ("TopKCategoricalAccuracy", {"k": 2}, _one_hot),
    "top_k_sequence": ("TopKCategoricalAccuracy", {"k": 2}, _one_hot_sequence),
    "sparse_top_k": ("SparseTopKCategoricalAccuracy", {"k": 3}, _sparse),
    "sparse_top_k_sorted": ("SparseTopKCategoricalAccuracy", {"k": 3, "from_sorted_ids": True}, _ids),
    "mse": ("MeanSquaredError", {}, _values),
    "mae": ("MeanAbsoluteError", {}, _values),
    "mape": ("MeanAbsolutePercentageError", {}, _values),
    "msle": ("MeanSquaredLogarithmicError", {}, _positive),
    "rmse": ("RootMeanSquaredError", {}, _values),
    "cosine": ("CosineSimilarity", {}, _values),
    "log_cosh": ("LogCoshError", {}, _values),
    "r2": ("R2Score", {}, _columns),
    "r2_none": ("R2Score", {"class_aggregation": None}, _values),
    "r2_variance": ("R2Score", {"class_aggregation": "variance_weighted_average"}, _values),
    "r2_adjusted": ("R2Score", {"num_regressors": 2}, _values),
    "kl": ("KLDivergence", {}, _one_hot),
    "poisson": ("Poisson", {}, _positive),
    "bce": ("BinaryCrossentropy", {"label_smoothing": 0.1}, _binary_column),
    "bce_logits": ("BinaryCrossentropy", {"from_logits": True}, _multi),
    "cce": ("CategoricalCrossentropy", {}, _one_hot),
    "scce": ("SparseCategoricalCrossentropy", {}, _sparse),
    "scce_ignore": ("SparseCategoricalCrossentropy", {"ignore_class": 1, "from_logits": True}, _sequence),
    "hinge": ("Hinge", {}, _multi),
    "squared_hinge": ("SquaredHinge", {}, _multi),
    "categorical_hinge": ("CategoricalHinge", {}, _one_hot),
    "pearson": ("PearsonCorrelation", {}, _values),
    "pearson_axis0": ("PearsonCorrelation", {"axis": 0}, _values),
    "concordance": ("ConcordanceCorrelation", {}, _values),
    "true_positives": ("TruePositives", {}, _binary),
    "true_positives_thresholds": ("TruePositives", {"thresholds": [0.2, 0.6]}, _binary),
    "false_positives": ("FalsePositives", {}, _multi),
    "true_negatives": ("TrueNegatives", {"thresholds": [0.0, 0.5, 1.0]}, _binary),
    "false_negatives": ("FalseNegatives", {}, _binary_column),
    "precision": ("Precision", {}, _binary),
    "precision_thresholds": ("Precision", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, _binary_column),
    "precision_top_k": ("Precision", {"top_k": 2}, _one_hot),
    "precision_class": ("Precision", {"class_id": 1, "thresholds": 0.3}, _one_hot),
    "precision_top_k_class": ("Precision", {"top_k": 2, "class_id": 1}, _one_hot),
    "recall": ("Recall", {}, _binary),
    "recall_multi": ("Recall", {"thresholds": [0.1, 0.4]}, _multi),
    "recall_top_k": ("Recall", {"top_k": 1}, _one_hot),
    "auc": ("AUC", {}, _binary),
    "auc_pr": ("AUC", {"curve": "PR", "num_thresholds": 20}, _binary_column),
    "auc_pr_minoring": ("AUC", {"curve": "pr", "summation_method": "minoring", "num_thresholds": 7}, _binary),
    "auc_prgain": ("AUC", {"curve": "PRGAIN", "summation_method": "majoring", "num_thresholds": 30}, _binary),
    "auc_thresholds": ("AUC", {"thresholds": [0.9, 0.3, 0.4]}, _binary),
    "auc_logits": ("AUC", {"from_logits": True, "summation_method": "majoring"}, _binary),
    "auc_labels": ("AUC", {"multi_label": True, "num_labels": 3, "num_thresholds": 11}, _multi),
    "auc_weighted_labels": ("AUC", {"multi_label": True, "label_weights": [0.2, 0.3, 0.5], "curve": "PR"}, _multi),
    "auc_flat_label_weights": ("AUC", {"label_weights": [0.2, 0.3, 0.5]}, _multi),
    "sensitivity": ("SensitivityAtSpecificity", {"specificity": 0.5}, _binary),
    "specificity": ("SpecificityAtSensitivity", {"sensitivity": 0.4, "num_thresholds": 1}, _binary),
    "precision_at": ("PrecisionAtRecall", {"recall": 0.6, "num_thresholds": 50}, _binary),
    "recall_at": ("RecallAtPrecision", {"precision": 0.6}, _binary),
    "f1": ("F1Score", {}, _one_hot),
    "f1_micro": ("F1Score", {"average": "micro", "threshold": 0.4}, _one_hot),
    "fbeta_macro": ("FBetaScore", {"average": "macro", "beta": 2.0, "threshold": 0.3}, _one_hot),
    "fbeta_weighted": ("FBetaScore", {"average": "weighted", "beta": 0.5}, _one_hot),
    "iou": ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, _classes),
    "mean_iou": ("MeanIoU", {"num_classes": 4}, _classes),
    "mean_iou_ignore": ("MeanIoU", {"num_classes": 3, "ignore_class": 1, "dtype": "float32"}, _classes),
    "binary_iou": ("BinaryIoU", {"threshold": 0.3}, _binary),
    "one_hot_iou": ("OneHotIoU", {"num_classes": 5, "target_class_ids": [1, 3]}, _one_hot),
    "one_hot_mean_iou": ("OneHotMeanIoU", {"num_classes": 5}, _one_hot),
}


def _weight(seed, count):
    return _random(seed + 50).randint(1, 4, count)


def _case(cls, arguments, data):
    def row(k):
        metric, weighted = (getattr(k.metrics, cls)(**arguments) for _ in range(2))
        out = {}
        for seed in range(3):
            y_true, y_pred = data(seed)
            weight = _weight(seed, len(y_true))
            if "IoU" not in cls:
                weight = weight.astype("float32") / 2.0
            if "ignore_class" in arguments and "IoU" not in cls:
                weight = weight[:, None]  # it meets the mask of the ignored samples
            out[f"result {seed}"] = metric(y_true, y_pred)
            if arguments.get("axis") != 0:
                out[f"weighted {seed}"] = weighted(y_true, y_pred, sample_weight=weight)
        for i, variable in enumerate(metric.variables):
            out[f"state {i}"] = np.array(variable)
        metric.reset_state()
        out["first again"] = metric(*data(0))
        return out

    return row


def _means(k):
    out = {}
    for cls in ("Mean", "Sum"):
        metric = getattr(k.metrics, cls)()
        if cls == "Mean":
            out["Mean before"] = metric.result()
        r = _random(4)
        for i, (shape, weight) in enumerate(
            [
                ((), None),
                ((), 2.0),
                ((3,), None),
                ((3,), (3,)),
                ((4, 3), (4,)),
                ((4, 3), (4, 1)),
                ((4, 3), (4, 3)),
                ((4, 3, 2), (4, 3)),
                ((2, 3, 2), None),
                ((3,), ()),
            ]  # fmt: skip
        ):
            values = r.normal(size=shape).astype("float32")
            weight = r.uniform(size=weight).astype("float32") if isinstance(weight, tuple) else weight
            out[f"{cls} {i}"] = metric(values, sample_weight=weight)
    return out


def _masked(k):
    y_true, y_pred = _values(3, (5, 3, 2))
    metric = k.metrics.MeanAbsoluteError()
    out = {}
    for i, weight in enumerate((None, _random(1).uniform(size=(5, 3)).astype("float32"))):
        prediction = k.ops.convert_to_tensor(y_pred)
        prediction._keras_mask = k.ops.convert_to_tensor(_random(2).randint(0, 2, (5, 3)) > 0)
        out[str(i)] = metric(y_true, prediction, sample_weight=weight)
    return out


def _functions(k):
    y_true, y_pred = _one_hot(1)
    labels = y_true.argmax(-1)
    binary = _binary(2, (5, 2))
    return {
        "binary_accuracy": k.metrics.binary_accuracy(*binary),
        "categorical_accuracy": k.metrics.categorical_accuracy(y_true, y_pred),
        "sparse_categorical_accuracy": k.metrics.sparse_categorical_accuracy(labels, y_pred),
        "top_k_categorical_accuracy": k.metrics.top_k_categorical_accuracy(y_true, y_pred, k=2),
        "sparse_top_k_categorical_accuracy": k.metrics.sparse_top_k_categorical_accuracy(labels, y_pred, k=2),
        "pearson_correlation": k.metrics.pearson_correlation(*_values(1)),
        "concordance_correlation": k.metrics.concordance_correlation(*_values(1)),
        "mean_squared_error": k.metrics.mean_squared_error(*_values(1)),
    }


def _stateless(k):
    y_true, y_pred = _values(5)
    metric = k.metrics.MeanSquaredError()
    metric.update_state(y_true, y_pred)
    state = metric.stateless_update_state(metric.stateless_reset_state(), y_pred, 2.0 * y_true)
    out = {"stateless result": metric.stateless_result(state), "own result": metric.result()}
    return out | {f"state {i}": np.array(v) for i, v in enumerate(state)}


ROWS = {name: _case(*case) for name, case in _CASES.items()}
ROWS |= {"means": _means, "masked": _masked, "functions": _functions, "stateless": _stateless}
