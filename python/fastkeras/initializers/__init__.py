"""Initializers: functions of a shape and a dtype that give a weight its first values."""

# ruff: noqa: F401
import numpy as np

from fastkeras import ops, registry
from fastkeras.engine import Tensor, Variable
from fastkeras.engine import config as engine_config
from fastkeras.initializers.constants import MODULE, STFT, Constant, Identity, Initializer, Ones, Zeros
from fastkeras.initializers.draws import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    compute_fans,
)

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = IdentityInitializer = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
stft = STFTInitializer = STFT
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros


def get(identifier):
    """The initializer for a name, a config, a class, an instance, an array of values or a callable."""
    if isinstance(identifier, (Tensor, Variable, np.ndarray, np.generic)):
        return _values(identifier)
    return registry.get(MODULE, identifier, "initializer")


def _values(array):
    def initialize(shape, dtype=None):
        if tuple(shape) != tuple(array.shape):
            raise ValueError(
                f"Expected `shape` to be {array.shape} for direct tensor as initializer. Received shape={shape}"
            )
        return ops.cast(array, engine_config.standardize_dtype(dtype))

    return initialize


def serialize(initializer):
    """The config of an initializer."""
    return registry.serialize_keras_object(initializer)


def deserialize(config, custom_objects=None):
    """The initializer that a config describes."""
    return registry.deserialize(MODULE, config, custom_objects)
