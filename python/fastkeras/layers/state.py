"""What a layer remembers: variables, nested layers, metrics, losses; in the order that files rely on."""

import math
import types

from fastkeras import constraints, initializers, regularizers
from fastkeras.dtype_policies import is_float
from fastkeras.engine import Tensor, Variable, config, is_symbolic, name_scope, nest, tracing
from fastkeras.engine.stateless import note_losses
from fastkeras.layers import tracking
from fastkeras.random import SeedGenerator

_LOCKED = (
    "You cannot add new elements of state (variables or sub-layers) to a layer that is already built. All state must "
    "be created in the `__init__()` method or in the `build()` method."
)
_PLAIN = frozenset(
    [int, float, str, bool, type(None), types.FunctionType, types.MethodType, types.BuiltinFunctionType, Tensor]
)


def _is_metric(value):
    # Layers that adapt to data have the other two.
    return all(hasattr(type(value), name) for name in ("update_state", "reset_state", "result"))


def _is_layer(value):
    return isinstance(value, LayerState)


def _is_seed_generator(value):
    return isinstance(value, SeedGenerator)


def _unique(items):
    return list({id(x): x for x in items}.values())


class _Edits:
    """How often an attribute of any built layer was set: a program traced before may be stale."""

    count = 0


edits = _Edits()


