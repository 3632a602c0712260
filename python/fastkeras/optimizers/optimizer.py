"""The base class of optimizers: everything but the update rule."""

import re
import warnings

from fastkeras import initializers, ops, registry
from fastkeras.engine import Variable, auto_name, config, name_scope
from fastkeras.engine.stateless import preserved
from fastkeras.optimizers.gradients import clip, only_present, run_if
from fastkeras.optimizers.schedules import LearningRateSchedule
from fastkeras.optimizers.state import OptimizerState


@registry.register("keras.optimizers", "keras")
class Optimizer(OptimizerState):
    """Updates trainable variables from their gradients.

    A subclass gives its hyperparameters in `__init__`, its `slots` (the state it keeps for every variable) and
    `update_step(gradient, variable, learning_rate)`; or it makes its own state in `build`.

    Args:
        learning_rate: a float, a `LearningRateSchedule`, or a callable without arguments.
        weight_decay: `v -= v * weight_decay * learning_rate` before each update.
        clipnorm: highest L2 norm of each gradient.
        clipvalue: highest absolute value of a gradient's entries.
        global_clipnorm: highest L2 norm of all gradients together. At most one of these three may be given.
        use_ema: keep a moving average of each variable, which `finalize_variable_values` puts in its place.
        ema_momentum: `average = ema_momentum * average + (1 - ema_momentum) * variable`.
        ema_overwrite_frequency: put the averages in place every so many iterations.
        loss_scale_factor: factor of the loss (`scale_loss`) by which gradients are divided again.
        gradient_accumulation_steps: update only every so many calls, with the mean of their gradients.
        name: name of the optimizer.

    Raises:
        ValueError: for values outside these rules.

    >>> import fastkeras as keras
    >>> v = keras.Variable([1.0, 2.0])
    >>> keras.optimizers.SGD(0.1).apply([keras.ops.array([1.0, 1.0])], [v])
    >>> v.numpy()
    array([0.9, 1.9], dtype=float32)
    """

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        super().__init__()
        if kwargs.pop("decay", None) is not None:
            warnings.warn("Argument `decay` is no longer supported and will be ignored.", stacklevel=3)
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._undecayed = set()
        self._undecayed_names = None
        self._check_arguments()
        self._iterations = self.add_variable((), dtype="int64", aggregation="only_first_replica", name="iteration")
        self._set_learning_rate(learning_rate)

    def _check_arguments(self):
        steps, frequency = self.gradient_accumulation_steps, self.ema_overwrite_frequency
        if steps and not steps >= 2:
            raise ValueError(
                f"`gradient_accumulation_steps` must be an integer >= 2. Received: gradient_accumulation_steps={steps}"
            )
        if self.use_ema and not 0 <= self.ema_momentum <= 1:
            raise ValueError(f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={self.ema_momentum}")
        if self.use_ema and frequency and (not isinstance(frequency, int) or frequency < 1):
            raise ValueError(
                "`ema_overwrite_frequency` must be an integer >= 1 or None. "
                f"Received: ema_overwrite_frequency={frequency}"
            )
        if sum(x is not None for x in (self.clipnorm, self.clipvalue, self.global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={self.clipnorm}, clipvalue={self.clipvalue}, global_clipnorm={self.global_clipnorm}"
            )

    # --- learning rate -----------------------------------------------------------------------------------------------

    def _set_learning_rate(self, learning_rate):
        if callable(learning_rate):
            self._learning_rate = learning_rate
            return
        if not isinstance(learning_rate, float):
            raise ValueError(
                "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a callable "
                "(that takes in the current iteration value and returns the corresponding learning rate value). "
                f"Received instead: learning_rate={learning_rate}"
            )
        self._learning_rate = self.add_variable(
            (),
            initializers.Constant(learning_rate),
            dtype=config.floatx(),
            aggregation="only_first_replica",
            name="learning_rate",
        )

    @property
    def learning_rate(self):
        """The current learning rate; assigning to it writes the variable, so compiled steps see it."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations)
        if callable(self._learning_rate) and not isinstance(self._learning_rate, Variable):
            return self._learning_rate()
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        before = self._learning_rate
        if callable(learning_rate) and not isinstance(learning_rate, Variable):
            self._learning_rate = learning_rate
            vars(self)["_variables"] = [v for v in self._variables if v is not before]
        elif isinstance(before, LearningRateSchedule):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor "
                "argument, hence its learning rate is not settable. If you need the learning rate to be settable, you "
                "should instantiate the optimizer with a float `learning_rate` argument."
            )
        else:
            before.assign(learning_rate)

    @property
    def iterations(self):
        """How many updates were made."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    # --- updates -----------------------------------------------------------------------------------------------------

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable from its gradient, to be written by the subclass."""
        raise NotImplementedError

    def update_steps(self, gradients, variables, learning_rate):
        """Updates all variables; a subclass that can do it in one operation overrides this as well."""
        for gradient, variable in zip(gradients, variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def apply_gradients(self, grads_and_vars):
        """`apply` for pairs of gradient and variable; returns the iteration variable."""
        gradients, variables = zip(*grads_and_vars, strict=True)
        self.apply(gradients, variables)
        return self._iterations

    def apply(self, grads, trainable_variables=None):
        """Updates the variables from their gradients; builds the optimizer for them the first time.

        Args:
            grads: one gradient per variable; None where there is none.
            trainable_variables: the variables; by default those that the optimizer was built with.

        Raises:
            ValueError: without any gradient, for unknown variables, for another number of gradients than variables.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._known_variables(grads, trainable_variables)
        with name_scope(self.name, caller=self):
            grads, variables = only_present(grads, variables)
            grads, variables = self._overwrite_with_gradients(grads, variables)
            if grads:
                if self.loss_scale_factor is not None:
                    grads = [g / self.loss_scale_factor for g in grads]
                self._update(grads, variables)
                for variable in variables:
                    if variable.constraint is not None:
                        variable.assign(variable.constraint(variable))
        self._iterations.assign_add(1)

    def _known_variables(self, grads, variables):
        if variables is None:
            if not self.built:
                raise ValueError(
                    "When passing `grads` without `variables`, the optimizer must already be built on a list of "
                    "variables. Call `optimizer.build(trainable_variables)` first. "
                )
            if len(grads) != len(self._trainable_variables):
                raise ValueError(
                    "When passing `grads` as a list of gradient tensors, the gradients must match "
                    f"`optimizer.variables` one-to-on. Received a list of {len(grads)} gradients, but the optimizer "
                    f"is tracking {len(self._trainable_variables)} trainable variables."
                )
            return self._trainable_variables
        variables = list(variables)
        if not self.built:
            with name_scope(self.name, caller=self):
                self.build(variables)
            self.built = True
        for variable in variables:
            if id(variable) not in self._index:
                raise ValueError(
                    f"Unknown variable: {variable}. This optimizer can only be called for the variables it was "
                    "originally built with. When working with a new set of variables, you should recreate a new "
                    "optimizer instance."
                )
        return variables

    def _overwrite_with_gradients(self, grads, variables):
        """Assigns the gradients of variables that ask for it (`overwrite_with_gradient`); returns the others.

        With accumulation they get the maximum over its steps, at the last one.
        """
        kept, steps = [], self.gradient_accumulation_steps
        for gradient, variable in zip(grads, variables, strict=True):
            if variable.overwrite_with_gradient and steps:
                highest = self._accumulated_gradients[self._get_variable_index(variable)]
                due = ops.equal((self._iterations + 1) % steps, 0)
                gradient = ops.maximum(gradient, highest)
                variable.assign(ops.where(due, gradient, variable))
                highest.assign(ops.where(due, ops.zeros_like(gradient), gradient))
            elif variable.overwrite_with_gradient:
                variable.assign(gradient)
            else:
                kept.append((gradient, variable))
        return [g for g, _ in kept], [v for _, v in kept]

    def _update(self, grads, variables):
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        else:
            self._update_now(grads, variables)
        if self.use_ema:
            self._average(self._trainable_variables)

    def _update_now(self, grads, variables):
        grads = clip(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)
        learning_rate = ops.convert_to_tensor(self.learning_rate)
        for variable in filter(self._use_weight_decay, variables):
            decay = self._decay_of(variable)
            if decay is not None:
                rate = ops.cast(learning_rate, variable.dtype)
                variable.assign(variable - variable * decay * rate)
        # A subclass may have replaced the update of one variable only, which update_steps would pass over.
        classes = type(self).__mro__
        one, all_ = (next(c for c in classes if name in vars(c)) for name in ("update_step", "update_steps"))
        together = type(self).update_steps if issubclass(all_, one) else Optimizer.update_steps
        together(self, grads, variables, learning_rate)

    def _accumulate(self, grads, variables):
        """Adds up gradients; every `gradient_accumulation_steps` calls, updates with their mean."""
        sums = [self._accumulated_gradients[self._get_variable_index(v)] for v in variables]
        totals = [g + s for g, s in zip(grads, sums, strict=True)]

        def update():
            self._update_now([t / self.gradient_accumulation_steps for t in totals], variables)
            for s in sums:
                s.assign(ops.zeros_like(s))

        def wait():
            for s, total in zip(sums, totals, strict=True):
                s.assign(total)

        state = [v for v in self._variables if v is not self._iterations and v is not self._learning_rate]
        due = ops.equal((self._iterations + 1) % self.gradient_accumulation_steps, 0)
        run_if(due, update, wait, [*variables, *state])

    def _average(self, variables):
        """Updates the moving averages and, when it is time, puts them in place of the variables."""
        momentum = ops.where(ops.equal(self.iterations, 0), 0.0, self.ema_momentum)
        for variable, average in zip(variables, self._model_variables_moving_average, strict=True):
            if average is not None:
                keep = ops.cast(momentum, variable.dtype)
                average.assign(keep * average + (1.0 - keep) * variable)
        if self.ema_overwrite_frequency:
            due = ops.equal((self.iterations + 1) % self.ema_overwrite_frequency, 0)
            run_if(due, lambda: self.finalize_variable_values(variables), lambda: None, variables)

    def finalize_variable_values(self, var_list):
        """Puts the moving averages in place of the variables (with `use_ema`), as at the end of `fit`."""
        if not self.use_ema:
            return
        averages = self._model_variables_moving_average
        if len(var_list) != len(averages):
            raise ValueError(
                f"The length of model variables ({len(var_list)}) to override does not match the length of model "
                f"variables stored in the optimizer ({len(averages)}). Please check if the optimizer was called on "
                "your model."
            )
        for variable, average in zip(var_list, averages, strict=True):
            if average is not None:
                variable.assign(average)

    def scale_loss(self, loss):
        """The loss times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def assign(self, variable, value):
        """Sets a variable, in the variable's dtype."""
        variable.assign(ops.cast(value, variable.dtype))

    def assign_add(self, variable, value):
        """Adds to a variable."""
        variable.assign_add(ops.cast(value, variable.dtype))

    def assign_sub(self, variable, value):
        """Subtracts from a variable."""
        variable.assign_sub(ops.cast(value, variable.dtype))

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Leaves variables out of the weight decay; call it before the optimizer is built.

        Args:
            var_list: variables to leave out.
            var_names: leave out variables in whose name one of these occurs, e.g. `["bias"]`.
        """
        if self.built:
            raise ValueError("`exclude_from_weight_decay()` can only be configured before the optimizer is built.")
        vars(self)["_undecayed"] = {id(variable) for variable in var_list or ()}
        self._undecayed_names = re.compile("|".join(sorted(set(var_names)))) if var_names else None

    def _decay_of(self, variable):
        return self.weight_decay

    def _use_weight_decay(self, variable):
        by_name = self._undecayed_names is not None and self._undecayed_names.search(variable.name) is not None
        return not by_name and id(variable) not in self._undecayed

    # --- reading and writing the state -------------------------------------------------------------------------------

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """(trainable variables, optimizer variables) after `apply`, for given values of both; nothing is assigned."""
        self._check_super_called()
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its variables must have been "
                "created). You can build it via `optimizer.build(trainable_variables)`."
            )
        own, trained = self.variables, self._trainable_variables
        if len(optimizer_variables) != len(own):
            raise ValueError(
                "Argument `optimizer_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length {len(optimizer_variables)}, but "
                f"expected {len(own)} variables."
            )
        if len(trainable_variables) != len(trained):
            raise ValueError(
                "Argument `trainable_variables` must be a list of tensors corresponding 1:1 to the trainable "
                "variables list that the optimizer was built with. Received "
                f"len(trainable_variables) == {len(trainable_variables)} whereas the optimizer was built with "
                f"{len(trained)} variables."
            )
        with preserved([*trained, *own], [*trainable_variables, *optimizer_variables]):
            self.apply(grads)
            return [v.value for v in trained], [v.value for v in own]

    def get_config(self):
        """The constructor's arguments, the learning rate as it is now."""
        rate = self._learning_rate
        rate = float(rate.numpy()) if isinstance(rate, Variable) else registry.serialize_keras_object(rate)
        own = {name: getattr(self, name) for name in self._config_names if name != "learning_rate"}
        return {"learning_rate": rate, **own}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The optimizer for a config made by `get_config`."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = registry.deserialize_keras_object(config["learning_rate"], custom_objects)
        return cls(**config)
