"""What `compile(loss=..., loss_weights=...)` means: one total of the losses of all outputs."""

import collections

from fastkeras import losses, metrics, ops
from fastkeras.engine import TensorSpec, config, nest

# A loss of one output: the way to it in nested outputs, the loss, its weight, its name in the logs.
_Entry = collections.namedtuple("_Entry", ["path", "loss", "weight", "name"])


class _Weighted:
    """A leaf of the nested losses: what the user gave for one output."""

    def __init__(self, loss, weight):
        self.loss, self.weight = loss, weight


class CompileLoss:
    """The total loss of a model; with several losses also a mean of each, for the logs."""

    def __init__(self, loss, loss_weights=None, output_names=None):
        if loss_weights and not isinstance(loss_weights, (list, tuple, dict, float)):
            raise ValueError(
                "Expected `loss_weights` argument to be a float (single output case) or a list, tuple, or dict "
                f"(multiple output case). Received instead: loss_weights={loss_weights} of type {type(loss_weights)}"
            )
        self.name = "compile_loss"
        self.built = False
        self.output_names = output_names
        self.metrics = []
        self._loss, self._weights = loss, loss_weights
        self._entries = []
        self._form = None

    @property
    def variables(self):
        return [v for m in self.metrics for v in m.variables]

    @property
    def output_specs(self):
        """Shapes of the outputs it was built for; None before."""
        return None if self._form is None else self._form[1]

    @property
    def entries(self):
        """(path, loss, weight, name) of every loss; known once built."""
        return self._entries

    def build(self, y_true, y_pred):
        loss, weights = self._by_output_name(y_pred)
        loss = _with_weights(loss, weights)
        names = self.output_names or []
        if isinstance(loss, dict) and set(loss) == set(names):
            if isinstance(y_pred, (list, tuple)) and len(y_pred) == len(names):
                y_pred = dict(zip(names, y_pred, strict=True))
                y_true = dict(zip(names, y_true, strict=True))
            elif not nest.is_nested(y_pred) and len(names) == 1:
                y_pred, y_true = {names[0]: y_pred}, {names[0]: y_true}
        count = len(nest.flatten(y_pred))
        names = nest.pack_like(y_pred, names if len(names) == count else [None] * count)
        if not nest.is_nested(loss):
            leaf = loss
            loss = nest.map(lambda _: leaf, y_pred)
        self._entries = []
        self._add(y_true, y_pred, loss, names, ())
        self.metrics = (
            [metrics.Mean(name=f"{entry.name}_loss") for entry in self._entries] if len(self._entries) > 1 else []
        )
        self._form = nest.map(lambda _: None, y_true), nest.map(lambda x: TensorSpec(x.shape, x.dtype), y_pred)
        self.built = True

    def _by_output_name(self, y_pred):
        loss, weights, names = self._loss, self._weights, self.output_names
        if not (names and isinstance(loss, dict) and not isinstance(y_pred, dict)):
            return loss, weights
        if set(names) != set(loss):
            raise ValueError(f"Expected keys {names} in loss dict, but found loss.keys()={list(loss)}")
        if isinstance(weights, dict):
            weights = [weights[name] for name in names]
        return [loss[name] for name in names], weights

    def _add(self, y_true, y_pred, loss, names, path):
        """Walks the nested losses along the outputs and adds an entry for each."""
        flat_pred = nest.flatten(y_pred)
        if not nest.is_nested(loss):
            if loss is None or loss.loss is None:
                return
            resolved = get_loss(loss.loss, y_true, y_pred)
            self._entries.append(_Entry(path, resolved, loss.weight, _entry_name(resolved, names, path)))
            return
        if isinstance(loss, (list, tuple)):
            if not any(map(nest.is_nested, loss)) and len(loss) == len(flat_pred):
                loss = nest.pack_like(y_pred, list(loss))
                if not nest.is_nested(loss):
                    self._add(y_true, y_pred, loss, names, path)
                    return
            elif not isinstance(y_pred, type(loss)):
                for each in loss:  # several losses of one output
                    self._add(y_true, y_pred, each, names, path)
                return
        if not isinstance(loss, type(y_pred)):
            raise KeyError(f"The path: {path} in the `loss` argument, can't be found in the model's output (`y_pred`).")
        for key, each in loss.items() if isinstance(loss, dict) else enumerate(loss):
            if each is None:
                continue
            if not (_has(y_true, key) and _has(y_pred, key)):
                raise KeyError(
                    f"The path: {(*path, key)} in the `loss` argument, can't be found in either the model's output "
                    "(`y_pred`) or in the labels (`y_true`)."
                )
            self._add(y_true[key], y_pred[key], each, names[key], (*path, key))

    def __call__(self, y_true, y_pred, sample_weight=None):
        if nest.is_nested(y_true) or nest.is_nested(y_pred):
            y_true = self._match(y_true, y_pred)
        if not self.built:
            self.build(y_true, y_pred)
        form_true, form_pred = self._form
        if nest.is_nested(form_pred) and not nest.same_structure(form_pred, y_pred):
            y_pred = nest.pack_like(form_pred, nest.flatten(y_pred))
        if nest.is_nested(form_true) and not nest.same_structure(form_true, y_true):
            y_true = nest.pack_like(form_true, nest.flatten(y_true))
        total = None
        for i, (path, loss, weight, _) in enumerate(self._entries):
            pred = _at(y_pred, path)
            weights = _at(sample_weight, path) if nest.is_nested(sample_weight) else sample_weight
            value = ops.cast(loss(_at(y_true, path), pred, weights), config.floatx())
            if self.metrics:  # before weighing, as Keras logs it
                self.metrics[i].update_state(value, sample_weight=nest.flatten(pred)[0].shape[0])
            if weight is not None:
                value = ops.multiply(value, weight)
            total = value if total is None else total + value
        return total

    def _match(self, y_true, y_pred):
        """`y_true` in the structure of `y_pred`."""
        if nest.same_structure(y_true, y_pred):
            return y_true
        if not nest.is_nested(y_true) and len(y_pred) == 1:
            y_true = [y_true]
        elif isinstance(y_pred, (list, tuple)) and isinstance(y_true, dict) and self.output_names:
            if not set(self.output_names) >= set(y_true):
                raise ValueError(
                    "[loss] labels in a dict must be named after the outputs. "
                    f"Received: y with keys {list(y_true)}, outputs {self.output_names}"
                )
            y_true = [y_true[name] for name in self.output_names if name in y_true]
        flat = nest.flatten(y_true)
        try:
            return nest.pack_like(y_pred, flat)
        except ValueError:
            pass
        wanted = [i for i, loss in enumerate(nest.flatten(self._loss)) if loss is not None]
        total = len(nest.flatten(self._loss))
        if nest.is_nested(self._loss) and len(flat) == len(wanted):  # labels only for outputs that have a loss
            full = [None] * total
            for i, y in zip(wanted, flat, strict=True):
                full[i] = y
            return nest.pack_like(self._loss, full)
        raise ValueError(
            "y_true and y_pred have different structures.\n"
            f"y_true: {nest.map(lambda _: '*', y_true)}\ny_pred: {nest.map(lambda _: '*', y_pred)}\n"
        )


