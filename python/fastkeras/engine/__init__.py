"""Tensors, variables, tracing, compiled functions, gradients. The only package that imports the C++ module."""

from fastkeras.engine import config as config
from fastkeras.engine import nest as nest
from fastkeras.engine.naming import auto_name as auto_name
from fastkeras.engine.naming import clear_names as clear_names
from fastkeras.engine.naming import name_scope as name_scope
from fastkeras.engine.naming import to_snake_case as to_snake_case
from fastkeras.engine.naming import unique_object_name as unique_object_name
from fastkeras.engine.precision import tell_of_mixed as tell_of_mixed
from fastkeras.engine.remat import RematScope as RematScope
from fastkeras.engine.remat import remat as remat
from fastkeras.engine.stateless import StatelessScope as StatelessScope
from fastkeras.engine.tape import GradientTape as GradientTape
from fastkeras.engine.tape import taping as taping
from fastkeras.engine.tensor import Tensor as Tensor
from fastkeras.engine.tensor import cast as cast
from fastkeras.engine.tensor import convert_to_numpy as convert_to_numpy
from fastkeras.engine.tensor import convert_to_tensor as convert_to_tensor
from fastkeras.engine.tensor import is_symbolic as is_symbolic
from fastkeras.engine.tensor import is_tensor as is_tensor
from fastkeras.engine.tensor import power as power
from fastkeras.engine.tensor import primitive as primitive
from fastkeras.engine.tensor import primitive_names as primitive_names
from fastkeras.engine.tensor import producer as producer
from fastkeras.engine.tensor import run_on_arrays as run_on_arrays
from fastkeras.engine.tensor import shape as shape
from fastkeras.engine.tensor import stop_gradient as stop_gradient
from fastkeras.engine.trace import Compiled as Compiled
from fastkeras.engine.trace import Function as Function
from fastkeras.engine.trace import TensorSpec as TensorSpec
from fastkeras.engine.trace import abstract_eval as abstract_eval
from fastkeras.engine.trace import init_scope as init_scope
from fastkeras.engine.trace import tracing as tracing
from fastkeras.engine.variable import AutocastScope as AutocastScope
from fastkeras.engine.variable import Variable as Variable
from fastkeras.engine.variable import autocast_dtype as autocast_dtype

from fastkeras.engine.keras_tensor import KerasTensor as KerasTensor  # isort: skip
from fastkeras.engine.operation import Node as Node  # isort: skip
from fastkeras.engine.operation import Operation as Operation  # isort: skip
from fastkeras.engine.operation import compute_output_spec as compute_output_spec  # isort: skip
from fastkeras.engine.operation import op as op  # isort: skip
from fastkeras.engine.operation import operation_class as operation_class  # isort: skip
