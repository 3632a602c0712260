"""Layers that make training harder so that it generalises: noise, dropout, activity penalties."""

import math

from fastkeras import ops, random, registry, regularizers
from fastkeras.engine import config
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.layer import Layer

_register = registry.register("keras.layers")


class _Noise(Layer):
    """Acts in training only, with a strength between 0 and 1 given by the attribute called `strength`."""

    built = True
    strength = "rate"

    def __init__(self, amount, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= amount <= 1:
            raise ValueError(
                f"Invalid value received for argument `{self.strength}`. Expected a float value between 0 and 1. "
                f"Received: {self.strength}={amount}"
            )
        setattr(self, self.strength, amount)
        self.seed = seed
        if amount > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs, training=False):
        return self._disturb(inputs) if training and getattr(self, self.strength) > 0 else inputs

    def compute_output_shape(self, input_shape):
        return input_shape


@_register
class Dropout(_Noise):
    """Sets values to 0 with probability `rate` and scales the others by 1 / (1 - rate), in training.

    Args:
        rate: number in [0, 1].
        noise_shape: shape of the dropped pattern, broadcast to the input; None for the input's size on that axis.
        seed: int; the same seed drops the same values.

    Raises:
        ValueError: for another rate or a noise shape that is no shape.

    >>> import fastkeras as keras
    >>> keras.layers.Dropout(0.5)(keras.ops.ones((1, 2))).numpy().tolist()  # not in training
    [[1.0, 1.0]]
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        self.noise_shape = _validate_noise_shape(noise_shape)

    def _disturb(self, inputs):
        return random.dropout(inputs, self.rate, noise_shape=self._get_noise_shape(inputs), seed=self.seed_generator)

    def _get_noise_shape(self, inputs):
        return self.noise_shape


def _validate_noise_shape(noise_shape):
    if noise_shape is None:
        return None
    start = "Invalid value received for argument `noise_shape`. Expected "
    if isinstance(noise_shape, str):
        raise ValueError(f"{start}a tuple or list of integers. Received: noise_shape={noise_shape}")
    try:
        noise_shape = tuple(noise_shape)
    except TypeError:
        raise ValueError(f"{start}an iterable of integers (e.g., a tuple or list). Received: noise_shape={noise_shape}")
    for i, size in enumerate(noise_shape):
        if size is not None and not isinstance(size, int):
            raise ValueError(
                f"{start}all elements to be integers or None. Received element at index {i}: {size} "
                f"(type: {type(size).__name__})"
            )
        if size is not None and size <= 0:
            raise ValueError(
                f"{start}all dimensions to be positive integers or None. Received negative or zero value at index "
                f"{i}: {size}"
            )
    return noise_shape


class _SpatialDropout(Dropout):
    """Drops whole feature maps: one decision per sample and channel."""

    rank = None
    _config_names = ()

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _get_noise_shape(self, inputs):
        shape, ones = inputs.shape, (1,) * self.rank
        return (*shape[:2], *ones) if self.data_format == "channels_first" else (shape[0], *ones, shape[-1])

    def get_config(self):
        config = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}
        return config if self.rank == 1 else {**config, "data_format": self.data_format}


@_register
class SpatialDropout1D(_SpatialDropout):
    """Drops whole channels of `(batch, steps, channels)` in training, each with probability `rate`."""

    rank = 1
    _config_names = ()

    def __init__(self, rate, seed=None, name=None, dtype=None):
        super().__init__(rate, data_format="channels_last", seed=seed, name=name, dtype=dtype)


@_register
class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of `(batch, rows, columns, channels)` in training, each with probability `rate`."""

    rank = 2


@_register
class SpatialDropout3D(_SpatialDropout):
    """Drops whole channels of `(batch, depth, rows, columns, channels)` in training, each with probability `rate`."""

    rank = 3


@_register
class AlphaDropout(_Noise):
    """Dropout that keeps mean and variance behind selu: dropped values take selu's negative limit.

    Args:
        rate: number in [0, 1].
        noise_shape: shape of the dropped pattern, None for the input's size on that axis.
        seed: int.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        self.noise_shape = noise_shape

    def _disturb(self, inputs):
        limit = -1.0507009873554805 * 1.6732632423543772  # of selu at minus infinity
        shape = self.noise_shape or (None,) * len(inputs.shape)
        shape = tuple(own if size is None else size for own, size in zip(inputs.shape, shape, strict=True))
        kept = ops.cast(ops.greater_equal(random.uniform(shape, seed=self.seed_generator), self.rate), inputs.dtype)
        scale = ((1 - self.rate) * (1 + self.rate * limit**2)) ** -0.5
        return scale * (inputs * kept + limit * (1 - kept)) - scale * limit * self.rate


@_register
class GaussianDropout(_Noise):
    """Multiplies by normal noise of mean 1 and variance rate / (1 - rate), in training.

    Raises:
        ValueError: for a rate outside of [0, 1].
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)

    def _disturb(self, inputs):
        stddev = math.sqrt(self.rate / (1.0 - self.rate)) if self.rate < 1 else math.inf
        return inputs * random.normal(
            inputs.shape, mean=1.0, stddev=stddev, dtype=self.compute_dtype, seed=self.seed_generator
        )


@_register
class GaussianNoise(_Noise):
    """Adds normal noise of mean 0 and standard deviation `stddev`, in training.

    Raises:
        ValueError: for a stddev outside of [0, 1].
    """

    strength = "stddev"

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(stddev, seed=seed, **kwargs)

    def _disturb(self, inputs):
        return inputs + random.normal(
            inputs.shape, stddev=self.stddev, dtype=self.compute_dtype, seed=self.seed_generator
        )


@_register
class ActivityRegularization(Layer):
    """The inputs, unchanged, with l1 * sum(|x|) + l2 * sum(x^2), per sample, added to the loss.

    >>> import fastkeras as keras
    >>> layer = keras.layers.ActivityRegularization(l1=0.5)
    >>> _ = layer(keras.ops.ones((2, 3)))
    >>> [float(x) for x in layer.losses]
    [1.5]
    """

    built = True

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        del config["activity_regularizer"]
        return config
