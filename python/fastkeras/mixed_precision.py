"""keras.mixed_precision: other names for dtype policies."""

from fastkeras.config import dtype_policy, set_dtype_policy
from fastkeras.dtype_policies import DTypePolicy

__all__ = ["DTypePolicy", "Policy", "dtype_policy", "global_policy", "set_dtype_policy", "set_global_policy"]

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy
