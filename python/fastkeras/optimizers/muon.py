"""Muon: momentum made orthogonal, for matrices; AdamW for everything else."""

import math
import re

from fastkeras import ops
from fastkeras.ops.update import adam_update
from fastkeras.optimizers.adam import unbiased
from fastkeras.optimizers.fused import fused_update
from fastkeras.optimizers.hyperparameters import hyperparameters
from fastkeras.optimizers.optimizer import Optimizer
from fastkeras.registry import register


@register("keras.optimizers")
class Muon(Optimizer):
    """`v -= learning_rate * rms_rate * sqrt(max(rows, columns)) * orthogonal(m)`, m the momentum of the gradient.

    Variables that are not matrices, embeddings and `exclude_layers` are updated by AdamW, as should be the last layer.

    Args:
        adam_beta_1, adam_beta_2, adam_weight_decay, epsilon, adam_lr_ratio: for AdamW; the ratio times the rate is its.
        exclude_layers: regular expressions of paths that AdamW updates.
        exclude_embeddings: whether AdamW updates variables with "embedding" in their path.
        muon_a, muon_b, muon_c, ns_steps: coefficients and number of the Newton-Schulz steps that orthogonalise.
        momentum, nesterov: of the gradient.
        rms_rate: size of the update; None leaves it as it is. Further arguments are those of `Optimizer`.
        See https://arxiv.org/abs/2502.16982.
    """

    @hyperparameters
    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.775,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
    ):
        self.exclude_layers = exclude_layers or []

    def _build(self, variables):
        super()._build(variables)
        momentums, velocities = [], []
        for variable in variables:
            momentums.append(self.add_variable_from_reference(variable, name="momentum"))
            if self._uses_adam(variable):
                velocities.append(self.add_variable_from_reference(variable, name="velocity"))
            else:
                velocities.append(None)
        self._slots.update(momentum=momentums, velocity=velocities)

    def _uses_adam(self, variable):
        embedding = self.exclude_embeddings and "embedding" in variable.path.lower()
        excluded = any(re.search(keyword, variable.path) for keyword in self.exclude_layers)
        return len(variable.shape) != 2 or embedding or excluded

    def _decay_of(self, variable):
        return self.adam_weight_decay if self._uses_adam(variable) else self.weight_decay

    def update_step(self, gradient, variable, learning_rate):
        m, v = self.slot("momentum", variable), self.slot("velocity", variable)
        if v is None:
            self._orthogonal_step(gradient, variable, ops.cast(learning_rate, variable.dtype), m)
            return
        betas = {"beta_1": self.adam_beta_1, "beta_2": self.adam_beta_2}
        alpha = unbiased(learning_rate * self.adam_lr_ratio, self.iterations, **betas)
        fused_update(adam_update, [gradient], [variable], [[m], [v]], alpha, epsilon=self.epsilon, **betas)

    def _orthogonal_step(self, gradient, variable, learning_rate, m):
        m.assign(gradient + m * self.momentum)
        direction = gradient + self.momentum * m if self.nesterov else m.value
        update = self.zeropower_via_newtonschulz5(direction, self.ns_steps)
        variable.assign_sub(self.lr_adjust(learning_rate * update))

    def lr_adjust(self, x):
        """`x * sqrt(max(rows, columns)) * rms_rate`: an update of the size that Adam's has."""
        return x if self.rms_rate is None else x * (math.sqrt(max(x.shape[0], x.shape[1])) * self.rms_rate)

    def transpose_last_axis(self, X):
        """`X` with its last two axes exchanged."""
        return ops.swapaxes(X, -1, -2)

    def zeropower_via_newtonschulz5(self, x, steps):
        """The nearest (semi-)orthogonal matrix to `x`, about: all singular values become about 1."""
        if len(x.shape) < 2:
            raise ValueError(f"Expected gradient or momentum to have at least 2 dimensions. Received: shape={x.shape}")
        tall = x.shape[-2] > x.shape[-1]
        x = self.transpose_last_axis(x) if tall else x
        x = x / (ops.sqrt(ops.sum(ops.square(x), axis=(-2, -1), keepdims=True)) + 1e-7)
        for _ in range(steps):
            square = ops.matmul(x, self.transpose_last_axis(x))
            polynomial = self.muon_b * square + self.muon_c * ops.matmul(square, square)
            x = self.muon_a * x + ops.matmul(polynomial, x)
        return self.transpose_last_axis(x) if tall else x


@register("keras.optimizers")
class ScheduleFreeAdamW(Optimizer):
    """AdamW whose averaging replaces a learning-rate schedule. https://arxiv.org/abs/2405.15682

    The variables are `y = (1 - beta_1) * z + beta_1 * x`, x the mean of all z so far, z updated by Adam's scaled step.

    Args:
        beta_1: weight of the mean in y; beta_2, epsilon: as for `Adam`.
        warmup_steps: steps over which the rate rises from 0. Further arguments are those of `Optimizer`.
    """

    @hyperparameters
    def __init__(self, learning_rate=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup_steps=0):
        pass

    def slots(self):
        return [{"momentum": "zeros", "velocity": "zeros"}]

    def _build(self, variables):
        super()._build(variables)
        for variable in variables:
            self.slot("momentum", variable).assign(variable)

    def update_step(self, gradient, variable, learning_rate):
        rate, gradient = (ops.cast(x, variable.dtype) for x in (learning_rate, gradient))
        step = ops.cast(self.iterations + 1, variable.dtype)
        if self.warmup_steps > 0:
            rate = rate * ops.minimum(step / float(self.warmup_steps), 1.0)
        z, velocity = self.slot("momentum", variable), self.slot("velocity", variable)
        mean = (variable - (1.0 - self.beta_1) * z) / self.beta_1
        velocity.assign_add((ops.square(gradient) - velocity) * (1.0 - self.beta_2))
        scale = ops.sqrt(velocity / (1.0 - ops.power(self.beta_2, step))) + self.epsilon
        z.assign_sub(rate * gradient / scale)
        mean = mean + (z - mean) / step
        variable.assign((1.0 - self.beta_1) * z + self.beta_1 * mean)
