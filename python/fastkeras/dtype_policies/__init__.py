"""DTypePolicy: in which dtype a layer keeps its variables, in which it computes, and how its weights are quantized."""

from fastkeras.dtype_policies.lookup import deserialize as deserialize
from fastkeras.dtype_policies.lookup import get as get
from fastkeras.dtype_policies.lookup import serialize as serialize
from fastkeras.dtype_policies.lookup import set_dtype_policy as set_dtype_policy
from fastkeras.dtype_policies.policy import DTypePolicy as DTypePolicy
from fastkeras.dtype_policies.policy import FloatDTypePolicy as FloatDTypePolicy
from fastkeras.dtype_policies.policy import Policy as Policy
from fastkeras.dtype_policies.policy import dtype_policy as dtype_policy
from fastkeras.dtype_policies.policy import is_float as is_float
from fastkeras.dtype_policies.policy_map import DTypePolicyMap as DTypePolicyMap
from fastkeras.dtype_policies.quantized import MODES as MODES
from fastkeras.dtype_policies.quantized import Int4DTypePolicy as Int4DTypePolicy
from fastkeras.dtype_policies.quantized import QuantizedDTypePolicy as QuantizedDTypePolicy
from fastkeras.dtype_policies.quantized import QuantizedFloat8DTypePolicy as QuantizedFloat8DTypePolicy
