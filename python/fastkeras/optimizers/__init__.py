"""Optimizers, and `get` by name."""

from fastkeras import registry
from fastkeras.optimizers import legacy as legacy
from fastkeras.optimizers import schedules as schedules
from fastkeras.optimizers.adam import Adam as Adam
from fastkeras.optimizers.adam import AdamW as AdamW
from fastkeras.optimizers.adaptive import Adadelta as Adadelta
from fastkeras.optimizers.adaptive import Adagrad as Adagrad
from fastkeras.optimizers.adaptive import Adamax as Adamax
from fastkeras.optimizers.adaptive import Lamb as Lamb
from fastkeras.optimizers.adaptive import Nadam as Nadam
from fastkeras.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer
from fastkeras.optimizers.multi import MultiOptimizer as MultiOptimizer
from fastkeras.optimizers.multi import OptimizerMap as OptimizerMap
from fastkeras.optimizers.muon import Muon as Muon
from fastkeras.optimizers.muon import ScheduleFreeAdamW as ScheduleFreeAdamW
from fastkeras.optimizers.optimizer import Optimizer as Optimizer
from fastkeras.optimizers.rmsprop import RMSprop as RMSprop
from fastkeras.optimizers.sgd import SGD as SGD
from fastkeras.optimizers.sparse import Adafactor as Adafactor
from fastkeras.optimizers.sparse import Ftrl as Ftrl
from fastkeras.optimizers.sparse import Lion as Lion
from fastkeras.registry.table import names_in

_NAMESPACE = "keras.optimizers"


def get(identifier):
    """The optimizer for a name (in any case), a config or an instance.

    Raises:
        ValueError: when `identifier` is none of these.

    >>> import fastkeras as keras
    >>> keras.optimizers.get("adam").beta_1
    0.9
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, (dict, str)):
        found = deserialize(identifier)
        if isinstance(found, Optimizer):
            return found
    raise ValueError(f"Could not interpret optimizer identifier: {identifier}")


def serialize(optimizer):
    """The config of an optimizer."""
    return registry.serialize_keras_object(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer for a config made by `serialize`, or for a name; names of classes are matched in any case."""
    spelled = {name.lower(): name for name in names_in(_NAMESPACE)}
    if isinstance(config, str):
        config = spelled.get(config.lower(), config)
    else:
        name = config["class_name"]
        config = {**config, "class_name": spelled.get(name.lower(), name)}
    return registry.deserialize(_NAMESPACE, config, custom_objects)
