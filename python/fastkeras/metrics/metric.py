"""The base class of metrics: state in Variables, so an update can be part of a traced step."""

from fastkeras import dtype_policies, initializers, ops
from fastkeras.engine import Variable, auto_name, config, init_scope, name_scope, nest
from fastkeras.engine.stateless import preserved
from fastkeras.registry import register


@register("keras.metrics", "keras")
class Metric:
    """A value accumulated over batches: `update_state` adds a batch, `result` reads, `reset_state` starts anew.

    Args:
        dtype: dtype (or dtype policy) of the computation and of the state; `floatx()` by default.
        name: name of the metric; by default made from the class name.

    >>> import fastkeras as keras
    >>> class Count(keras.metrics.Metric):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.n = self.add_weight(name="n")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.n.assign_add(float(len(y_true)))
    ...     def result(self):
    ...         return self.n.value
    >>> float(Count()([1, 2, 3], [1, 2, 4]))
    3.0
    """

    def __init__(self, dtype=None, name=None):
        self.name = name or auto_name(type(self).__name__)
        self._dtype_policy = dtype_policies.get(dtype or config.floatx())
        self._own_variables = []

    @property
    def dtype(self):
        return self._dtype_policy.compute_dtype

    def add_variable(self, shape, initializer, dtype=None, aggregation="sum", name=None):
        """Adds a state variable, set to zero by `reset_state`."""
        self._check_super_called()
        with init_scope(), name_scope(self.name.replace("/", ">")):
            variable = Variable(
                initializers.get(initializer),
                shape=tuple(shape),
                dtype=dtype,
                trainable=False,
                aggregation=aggregation,
                synchronization="on_read",
                name=name,
            )
        self._own_variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """Adds a state variable; zeros by default."""
        return self.add_variable(shape, initializer or "zeros", dtype=dtype, name=name)

    @property
    def variables(self):
        """The state: own variables, then those of metrics held in attributes."""
        found = list(self._own_variables)
        for value in _leaves(vars(self)):
            if isinstance(value, Variable) and not any(value is v for v in found):
                found.append(value)
        for metric in self._metrics:
            found.extend(metric.variables)
        return found

    @property
    def _metrics(self):
        return [value for value in _leaves(vars(self)) if isinstance(value, Metric)]

    def update_state(self, *args, **kwargs):
        """Adds a batch to the state, to be written by the subclass."""
        raise NotImplementedError

    def result(self):
        """The current value, to be written by the subclass."""
        raise NotImplementedError

    def reset_state(self):
        """Sets the state to zero."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def __call__(self, *args, **kwargs):
        self._check_super_called()
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables, *args, **kwargs):
        """The state that `update_state` makes of `metric_variables`; the metric's own state stays."""
        self._check_state(metric_variables)
        with preserved(self.variables, metric_variables):
            self.update_state(*args, **kwargs)
            return [v.value for v in self.variables]

    def stateless_result(self, metric_variables):
        """The result for the state `metric_variables`."""
        self._check_state(metric_variables)
        with preserved(self.variables, metric_variables):
            return self.result()

    def stateless_reset_state(self):
        """The state after `reset_state`; the metric's own state stays."""
        with preserved(self.variables):
            self.reset_state()
            return [v.value for v in self.variables]

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def _check_state(self, metric_variables):
        if len(metric_variables) != len(self.variables):
            raise ValueError(
                "Argument `metric_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length {len(metric_variables)}, but expected "
                f"{len(self.variables)} variables."
            )

    def _check_super_called(self):
        if "_own_variables" not in vars(self):
            raise RuntimeError(
                "You forgot to call `super().__init__()` in the `__init__()` method. Go add it! "
                f"Received: metric={type(self).__name__}"
            )

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def _leaves(attributes):
    """Attribute values, those inside lists, tuples and dicts included."""
    for name, value in attributes.items():
        if name != "_own_variables":
            yield from nest.flatten(value) if isinstance(value, (list, tuple, dict)) else (value,)
