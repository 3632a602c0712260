"""keras.mixed_precision: other names for dtype policies, and LossScaleOptimizer."""

from fastkeras.config import dtype_policy, set_dtype_policy
from fastkeras.dtype_policies import DTypePolicy
from fastkeras.optimizers import LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy
