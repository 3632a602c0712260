"""What `compile(metrics=..., weighted_metrics=...)` means: metrics per output, with the names Keras logs."""

import collections

from fastkeras import metrics as metrics_module
from fastkeras.engine import nest
from fastkeras.training.compile_loss import kind_of_labels, object_name

_Group = collections.namedtuple("_Group", ["metrics", "output_name"])  # the metrics of one output


class CompileMetrics:
    """The metrics of a compiled model; made when the first batch shows what the outputs look like."""

    def __init__(self, metrics, weighted_metrics, output_names=None):
        for argument, value in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if value and not isinstance(value, (list, tuple, dict)):
                raise ValueError(
                    f"Expected `{argument}` argument to be a list, tuple, or dict. "
                    f"Received instead: {argument}={value} of type {type(value)}"
                )
        self.name = "compile_metrics"
        self.built = False
        self.output_names = output_names
        self._metrics, self._weighted = metrics, weighted_metrics
        self._groups, self._weighted_groups = [], []
        self._order = None  # names of the outputs when they are a flat list or dict

    @property
    def metrics(self):
        return [m for group in (*self._groups, *self._weighted_groups) if group for m in group.metrics]

    @property
    def variables(self):
        return [v for m in self.metrics for v in m.variables]

    def build(self, y_true, y_pred):
        count = len(nest.flatten(y_pred))
        is_flat = nest.is_nested(y_pred) and len(y_pred) == count
        names = self.output_names
        if is_flat and isinstance(y_pred, dict) and not (names and set(names) == set(y_pred)):
            names = list(y_pred) if isinstance(y_pred, collections.OrderedDict) else sorted(y_pred)
        self._order = names if count > 1 and is_flat else None
        arguments = (count, names, y_true, y_pred, is_flat)
        self._groups = self._make(self._metrics, "metrics", *arguments)
        self._weighted_groups = self._make(self._weighted, "weighted_metrics", *arguments)
        self.built = True

    def _make(self, given, argument, count, names, y_true, y_pred, is_flat):
        if not given:
            return [None] * count
        if count == 1:  # everything belongs to the one output
            return [_group(nest.flatten(given), nest.flatten(y_true)[0], nest.flatten(y_pred)[0])]
        per_output = None
        if is_flat and isinstance(given, (list, tuple)) and len(given) == count:
            per_output = given
        elif is_flat and names and isinstance(given, dict) and given.keys() <= set(names):
            per_output = [given.get(name) for name in names]
        elif not is_flat and nest.is_nested(given):
            per_output = _along(given, y_pred)
        if per_output is None:
            described = (
                f"output names of the functional model {names} or match the output structure" if names else "outputs"
            )
            raise ValueError(
                f"Invalid `{argument}`. `{argument}` should contain metrics objects and either be a dict or a list "
                f"matching the {described} of the model: {nest.map(lambda _: 'X', y_pred)}.\n"
                f"Received: {argument}={given}"
            )
        trues = self._flat(y_true)
        if len(trues) != count:
            raise ValueError(
                f"[compile] `{argument}` needs one label array per output. Received: {len(trues)} label arrays for "
                f"{count} outputs"
            )
        try:
            return [
                None if m is None else _group(m if isinstance(m, (list, tuple)) else [m], true, pred, name)
                for m, true, pred, name in zip(
                    per_output, trues, self._flat(y_pred), names or [None] * count, strict=True
                )
            ]
        except ValueError as error:
            raise ValueError(f"{error}\nReceived: {argument}={given}") from error

    def _flat(self, y):
        if isinstance(y, dict) and self._order is not None:
            return [y[name] for name in self._order]
        return nest.flatten(y)

    def update_state(self, y_true, y_pred, sample_weight=None):
        if not self.built:
            self.build(y_true, y_pred)
        trues, preds = self._flat(y_true), self._flat(y_pred)
        for group, true, pred in zip(self._groups, trues, preds, strict=False):
            for metric in group.metrics if group else ():
                metric.update_state(true, pred)
        weights = [None] if sample_weight is None else self._flat(sample_weight)
        if len(weights) < len(trues):
            weights = [weights[0]] * len(trues)
        for group, true, pred, weight in zip(self._weighted_groups, trues, preds, weights, strict=False):
            for metric in group.metrics if group else ():
                metric.update_state(true, pred, weight)

    def reset_state(self):
        for metric in self.metrics:
            metric.reset_state()

    def result(self):
        """{name: value}: prefixed by the output's name, numbered where a name comes twice."""
        if not self.built:
            raise ValueError("Cannot get result() since the metric has not yet been built.")
        results, seen = {}, {}

        def add(name, metric):
            count = seen.get(name, 0)
            seen[name] = count + 1
            results[f"{name}_{count}" if count else name] = metric.result()

        for groups, prefix in ((self._groups, ""), (self._weighted_groups, "weighted_")):
            for group in filter(None, groups):
                for metric in group.metrics:
                    output = f"{group.output_name}_" if group.output_name else ""
                    name = f"{output}{metric.name}"
                    # A weighted metric says so only where an unweighted one has its name.
                    add(f"{output}{prefix}{metric.name}" if prefix and name in seen else name, metric)
        return results


def _group(given, y_true, y_pred, output_name=None):
    return _Group([get_metric(m, y_true, y_pred) for m in given], output_name)


def get_metric(identifier, y_true, y_pred):
    """The Metric for a name, function or instance; "accuracy" chooses by the shapes."""
    if identifier is None:
        raise ValueError("Expected metric, received `None`")
    if str(identifier).lower() in ("accuracy", "acc"):
        is_binary, is_sparse = kind_of_labels(y_true, y_pred)
        cls = (
            metrics_module.BinaryAccuracy
            if is_binary
            else metrics_module.SparseCategoricalAccuracy
            if is_sparse
            else metrics_module.CategoricalAccuracy
        )
        return cls(name=str(identifier))
    metric = metrics_module.get(identifier)
    name = identifier if isinstance(identifier, str) else object_name(metric)
    if not isinstance(metric, metrics_module.Metric):
        metric = metrics_module.MeanMetricWrapper(metric)
    metric.name = name
    return metric


def _along(given, y_pred):
    """The metrics of each leaf of deeply nested outputs."""
    if not nest.is_nested(y_pred):
        return [given]
    if isinstance(y_pred, dict):
        pairs = [(given.get(key) if isinstance(given, dict) else None, y_pred[key]) for key in sorted(y_pred)]
    elif isinstance(given, (list, tuple)) and len(given) == len(y_pred):
        pairs = list(zip(given, y_pred, strict=True))
    else:
        pairs = [(None, y) for y in y_pred]
    return [m for pair in pairs for m in _along(*pair)]