class LayerState:
    """The part of Layer that keeps state. Attributes that hold state are found when they are set."""

    _edits_matter = True  # a model sets this to False: its own attributes are about training

    @property
    def _tracker(self):
        tracker = self.__dict__.get("_state_tracker")
        if tracker is None:
            tracker = self.__dict__["_state_tracker"] = tracking.Tracker(
                {
                    "trainable_variables": tracking.is_trainable_variable,
                    "non_trainable_variables": tracking.is_non_trainable_variable,
                    "metrics": _is_metric,
                    "layers": _is_layer,
                    "seed_generators": _is_seed_generator,
                }
            )
        return tracker

    _trainable_variables = property(lambda self: self._tracker.stores["trainable_variables"])
    _non_trainable_variables = property(lambda self: self._tracker.stores["non_trainable_variables"])
    _layers = property(lambda self: self._tracker.stores["layers"])
    _metrics = property(lambda self: self._tracker.stores["metrics"])
    _seed_generators = property(lambda self: self._tracker.stores["seed_generators"])

    def __setattr__(self, name, value):
        if type(value) not in _PLAIN:
            value = self._tracker.track(value)
        if self.built and name[0] != "_" and self._edits_matter and not tracing():
            edits.count += 1
        object.__setattr__(self, name, value)

    def __delattr__(self, name):
        self._tracker.untrack(getattr(self, name, None))
        object.__delattr__(self, name)

    def _lock_state(self):
        """No further state from here on; called when the layer is built."""
        self._tracker.locked = _LOCKED

    # --- variables -------------------------------------------------------------------------------------------------

    def add_weight(
        self,
        *args,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ):
        """Makes a variable and adds it to the layer's weights.

        Args:
            args: shape, initializer and dtype may also be given by their positions.
            shape: its shape; () by default.
            initializer: name, instance or callable; "glorot_uniform" for floats, "zeros" for all else by default.
            dtype: the layer's variable dtype by default.
            trainable: is it updated by the optimizer?
            autocast: is it read in the compute dtype inside `call()`?
            regularizer: penalty that joins `layer.losses`.
            constraint: applied after each update of the optimizer.
            aggregation: kept for replicas; there is one.
            overwrite_with_gradient: the optimizer assigns the gradient instead of applying it.
            name: last part of the variable's path.
        """
        self._check_super_called()
        if args:
            shape, initializer, dtype = _by_position(args, shape=shape, initializer=initializer, dtype=dtype)
        dtype = self.variable_dtype if dtype is None else config.standardize_dtype(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        # What a built layer gets later (quantized, adapted) has the path of what it had before.
        parent = None if self._path is None else self._path.rpartition("/")[0]
        with name_scope(self.name, caller=self, override_parent=parent):
            variable = Variable(
                initializer=initializers.get(initializer),
                shape=() if shape is None else shape,
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._track_variable(variable)
        return variable

    def add_variable(
        self,
        shape,
        initializer,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        name=None,
    ):
        """The same as `add_weight`."""
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def _track_variable(self, variable):
        self._tracker.add("trainable_variables" if variable.trainable else "non_trainable_variables", variable)
        if not self.trainable:
            variable.trainable = False

    @property
    def trainable(self):
        """Are the layer's trainable weights to be trained? Setting it sets all nested layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        value = bool(value)
        self.__dict__["_trainable"] = value
        for variable in self._trainable_variables:
            variable.trainable = value
        for layer in self._layers:
            layer.trainable = value

    @property
    def variables(self):
        """All state, seed generators included; own trainable, own other, seeds, then that of nested layers."""
        found = [*self._trainable_variables, *self._non_trainable_variables, *(g.state for g in self._seed_generators)]
        for layer in self._layers:
            found += layer.variables
        return _unique(found)

    @property
    def weights(self):
        """All variables except seeds and metrics, in the order that files use."""
        found = [*self._trainable_variables, *self._non_trainable_variables]
        for layer in self._layers:
            found += layer.weights
        return _unique(found)

    @property
    def trainable_variables(self):
        """The variables that the optimizer updates."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self):
        """The other variables, seeds included."""
        return [v for v in self.variables if not v.trainable] if self.trainable else self.variables

    @property
    def trainable_weights(self):
        """The weights that the optimizer updates."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self):
        """The other weights."""
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def metrics(self):
        """The metrics of this layer and of nested ones."""
        found = list(self._metrics)
        for layer in self._layers:
            found += layer.metrics
        return found

    @property
    def metrics_variables(self):
        return [v for metric in self.metrics for v in metric.variables]

    def get_weights(self):
        """The values of `weights`, as NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights):
        """Sets the values of `weights`.

        Raises:
            ValueError: when their number or a shape differs; nothing is set then.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, but the layer was expecting {len(own)} weights."
            )
        for variable, value in zip(own, weights, strict=True):
            if tuple(variable.shape) != tuple(value.shape):
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with provided weight shape "
                    f"{value.shape}."
                )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def count_params(self):
        """The number of scalars in `weights`.

        Raises:
            ValueError: when the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. You can build "
                "it manually via: `layer.build(input_shape)`."
            )
        return sum(math.prod(v.shape) for v in self.weights)

    def _flatten_layers(self, include_self=True, recursive=True):
        found, waiting, seen = [self] if include_self else [], list(reversed(self._layers)), set()
        while waiting:
            layer = waiting.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                found.append(layer)
                if recursive:
                    waiting.extend(layer._layers)
        return found

    # --- losses ----------------------------------------------------------------------------------------------------

    def add_loss(self, loss):
        """Adds scalar tensors to `losses`; to be used inside `call()`."""
        losses = nest.flatten(loss)
        for x in losses:
            if not isinstance(x, (Tensor, Variable)):
                raise ValueError(
                    "`add_loss()` can only be called from inside `build()` or `call()`, on a tensor input. "
                    f"Received invalid value: {x}"
                )
        if note_losses(losses):
            self._losses.extend(losses)

    def _own_losses(self):
        if not tracing():  # what a finished trace left behind has no value
            self._losses[:] = [x for x in self._losses if not is_symbolic(x)]
        return list(self._losses)

    @property
    def losses(self):
        """The scalars of `add_loss` and of activity regularizers in the last call, and the weights' penalties."""
        found = self._own_losses()
        for layer in self._flatten_layers(include_self=False):
            found += layer._own_losses()
        return found + [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]

    def _clear_losses(self):
        if self._losses:
            self._losses.clear()
        for layer in self._layers:
            layer._clear_losses()

    # --- files -----------------------------------------------------------------------------------------------------

    def save_own_variables(self, store):
        """Writes the layer's own variables into `store`, a dict, under "0", "1", ...; override to write others."""
        for i, value in enumerate(self._stored_values()):
            store[f"{i}"] = value

    def _stored_variables(self):
        """The layer's own variables in the order of files."""
        return self._trainable_variables + self._non_trainable_variables

    def _stored_values(self):
        """What files hold for `_stored_variables`."""
        return self._stored_variables()

    def load_own_variables(self, store):
        """Reads what `save_own_variables` wrote.

        Raises:
            ValueError: when `store` holds another number of variables.
        """
        own = self._stored_variables()
        if len(store.keys()) != len(own):
            if not own and not self.built:
                raise ValueError(
                    f"Layer '{self.name}' was never built and thus it doesn't have any variables. However the weights "
                    f"file lists {len(store.keys())} variables for this layer.\n"
                    "In most cases, this error indicates that either:\n\n"
                    "1. The layer is owned by a parent layer that implements a `build()` method, but calling the "
                    "parent's `build()` method did NOT create the state of the child layer "
                    f"'{self.name}'. A `build()` method must create ALL state for the layer, including the state of "
                    "any children layers.\n\n"
                    "2. You need to implement the `def build_from_config(self, config)` method on layer "
                    f"'{self.name}', to specify how to rebuild it during loading. In this case, you might also want "
                    "to implement the method that generates the build config at saving time, "
                    "`def get_build_config(self)`. The method `build_from_config()` is meant to create the state of "
                    "the layer (i.e. its variables) upon deserialization."
                )
            raise ValueError(
                f"Layer '{self.name}' expected {len(own)} variables, but received {len(store.keys())} variables "
                f"during loading. Expected: {[v.name for v in own]}"
            )
        for i, variable in enumerate(own):
            variable.assign(store[f"{i}"])


def _by_position(args, **named):
    """The values of `named`, the first of them from `args`.

    Raises:
        TypeError, ValueError: for too many, for a value given twice, and for a name in the place of the shape.
    """
    if len(args) > len(named):
        raise TypeError(f"add_weight() takes at most {len(named)} positional arguments but {len(args)} were given.")
    if isinstance(args[0], str):
        raise ValueError(
            f"`name` must be passed as a keyword argument. Received: add_weight('{args[0]}', ...). "
            f"Use: add_weight(shape=..., name='{args[0]}')."
        )
    for name, value in zip(named, args, strict=False):
        if named[name] is not None:
            raise ValueError(f"`{name}` was passed both positionally and as a keyword argument.")
        named[name] = value
    return named.values()
