"""Adam and AdamW."""

from fastkeras import ops
from fastkeras.ops.update import adam_update
from fastkeras.optimizers.fused import fused_update
from fastkeras.optimizers.hyperparameters import hyperparameters
from fastkeras.optimizers.optimizer import Optimizer
from fastkeras.registry import register


def unbiased(learning_rate, iterations, beta_1, beta_2):
    """The rate that makes up for moving means that began at zero: `lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)`."""
    learning_rate = ops.convert_to_tensor(learning_rate)  # who calls update_step may give a float
    step = ops.cast(iterations + 1, learning_rate.dtype)
    return learning_rate * ops.sqrt(1.0 - ops.power(beta_2, step)) / (1.0 - ops.power(beta_1, step))


@register("keras.optimizers")
class Adam(Optimizer):
    """`v -= lr * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(n) + epsilon)` with moving means m of g and n of g^2.

    Args:
        beta_1, beta_2: decay of the means of the gradient and of its square.
        epsilon: the epsilon hat of the paper (https://arxiv.org/abs/1412.6980).
        amsgrad: use the largest n so far. Further arguments are those of `Optimizer`.

    >>> import fastkeras as keras
    >>> v = keras.Variable([1.0])
    >>> keras.optimizers.Adam(0.5).apply([keras.ops.array([3.0])], [v])
    >>> v.numpy().round(3)
    array([0.5], dtype=float32)
    """

    @hyperparameters
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
        pass

    def slots(self):
        first = {"momentum": "zeros", "velocity": "zeros"}
        return [first, {"velocity_hat": "zeros"}] if self.amsgrad else [first]

    def update_step(self, gradient, variable, learning_rate):
        self.update_steps([gradient], [variable], learning_rate)

    def update_steps(self, gradients, variables, learning_rate):
        rate = unbiased(learning_rate, self.iterations, self.beta_1, self.beta_2)
        slots = [[self.slot(name, v) for v in variables] for group in self.slots() for name in group]
        own = {name: getattr(self, name) for name in ("beta_1", "beta_2", "epsilon", "amsgrad")}
        fused_update(adam_update, gradients, variables, slots, rate, **own)


@register("keras.optimizers", names=("adamw",))
class AdamW(Adam):
    """Adam with decoupled weight decay: `v -= v * weight_decay * learning_rate` before each update.

    >>> import fastkeras as keras
    >>> keras.optimizers.AdamW().weight_decay
    0.004
    """

    @hyperparameters
    def __init__(self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")
