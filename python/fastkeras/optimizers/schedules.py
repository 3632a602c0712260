"""Learning rates as functions of the iteration, made of ops: they are part of the traced training step."""

import math

from fastkeras import ops, registry
from fastkeras.engine import config

_MODULE = "keras.optimizers.schedules"


@registry.register(_MODULE)
class LearningRateSchedule(registry.Configurable):
    """A learning rate that depends on the iteration: a subclass writes `__call__(step)` with ops.

    >>> import fastkeras as keras
    >>> class Halving(keras.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / keras.ops.power(2.0, step)
    >>> optimizer = keras.optimizers.SGD(Halving())
    """

    def __call__(self, step):
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self):
        if not self._config_names:
            raise NotImplementedError(
                f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be "
                "serializable."
            )
        return super().get_config()


def _positive(name, value):
    if value <= 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")
    return value


class _Decay(LearningRateSchedule):
    """A decay by `decay_rate` every `decay_steps`."""

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase, name):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def _passed(self, step):
        passed = _real(step) / float(self.decay_steps)
        return ops.floor(passed) if self.staircase else passed


def _real(step):
    return ops.cast(step, config.floatx())


@registry.register(_MODULE)
class ExponentialDecay(_Decay):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`; with `staircase`, the quotient is rounded down.

    >>> import fastkeras as keras
    >>> round(float(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)(20)), 6)
    0.025
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step):
        return self.initial_learning_rate * ops.power(float(self.decay_rate), self._passed(step))


@registry.register(_MODULE)
class InverseTimeDecay(_Decay):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`; with `staircase`, rounded down quotient.

    >>> import fastkeras as keras
    >>> round(float(keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.5)(2)), 6)
    0.05
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step):
        return self.initial_learning_rate / (1.0 + self.decay_rate * self._passed(step))


@registry.register(_MODULE)
class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` while `boundaries[i - 1] < step <= boundaries[i]`.

    Raises:
        ValueError: unless there is one value more than boundaries.

    >>> import fastkeras as keras
    >>> schedule = keras.optimizers.schedules.PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001])
    >>> [round(float(schedule(step)), 6) for step in (10, 11, 21)]
    [0.1, 0.01, 0.001]
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of length {len(values)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step):
        step = ops.convert_to_tensor(step)
        rate = ops.convert_to_tensor(self.values[0])
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = ops.where(step > ops.cast(boundary, step.dtype), ops.cast(value, rate.dtype), rate)
        return rate


@registry.register(_MODULE)
class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`; `end` after `decay_steps`, or with `cycle` anew.

    >>> import fastkeras as keras
    >>> round(float(keras.optimizers.schedules.PolynomialDecay(0.1, 10, end_learning_rate=0.0)(5)), 6)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step):
        step, steps = _real(step), float(self.decay_steps)
        if self.cycle:
            steps = steps * ops.maximum(ops.ceil(step / steps), 1.0)
        else:
            step = ops.minimum(step, steps)
        left = ops.power(1.0 - step / steps, self.power)
        return (self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate


@registry.register(_MODULE)
class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to `alpha` times it in `decay_steps`.

    With `warmup_target`, the rate first rises in a line from the initial one to the target in `warmup_steps`, and then
    falls from the target.

    >>> import fastkeras as keras
    >>> round(float(keras.optimizers.schedules.CosineDecay(0.1, 10)(5)), 6)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = _real(step)
        if self.warmup_target is None:
            return self._decayed(step, self.initial_learning_rate)
        falling = self._decayed(step - float(self.warmup_steps), self.warmup_target)
        if not self.warmup_steps:
            return falling
        rise = self.warmup_target - self.initial_learning_rate
        rising = rise * (step / float(self.warmup_steps)) + self.initial_learning_rate
        return ops.where(step < float(self.warmup_steps), rising, falling)

    def _decayed(self, step, start):
        done = ops.minimum(step, float(self.decay_steps)) / float(self.decay_steps)
        cosine = 0.5 * (1.0 + ops.cos(math.pi * done))
        return start * ((1.0 - self.alpha) * cosine + self.alpha)


@registry.register(_MODULE)
class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decays one after another, each `t_mul` times as long and `m_mul` times as high as the one before.

    >>> import fastkeras as keras
    >>> round(float(keras.optimizers.schedules.CosineDecayRestarts(0.1, 10)(10)), 6)
    0.1
    """

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive("first_decay_steps", first_decay_steps)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step):
        done = _real(step) / float(self.first_decay_steps)
        if self.t_mul == 1.0:
            restart = ops.floor(done)
            done = done - restart
        else:
            t = float(self.t_mul)
            restart = ops.floor(ops.log(1.0 - done * (1.0 - t)) / math.log(t))
            length = ops.power(t, restart)
            done = (done - (1.0 - length) / (1.0 - t)) / length
        cosine = 0.5 * ops.power(float(self.m_mul), restart) * (1.0 + ops.cos(math.pi * done))
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)


def serialize(learning_rate_schedule):
    """The config of a schedule."""
    return registry.serialize_keras_object(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule for a config made by `serialize`."""
    return registry.deserialize(_MODULE, config, custom_objects)
