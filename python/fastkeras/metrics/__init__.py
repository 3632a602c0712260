"""Metrics, the functions some are the mean of, and `get` by name."""

from fastkeras import registry
from fastkeras.losses import BCE as BCE
from fastkeras.losses import KLD as KLD
from fastkeras.losses import MAE as MAE
from fastkeras.losses import MAPE as MAPE
from fastkeras.losses import MSE as MSE
from fastkeras.losses import MSLE as MSLE
from fastkeras.losses import bce as bce
from fastkeras.losses import binary_crossentropy as binary_crossentropy
from fastkeras.losses import binary_focal_crossentropy as binary_focal_crossentropy
from fastkeras.losses import categorical_crossentropy as categorical_crossentropy
from fastkeras.losses import categorical_focal_crossentropy as categorical_focal_crossentropy
from fastkeras.losses import categorical_hinge as categorical_hinge
from fastkeras.losses import hinge as hinge
from fastkeras.losses import huber as huber
from fastkeras.losses import kl_divergence as kl_divergence
from fastkeras.losses import kld as kld
from fastkeras.losses import kullback_leibler_divergence as kullback_leibler_divergence
from fastkeras.losses import log_cosh as log_cosh
from fastkeras.losses import logcosh as logcosh
from fastkeras.losses import mae as mae
from fastkeras.losses import mape as mape
from fastkeras.losses import mean_absolute_error as mean_absolute_error
from fastkeras.losses import mean_absolute_percentage_error as mean_absolute_percentage_error
from fastkeras.losses import mean_squared_error as mean_squared_error
from fastkeras.losses import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from fastkeras.losses import mse as mse
from fastkeras.losses import msle as msle
from fastkeras.losses import poisson as poisson
from fastkeras.losses import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from fastkeras.losses import squared_hinge as squared_hinge
from fastkeras.metrics.accuracy import Accuracy as Accuracy
from fastkeras.metrics.accuracy import BinaryAccuracy as BinaryAccuracy
from fastkeras.metrics.accuracy import CategoricalAccuracy as CategoricalAccuracy
from fastkeras.metrics.accuracy import SparseCategoricalAccuracy as SparseCategoricalAccuracy
from fastkeras.metrics.accuracy import SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy
from fastkeras.metrics.accuracy import TopKCategoricalAccuracy as TopKCategoricalAccuracy
from fastkeras.metrics.accuracy import binary_accuracy as binary_accuracy
from fastkeras.metrics.accuracy import categorical_accuracy as categorical_accuracy
from fastkeras.metrics.accuracy import sparse_categorical_accuracy as sparse_categorical_accuracy
from fastkeras.metrics.accuracy import sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy
from fastkeras.metrics.accuracy import top_k_categorical_accuracy as top_k_categorical_accuracy
from fastkeras.metrics.auc import AUC as AUC
from fastkeras.metrics.confusion import FalseNegatives as FalseNegatives
from fastkeras.metrics.confusion import FalsePositives as FalsePositives
from fastkeras.metrics.confusion import Precision as Precision
from fastkeras.metrics.confusion import PrecisionAtRecall as PrecisionAtRecall
from fastkeras.metrics.confusion import Recall as Recall
from fastkeras.metrics.confusion import RecallAtPrecision as RecallAtPrecision
from fastkeras.metrics.confusion import SensitivityAtSpecificity as SensitivityAtSpecificity
from fastkeras.metrics.confusion import SpecificityAtSensitivity as SpecificityAtSensitivity
from fastkeras.metrics.confusion import TrueNegatives as TrueNegatives
from fastkeras.metrics.confusion import TruePositives as TruePositives
from fastkeras.metrics.f_score import F1Score as F1Score
from fastkeras.metrics.f_score import FBetaScore as FBetaScore
from fastkeras.metrics.iou import BinaryIoU as BinaryIoU
from fastkeras.metrics.iou import IoU as IoU
from fastkeras.metrics.iou import MeanIoU as MeanIoU
from fastkeras.metrics.iou import OneHotIoU as OneHotIoU
from fastkeras.metrics.iou import OneHotMeanIoU as OneHotMeanIoU
from fastkeras.metrics.metric import Metric as Metric
from fastkeras.metrics.probabilistic import BinaryCrossentropy as BinaryCrossentropy
from fastkeras.metrics.probabilistic import CategoricalCrossentropy as CategoricalCrossentropy
from fastkeras.metrics.probabilistic import CategoricalHinge as CategoricalHinge
from fastkeras.metrics.probabilistic import ConcordanceCorrelation as ConcordanceCorrelation
from fastkeras.metrics.probabilistic import Hinge as Hinge
from fastkeras.metrics.probabilistic import KLDivergence as KLDivergence
from fastkeras.metrics.probabilistic import PearsonCorrelation as PearsonCorrelation
from fastkeras.metrics.probabilistic import Poisson as Poisson
from fastkeras.metrics.probabilistic import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from fastkeras.metrics.probabilistic import SquaredHinge as SquaredHinge
from fastkeras.metrics.probabilistic import concordance_correlation as concordance_correlation
from fastkeras.metrics.probabilistic import pearson_correlation as pearson_correlation
from fastkeras.metrics.reduction import Mean as Mean
from fastkeras.metrics.reduction import MeanMetricWrapper as MeanMetricWrapper
from fastkeras.metrics.reduction import Sum as Sum
from fastkeras.metrics.regression import CosineSimilarity as CosineSimilarity
from fastkeras.metrics.regression import LogCoshError as LogCoshError
from fastkeras.metrics.regression import MeanAbsoluteError as MeanAbsoluteError
from fastkeras.metrics.regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from fastkeras.metrics.regression import MeanSquaredError as MeanSquaredError
from fastkeras.metrics.regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from fastkeras.metrics.regression import R2Score as R2Score
from fastkeras.metrics.regression import RootMeanSquaredError as RootMeanSquaredError


def get(identifier):
    """The metric for a name, a config, a class or an instance.

    Raises:
        ValueError: when `identifier` is none of these.

    >>> import fastkeras as keras
    >>> keras.metrics.get("mse")
    <MeanSquaredError name=mean_squared_error>
    """
    return registry.get("keras.metrics", identifier, "metric")


def serialize(metric):
    """The config of a metric."""
    return registry.serialize_keras_object(metric)


def deserialize(config, custom_objects=None):
    """The metric for a config made by `serialize`, or for a name."""
    return registry.deserialize("keras.metrics", config, custom_objects)
