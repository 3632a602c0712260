"""Tensors, variables and the values in them."""

import numpy as np

from fastkeras import ops
from fastkeras.config import floatx
from fastkeras.engine import Variable, auto_name, convert_to_numpy, convert_to_tensor
from fastkeras.engine.config import standardize_dtype


def get_uid(prefix=""):
    """A number for the next object called `prefix`, from 1 on."""
    name = auto_name(prefix)
    return 1 if name == prefix else int(name.rsplit("_", 1)[1]) + 1


def batch_get_value(tensors):
    """The values of tensors as arrays."""
    return [get_value(tensor) for tensor in tensors]


def batch_set_value(tuples):
    """Assign `(variable, value)` pairs."""
    for variable, value in tuples:
        variable.assign(value)


def cast_to_floatx(x):
    """Values as floatx: an array stays an array."""
    return np.asarray(x, dtype=floatx()) if isinstance(x, (np.ndarray, int, float, list)) else ops.cast(x, floatx())


def constant(value, dtype=None, shape=None, name=None):
    """A tensor of `value`."""
    tensor = convert_to_tensor(value, dtype)
    return tensor if shape is None else ops.broadcast_to(tensor, shape)


def dtype(x):
    """Name of the dtype."""
    return standardize_dtype(x.dtype)


def eval(x):
    """The value as an array."""
    return get_value(x)


def eye(size, dtype=None, name=None):
    """Identity matrix."""
    return ops.eye(size, dtype=dtype or floatx())


def get_value(x):
    """The value as an array."""
    return convert_to_numpy(x)


def moving_average_update(x, value, momentum):
    """`x = momentum x + (1 - momentum) value`, for a variable `x`."""
    return x.assign(x * momentum + value * (1.0 - momentum))


def ones(shape, dtype=None, name=None):
    """A tensor of ones."""
    return ops.ones(shape, dtype=dtype or floatx())


def ones_like(x, dtype=None, name=None):
    """Ones in the shape of `x`."""
    return ops.ones_like(x, dtype=dtype)


def set_value(x, value):
    """Assign to a variable."""
    x.assign(value)


def stop_gradient(variables):
    """The values (of one tensor or of a list), taken for constants by gradients."""
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(variable) for variable in variables]
    return ops.stop_gradient(variables)


def to_dense(tensor):
    """The tensor: there are no sparse ones."""
    return tensor


def is_sparse(tensor):
    """Never: there are no sparse tensors."""
    return False


def update(x, new_x):
    """Assign."""
    return x.assign(new_x)


def update_add(x, increment):
    """Add to a variable."""
    return x.assign_add(increment)


def update_sub(x, decrement):
    """Subtract from a variable."""
    return x.assign_sub(decrement)


def variable(value, dtype=None, name=None, constraint=None):
    """A variable."""
    made = Variable(convert_to_tensor(value, dtype or floatx()), name=name)
    made.constraint = constraint
    return made


def zeros(shape, dtype=None, name=None):
    """A tensor of zeros."""
    return ops.zeros(shape, dtype=dtype or floatx())


def zeros_like(x, dtype=None, name=None):
    """Zeros in the shape of `x`."""
    return ops.zeros_like(x, dtype=dtype)
