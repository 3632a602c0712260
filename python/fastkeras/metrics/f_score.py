"""F scores: harmonic means of precision and recall."""

from fastkeras import ops
from fastkeras.engine import config
from fastkeras.metrics.metric import Metric
from fastkeras.registry import register

_AVERAGES = (None, "micro", "macro", "weighted")
_STATE = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


@register("keras.metrics")
class FBetaScore(Metric):
    """`(1 + beta^2) * precision * recall / (beta^2 * precision + recall)` for one-hot or multi-hot labels.

    Args:
        average: `None` (a score per class), `"micro"` (all classes together), `"macro"` (mean), `"weighted"` (mean by
            the classes' frequency).
        beta: weight of recall over precision, a float above 0.
        threshold: scores above it are positive, in (0, 1]; by default the highest score of a sample is.
        name, dtype: as for `Metric`.

    Raises:
        ValueError: for values outside these rules, and for labels that are not `(batch, classes)`.

    >>> import fastkeras as keras
    >>> keras.metrics.FBetaScore(beta=2.0, threshold=0.5)([[1, 1], [1, 0]], [[0.9, 0.6], [0.9, 0.1]]).numpy().round(3)
    array([1., 1.], dtype=float32)
    """

    _direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if average not in _AVERAGES:
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
                f"Received: average={average}"
            )
        if not isinstance(beta, float):
            raise ValueError(
                "Invalid `beta` argument value. It should be a Python float. "
                f"Received: beta={beta} of type '{type(beta)}'"
            )
        if beta <= 0.0:
            raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
        if threshold is not None and not isinstance(threshold, float):
            raise ValueError(
                "Invalid `threshold` argument value. It should be a Python float. "
                f"Received: threshold={threshold} of type '{type(threshold)}'"
            )
        if threshold is not None and not 0.0 < threshold <= 1.0:
            raise ValueError(
                "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                f"Received: threshold={threshold}"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self._built = False

    def _build(self, y_true_shape, y_pred_shape):
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                f"{type(self).__name__} expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
                f"y_pred.shape={y_pred_shape} and y_true.shape={y_true_shape}."
            )
        if y_pred_shape[-1] is None or y_true_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} expects 2D inputs with shape (batch_size, output_dim), with output_dim fully "
                f"defined (not None). Received input shapes: y_pred.shape={y_pred_shape} and "
                f"y_true.shape={y_true_shape}."
            )
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        for name in _STATE:
            setattr(self, name, self.add_weight(shape, dtype=self.dtype, name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (ops.convert_to_tensor(y, dtype=self.dtype) for y in (y_true, y_pred))
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            highest = y_pred >= ops.max(y_pred, axis=-1, keepdims=True)
            y_pred = ops.logical_and(highest, ops.abs(y_pred) > 1e-9)
        else:
            y_pred = y_pred > self.threshold
        y_pred = ops.cast(y_pred, self.dtype)
        counts = (y_pred * y_true, y_pred * (1.0 - y_true), (1.0 - y_pred) * y_true, y_true)
        for name, count in zip(_STATE, counts, strict=True):
            if sample_weight is not None:
                count = count * ops.expand_dims(ops.convert_to_tensor(sample_weight, dtype=self.dtype), 1)
            getattr(self, name).assign_add(ops.sum(count, axis=None if self.average == "micro" else 0))

    def result(self):
        epsilon, beta2 = config.epsilon(), self.beta**2
        precision = self.true_positives / (self.true_positives + self.false_positives + epsilon)
        recall = self.true_positives / (self.true_positives + self.false_negatives + epsilon)
        score = precision * recall / (beta2 * precision + recall + epsilon) * (1.0 + beta2)
        if self.average == "weighted":
            return ops.sum(score * self.intermediate_weights / (ops.sum(self.intermediate_weights) + epsilon))
        return score if self.average is None else ops.mean(score)

    def get_config(self):
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


@register("keras.metrics")
class F1Score(FBetaScore):
    """`2 * precision * recall / (precision + recall)`; arguments as for `FBetaScore`."""

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config
