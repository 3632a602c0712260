"""Training: the steps of a model and the loops that run them over data."""

from fastkeras.training.trainer import Trainer

__all__ = ["Trainer"]
