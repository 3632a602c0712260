"""Area under the ROC, precision-recall or precision-recall-gain curve."""

import numpy as np

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.metrics.confusion import _Counting, evenly_spaced
from fastkeras.registry import register

_CURVES = ("PR", "ROC", "PRGAIN")
_SUMMATIONS = ("interpolation", "majoring", "minoring")


def _choice(what, key, choices):
    found = next((c for c in choices if key in (c, c.lower(), c.capitalize())), None)
    if found is None:
        listed = ", ".join(f'"{c}"' for c in choices)
        raise ValueError(f'Invalid {what} value: "{key}". Expected values are [{listed}]')
    return found


@register("keras.metrics")
class AUC(_Counting):
    """Approximates the area under a curve by sums over thresholds.

    Args:
        num_thresholds: how many, at least 2.
        curve: `"ROC"`, `"PR"` or `"PRGAIN"`.
        summation_method: `"interpolation"` (trapezoids; for PR the interpolation of Davis and Goadrich), `"minoring"`,
            `"majoring"` (smaller, larger side of each interval).
        thresholds: thresholds in [0, 1] to use instead; 0 and 1 are added.
        multi_label: a curve per label, averaged; `num_labels` of them (by default those of the first batch).
        label_weights: weight of each label.
        from_logits: apply a sigmoid to the predictions.

    >>> import fastkeras as keras
    >>> float(keras.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.75
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        super().__init__(name=name, dtype=dtype)
        self.curve = _choice("AUC curve", curve, _CURVES)
        self.summation_method = _choice("AUC summation method", summation_method, _SUMMATIONS)
        self._init_from_thresholds = thresholds is not None
        if thresholds is None:
            if num_thresholds <= 1:
                raise ValueError(
                    f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}"
                )
            inner = evenly_spaced(num_thresholds)[1:-1]
        else:
            inner = sorted(thresholds)
        self.num_thresholds = len(inner) + 2
        # A little beyond 0 and 1, so that scores of exactly 0 and 1 are on the right side.
        self._thresholds = np.array([0.0 - config.epsilon(), *inner, 1.0 + config.epsilon()])
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else ops.array(label_weights, dtype=self.dtype)
        self._from_logits = from_logits
        self._built = False
        if not multi_label:
            if num_labels:
                raise ValueError(
                    f"`num_labels` is needed only when `multi_label` is True. Received: num_labels={num_labels}"
                )
            self._build(None)
        elif num_labels:
            self._build((None, num_labels))

    @property
    def thresholds(self):
        """The thresholds."""
        return list(self._thresholds)

    def _build(self, shape):
        if self.multi_label and len(shape) != 2:
            raise ValueError(
                f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {len(shape)}. "
                f"Full shape received for `y_pred`: {shape}"
            )
        self._add_counts((self.num_thresholds, shape[1]) if self.multi_label else (self.num_thresholds,))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        if not self._built:
            self._build(y_pred.shape)
        self._count(
            y_true,
            ops.sigmoid(y_pred) if self._from_logits else y_pred,
            thresholds=self._thresholds,
            sample_weight=sample_weight,
            multi_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )

    def interpolate_pr_auc(self):
        """Area under the precision-recall curve, true positives interpolated between thresholds.

        https://www.biostat.wisc.edu/~page/rocpr.pdf: precision is not linear between two points of the curve.
        """
        tp, fn = self.true_positives, self.false_negatives
        predicted = tp + self.false_positives
        gained = tp[:-1] - tp[1:]
        slope = ops.divide_no_nan(gained, ops.maximum(predicted[:-1] - predicted[1:], 0.0))
        intercept = tp[1:] - slope * predicted[1:]
        ratio = ops.where(
            ops.logical_and(predicted[:-1] > 0.0, predicted[1:] > 0.0),
            ops.divide_no_nan(predicted[:-1], ops.maximum(predicted[1:], 0.0)),
            ops.ones_like(predicted[1:]),
        )
        area = slope * (gained + intercept * ops.log(ratio))
        return self._total(ops.divide_no_nan(area, ops.maximum(tp[1:] + fn[1:], 0.0)))

    def _total(self, areas):
        if not self.multi_label:
            return ops.sum(areas)
        by_label = ops.sum(areas, axis=0)
        if self.label_weights is None:
            return ops.mean(by_label)
        return ops.divide_no_nan(ops.sum(by_label * self.label_weights), ops.sum(self.label_weights))

    def _curve_points(self):
        tp, fp = self.true_positives, self.false_positives
        tn, fn = self.true_negatives, self.false_negatives
        recall = ops.divide_no_nan(tp, tp + fn)
        if self.curve == "ROC":
            return ops.divide_no_nan(fp, fp + tn), recall
        if self.curve == "PR":
            return recall, ops.divide_no_nan(tp, tp + fp)
        odds = ops.divide_no_nan(tp + fn, tn + fp)
        nothing = ops.equal(tp, 0.0)
        recall_gain = 1.0 - odds * ops.divide_no_nan(fn, tp)
        precision_gain = 1.0 - odds * ops.divide_no_nan(fp, tp)
        recall_gain = ops.where(nothing, ops.zeros_like(recall_gain), ops.maximum(recall_gain, 0.0))
        return recall_gain, ops.where(nothing, ops.ones_like(precision_gain), precision_gain)

    def result(self):
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        x, y = self._curve_points()
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        else:
            heights = (ops.minimum if self.summation_method == "minoring" else ops.maximum)(y[:-1], y[1:])
        return self._total((x[:-1] - x[1:]) * heights)

    def get_config(self):
        weights = self.label_weights
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if weights is None else weights.numpy().tolist(),
            "from_logits": self._from_logits,
        }
        if self._init_from_thresholds:
            config["thresholds"] = [float(t) for t in self._thresholds[1:-1]]
        return config
