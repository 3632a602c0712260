"""keras.backend: what Keras 3 kept, and the functions of Keras 2 that scripts still call, on top of fastkeras.ops."""

import numpy as np

from fastkeras import ops, random
from fastkeras.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from fastkeras.engine import Variable, auto_name, convert_to_numpy, convert_to_tensor, name_scope
from fastkeras.engine.config import is_float_dtype, is_int_dtype, result_type, standardize_dtype
from fastkeras.ops import (
    abs,
    arange,
    cast,
    cos,
    cumprod,
    cumsum,
    elu,
    exp,
    expand_dims,
    log,
    round,
    shape,
    sigmoid,
    sign,
    sin,
    softmax,
    softplus,
    softsign,
    sqrt,
    square,
    squeeze,
    stack,
    tanh,
    transpose,
)
from fastkeras.utils.session import clear_session, is_keras_tensor

__all__ = [
    "abs",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "backend",
    "batch_dot",
    "batch_flatten",
    "batch_get_value",
    "batch_set_value",
    "bias_add",
    "binary_crossentropy",
    "cast",
    "cast_to_floatx",
    "categorical_crossentropy",
    "clear_session",
    "clip",
    "concatenate",
    "constant",
    "cos",
    "count_params",
    "cumprod",
    "cumsum",
    "dot",
    "dropout",
    "dtype",
    "elu",
    "epsilon",
    "equal",
    "eval",
    "exp",
    "expand_dims",
    "eye",
    "flatten",
    "floatx",
    "gather",
    "get_uid",
    "get_value",
    "greater",
    "greater_equal",
    "hard_sigmoid",
    "image_data_format",
    "in_top_k",
    "int_shape",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "is_sparse",
    "l2_normalize",
    "less",
    "less_equal",
    "log",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "moving_average_update",
    "name_scope",
    "ndim",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "permute_dimensions",
    "pow",
    "prod",
    "random_bernoulli",
    "random_normal",
    "random_normal_variable",
    "random_uniform",
    "random_uniform_variable",
    "relu",
    "repeat",
    "repeat_elements",
    "reshape",
    "result_type",
    "reverse",
    "round",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
    "shape",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "standardize_dtype",
    "std",
    "stop_gradient",
    "sum",
    "switch",
    "tanh",
    "tile",
    "to_dense",
    "transpose",
    "truncated_normal",
    "update",
    "update_add",
    "update_sub",
    "var",
    "variable",
    "zeros",
    "zeros_like",
]


def get_uid(prefix=""):
    """A number for the next object called `prefix`, from 1 on."""
    name = auto_name(prefix)
    return 1 if name == prefix else int(name.rsplit("_", 1)[1]) + 1


# --- reductions ------------------------------------------------------------------------------------------------------


def all(x, axis=None, keepdims=False):
    """Are all values true?"""
    return ops.all(ops.cast(x, "bool"), axis=axis, keepdims=keepdims)


def any(x, axis=None, keepdims=False):
    """Is any value true?"""
    return ops.any(ops.cast(x, "bool"), axis=axis, keepdims=keepdims)


def argmax(x, axis=-1):
    """Index of the largest value."""
    return ops.argmax(x, axis=axis)


def argmin(x, axis=-1):
    """Index of the smallest value."""
    return ops.argmin(x, axis=axis)


def max(x, axis=None, keepdims=False):
    """Largest value."""
    return ops.max(x, axis=axis, keepdims=keepdims)


def mean(x, axis=None, keepdims=False):
    """Mean, of integers and booleans as well."""
    return ops.mean(x, axis=axis, keepdims=keepdims)


def min(x, axis=None, keepdims=False):
    """Smallest value."""
    return ops.min(x, axis=axis, keepdims=keepdims)


def prod(x, axis=None, keepdims=False):
    """Product."""
    return ops.prod(x, axis=axis, keepdims=keepdims)


def std(x, axis=None, keepdims=False):
    """Standard deviation."""
    return ops.std(x, axis=axis, keepdims=keepdims)


def sum(x, axis=None, keepdims=False):
    """Sum."""
    return ops.sum(x, axis=axis, keepdims=keepdims)


def var(x, axis=None, keepdims=False):
    """Variance."""
    return ops.var(x, axis=axis, keepdims=keepdims)


# --- elementwise comparisons ----------------------------------------------------------------------------------------


def equal(x, y):
    """`x == y`, elementwise."""
    return ops.equal(x, y)


