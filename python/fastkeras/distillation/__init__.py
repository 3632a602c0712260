"""keras.distillation: a model learns from the outputs, or from the layers, of another one."""

from fastkeras.distillation.distiller import Distiller as Distiller
from fastkeras.distillation.losses import DistillationLoss as DistillationLoss
from fastkeras.distillation.losses import FeatureDistillation as FeatureDistillation
from fastkeras.distillation.losses import LogitsDistillation as LogitsDistillation
