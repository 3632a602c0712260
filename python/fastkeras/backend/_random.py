"""Random tensors and variables."""

from fastkeras import ops, random
from fastkeras.backend._values import variable
from fastkeras.config import floatx


def dropout(x, level, noise_shape=None, seed=None):
    """Values set to zero with probability `level`, the others scaled up."""
    return random.dropout(x, level, noise_shape=noise_shape, seed=seed)


def random_bernoulli(shape, p=0.0, dtype=None, seed=None):
    """Ones with probability `p`."""
    return ops.cast(random.uniform(shape, seed=seed) < p, dtype or floatx())


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal values."""
    return random.normal(shape, mean, stddev, dtype, seed)


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    """A variable of normal values."""
    return variable(random.normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Uniform values."""
    return random.uniform(shape, minval, maxval, dtype, seed)


def random_uniform_variable(shape, low, high, dtype=None, name=None, seed=None):
    """A variable of uniform values."""
    return variable(random.uniform(shape, low, high, dtype, seed), dtype, name)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal values within two standard deviations."""
    return random.truncated_normal(shape, mean, stddev, dtype, seed)
