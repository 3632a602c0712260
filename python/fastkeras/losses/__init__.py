"""Losses: functions of per-sample values, classes that weigh and reduce them, and `get` by name."""

from fastkeras import registry
from fastkeras.losses.loss import Loss as Loss
from fastkeras.losses.loss import LossFunctionWrapper as LossFunctionWrapper
from fastkeras.losses.margin import CategoricalHinge as CategoricalHinge
from fastkeras.losses.margin import Circle as Circle
from fastkeras.losses.margin import Hinge as Hinge
from fastkeras.losses.margin import SquaredHinge as SquaredHinge
from fastkeras.losses.margin import categorical_hinge as categorical_hinge
from fastkeras.losses.margin import circle as circle
from fastkeras.losses.margin import hinge as hinge
from fastkeras.losses.margin import squared_hinge as squared_hinge
from fastkeras.losses.overlap import Dice as Dice
from fastkeras.losses.overlap import Tversky as Tversky
from fastkeras.losses.overlap import dice as dice
from fastkeras.losses.overlap import tversky as tversky
from fastkeras.losses.probabilistic import BinaryCrossentropy as BinaryCrossentropy
from fastkeras.losses.probabilistic import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from fastkeras.losses.probabilistic import CategoricalCrossentropy as CategoricalCrossentropy
from fastkeras.losses.probabilistic import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
from fastkeras.losses.probabilistic import CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy
from fastkeras.losses.probabilistic import KLDivergence as KLDivergence
from fastkeras.losses.probabilistic import Poisson as Poisson
from fastkeras.losses.probabilistic import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from fastkeras.losses.probabilistic import binary_crossentropy as binary_crossentropy
from fastkeras.losses.probabilistic import binary_focal_crossentropy as binary_focal_crossentropy
from fastkeras.losses.probabilistic import categorical_crossentropy as categorical_crossentropy
from fastkeras.losses.probabilistic import categorical_focal_crossentropy as categorical_focal_crossentropy
from fastkeras.losses.probabilistic import (
    categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
)
from fastkeras.losses.probabilistic import kl_divergence as kl_divergence
from fastkeras.losses.probabilistic import poisson as poisson
from fastkeras.losses.probabilistic import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from fastkeras.losses.regression import CosineSimilarity as CosineSimilarity
from fastkeras.losses.regression import Huber as Huber
from fastkeras.losses.regression import LogCosh as LogCosh
from fastkeras.losses.regression import MeanAbsoluteError as MeanAbsoluteError
from fastkeras.losses.regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from fastkeras.losses.regression import MeanSquaredError as MeanSquaredError
from fastkeras.losses.regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from fastkeras.losses.regression import cosine_similarity as cosine_similarity
from fastkeras.losses.regression import huber as huber
from fastkeras.losses.regression import log_cosh as log_cosh
from fastkeras.losses.regression import mean_absolute_error as mean_absolute_error
from fastkeras.losses.regression import mean_absolute_percentage_error as mean_absolute_percentage_error
from fastkeras.losses.regression import mean_squared_error as mean_squared_error
from fastkeras.losses.regression import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from fastkeras.losses.sequences import CTC as CTC
from fastkeras.losses.sequences import ctc as ctc
from fastkeras.registry.table import path_of

# Names that tf.keras still offers for the same functions.
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh


class Reduction:
    """Names of reductions, as tf.keras spells them."""

    AUTO = "auto"  # no loss takes it any more, in Keras 3 neither
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls):
        return (cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key):
        if key not in cls.all():
            raise ValueError(f'Invalid Reduction Key: {key}. Expected keys are "{cls.all()}"')


def get(identifier):
    """The loss for a name, a config, a class or an instance.

    Raises:
        ValueError: when `identifier` is none of these.

    >>> import fastkeras as keras
    >>> keras.losses.get("mse") is keras.losses.mean_squared_error
    True
    """
    return registry.get("keras.losses", identifier, "loss")


def serialize(loss):
    """The config of a loss: a function's is its name within a config."""
    return registry.serialize_keras_object(loss)


def deserialize(name, custom_objects=None):
    """The loss for a config made by `serialize`, or for a name."""
    return registry.deserialize("keras.losses", name, custom_objects)


def is_loss(thing):
    """Is `thing` one of the library's losses (function, or instance of a class)?"""
    return "keras.losses" in (path_of(thing)[0], path_of(type(thing))[0])