def greater(x, y):
    """`x > y`, elementwise."""
    return ops.greater(x, y)


def greater_equal(x, y):
    """`x >= y`, elementwise."""
    return ops.greater_equal(x, y)


def less(x, y):
    """`x < y`, elementwise."""
    return ops.less(x, y)


def less_equal(x, y):
    """`x <= y`, elementwise."""
    return ops.less_equal(x, y)


def maximum(x, y):
    """The larger of `x` and `y`, elementwise."""
    return ops.maximum(x, y)


def minimum(x, y):
    """The smaller of `x` and `y`, elementwise."""
    return ops.minimum(x, y)


def not_equal(x, y):
    """`x != y`, elementwise."""
    return ops.not_equal(x, y)


# --- values and shapes -----------------------------------------------------------------------------------------------


def batch_dot(x, y, axes=None):
    """Dot product of each sample of `x` with that of `y`, along `axes` (by default the last of x, the one before last
    of y); the samples are the first axis of both. A result of rank 1 gets a second axis.
    """
    x, y = convert_to_tensor(x), convert_to_tensor(y)
    if axes is None:
        axes = (x.ndim - 1, 1 if y.ndim == 2 else y.ndim - 2)
    axes = (axes, axes) if isinstance(axes, int) else axes
    first, second = (axis % tensor.ndim for axis, tensor in zip(axes, (x, y), strict=True))
    if 0 in (first, second):
        raise ValueError(f"[batch_dot] the first axis is that of the samples. Received: axes={axes}")
    x = ops.moveaxis(x, first, -1)
    y = ops.moveaxis(y, second, 1)
    x_shape, y_shape = tuple(x.shape), tuple(y.shape)
    product = ops.matmul(ops.reshape(x, (x_shape[0], -1, x_shape[-1])), ops.reshape(y, (y_shape[0], y_shape[1], -1)))
    return ops.reshape(product, (x_shape[0], *(x_shape[1:-1] + y_shape[2:] or (1,))))


def batch_flatten(x):
    """One row per sample."""
    return ops.reshape(x, (convert_to_tensor(x).shape[0], -1))


def batch_get_value(tensors):
    """The values of tensors as arrays."""
    return [get_value(tensor) for tensor in tensors]


def batch_set_value(tuples):
    """Assign `(variable, value)` pairs."""
    for variable, value in tuples:
        variable.assign(value)


def bias_add(x, bias, data_format=None):
    """Add a bias to the channels of `x`."""
    x, bias = convert_to_tensor(x), convert_to_tensor(bias)
    if (data_format or image_data_format()) == "channels_first" and x.ndim > 2:
        bias = ops.reshape(bias, (-1, *[1] * (x.ndim - 2)))
    return x + bias


def cast_to_floatx(x):
    """Values as floatx: an array stays an array."""
    return np.asarray(x, dtype=floatx()) if isinstance(x, (np.ndarray, int, float, list)) else ops.cast(x, floatx())


def clip(x, min_value, max_value):
    """Values limited to `[min_value, max_value]`; None is no limit."""
    low = -np.inf if min_value is None else min_value
    return ops.clip(x, low, np.inf if max_value is None else np.maximum(max_value, low))


def concatenate(tensors, axis=-1):
    """Tensors one after the other."""
    return ops.concatenate(tensors, axis=axis)


def constant(value, dtype=None, shape=None, name=None):
    """A tensor of `value`."""
    tensor = convert_to_tensor(value, dtype)
    return tensor if shape is None else ops.broadcast_to(tensor, shape)


def count_params(x):
    """Number of values."""
    return int(np.prod(x.shape))


def dot(x, y):
    """Product along the last axis of `x` and the one before last of `y`."""
    return ops.dot(x, y)


def dropout(x, level, noise_shape=None, seed=None):
    """Values set to zero with probability `level`, the others scaled up."""
    return random.dropout(x, level, noise_shape=noise_shape, seed=seed)


def dtype(x):
    """Name of the dtype."""
    return standardize_dtype(x.dtype)


def eval(x):
    """The value as an array."""
    return get_value(x)


def eye(size, dtype=None, name=None):
    """Identity matrix."""
    return ops.eye(size, dtype=dtype or floatx())


def flatten(x):
    """All values in one axis."""
    return ops.reshape(x, (-1,))


def gather(reference, indices):
    """Rows of `reference`."""
    return ops.take(reference, indices, axis=0)


def get_value(x):
    """The value as an array."""
    return convert_to_numpy(x)


