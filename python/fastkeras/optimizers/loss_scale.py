"""Dynamic loss scaling around another optimizer."""

import inspect

from fastkeras import initializers, ops, registry
from fastkeras.engine import name_scope
from fastkeras.optimizers.gradients import run_if
from fastkeras.optimizers.optimizer import Optimizer


@registry.register("keras.optimizers", "keras.mixed_precision")
class LossScaleOptimizer(Optimizer):
    """Multiplies the loss by a scale that it adapts, so that small gradients survive in low precision.

    A step with gradients that are not finite is skipped and halves the scale; `dynamic_growth_steps` good steps in a
    row double it.

    Args:
        inner_optimizer: the optimizer that updates.
        initial_scale: first scale.
        dynamic_growth_steps: see above.

    Raises:
        ValueError: for the other arguments of `Optimizer`: they belong to the inner one.

    >>> import fastkeras as keras
    >>> optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=4.0)
    >>> float(optimizer.scale_loss(2.0))
    8.0
    """

    def __init__(self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None, **kwargs):
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer no longer supports `dynamic=False`. Instead, simply set `loss_scale_factor` "
                "directly on the `inner_optimizer`."
            )
        base = inspect.signature(Optimizer.__init__).parameters
        for argument in [key for key in kwargs if key in base and key != "learning_rate"]:
            if kwargs.pop(argument) != base[argument].default:
                raise ValueError(
                    f"LossScaleOptimizer does not support `{argument}`. Instead, set `{argument}` on the "
                    "`inner_optimizer`."
                )
        if kwargs:
            raise ValueError(f"LossScaleOptimizer does not support arguments: `{'`, `'.join(kwargs)}`.")
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        self.inner_optimizer.loss_scale_factor = None

    def _build(self, variables):
        self.step_counter = self.add_variable((), dtype="int32", name="step_counter")
        self.dynamic_scale = self.add_variable(
            (), initializers.Constant(self.initial_scale), dtype="float32", name="dynamic_scale"
        )
        self.inner_optimizer.build(variables)
        super()._build(variables)

    @property
    def variables(self):
        return [*self._variables, *self.inner_optimizer.variables]

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if not grads:
            return
        variables = self._known_variables(grads, trainable_variables)
        changed = [*variables, *self.variables]
        with name_scope(self.name, caller=self):
            run_if(self.check_finite(grads), lambda: self._update_scaled(grads, variables), self._shrink, changed)

    def _update_scaled(self, grads, variables):
        scale = self.dynamic_scale.value
        pairs = zip(grads, variables, strict=True)  # what a variable is overwritten with is no gradient of the loss
        kept = [g if g is None or v.overwrite_with_gradient else g / ops.cast(scale, g.dtype) for g, v in pairs]
        self.inner_optimizer.apply(kept, variables)
        grown = ops.equal(self.step_counter, self.dynamic_growth_steps - 1)
        self.step_counter.assign(ops.where(grown, ops.zeros_like(self.step_counter), self.step_counter + 1))
        self.dynamic_scale.assign(ops.where(grown, scale * 2.0, scale))

    def _shrink(self):
        self.step_counter.assign(0)
        self.dynamic_scale.assign(self.dynamic_scale * 0.5)

    def check_finite(self, grads):
        """Are all entries of all gradients finite?"""
        finite = [ops.all(ops.isfinite(g)) for g in grads if g is not None]
        return ops.all(ops.stack(finite))

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self):
        return {
            "name": self.name,
            "inner_optimizer": registry.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        inner = registry.deserialize_keras_object(config.pop("inner_optimizer"), custom_objects)
        return cls(inner, **config)
