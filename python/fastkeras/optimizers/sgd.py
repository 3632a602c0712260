"""Gradient descent, with or without momentum."""

from fastkeras.ops.update import sgd_update
from fastkeras.optimizers.fused import fused_update
from fastkeras.optimizers.hyperparameters import hyperparameters
from fastkeras.optimizers.optimizer import Optimizer
from fastkeras.registry import register


@register("keras.optimizers")
class SGD(Optimizer):
    """`v -= learning_rate * g`; with momentum `m = momentum * m - learning_rate * g`, `v += m`.

    With `nesterov`: `v += momentum * m - learning_rate * g`.

    Args:
        momentum: in [0, 1]. Further arguments are those of `Optimizer`.

    >>> import fastkeras as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.SGD(0.5).apply([keras.ops.array([1.0])], [v])
    >>> v.numpy()
    array([0.5], dtype=float32)
    """

    @hyperparameters
    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False):
        if not isinstance(momentum, float) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: momentum={momentum}")

    def slots(self):
        return [{"momentum": "zeros"}] if self.momentum else []

    def update_step(self, gradient, variable, learning_rate):
        self.update_steps([gradient], [variable], learning_rate)

    def update_steps(self, gradients, variables, learning_rate):
        slots = [[self.slot("momentum", v) for v in variables]] if self.momentum else []
        own = {"momentum": self.momentum, "nesterov": self.nesterov}
        fused_update(sgd_update, gradients, variables, slots, learning_rate, **own)
