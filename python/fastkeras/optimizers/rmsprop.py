"""RMSprop."""

from fastkeras.ops.update import rmsprop_update
from fastkeras.optimizers.fused import fused_update
from fastkeras.optimizers.hyperparameters import hyperparameters
from fastkeras.optimizers.optimizer import Optimizer
from fastkeras.registry import register


@register("keras.optimizers")
class RMSprop(Optimizer):
    """`v -= learning_rate * g / sqrt(n + epsilon)` with the moving mean `n = rho * n + (1 - rho) * g^2`.

    Args:
        rho: decay of the mean.
        momentum: if above 0, the step is added to `m = momentum * m + step`, and `v -= m`.
        epsilon: keeps the root above 0.
        centered: use the variance `n - a^2`, a the moving mean of g. Further arguments are those of `Optimizer`.

    >>> import fastkeras as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.RMSprop(0.1).apply([keras.ops.array([2.0])], [v])
    >>> v.numpy().round(3)
    array([0.684], dtype=float32)
    """

    @hyperparameters
    def __init__(self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
        pass

    def slots(self):
        groups = [{"velocity": "zeros"}]
        if self.momentum > 0:
            groups.append({"momentum": "zeros"})
        if self.centered:
            groups.append({"average_gradient": "zeros"})
        return groups

    def update_step(self, gradient, variable, learning_rate):
        self.update_steps([gradient], [variable], learning_rate)

    def update_steps(self, gradients, variables, learning_rate):
        slots = [[self.slot(name, v) for v in variables] for group in self.slots() for name in group]
        own = {name: getattr(self, name) for name in ("rho", "epsilon", "momentum", "centered")}
        fused_update(rmsprop_update, gradients, variables, slots, learning_rate, **own)
