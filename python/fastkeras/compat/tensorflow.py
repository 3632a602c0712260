"""The part of TensorFlow that Keras scripts use, in terms of fastkeras.ops."""

import functools as _functools
import inspect as _inspect
import sys as _sys
import types as _types

from fastkeras import ops as _ops
from fastkeras import random as _random
from fastkeras.engine import GradientTape, Tensor, Variable, is_tensor
from fastkeras.engine import config as _config
from fastkeras.engine import convert_to_tensor as _convert_to_tensor
from fastkeras.engine import tracing as _tracing

__version__ = "2.21.0"  # the TensorFlow whose Keras is offered

_SAME = object()

# tf's name -> name in fastkeras.ops; _SAME: it has the same one. Arguments are renamed by _translated.
_OPS = {
    "": {
        **dict.fromkeys(
            """abs add argsort broadcast_to cast cos cosh cumsum divide einsum equal exp expand_dims eye floor
            greater greater_equal less less_equal linspace logical_and logical_not logical_or matmul maximum meshgrid
            minimum multiply negative norm not_equal ones ones_like reshape round shape sigmoid sign sin sinh sort
            sqrt square squeeze stack stop_gradient subtract tan tanh tensordot tile unstack vectorized_map where
            zeros zeros_like""".split(),
            _SAME,
        ),
        "concat": "concatenate",
        "clip_by_value": "clip",
        "identity": "copy",
        "pow": "power",
        "range": "arange",
        "reduce_all": "all",
        "reduce_any": "any",
        "reduce_max": "max",
        "reduce_mean": "mean",
        "reduce_min": "min",
        "reduce_prod": "prod",
        "reduce_sum": "sum",
        "reverse": "flip",
    },
    "math": {
        **dict.fromkeys(
            """abs add ceil cos cosh cumprod cumsum divide equal erf exp expm1 floor greater greater_equal is_finite
            is_inf is_nan less less_equal log log1p logical_and logical_not logical_or maximum minimum multiply
            negative not_equal reciprocal round rsqrt sigmoid sign sin sinh softplus sqrt square subtract tan tanh
            top_k""".split(),
            _SAME,
        ),
        "is_finite": "isfinite",
        "is_inf": "isinf",
        "is_nan": "isnan",
        "pow": "power",
        "reduce_logsumexp": "logsumexp",
        "reduce_max": "max",
        "reduce_mean": "mean",
        "reduce_min": "min",
        "reduce_prod": "prod",
        "reduce_std": "std",
        "reduce_sum": "sum",
        "reduce_variance": "var",
    },
    "nn": {
        **dict.fromkeys(
            """elu gelu leaky_relu log_softmax moments relu relu6 selu sigmoid silu softmax softplus softsign tanh
            top_k""".split(),
            _SAME,
        ),
        "swish": "silu",
    },
    "linalg": {
        **dict.fromkeys("cholesky det inv matmul norm qr solve svd trace".split(), _SAME),
        "diag_part": "diagonal",
    },
}

# Names of parameters in TensorFlow, by their position: ours are x, or x1 and x2.
_FIRST = ("input", "input_tensor", "tensor", "logits", "features", "value", "values", "condition", "a", "x")
_SECOND = ("b", "y")
_OTHERS = {
    "clip_by_value": {"t": "x", "clip_value_min": "x_min", "clip_value_max": "x_max"},
    "reshape": {"shape": "newshape"},
    "tile": {"multiples": "repeats"},
    "where": {"x": "x1", "y": "x2"},
}

DTYPES = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64")
newaxis = None


def _translated(function, others):
    """`function` with TensorFlow's keyword names; its `name=` labels a graph node there and has no meaning here."""
    names = list(_inspect.signature(function).parameters)
    renamed = dict.fromkeys(_FIRST, names[0])
    if len(names) > 1 and names[1] == "x2":
        renamed |= dict.fromkeys(_SECOND, "x2")
    renamed |= others

    @_functools.wraps(function)
    def translated(*args, name=None, **kwargs):
        return function(*args, **{key if key in names else renamed.get(key, key): v for key, v in kwargs.items()})

    return translated


def constant(value, dtype=None, shape=None, name="Const"):
    """A tensor of `value`."""
    tensor = _convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    return _ops.broadcast_to(tensor, shape) if tensor.size == 1 else _ops.reshape(tensor, shape)


def transpose(a, perm=None, conjugate=False, name="transpose"):
    """Axes in the order `perm`, or reversed."""
    if conjugate:
        raise ValueError("[tf.transpose] there are no complex tensors. Received: conjugate=True")
    return _ops.transpose(a, perm)


def matmul(a, b, transpose_a=False, transpose_b=False, name=None):
    """Matrix product, of transposes if asked."""
    a = _ops.swapaxes(a, -1, -2) if transpose_a else a
    return _ops.matmul(a, _ops.swapaxes(b, -1, -2) if transpose_b else b)


def argmax(input, axis=0, output_type="int64", name=None):
    """Index of the largest value; TensorFlow's default axis is the first."""
    return _ops.cast(_ops.argmax(input, axis=axis), output_type)


def argmin(input, axis=0, output_type="int64", name=None):
    """Index of the smallest value; TensorFlow's default axis is the first."""
    return _ops.cast(_ops.argmin(input, axis=axis), output_type)


def fill(dims, value, name=None):
    """A tensor of shape `dims` full of `value`."""
    return _ops.full(dims, value)


