"""The base class of losses: per-sample values in, masked, weighted and reduced out."""

import math

from fastkeras import dtype_policies, ops, registry
from fastkeras.engine import auto_name, config, nest

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


@registry.register("keras.losses", "keras")
class Loss:
    """A loss: `call` gives per-sample values, `__call__` weights and reduces them.

    Args:
        name: Name of the loss; by default made from the class name.
        reduction: `"sum_over_batch_size"` or `"mean"` (sum / number of values), `"sum"`, `"mean_with_sample_weight"`
            (weighted sum / sum of weights), `"none"` or `None` (the values as they are).
        dtype: dtype (or dtype policy) of the computation; `floatx()` by default.

    Raises:
        ValueError: for an unknown `reduction`.

    >>> import fastkeras as keras
    >>> class Quartic(keras.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return keras.ops.mean((y_true - y_pred) ** 4, axis=-1)
    >>> float(Quartic()([[0.0], [0.0]], [[1.0], [2.0]]))
    8.5
    """

    _integer_labels = False  # class numbers stay integers: a narrow float would round them

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        self.name = name or auto_name(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        self._dtype_policy = dtype_policies.get(dtype or config.floatx())

    @property
    def dtype(self):
        return self._dtype_policy.compute_dtype

    def __call__(self, y_true, y_pred, sample_weight=None):
        mask = get_mask(y_pred)
        y_true, y_pred = _to_tensors(y_true, self.dtype, self._integer_labels), _to_tensors(y_pred, self.dtype)
        values = self.call(y_true, y_pred)
        own_mask = get_mask(values)
        if mask is not None and own_mask is not None:
            mask = ops.logical_and(mask, own_mask)
        elif mask is None:
            mask = own_mask
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, self.dtype)

    def call(self, y_true, y_pred):
        """Per-sample values of the loss, to be written by the subclass."""
        raise NotImplementedError

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A loss made of a function `fn(y_true, y_pred, **kwargs)` of per-sample values.

    A subclass that has its own constructor is rebuilt from the arguments it passes on; the wrapper itself stores `fn`.
    """

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._integer_labels = getattr(fn, "integer_labels", False)
        self._fn_kwargs = kwargs
        vars(self).update({key: value for key, value in kwargs.items() if not hasattr(self, key)})

    def call(self, y_true, y_pred):
        if nest.is_nested(y_pred):
            pairs = zip(nest.flatten(y_true), nest.flatten(y_pred), strict=True)
            flat = [squeeze_or_expand_to_same_rank(*pair) for pair in pairs]
            y_true = nest.pack_like(y_true, [pair[0] for pair in flat])
            y_pred = nest.pack_like(y_pred, [pair[1] for pair in flat])
        else:
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self):
        config = {**super().get_config(), **self._fn_kwargs}
        if type(self).__init__ is LossFunctionWrapper.__init__:
            config["fn"] = self.fn
        return registry.serialize_keras_object(config)

    @classmethod
    def from_config(cls, config):
        return cls(**(registry.deserialize_keras_object(config) if "fn" in config else config))

    def __repr__(self):
        return f"<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>"


def _to_tensors(y, dtype, keep_integers=False):
    """A tensor, or a structure of them; lists of numbers are one tensor."""

    def convert(x):
        x = ops.convert_to_tensor(x)
        return x if keep_integers and x.dtype in ("int32", "int64") else ops.cast(x, dtype)

    if nest.is_nested(y) and not any(getattr(leaf, "shape", ()) for leaf in nest.flatten(y)):
        return convert(y)
    return nest.map(convert, y)


def standardize_reduction(reduction):
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"Invalid value for argument `reduction`. Expected one of {REDUCTIONS}. Received: reduction={reduction}"
        )
    return reduction


def get_mask(x):
    """The mask that travels with a tensor, or None."""
    return getattr(x, "_keras_mask", None)


def squeeze_or_expand_to_same_rank(x1, x2, expand_rank_1=True):
    """Removes (or, for rank 1, adds) a last axis of size 1 where the ranks differ by exactly one."""
    difference = len(x1.shape) - len(x2.shape)
    if difference == 1 and x1.shape[-1] == 1:
        if len(x2.shape) == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, axis=-1)
        return ops.squeeze(x1, axis=-1), x2
    if difference == -1 and x2.shape[-1] == 1:
        if len(x1.shape) == 1 and expand_rank_1:
            return ops.expand_dims(x1, axis=-1), x2
        return x1, ops.squeeze(x2, axis=-1)
    return x1, x2


def reduce_weighted_values(values, sample_weight=None, mask=None, reduction="sum_over_batch_size", dtype=None):
    """Weighs per-sample values with `sample_weight` and `mask`, then reduces them."""
    reduction = standardize_reduction(reduction)
    values = ops.convert_to_tensor(values, dtype=dtype)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype=values.dtype)
    sample_weight = apply_mask(sample_weight, mask, values.dtype, reduction)
    if sample_weight is not None:
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        values = values * sample_weight
    return _reduce(values, sample_weight, reduction)


def _reduce(values, sample_weight, reduction):
    if reduction in (None, "none") or tuple(values.shape) in ((), (0,)):
        return values
    if reduction == "sum" or 0 in values.shape:  # the mean of no values is 0 in Keras, not NaN
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(ops.sum(values), ops.sum(sample_weight))
    return ops.mean(values)


def apply_mask(sample_weight, mask, dtype, reduction):
    """Merges a mask into the sample weights.

    For a mean over all values, valid entries get the weight total / valid: the mean then is over the valid ones only.
    """
    if mask is None:
        return sample_weight
    weight = ops.cast(ops.convert_to_tensor(mask), dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        weight = weight * ops.divide_no_nan(float(math.prod(weight.shape)), ops.sum(weight))
    if sample_weight is None:
        return weight
    weight, sample_weight = squeeze_or_expand_to_same_rank(weight, ops.cast(sample_weight, dtype))
    return weight * sample_weight
