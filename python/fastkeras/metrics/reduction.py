"""Sums and means over everything seen, and metrics that are the mean of a function."""

from fastkeras import losses, ops, registry
from fastkeras.engine import config
from fastkeras.losses.loss import apply_mask, get_mask, squeeze_or_expand_to_same_rank
from fastkeras.metrics.metric import Metric


def reduce_to_samplewise_values(values, sample_weight, reduce_fn, dtype):
    """Weighs `values` and reduces them to one per sample; returns them with the weight of each sample."""
    dtype = dtype or config.floatx()
    mask = get_mask(values)
    values = ops.cast(values, dtype)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype=dtype)
        sample_weight = apply_mask(sample_weight, mask, dtype, reduction="sum")
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        rank = len(sample_weight.shape)
        if len(values.shape) > rank:
            values = reduce_fn(values, axis=tuple(range(rank, len(values.shape))))
        sample_weight = ops.broadcast_to(sample_weight, values.shape)
        values = values * sample_weight
        if rank > 1:
            sample_weight = reduce_fn(sample_weight, axis=tuple(range(1, rank)))
    if len(values.shape) > 1:
        values = reduce_fn(values, axis=tuple(range(1, len(values.shape))))
    return values, sample_weight


@registry.register("keras.metrics")
class Sum(Metric):
    """The (weighted) sum of all values seen.

    >>> import fastkeras as keras
    >>> metric = keras.metrics.Sum()
    >>> metric.update_state([1, 3, 5, 7])
    >>> float(metric.result())
    16.0
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(shape=(), initializer="zeros", dtype=self.dtype, name="total")

    def update_state(self, values, sample_weight=None):
        values, _ = reduce_to_samplewise_values(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def reset_state(self):
        self.total.assign(0)

    def result(self):
        return ops.cast(self.total, self.dtype)


@registry.register("keras.metrics")
class Mean(Metric):
    """The (weighted) mean of all values seen; 0 before the first.

    >>> import fastkeras as keras
    >>> metric = keras.metrics.Mean()
    >>> metric.update_state([1, 3, 5, 7])
    >>> float(metric.result())
    4.0
    >>> metric.update_state([9], sample_weight=[2])
    >>> round(float(metric.result()), 4)
    5.6667
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(shape=(), initializer="zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable(shape=(), initializer="zeros", dtype=self.dtype, name="count")

    def update_state(self, values, sample_weight=None):
        values, sample_weight = reduce_to_samplewise_values(values, sample_weight, ops.mean, self.dtype)
        self.total.assign_add(ops.sum(values) if values.shape else values)
        if sample_weight is not None:
            self.count.assign_add(ops.sum(sample_weight))
        else:
            self.count.assign_add(float(values.shape[0]) if values.shape else 1.0)

    def reset_state(self):
        self.total.assign(0)
        self.count.assign(0)

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@registry.register("keras.metrics")
class MeanMetricWrapper(Mean):
    """The mean of `fn(y_true, y_pred, **kwargs)` over all samples seen.

    Args:
        fn: function of per-sample values.
        name, dtype: as for `Metric`.

    >>> import fastkeras as keras
    >>> metric = keras.metrics.MeanMetricWrapper(lambda y_true, y_pred: abs(y_true - y_pred), name="error")
    >>> float(metric(keras.ops.array([1.0, 2.0]), keras.ops.array([1.0, 3.0])))
    0.5
    """

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        vars(self).update({key: value for key, value in kwargs.items() if not hasattr(self, key)})
        if losses.is_loss(fn):
            self._direction = "down"

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = get_mask(y_pred)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        super().update_state(values, apply_mask(sample_weight, mask, self.dtype, reduction="sum"))

    def get_config(self):
        config = {**super().get_config(), **self._fn_kwargs}
        if type(self).__init__ is MeanMetricWrapper.__init__:
            config["fn"] = self._fn
        return registry.serialize_keras_object(config)

    @classmethod
    def from_config(cls, config):
        return cls(**(registry.deserialize_keras_object(config) if "fn" in config else config))
