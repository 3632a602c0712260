"""Initializers that draw: the same seed gives the same values."""

import math

import numpy as np

from fastkeras import ops, random, registry
from fastkeras.initializers.constants import MODULE, Initializer

registry.register("keras.random")(random.SeedGenerator)


class RandomInitializer(Initializer):
    """Base of the initializers that draw: the same seed gives the same values.

    `seed` is an int, a SeedGenerator (which moves on with every call), or None for one drawn at random.
    """

    def __init__(self, seed=None):
        if isinstance(seed, dict):
            seed = registry.deserialize_keras_object(seed)
        self._given_seed = seed
        if seed is None:
            seed = random.make_default_seed()
        elif not isinstance(seed, (int, random.SeedGenerator)):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an integer. "
                f"Received: seed={seed}"
            )
        self.seed = seed

    def get_config(self):
        config = super().get_config()
        config["seed"] = registry.serialize_keras_object(self._given_seed)
        return config


@registry.register(MODULE, names=("normal",))
class RandomNormal(RandomInitializer):
    """Values of a normal distribution with the given mean and standard deviation.

    >>> import fastkeras as keras
    >>> initializer = keras.initializers.RandomNormal(stddev=2.0, seed=1)
    >>> initializer((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        return random.normal(shape, mean=self.mean, stddev=self.stddev, seed=self.seed, dtype=dtype)


@registry.register(MODULE)
class TruncatedNormal(RandomInitializer):
    """As RandomNormal, but values further than two standard deviations from the mean are drawn again."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        return random.truncated_normal(shape, mean=self.mean, stddev=self.stddev, seed=self.seed, dtype=dtype)


@registry.register(MODULE, names=("uniform",))
class RandomUniform(RandomInitializer):
    """Values equally likely anywhere in [minval, maxval)."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        return random.uniform(shape, minval=self.minval, maxval=self.maxval, seed=self.seed, dtype=dtype)


_MODES = {"fan_in", "fan_out", "fan_avg"}
_DISTRIBUTIONS = {"uniform", "truncated_normal", "untruncated_normal"}
_TRUNCATED_STDDEV = 0.87962566103423978  # of a standard normal cut at two standard deviations


@registry.register(MODULE)
class VarianceScaling(RandomInitializer):
    """Draws with variance scale / n, so that signals keep their size through layers; n is made of the weight's fans.

    Args:
        scale: Positive number.
        mode: n is "fan_in" (inputs per output), "fan_out" (outputs per input) or "fan_avg" (the mean of both).
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: int, SeedGenerator or None.
        input_axes, output_axes: The axes of the shape that count as inputs and outputs; by default the last axis is
            the outputs, the one before the inputs, and the others belong to both.

    Raises:
        ValueError: for a scale <= 0, an unknown mode or distribution.
    """

    def __init__(
        self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None, input_axes=None, output_axes=None
    ):
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in _MODES:
            raise ValueError(f"Invalid `mode` argument: {mode}. Please use one of {_MODES}")
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(f"Invalid `distribution` argument: {distribution}.Please use one of {_DISTRIBUTIONS}")
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, minval=-limit, maxval=limit, dtype=dtype, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, stddev=math.sqrt(variance), dtype=dtype, seed=self.seed)
        stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
        return random.truncated_normal(shape, stddev=stddev, dtype=dtype, seed=self.seed)


class _Scaled(VarianceScaling):
    """A VarianceScaling with its first three arguments settled by the class."""

    settled = ()

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(*self.settled, seed=seed, input_axes=input_axes, output_axes=output_axes)

    _config_names = ("seed", "input_axes", "output_axes")


@registry.register(MODULE)
class GlorotUniform(_Scaled):
    """Uniform in [-limit, limit] with limit = sqrt(6 / (fan_in + fan_out)): the default of most layers.

    >>> import fastkeras as keras
    >>> values = keras.initializers.GlorotUniform(seed=3)((3, 3))
    >>> bool(keras.ops.all(keras.ops.abs(values) <= 1.0))
    True
    """

    settled = (1.0, "fan_avg", "uniform")


@registry.register(MODULE)
class GlorotNormal(_Scaled):
    """Truncated normal with variance 2 / (fan_in + fan_out)."""

    settled = (1.0, "fan_avg", "truncated_normal")


@registry.register(MODULE)
class LecunNormal(_Scaled):
    """Truncated normal with variance 1 / fan_in."""

    settled = (1.0, "fan_in", "truncated_normal")


@registry.register(MODULE)
class LecunUniform(_Scaled):
    """Uniform with variance 1 / fan_in."""

    settled = (1.0, "fan_in", "uniform")


@registry.register(MODULE)
class HeNormal(_Scaled):
    """Truncated normal with variance 2 / fan_in: made for relu."""

    settled = (2.0, "fan_in", "truncated_normal")


@registry.register(MODULE)
class HeUniform(_Scaled):
    """Uniform with variance 2 / fan_in: made for relu."""

    settled = (2.0, "fan_in", "uniform")


def compute_fans(shape, input_axes=None, output_axes=None):
    """(inputs per output, outputs per input) of a weight of this shape."""
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        return (shape[0],) * 2 if shape else (1, 1)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


@registry.register(MODULE, names=("OrthogonalInitializer",))
class Orthogonal(RandomInitializer):
    """`gain` times a random matrix with orthonormal rows or columns (all axes but the last are taken as one).

    Raises:
        ValueError: on a call with a shape of fewer than two axes.
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = random.normal((max(rows, columns), min(rows, columns)), seed=self.seed, dtype=dtype)
        # NumPy's QR: this runs once per weight, and outside of any trace.
        q, r = np.linalg.qr(normal.numpy())
        q = q * np.sign(np.diag(r))
        values = (q.T if rows < columns else q).reshape(shape)
        return ops.convert_to_tensor(self.gain * values, dtype=normal.dtype)