def hard_sigmoid(x):
    """`clip(0.2 x + 0.5, 0, 1)`: that of Keras 2."""
    return ops.clip(convert_to_tensor(x) * 0.2 + 0.5, 0.0, 1.0)


def in_top_k(predictions, targets, k):
    """Is each target among the `k` largest predictions?"""
    return ops.in_top_k(targets, predictions, k)


def int_shape(x):
    """The shape as a tuple."""
    return tuple(x.shape)


def l2_normalize(x, axis=None):
    """`x / max(||x||, 1e-6)`."""
    x = convert_to_tensor(x)
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))


def moving_average_update(x, value, momentum):
    """`x = momentum x + (1 - momentum) value`, for a variable `x`."""
    return x.assign(x * momentum + value * (1.0 - momentum))


def ndim(x):
    """Number of axes."""
    return len(x.shape)


def one_hot(indices, num_classes):
    """One-hot rows."""
    return ops.one_hot(indices, num_classes)


def ones(shape, dtype=None, name=None):
    """A tensor of ones."""
    return ops.ones(shape, dtype=dtype or floatx())


def ones_like(x, dtype=None, name=None):
    """Ones in the shape of `x`."""
    return ops.ones_like(x, dtype=dtype)


def permute_dimensions(x, pattern):
    """Axes in another order."""
    return ops.transpose(x, pattern)


def pow(x, a):
    """Power."""
    return ops.power(x, a)


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """`x` above `threshold` (no more than `max_value`), `alpha (x - threshold)` below."""
    x = convert_to_tensor(x)
    below = alpha * (x - threshold)
    above = x if max_value is None else ops.minimum(x, max_value)
    return ops.where(x >= threshold, above, below)


def repeat(x, n):
    """(samples, features) to (samples, n, features)."""
    return ops.tile(ops.expand_dims(x, 1), (1, n, 1))


def repeat_elements(x, rep, axis):
    """Each element `rep` times."""
    return ops.repeat(x, rep, axis=axis)


def reshape(x, shape):
    """The same values in another shape."""
    return ops.reshape(x, shape)


def reverse(x, axes):
    """Axes in the other direction."""
    return ops.flip(x, axis=axes)


def set_value(x, value):
    """Assign to a variable."""
    x.assign(value)


def stop_gradient(variables):
    """The values (of one tensor or of a list), taken for constants by gradients."""
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(variable) for variable in variables]
    return ops.stop_gradient(variables)


def switch(condition, then_expression, else_expression):
    """One of two expressions, by a condition (for all, or elementwise)."""
    then_value = then_expression() if callable(then_expression) else then_expression
    else_value = else_expression() if callable(else_expression) else else_expression
    condition = ops.cast(condition, "bool")
    missing = convert_to_tensor(then_value).ndim - condition.ndim
    return ops.where(ops.reshape(condition, (*condition.shape, *[1] * missing)), then_value, else_value)


def tile(x, n):
    """`x` repeated `n` times along each axis."""
    return ops.tile(x, n)


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


# --- losses ----------------------------------------------------------------------------------------------------------


def binary_crossentropy(target, output, from_logits=False):
    """Elementwise binary crossentropy."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Crossentropy of one-hot targets, per sample."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1, ignore_class=None):
    """Crossentropy of integer targets, per sample; zero where the target is `ignore_class`."""
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)
    target = convert_to_tensor(target)
    valid = ops.not_equal(target, ignore_class)
    loss = ops.sparse_categorical_crossentropy(
        ops.where(valid, target, ops.zeros_like(target)), output, from_logits=from_logits, axis=axis
    )
    return ops.where(ops.reshape(valid, loss.shape), loss, ops.zeros_like(loss))


# --- random ----------------------------------------------------------------------------------------------------------


def random_bernoulli(shape, p=0.0, dtype=None, seed=None):
    """Ones with probability `p`."""
    return ops.cast(random.uniform(shape, seed=seed) < p, dtype or floatx())


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal values."""
    return random.normal(shape, mean, stddev, dtype, seed)


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    """A variable of normal values."""
    return variable(random.normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Uniform values."""
    return random.uniform(shape, minval, maxval, dtype, seed)


def random_uniform_variable(shape, low, high, dtype=None, name=None, seed=None):
    """A variable of uniform values."""
    return variable(random.uniform(shape, low, high, dtype, seed), dtype, name)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal values within two standard deviations."""
    return random.truncated_normal(shape, mean, stddev, dtype, seed)