def get_loss(identifier, y_true, y_pred):
    """The Loss for a name, function or instance; "crossentropy" chooses by the shapes."""
    if str(identifier).lower() in ("crossentropy", "ce"):
        is_binary, is_sparse = kind_of_labels(y_true, y_pred)
        resolved = (
            losses.binary_crossentropy
            if is_binary
            else losses.sparse_categorical_crossentropy
            if is_sparse
            else losses.categorical_crossentropy
        )
    else:
        resolved = losses.get(identifier)
    if isinstance(resolved, losses.Loss):
        return resolved
    name = identifier if isinstance(identifier, str) else object_name(resolved)
    return losses.LossFunctionWrapper(resolved, name=name)


def kind_of_labels(y_true, y_pred):
    """(binary?, sparse categorical?) by the shapes of labels and predictions."""
    true, pred = y_true.shape, y_pred.shape
    is_sparse = len(true) < len(pred) or (true[-1] == 1 and pred[-1] > 1)
    return pred[-1] == 1, is_sparse


def object_name(thing):
    """Name of an object or function, in snake case."""
    from fastkeras.engine import to_snake_case

    if hasattr(thing, "name"):
        return thing.name
    return to_snake_case(getattr(thing, "__name__", thing.__class__.__name__))


def _with_weights(loss, weights):
    flat = nest.flatten(loss)
    if weights is None:
        flat_weights = [None] * len(flat)
    elif isinstance(weights, dict) and isinstance(loss, dict) and weights.keys() <= loss.keys():
        flat_weights = [weights.get(name) for name in sorted(loss)]
        if len(flat_weights) != len(flat):
            flat_weights = nest.flatten(weights)
    else:
        flat_weights = nest.flatten(weights)
    if len(flat) != len(flat_weights):
        raise ValueError(
            f"`loss_weights` must match the number of losses, got {len(flat)} losses and {len(flat_weights)} weights."
        )
    pairs = zip(flat, flat_weights, strict=True)
    return nest.pack_like(loss, [None if x is None else _Weighted(x, w) for x, w in pairs])


def _entry_name(loss, names, path):
    if not nest.is_nested(names):
        own = names if names is not None else loss.name
        if not path:
            path = (own,)
        elif isinstance(path[-1], int):
            path = (*path[:-1], own)
    return "/".join(map(str, path)) or "_".join(_leaf_names(names))


def _leaf_names(names):
    """The names of outputs; in a dict they go by their keys."""
    found = []
    pairs = sorted(names.items()) if isinstance(names, dict) else zip(names, names, strict=True)
    for key, name in pairs:
        found.extend(_leaf_names(name) if nest.is_nested(name) else [str(key)])
    return found


def _has(structure, key):
    if isinstance(key, int):
        return isinstance(structure, (list, tuple)) and key < len(structure)
    return isinstance(structure, dict) and key in structure


def _at(structure, path):
    for key in path:
        structure = structure[key]
    return structure
