"""What an optimizer keeps: its variables, those it trains, and how they are saved."""

import warnings

from fastkeras import initializers
from fastkeras.engine import Variable, init_scope, name_scope, nest


class OptimizerState:
    """The variables of an optimizer, in the order in which Keras stores them."""

    def __init__(self):
        # Written past __setattr__: these hold variables without making them part of the state.
        vars(self).update(_variables=[], _trainable_variables=[], _index={}, _slots={}, built=False)

    def slots(self):
        """The state kept for every variable: groups of {name: initializer}, in the order in which files store them.

        Within a group the order is variable by variable, then name by name.
        """
        return []

    def build(self, variables=None, var_list=None):
        """Creates the state for `variables`, which some optimizers of Keras call `var_list`; once."""
        if not self.built:
            self._build(list(variables if var_list is None else var_list))
            self.built = True

    def _build(self, variables):
        """What `build` does; an optimizer with more state than `slots` adds it here."""
        if self.use_ema:
            vars(self)["_model_variables_moving_average"] = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            made = [self.add_variable_from_reference(v, "gradient_accumulator") for v in variables]
            vars(self)["_accumulated_gradients"] = made
        vars(self)["_trainable_variables"] = variables
        self._index.update({id(variable): i for i, variable in enumerate(variables)})
        for group in self.slots():
            made = self.add_optimizer_variables(variables, list(group), list(group.values()))
            self._slots.update(zip(group, made, strict=True))

    def slot(self, name, variable):
        """The state `name` of a trainable variable."""
        return self._slots[name][self._get_variable_index(variable)]

    def add_variable(self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None):
        """Adds a variable to the optimizer's state; zeros of `floatx()` by default."""
        self._check_super_called()
        if layout is not None:
            raise ValueError(f"[{self.name}] layouts need a distribution, which is missing. Received: layout={layout}")
        with init_scope(), name_scope(self.name, caller=self):
            variable = Variable(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=False,
                aggregation=aggregation,
                name=name,
            )
        self._track(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """Adds a variable of the shape and dtype of a model's variable, named `<its path>_<name>`."""
        path = reference_variable.path.replace("/", "_")
        return self.add_variable(
            reference_variable.shape, initializer, dtype=reference_variable.dtype, name=f"{path}_{name or 'var'}"
        )

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """Adds a variable for each model variable: a list for a name, a tuple of lists for a list of names.

        A variable with `overwrite_with_gradient` needs no state: there the lists hold None.

        Raises:
            ValueError: where there are not as many initializers as names.
        """
        names = [name] if isinstance(name, str) else list(name)
        many = isinstance(initializer, (list, tuple))
        initializers_ = list(initializer) if many else [initializer] * len(names)
        if len(names) != len(initializers_):
            raise ValueError(
                "The number of provided names must match the number of provided initializers. "
                f"Received name='{name}', initializer='{initializer}'"
            )
        lists = tuple([] for _ in names)
        for variable in trainable_variables:
            for made, own_name, own_initializer in zip(lists, names, initializers_, strict=True):
                made.append(
                    None
                    if variable.overwrite_with_gradient
                    else self.add_variable_from_reference(variable, own_name, own_initializer)
                )
        return lists[0] if isinstance(name, str) else lists

    @property
    def variables(self):
        """The state: iteration, learning rate (unless scheduled), moving averages, accumulators, slots."""
        return list(self._variables)

    def _get_variable_index(self, variable):
        return self._index[id(variable)]

    def _track(self, variable):
        if not any(variable is v for v in self._variables):
            self._variables.append(variable)

    def __setattr__(self, name, value):
        self._check_super_called()
        for leaf in nest.flatten(value):
            if isinstance(leaf, Variable):
                self._track(leaf)
        super().__setattr__(name, value)

    def _check_super_called(self):
        if "_variables" not in vars(self):
            raise RuntimeError(
                f"In optimizer '{type(self).__name__}', you forgot to call `super().__init__()` as the first "
                "statement in the `__init__()` method. Go add it!"
            )

    def set_weights(self, weights):
        """Sets the state, as listed in `variables`."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
                "`optimizer.build(trainable_variables)` to create the optimizer weights before calling "
                "`set_weights()`."
            )
        for variable, weight in zip(self.variables, weights, strict=False):
            if tuple(variable.shape) != tuple(weight.shape):
                raise ValueError(
                    f"Optimizer variable {variable.path} has shape {variable.shape} not compatible with provided "
                    f"weight shape {weight.shape}."
                )
            variable.assign(weight)

    def save_own_variables(self, store):
        """Writes the state into `store` under "0", "1", ..."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store):
        """Reads the state that `save_own_variables` wrote; warns and reads nothing when the number differs.

        Raises:
            ValueError: when a shape differs; then nothing is read either.
        """
        variables = self.variables
        if len(store.keys()) != len(variables):
            message = (
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(variables)} variables "
                f"whereas the saved optimizer has {len(store.keys())} variables. "
            )
            if not variables:
                message += "This is likely because the optimizer has not been called/built yet."
            warnings.warn(message, stacklevel=2)
            return
        for i, variable in enumerate(variables):  # all of them before the first is assigned
            if str(i) not in store or tuple(store[str(i)].shape) != tuple(variable.shape):
                found = tuple(store[str(i)].shape) if str(i) in store else None
                raise ValueError(
                    f"[{self.name}] the saved state must have the shapes of the optimizer's. "
                    f"Received: {variable.path} of shape {tuple(variable.shape)}, saved '{i}': {found}"
                )
        for i, variable in enumerate(variables):
            variable.assign(store[str(i)])
