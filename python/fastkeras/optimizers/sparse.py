"""Ftrl, Lion and Adafactor: rules with an eye to sparse models or to little memory."""

from fastkeras import initializers, ops
from fastkeras.engine import Variable, init_scope
from fastkeras.optimizers.hyperparameters import hyperparameters
from fastkeras.optimizers.optimizer import Optimizer
from fastkeras.registry import register


@register("keras.optimizers")
class Ftrl(Optimizer):
    """Follow the regularized leader, for large sparse models. https://research.google/pubs/pub41159/

    `n += g^2`, `l += g - (n_new^p - n^p) / lr * v` and
    `v = (clip(l, -l1, l1) - l) / (n_new^p / lr + 2 * l2)` with `p = -learning_rate_power`.

    Args:
        learning_rate_power: at most 0.
        initial_accumulator_value: first value of n, at least 0.
        l1_regularization_strength, l2_regularization_strength: at least 0.
        l2_shrinkage_regularization_strength: at least 0; times 2 v it is added to the gradient in l.
        beta: `beta / (2 * lr)` is added to l2. Further arguments are those of `Optimizer`.
    """

    @hyperparameters
    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
    ):
        if learning_rate_power > 0.0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. "
                f"Received: learning_rate_power={learning_rate_power}."
            )
        for name, value in {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }.items():
            if value < 0.0:
                raise ValueError(f"`{name}` needs to be positive or zero. Received: {name}={value}.")

    def slots(self):
        return [{"accumulator": initializers.Constant(self.initial_accumulator_value), "linear": "zeros"}]

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = (ops.cast(x, variable.dtype) for x in (learning_rate, gradient))
        n, linear = self.slot("accumulator", variable), self.slot("linear", variable)
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        l2 = self.l2_regularization_strength + self.beta / (2.0 * rate)
        shrunk = gradient + 2.0 * self.l2_shrinkage_regularization_strength * variable
        total = n + ops.square(gradient)
        raised = ops.power(total, power)
        linear.assign_add(shrunk - (raised - ops.power(n, power)) / rate * variable)
        variable.assign((ops.clip(linear, -l1, l1) - linear) / (raised / rate + 2.0 * l2))
        n.assign(total)


@register("keras.optimizers")
class Lion(Optimizer):
    """`v -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)`, `m = beta_2 * m + (1 - beta_2) * g`.

    Args:
        beta_1: in (0, 1]; beta_2. Further arguments are those of `Optimizer`. See https://arxiv.org/abs/2302.06675.
    """

    @hyperparameters
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99):
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates to SignSGD. "
                f"Received: beta_1={beta_1}."
            )

    def slots(self):
        return [{"momentum": "zeros"}]

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = (ops.cast(x, variable.dtype) for x in (learning_rate, gradient))
        m = self.slot("momentum", variable)
        variable.assign_sub(rate * ops.sign(self.beta_1 * m + (1.0 - self.beta_1) * gradient))
        m.assign(self.beta_2 * m + (1.0 - self.beta_2) * gradient)


@register("keras.optimizers")
class Adafactor(Optimizer):
    """Adam's second moment kept as one row and one column per matrix. https://arxiv.org/abs/1804.04235

    Args:
        beta_2_decay: the moments' decay is `1 - t^beta_2_decay`.
        epsilon_1, epsilon_2: added to squared gradients; lowest scale of a variable.
        clip_threshold: highest root mean square of an update.
        relative_step: bound the learning rate by `1 / sqrt(t)`. Further arguments are those of `Optimizer`.
    """

    @hyperparameters
    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=0.001,
        clip_threshold=1.0,
        relative_step=True,
    ):
        pass

    def _build(self, variables):
        super()._build(variables)
        rows, columns, moments = [], [], []
        for variable in variables:
            if len(variable.shape) < 2:
                # Keras keeps these two in its files although nothing reads them.
                for state in (rows, columns):
                    with init_scope():
                        state.append(Variable(0, name=variable.name, trainable=False))
                    self._track(state[-1])
            else:
                shape, own = tuple(variable.shape), {"dtype": variable.dtype, "name": variable.name}
                rows.append(self.add_variable(shape[:-1], **own))
                columns.append(self.add_variable(shape[:-2] + shape[-1:], **own))
            moments.append(self.add_variable_from_reference(variable, name="velocity"))
        self._slots.update(row=rows, column=columns, velocity=moments)

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        rate, gradient = (ops.cast(x, dtype) for x in (learning_rate, gradient))
        step = ops.cast(self.iterations + 1, dtype)
        bound = 1.0 / ops.sqrt(step)
        size = ops.maximum(_rms(variable), self.epsilon_2) * ops.minimum(rate, bound)
        square = ops.square(gradient) + self.epsilon_1
        beta = 1.0 - ops.power(step, self.beta_2_decay)
        velocity = self.slot("velocity", variable)
        if len(variable.shape) >= 2:
            row, column = self.slot("row", variable), self.slot("column", variable)
            row.assign(beta * row + (1.0 - beta) * ops.mean(square, axis=-1))
            column.assign(beta * column + (1.0 - beta) * ops.mean(square, axis=-2))
            share = row / ops.mean(row, axis=-1, keepdims=True)
            velocity.assign(ops.expand_dims(share, -1) * ops.expand_dims(column, -2))
        else:
            velocity.assign(beta * velocity + (1.0 - beta) * square)
        update = gradient / ops.sqrt(velocity)
        variable.assign_sub(size * update / ops.maximum(_rms(update) / self.clip_threshold, 1.0))


def _rms(x):
    return ops.sqrt(ops.mean(ops.square(x)))
