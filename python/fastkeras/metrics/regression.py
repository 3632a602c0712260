"""Metrics for regression."""

import warnings

from fastkeras import losses, ops
from fastkeras.engine import is_symbolic
from fastkeras.losses.loss import squeeze_or_expand_to_same_rank
from fastkeras.metrics.metric import Metric
from fastkeras.metrics.reduction import Mean, MeanMetricWrapper
from fastkeras.registry import register


@register("keras.metrics", names=("mse", "MSE"))
class MeanSquaredError(MeanMetricWrapper):
    """Mean of `(y_true - y_pred)**2`.

    >>> import fastkeras as keras
    >>> float(keras.metrics.MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
    0.5
    """

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(losses.mean_squared_error, name, dtype)


@register("keras.metrics", names=("mae", "MAE"))
class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of `abs(y_true - y_pred)`."""

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(losses.mean_absolute_error, name, dtype)


@register("keras.metrics", names=("mape", "MAPE"))
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Mean of `100 * abs((y_true - y_pred) / y_true)`."""

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


@register("keras.metrics", names=("msle", "MSLE"))
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean of `(log(y_true + 1) - log(y_pred + 1))**2`."""

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


@register("keras.metrics")
class LogCoshError(MeanMetricWrapper):
    """Mean of `log(cosh(y_pred - y_true))`."""

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(losses.log_cosh, name, dtype)


@register("keras.metrics")
class CosineSimilarity(MeanMetricWrapper):
    """Mean of `sum(l2_norm(y_true) * l2_norm(y_pred))` along `axis`: 1 for the same direction."""

    _direction = "up"

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(_cosine_similarity, name, dtype, axis=axis)


def _cosine_similarity(y_true, y_pred, axis=-1):
    return -losses.cosine_similarity(y_true, y_pred, axis=axis)


@register("keras.metrics")
class RootMeanSquaredError(Mean):
    """Square root of the mean of `(y_true - y_pred)**2`.

    >>> import fastkeras as keras
    >>> float(keras.metrics.RootMeanSquaredError()([[0.0, 0.0]], [[2.0, 2.0]]))
    2.0
    """

    _direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (ops.convert_to_tensor(y, dtype=self.dtype) for y in (y_true, y_pred))
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self):
        return ops.sqrt(super().result())


@register("keras.metrics")
class R2Score(Metric):
    """Coefficient of determination: `1 - sum((y - p)**2) / sum((y - mean(y))**2)`.

    Args:
        class_aggregation: `None` (a score per output), `"uniform_average"`, `"variance_weighted_average"`.
        num_regressors: number of independent variables for the adjusted score; 0 for the plain one.
        name, dtype: as for `Metric`.

    Raises:
        ValueError: for another aggregation, a negative `num_regressors`, inputs that are not `(batch, outputs)`.

    >>> import fastkeras as keras
    >>> float(keras.metrics.R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.0], [3.0]]))
    1.0
    """

    _direction = "up"

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        choices = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in choices:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {choices}. "
                f"Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_weight(name="num_samples")
        self._built = False

    def _build(self, y_true_shape, y_pred_shape):
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
                f"y_pred.shape={y_pred_shape} and y_true.shape={y_true_shape}."
            )
        outputs = (y_pred_shape[-1],)
        self.squared_sum = self.add_weight(outputs, name="squared_sum")
        self.sum = self.add_weight(outputs, name="sum")
        self.total_mse = self.add_weight(outputs, name="residual")
        self.count = self.add_weight(outputs, name="count")
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (ops.convert_to_tensor(y, dtype=self.dtype) for y in (y_true, y_pred))
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        weight = ops.convert_to_tensor(1.0 if sample_weight is None else sample_weight, dtype=self.dtype)
        if len(weight.shape) == 1:
            weight = ops.expand_dims(weight, axis=1)
        weight = ops.broadcast_to(weight, y_true.shape)
        weighted = y_true * weight
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * weighted, axis=0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weight, axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        self.num_samples.assign_add(float(y_true.shape[0] * y_true.shape[1]))

    def result(self):
        total = self.squared_sum - self.sum * (self.sum / self.count)
        scores = 1.0 - self.total_mse / total
        scores = ops.where(ops.isinf(scores), ops.zeros_like(scores), scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.sum(total * scores) / ops.sum(total)
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, score):
        """The score adjusted for the number of regressors; the plain score where there are too few samples."""
        samples = ops.convert_to_tensor(self.num_samples)
        freedom = samples - 1.0 - self.num_regressors
        if not is_symbolic(freedom) and float(freedom) <= 0:
            warnings.warn(
                "Division by zero in Adjusted R2 score. Falling back to standard R2 score."
                if float(freedom) == 0
                else "More independent predictors than datapoints in adjusted R2 score. "
                "Falling back to standard R2 score.",
                stacklevel=3,
            )
        adjusted = 1.0 - ops.divide_no_nan((1.0 - score) * (samples - 1.0), freedom)
        return ops.where(freedom > 0.0, adjusted, score)

    def get_config(self):
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
