"""Counts of true and false positives and negatives at thresholds, and what is made of them."""

import numpy as np

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.losses.loss import squeeze_or_expand_to_same_rank
from fastkeras.metrics.metric import Metric
from fastkeras.registry import register

NEG_INF = -1e10
_COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def parse_thresholds(thresholds, default=0.5):
    """A list of thresholds in [0, 1]."""
    if thresholds is None:
        return [default]
    values = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [t for t in values if t is None or not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return values


def evenly_spaced(count):
    """`count` thresholds from 0 to 1."""
    return [0.0, *((i + 1) / (count - 1) for i in range(count - 2)), 1.0]


def is_evenly_spaced(thresholds):
    """Are these `evenly_spaced` (up to epsilon), so that a score's bucket can be computed instead of searched?"""
    count = len(thresholds)
    return count >= 3 and np.allclose(thresholds, np.linspace(0, 1, count), atol=config.epsilon())


def count_predictions(
    y_true,
    y_pred,
    thresholds,
    dtype,
    top_k=None,
    class_id=None,
    sample_weight=None,
    multi_label=False,
    label_weights=None,
):
    """Weighted counts of predictions above each threshold: {"true_positives": (thresholds,), ...}.

    Args:
        y_true: labels 0 and 1; y_pred: scores of the same shape.
        top_k: only the k highest scores of a sample can be positive.
        class_id: look at this column only.
        multi_label: count each column by itself: `(thresholds, labels)`.
        label_weights: weight of each column.
    """
    y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    if top_k is not None:
        y_pred = _only_top_k(y_pred, top_k)
    if class_id is not None:
        if len(y_pred.shape) == 1:
            raise ValueError(
                "When class_id is provided, y_pred must be a 2D array with shape (num_samples, num_classes), found "
                f"shape: {y_pred.shape}"
            )
        y_true, y_pred = (y[..., class_id : class_id + 1] for y in (y_true, y_pred))
    weights = _weights(sample_weight, label_weights, y_true, dtype)
    if not multi_label:
        y_true, y_pred, weights = (ops.reshape(x, (-1, 1)) for x in (y_true, y_pred, weights))
    true = ops.where(ops.cast(y_true, "bool"), weights, ops.zeros_like(weights))
    false = weights - true
    count = _count_in_buckets if is_evenly_spaced(thresholds) else _count_above
    positives, negatives = count(true, y_pred, thresholds), count(false, y_pred, thresholds)
    counts = {
        "true_positives": positives,
        "false_positives": negatives,
        "true_negatives": ops.sum(false, axis=0) - negatives,
        "false_negatives": ops.sum(true, axis=0) - positives,
    }
    return counts if multi_label else {name: ops.squeeze(value, -1) for name, value in counts.items()}


def _weights(sample_weight, label_weights, like, dtype):
    weights = ops.ones(like.shape, dtype=dtype)
    if sample_weight is not None:
        sample_weight = ops.expand_dims(ops.cast(sample_weight, dtype), -1)
        _, sample_weight = squeeze_or_expand_to_same_rank(like, sample_weight, expand_rank_1=False)
        weights = weights * sample_weight
    return weights if label_weights is None else weights * ops.cast(label_weights, dtype)


def _only_top_k(scores, k):
    _, best = ops.top_k(scores, k)
    chosen = ops.sum(ops.one_hot(best, scores.shape[-1], dtype=scores.dtype), axis=-2)
    return scores * chosen + NEG_INF * (1.0 - chosen)


def _count_above(weights, scores, thresholds):
    """(samples, labels) -> (thresholds, labels): the weights of scores above each threshold."""
    levels = ops.reshape(ops.convert_to_tensor(np.asarray(thresholds), dtype=scores.dtype), (-1, 1, 1))
    above = ops.expand_dims(scores, 0) > levels
    return ops.sum(ops.where(above, ops.expand_dims(weights, 0), ops.zeros_like(levels)), axis=1)


def _count_in_buckets(weights, scores, thresholds):
    """As `_count_above` for evenly spaced thresholds: a histogram, summed from the top."""
    count, labels = len(thresholds), scores.shape[-1]
    buckets = ops.ceil(ops.clip(scores, 0.0, 1.0) * float(count - 1)) - 1.0
    if thresholds[0] < 0.0 or thresholds[-1] > 1.0:
        buckets = ops.maximum(buckets, 0.0)  # a score of 0 is above a first threshold that is below 0
    ids = ops.cast(buckets, "int32") * labels + ops.arange(labels, dtype="int32")
    # A score of exactly 0 is above no threshold: its bucket, -1, is moved into one more row at the end, and dropped.
    ids = ops.where(ops.cast(buckets, "int32") < 0, ops.full_like(ids, count * labels), ids)
    histogram = ops.segment_sum(ops.reshape(weights, (-1,)), ops.reshape(ids, (-1,)), num_segments=count * labels + 1)
    histogram = ops.reshape(histogram[: count * labels], (count, labels))
    return ops.flip(ops.cumsum(ops.flip(histogram, axis=0), axis=0), axis=0)


class _Counting(Metric):
    """A metric whose state are counts at thresholds: names of counts in `_kept`."""

    _kept = _COUNTS

    def _add_counts(self, shape):
        for name in self._kept:
            setattr(self, name, self.add_weight(shape, name=name))

    def _count(self, y_true, y_pred, **options):
        dtype = self._own_variables[0].dtype
        counts = count_predictions(y_true, y_pred, dtype=dtype, **options)
        for name in self._kept:
            getattr(self, name).assign_add(counts[name])


class _Count(_Counting):
    """The number of predictions of one kind (`_kept`)."""

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = parse_thresholds(thresholds)
        self.accumulator = self.add_weight((len(self.thresholds),), name="accumulator")
        setattr(self, self._kept[0], self.accumulator)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self._count(y_true, y_pred, thresholds=self.thresholds, sample_weight=sample_weight)

    def result(self):
        return self.accumulator[0] if len(self.thresholds) == 1 else self.accumulator.value

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


@register("keras.metrics")
class TruePositives(_Count):
    """Number of samples with label 1 whose score is above the threshold (0.5; or one result per threshold).

    >>> import fastkeras as keras
    >>> float(keras.metrics.TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
    2.0
    """

    _kept = ("true_positives",)


@register("keras.metrics")
class FalsePositives(_Count):
    """Number of samples with label 0 whose score is above the threshold."""

    _kept = ("false_positives",)


@register("keras.metrics")
class TrueNegatives(_Count):
    """Number of samples with label 0 whose score is not above the threshold."""

    _kept = ("true_negatives",)


@register("keras.metrics")
class FalseNegatives(_Count):
    """Number of samples with label 1 whose score is not above the threshold."""

    _kept = ("false_negatives",)


class _Share(_Counting):
    """True positives / (true positives + the second count of `_kept`)."""

    _direction = "up"

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = parse_thresholds(thresholds, 0.5 if top_k is None else NEG_INF)
        self._add_counts((len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        self._count(
            y_true,
            y_pred,
            thresholds=self.thresholds,
            top_k=self.top_k,
            class_id=self.class_id,
            sample_weight=sample_weight,
        )

    def result(self):
        found, other = (getattr(self, name) for name in self._kept)
        share = ops.divide_no_nan(found, found + other)
        return share[0] if len(self.thresholds) == 1 else share

    def get_config(self):
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


@register("keras.metrics")
class Precision(_Share):
    """True positives / predicted positives.

    Args:
        thresholds: a number or a list in [0, 1] (0.5); a list gives one result per threshold.
        top_k: only the k highest scores of a sample count as predicted positives.
        class_id: look at this class only.
        name, dtype: as for `Metric`.

    >>> import fastkeras as keras
    >>> round(float(keras.metrics.Precision()([0, 1, 1, 1], [1, 0, 1, 1])), 4)
    0.6667
    """

    _kept = ("true_positives", "false_positives")


@register("keras.metrics")
class Recall(_Share):
    """True positives / samples with label 1; arguments as for `Precision`.

    >>> import fastkeras as keras
    >>> round(float(keras.metrics.Recall()([0, 1, 1, 1], [1, 0, 1, 1])), 4)
    0.6667
    """

    _kept = ("true_positives", "false_negatives")


class _BestUnder(_Counting):
    """The best of one rate over the thresholds where another is at least `value`."""

    _direction = "up"
    _argument = None  # name of the constructor argument that holds the value

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        if not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self._argument}` must be in the range [0, 1]. Received: {self._argument}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        super().__init__(name=name, dtype=dtype)
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self.thresholds = [0.5] if num_thresholds == 1 else evenly_spaced(num_thresholds)
        setattr(self, self._argument, value)
        self._add_counts((len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        self._count(y_true, y_pred, thresholds=self.thresholds, class_id=self.class_id, sample_weight=sample_weight)

    def _rates(self):
        tp, fp, tn, fn = (getattr(self, name) for name in _COUNTS)
        return {
            "sensitivity": ops.divide_no_nan(tp, tp + fn),
            "recall": ops.divide_no_nan(tp, tp + fn),
            "specificity": ops.divide_no_nan(tn, tn + fp),
            "precision": ops.divide_no_nan(tp, tp + fp),
        }

    def result(self):
        rates = self._rates()
        feasible = rates[self._argument] >= self.value
        best = rates[self._wanted]
        return ops.max(ops.where(feasible, best, ops.zeros_like(best)))

    def get_config(self):
        own = {"num_thresholds": self.num_thresholds, self._argument: self.value, "class_id": self.class_id}
        return {**super().get_config(), **own}


@register("keras.metrics")
class SensitivityAtSpecificity(_BestUnder):
    """Highest sensitivity at a threshold where the specificity is at least `specificity`.

    >>> import fastkeras as keras
    >>> metric = keras.metrics.SensitivityAtSpecificity(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    _argument, _wanted = "specificity", "sensitivity"

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


@register("keras.metrics")
class SpecificityAtSensitivity(_BestUnder):
    """Highest specificity at a threshold where the sensitivity is at least `sensitivity`."""

    _argument, _wanted = "sensitivity", "specificity"

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


@register("keras.metrics")
class PrecisionAtRecall(_BestUnder):
    """Highest precision at a threshold where the recall is at least `recall`."""

    _argument, _wanted = "recall", "precision"

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


@register("keras.metrics")
class RecallAtPrecision(_BestUnder):
    """Highest recall at a threshold where the precision is at least `precision`."""

    _argument, _wanted = "precision", "recall"

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