def gather(params, indices, axis=0, name=None):
    """Slices of `params` along `axis`."""
    return _ops.take(params, indices, axis=axis)


def one_hot(indices, depth, on_value=1.0, off_value=0.0, axis=-1, dtype="float32", name=None):
    """One-hot rows."""
    rows = _ops.one_hot(indices, depth, axis=axis, dtype=dtype)
    return rows if (on_value, off_value) == (1, 0) else _ops.where(rows == 1, on_value, off_value)


def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None):
    """Values around a tensor."""
    mode = mode.lower()
    if mode == "constant":
        return _ops.pad(tensor, paddings, mode=mode, constant_values=constant_values)
    return _ops.pad(tensor, paddings, mode=mode)


def split(value, num_or_size_splits, axis=0, num=None, name=None):
    """Equal parts, or parts of the sizes given."""
    if isinstance(num_or_size_splits, int):
        return _ops.split(value, num_or_size_splits, axis=axis)
    ends = [sum(num_or_size_splits[: i + 1]) for i in range(len(num_or_size_splits) - 1)]
    return _ops.split(value, ends, axis=axis)


def function(func=None, **hints):
    """`func` itself: it runs op by op and gives the same results. Tracing would run its Python once only."""
    return func if func is not None else lambda func: func


def print_(*inputs, sep=" ", end="\n", output_stream=None):
    """Print values, to stderr as TensorFlow does."""
    print(*inputs, sep=sep, end=end, file=output_stream or _sys.stderr)


def executing_eagerly():
    """Do ops compute at once? Outside of traced functions they do."""
    return not _tracing()


def _softmax_cross_entropy(labels, logits, axis=-1, name=None):
    return _ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def _sparse_softmax_cross_entropy(labels, logits, name=None):
    return _ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def _sigmoid_cross_entropy(labels=None, logits=None, name=None):
    return _ops.binary_crossentropy(labels, logits, from_logits=True)


def _l2_normalize(x, axis=None, epsilon=1e-12, name=None):
    x = _convert_to_tensor(x)
    return x * _ops.rsqrt(_ops.maximum(_ops.sum(_ops.square(x), axis=axis, keepdims=True), epsilon))


def _normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None):
    return _random.normal(shape, mean, stddev, dtype, seed)


def _truncated_normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None):
    return _random.truncated_normal(shape, mean, stddev, dtype, seed)


def _uniform(shape, minval=0, maxval=None, dtype="float32", seed=None, name=None):
    maxval = 1 if maxval is None else maxval
    if "int" in _config.standardize_dtype(dtype):
        return _random.randint(shape, minval, maxval, dtype, seed)
    return _random.uniform(shape, minval, maxval, dtype, seed)


def _list_physical_devices(device_type=None):
    device = _types.SimpleNamespace(name="/physical_device:CPU:0", device_type="CPU")
    return [device] if device_type in (None, "CPU") else []


_FUNCTIONS = {
    "": {
        "GradientTape": GradientTape,
        "Tensor": Tensor,
        "Variable": Variable,
        "argmax": argmax,
        "argmin": argmin,
        "constant": constant,
        "convert_to_tensor": _translated(_convert_to_tensor, {}),
        "executing_eagerly": executing_eagerly,
        "fill": fill,
        "function": function,
        "gather": gather,
        "is_tensor": is_tensor,
        "matmul": matmul,
        "one_hot": one_hot,
        "pad": pad,
        "print": print_,
        "split": split,
        "transpose": transpose,
        **{name: name for name in DTYPES},
    },
    "config": {"list_physical_devices": _list_physical_devices, "get_visible_devices": _list_physical_devices},
    "linalg": {"matmul": matmul},
    "math": {"argmax": argmax, "argmin": argmin, "l2_normalize": _l2_normalize},
    "nn": {
        "l2_normalize": _l2_normalize,
        "sigmoid_cross_entropy_with_logits": _sigmoid_cross_entropy,
        "softmax_cross_entropy_with_logits": _softmax_cross_entropy,
        "sparse_softmax_cross_entropy_with_logits": _sparse_softmax_cross_entropy,
    },
    "random": {
        "normal": _normal,
        "set_seed": _random.set_global_seed,
        "truncated_normal": _truncated_normal,
        "uniform": _uniform,
    },
    "test": {"is_gpu_available": lambda: False},
}


class _Namespace(_types.ModuleType):
    """tf.nn, tf.math ...: looked up in the tables, so that an op of ours that is not there yet is missing here too."""

    def __getattr__(self, name):
        return _get(self.__name__.partition(".")[2], name)


def _get(namespace, name):
    if name in _FUNCTIONS.get(namespace, ()):
        return _FUNCTIONS[namespace][name]
    ours = _OPS.get(namespace, {}).get(name)
    found = getattr(_ops, name if ours is _SAME else ours, None) if ours is not None else None
    if found is None:
        where = f"tensorflow.{namespace}" if namespace else "tensorflow"
        raise AttributeError(f"fastkeras does not provide {where}.{name}")
    return _translated(found, _OTHERS.get(name, {}))


_NAMESPACES = {name: _Namespace(f"tensorflow.{name}") for name in sorted({*_OPS, *_FUNCTIONS} - {""})}


def __getattr__(name):
    return _NAMESPACES[name] if name in _NAMESPACES else _get("", name)
