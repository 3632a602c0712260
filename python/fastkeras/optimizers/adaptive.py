"""Optimizers that scale each entry's step by the gradients it has seen: Adagrad, Adadelta, Adamax, Nadam, Lamb."""

from fastkeras import initializers, ops
from fastkeras.engine import Variable, config, init_scope
from fastkeras.optimizers.hyperparameters import hyperparameters
from fastkeras.optimizers.optimizer import Optimizer
from fastkeras.registry import register


@register("keras.optimizers")
class Adagrad(Optimizer):
    """`v -= learning_rate * g / sqrt(a + epsilon)` with the sum `a += g^2`. https://jmlr.org/papers/v12/duchi11a.html

    Args:
        initial_accumulator_value: first value of the sums. Further arguments are those of `Optimizer`.

    >>> import fastkeras as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Adagrad(0.5).apply([keras.ops.array([10.0])], [v])
    >>> v.numpy().round(2)
    array([0.5], dtype=float32)
    """

    @hyperparameters
    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7):
        pass

    def slots(self):
        return [{"accumulator": initializers.Constant(self.initial_accumulator_value)}]

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = (ops.cast(x, variable.dtype) for x in (learning_rate, gradient))
        accumulator = self.slot("accumulator", variable)
        accumulator.assign_add(ops.square(gradient))
        variable.assign_sub(rate * gradient / ops.sqrt(accumulator + self.epsilon))


@register("keras.optimizers")
class Adadelta(Optimizer):
    """`d = -g * rms(moving mean of d^2) / rms(moving mean of g^2)`, `v += learning_rate * d`.

    Args:
        rho: decay of the means; epsilon: added below the roots. Further arguments are those of `Optimizer`.
        See https://arxiv.org/abs/1212.5701.
    """

    @hyperparameters
    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7):
        pass

    def slots(self):
        return [{"accumulated_grad": "zeros", "accumulated_delta_var": "zeros"}]

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = (ops.cast(x, variable.dtype) for x in (learning_rate, gradient))
        squares, deltas = (self.slot(name, variable) for name in ("accumulated_grad", "accumulated_delta_var"))
        squares.assign(self.rho * squares + (1.0 - self.rho) * ops.square(gradient))
        delta = -(ops.sqrt(deltas + self.epsilon) * gradient / ops.sqrt(squares + self.epsilon))
        deltas.assign(self.rho * deltas + (1.0 - self.rho) * ops.square(delta))
        variable.assign_add(rate * delta)


@register("keras.optimizers")
class Adamax(Optimizer):
    """`v -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)`, m the moving mean of g, `u = max(beta_2 * u, |g|)`.

    Args:
        beta_1, beta_2, epsilon: see the formula. Further arguments are those of `Optimizer`.
    """

    @hyperparameters
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        pass

    def slots(self):
        return [{"momentum": "zeros", "norm": "zeros"}]

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = (ops.cast(x, variable.dtype) for x in (learning_rate, gradient))
        step = ops.cast(self.iterations + 1, variable.dtype)
        m, u = self.slot("momentum", variable), self.slot("norm", variable)
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        u.assign(ops.maximum(self.beta_2 * u, ops.abs(gradient)))
        variable.assign_sub(rate * m / ((1.0 - ops.power(self.beta_1, step)) * (u + self.epsilon)))


@register("keras.optimizers")
class Nadam(Optimizer):
    """Adam with Nesterov momentum. https://cs229.stanford.edu/proj2015/054_report.pdf

    Args:
        beta_1, beta_2, epsilon: as for `Adam`. Further arguments are those of `Optimizer`.
    """

    @hyperparameters
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        pass

    def slots(self):
        return [{"momentum": "zeros", "velocity": "zeros"}]

    def _build(self, variables):
        super()._build(variables)
        with init_scope():
            dtype = variables[0].dtype if variables else config.floatx()
            self._u_product = Variable(1.0, dtype=dtype, trainable=False)

    def _u(self, steps_ahead, dtype):
        step = ops.cast(self.iterations + steps_ahead, dtype)
        return self.beta_1 * (1.0 - 0.5 * ops.power(0.96, step))

    def update_steps(self, gradients, variables, learning_rate):
        self._u_product.assign(self._u_product * self._u(1, self._u_product.dtype))
        super().update_steps(gradients, variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        rate, gradient, product = (ops.cast(x, dtype) for x in (learning_rate, gradient, self._u_product))
        now, next_ = self._u(1, dtype), self._u(2, dtype)
        m, v = self.slot("momentum", variable), self.slot("velocity", variable)
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.beta_2))
        m_hat = next_ * m / (1.0 - product * next_) + (1.0 - now) * gradient / (1.0 - product)
        v_hat = v / (1.0 - ops.power(self.beta_2, ops.cast(self.iterations + 1, dtype)))
        variable.assign_sub(m_hat * rate / (ops.sqrt(v_hat) + self.epsilon))


@register("keras.optimizers")
class Lamb(Optimizer):
    """Adam's step, scaled layer by layer to the length of the variable. https://arxiv.org/abs/1904.00962

    Args:
        beta_1, beta_2, epsilon: as for `Adam`. Further arguments are those of `Optimizer`.
    """

    @hyperparameters
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        pass

    def slots(self):
        return [{"momentum": "zeros", "velocity": "zeros"}]

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = (ops.cast(x, variable.dtype) for x in (learning_rate, gradient))
        step = ops.cast(self.iterations + 1, variable.dtype)
        m, v = self.slot("momentum", variable), self.slot("velocity", variable)
        m.assign_add((gradient - m) * (1.0 - self.beta_1))
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.beta_2))
        m_hat = m / (1.0 - ops.power(self.beta_1, step))
        update = m_hat / (ops.sqrt(v / (1.0 - ops.power(self.beta_2, step))) + self.epsilon)
        length, step_length = (ops.sqrt(ops.sum(ops.square(x))) for x in (variable, update))
        both = ops.logical_and(length > 0.0, step_length > 0.0)
        ratio = ops.where(both, ops.divide_no_nan(length, step_length), ops.ones_like(length))
        variable.assign_sub(ratio * rate * update)
