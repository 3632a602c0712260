"""Functions of TensorFlow that take other arguments than ours, or that Keras does not have."""

import contextlib
import logging
import re
import sys
import types

import numpy as np

from fastkeras import initializers, ops, random
from fastkeras.compat._operations import translated
from fastkeras.engine import GradientTape, Tensor, config, convert_to_tensor, is_tensor, tracing
from fastkeras.engine import Variable as KerasVariable

DTYPES = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "string")


class Variable(KerasVariable):
    """A variable, with the arguments of TensorFlow's; those of Keras's layers are of the class above it, as there."""

    def __init__(self, initial_value, trainable=True, *, name=None, dtype=None):
        value = initial_value() if callable(initial_value) else initial_value
        super().__init__(convert_to_tensor(value, dtype), trainable=bool(trainable), name=name)


def constant(value, dtype=None, shape=None, name="Const"):
    """A tensor of `value`."""
    tensor = convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    return ops.broadcast_to(tensor, shape) if tensor.size == 1 else ops.reshape(tensor, shape)


def transpose(a, perm=None, conjugate=False, name="transpose"):
    """Axes in the order `perm`, or reversed."""
    if conjugate:
        raise ValueError("[tf.transpose] there are no complex tensors. Received: conjugate=True")
    return ops.transpose(a, perm)


def matmul(a, b, transpose_a=False, transpose_b=False, name=None):
    """Matrix product, of transposes if asked."""
    a = ops.swapaxes(a, -1, -2) if transpose_a else a
    return ops.matmul(a, ops.swapaxes(b, -1, -2) if transpose_b else b)


def argmax(input, axis=0, output_type="int64", name=None):
    """Index of the largest value; TensorFlow's default axis is the first."""
    return ops.cast(ops.argmax(input, axis=axis), output_type)


def argmin(input, axis=0, output_type="int64", name=None):
    """Index of the smallest value; TensorFlow's default axis is the first."""
    return ops.cast(ops.argmin(input, axis=axis), output_type)


def fill(dims, value, name=None):
    """A tensor of shape `dims` full of `value`."""
    return ops.full(dims, value)


def gather(params, indices, axis=0, name=None):
    """Slices of `params` along `axis`."""
    return ops.take(params, indices, axis=axis)


def one_hot(indices, depth, on_value=1.0, off_value=0.0, axis=-1, dtype="float32", name=None):
    """One-hot rows."""
    rows = ops.one_hot(indices, depth, axis=axis, dtype=dtype)
    return rows if (on_value, off_value) == (1, 0) else ops.where(rows == 1, on_value, off_value)


def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None):
    """Values around a tensor."""
    mode = mode.lower()
    if mode == "constant":
        return ops.pad(tensor, paddings, mode=mode, constant_values=constant_values)
    return ops.pad(tensor, paddings, mode=mode)


def split(value, num_or_size_splits, axis=0, num=None, name=None):
    """Equal parts, or parts of the sizes given."""
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis=axis)
    ends = [sum(num_or_size_splits[: i + 1]) for i in range(len(num_or_size_splits) - 1)]
    return ops.split(value, ends, axis=axis)


def where(condition, x=None, y=None, name=None):
    """`x` where the condition is true and `y` elsewhere, or without them the places `(n, rank)` where it is true."""
    if x is None and y is None:
        return ops.cast(ops.stack(ops.where(condition), axis=1), "int64")
    return ops.where(condition, x, y)


def sort(values, axis=-1, direction="ASCENDING", name=None):
    """The values in order."""
    ordered = ops.sort(values, axis=axis)
    return ops.flip(ordered, axis=axis) if _is_descending(direction) else ordered


def argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None):
    """The places of the values in order; equal ones always keep theirs."""
    if not _is_descending(direction):
        return ops.argsort(values, axis=axis)
    values = ops.flip(values, axis=axis)
    return ops.flip(values.shape[axis] - 1 - ops.argsort(values, axis=axis), axis=axis)


def _is_descending(direction):
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"[sort] direction must be ASCENDING or DESCENDING. Received: direction={direction!r}")
    return direction == "DESCENDING"


def gather_nd(params, indices, name=None):
    """The parts of `params` that the last axis of `indices` points to."""
    return convert_to_tensor(params)[tuple(ops.unstack(indices, axis=-1))]


def boolean_mask(tensor, mask, axis=0, name="boolean_mask"):
    """The parts of `tensor` along `axis` where `mask` is true; the mask must have a value."""
    kept = (slice(None),) * axis + (convert_to_tensor(mask, "bool"),)
    return convert_to_tensor(tensor)[kept]


def sequence_mask(lengths, maxlen=None, dtype="bool", name=None):
    """`(..., maxlen)`: true in the first `lengths` places; `maxlen` is the largest length if not given."""
    lengths = convert_to_tensor(lengths)
    maxlen = int(ops.max(lengths)) if maxlen is None else maxlen
    return ops.cast(ops.arange(maxlen) < ops.expand_dims(lengths, -1), dtype)


def _scatter_nd(reduction):
    def scatter(tensor, indices, updates, name=None):
        return ops.scatter_update(tensor, indices, updates, reduction=reduction)

    return scatter


def _tensor_scatter_nd_sub(tensor, indices, updates, name=None):
    return ops.scatter_update(tensor, indices, ops.negative(updates), reduction="add")


def add_n(inputs, name=None):
    """The sum of tensors of one shape."""
    return sum(inputs[1:], start=convert_to_tensor(inputs[0]))


def clip_by_norm(t, clip_norm, axes=None, name=None):
    """`t`, scaled down where its norm over `axes` is larger than `clip_norm`."""
    norm = ops.sqrt(ops.sum(ops.square(t), axis=axes, keepdims=True))
    return ops.multiply(t, clip_norm / ops.maximum(norm, clip_norm))


def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None):
    """`(tensors, norm)`: all tensors scaled by one factor so that their common norm is at most `clip_norm`."""
    norm = _global_norm(t_list) if use_norm is None else convert_to_tensor(use_norm)
    factor = clip_norm / ops.maximum(norm, clip_norm)
    return [None if t is None else ops.multiply(t, factor) for t in t_list], norm


def _global_norm(t_list, name=None):
    return ops.sqrt(sum(ops.sum(ops.square(t)) for t in t_list if t is not None))


def _band_part(input, num_lower, num_upper, name=None):
    """The diagonals from `num_lower` below the main one to `num_upper` above it, all of them where it is negative."""
    rows, columns = ops.shape(input)[-2:]
    above = ops.arange(columns) - ops.expand_dims(ops.arange(rows), 1)
    lower, upper = (rows if num_lower < 0 else num_lower), (columns if num_upper < 0 else num_upper)
    return ops.where(ops.logical_and(above >= -lower, above <= upper), input, ops.zeros_like(input))


def _confusion_matrix(labels, predictions, num_classes=None, weights=None, dtype="int32", name=None):
    """`(num_classes, num_classes)`: how many samples of a class, the row, were taken for which class, the column."""
    labels, predictions = convert_to_tensor(labels), convert_to_tensor(predictions)
    n = int(ops.maximum(ops.max(labels), ops.max(predictions))) + 1 if num_classes is None else num_classes
    counts = ops.bincount(labels * n + predictions, weights, minlength=n * n)
    return ops.cast(ops.reshape(counts, (n, n)), dtype)


def function(func=None, **hints):
    """`func` itself: it runs op by op and gives the same results. Tracing would run its Python once only."""
    return func if func is not None else lambda func: func


def print_(*inputs, sep=" ", end="\n", output_stream=None):
    """Print values, to stderr as TensorFlow does."""
    print(*inputs, sep=sep, end=end, file=output_stream or sys.stderr)


def executing_eagerly():
    """Do ops compute at once? Outside of traced functions they do."""
    return not tracing()


def _softmax_cross_entropy(labels, logits, axis=-1, name=None):
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def _sparse_softmax_cross_entropy(labels, logits, name=None):
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def _sigmoid_cross_entropy(labels=None, logits=None, name=None):
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def _l2_normalize(x, axis=None, epsilon=1e-12, name=None):
    x = convert_to_tensor(x)
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), epsilon))


def _normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None):
    return random.normal(shape, mean, stddev, dtype, seed)


def _truncated_normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None):
    return random.truncated_normal(shape, mean, stddev, dtype, seed)


def _uniform(shape, minval=0, maxval=None, dtype="float32", seed=None, name=None):
    maxval = 1 if maxval is None else maxval
    if "int" in config.standardize_dtype(dtype):
        return random.randint(shape, minval, maxval, dtype, seed)
    return random.uniform(shape, minval, maxval, dtype, seed)


def _gamma(shape, alpha, beta=None, dtype="float32", seed=None, name=None):
    alpha, beta = convert_to_tensor(alpha, dtype), convert_to_tensor(1 if beta is None else beta, dtype)
    return random.gamma([*shape, *np.broadcast_shapes(alpha.shape, beta.shape)], alpha, dtype, seed) / beta


def _categorical(logits, num_samples, dtype="int64", seed=None, name=None):
    return random.categorical(logits, num_samples, dtype, seed)


def _shuffle(value, seed=None, name=None):
    return random.shuffle(value, seed=seed)


def _dropout(x, rate, noise_shape=None, seed=None, name=None):
    return random.dropout(x, rate, noise_shape, seed)


def _per_axis(sizes, tag, form):
    """The two sizes of a window: a number, two, or four of which the outer ones are 1."""
    sizes = [sizes] if isinstance(sizes, int) else [int(n) for n in sizes]
    inner = {1: sizes * 2, 2: sizes, 4: sizes[2:] if form == "NCHW" else sizes[1:3]}.get(len(sizes))
    outer = len(sizes) != 4 or sizes[0] == sizes[1 if form == "NCHW" else 3] == 1
    if inner is None or not outer:
        raise ValueError(f"[{tag}] sizes must be one, two, or four with 1 for batch and channels. Received: {sizes}")
    return tuple(inner)


def _window(tag, padding, form):
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f"[{tag}] padding must be 'VALID' or 'SAME'. Received: padding={padding}")
    formats = {"NHWC": "channels_last", "NCHW": "channels_first"}
    if form not in formats:
        raise ValueError(f"[{tag}] data_format must be one of {', '.join(formats)}. Received: data_format={form}")
    return {"padding": padding.lower(), "data_format": formats[form]}


def conv2d(input, filters, strides, padding, data_format="NHWC", dilations=None, name=None):
    """A convolution with `filters (height, width, channels, filters)`."""
    window = _window("conv2d", padding, data_format)
    steps, gaps = (_per_axis(n, "conv2d", data_format) for n in (strides, dilations or 1))
    return ops.conv(input, filters, steps, dilation_rate=gaps, **window)


def _pool2d(op, tag):
    def pool(input, ksize, strides, padding, data_format="NHWC", name=None):
        window = _window(tag, padding, data_format)
        size, steps = (_per_axis(n, tag, data_format) for n in (ksize, strides))
        return op(input, size, steps, **window)

    return pool


def _embedding_lookup(params, ids, max_norm=None, name=None):
    rows = gather(params, ids)
    return rows if max_norm is None else clip_by_norm(rows, max_norm, axes=-1)


def _count_nonzero(input, axis=None, keepdims=None, dtype="int64", name=None):
    return ops.sum(ops.cast(ops.not_equal(input, 0), dtype), axis=axis, keepdims=bool(keepdims))


@contextlib.contextmanager
def device(device_name):
    """Where what follows runs: there is the CPU.

    Raises:
        ValueError: for other devices.
    """
    if device_name is not None and not re.search(r"(^|[/:])cpu(:0)?$", str(device_name), re.IGNORECASE):
        raise ValueError(f"[tf.device] there is no device but the CPU. Received: device_name={device_name}")
    yield


def _rank(input, name=None):
    return convert_to_tensor(ops.ndim(input), "int32")


def _average_loss(per_example_loss, sample_weight=None, global_batch_size=None):
    loss = convert_to_tensor(per_example_loss)
    if sample_weight is not None:
        loss = loss * ops.cast(sample_weight, loss.dtype)
    return ops.sum(loss) / (loss.shape[0] if global_batch_size is None else ops.cast(global_batch_size, loss.dtype))


def _l2_loss(t, name=None):
    return ops.sum(ops.square(t)) / 2


def _list_physical_devices(device_type=None):
    device = types.SimpleNamespace(name="/physical_device:CPU:0", device_type="CPU")
    return [device] if device_type in (None, "CPU") else []


FUNCTIONS = {
    "": {
        "GradientTape": GradientTape,
        "Tensor": Tensor,
        "UnconnectedGradients": types.SimpleNamespace(NONE="none", ZERO="zero"),
        "Variable": Variable,
        "add_n": add_n,
        "argmax": argmax,
        "argmin": argmin,
        "argsort": argsort,
        "boolean_mask": boolean_mask,
        "clip_by_global_norm": clip_by_global_norm,
        "clip_by_norm": clip_by_norm,
        "constant": constant,
        "constant_initializer": initializers.Constant,
        "convert_to_tensor": translated(convert_to_tensor, {}),
        "custom_gradient": ops.custom_gradient,
        "device": device,
        "executing_eagerly": executing_eagerly,
        "fill": fill,
        "function": function,
        "gather": gather,
        "gather_nd": gather_nd,
        "get_logger": lambda: logging.getLogger("tensorflow"),
        "is_tensor": is_tensor,
        "matmul": matmul,
        "one_hot": one_hot,
        "ones_initializer": initializers.Ones,
        "pad": pad,
        "print": print_,
        "rank": _rank,
        "random_normal_initializer": initializers.RandomNormal,
        "random_uniform_initializer": initializers.RandomUniform,
        "sequence_mask": sequence_mask,
        "sort": sort,
        "split": split,
        **{f"tensor_scatter_nd_{reduction}": _scatter_nd(reduction) for reduction in ("add", "max", "min")},
        "tensor_scatter_nd_sub": _tensor_scatter_nd_sub,
        "transpose": transpose,
        "where": where,
        "zeros_initializer": initializers.Zeros,
        **{name: name for name in DTYPES},
    },
    "config": {"list_physical_devices": _list_physical_devices, "get_visible_devices": _list_physical_devices},
    "config.experimental": {"list_physical_devices": _list_physical_devices},
    "linalg": {"band_part": _band_part, "global_norm": _global_norm, "matmul": matmul},
    "math": {
        "add_n": add_n,
        "argmax": argmax,
        "argmin": argmin,
        "confusion_matrix": _confusion_matrix,
        "count_nonzero": _count_nonzero,
        "l2_normalize": _l2_normalize,
    },
    "nn": {
        "dropout": _dropout,
        "embedding_lookup": _embedding_lookup,
        "l2_loss": _l2_loss,
        "l2_normalize": _l2_normalize,
        "avg_pool2d": _pool2d(ops.average_pool, "avg_pool2d"),
        "compute_average_loss": _average_loss,
        "conv2d": conv2d,
        "max_pool2d": _pool2d(ops.max_pool, "max_pool2d"),
        "sigmoid_cross_entropy_with_logits": _sigmoid_cross_entropy,
        "softmax_cross_entropy_with_logits": _softmax_cross_entropy,
        "sparse_softmax_cross_entropy_with_logits": _sparse_softmax_cross_entropy,
    },
    "random": {
        "categorical": _categorical,
        "gamma": _gamma,
        "normal": _normal,
        "set_seed": random.set_global_seed,
        "shuffle": _shuffle,
        "truncated_normal": _truncated_normal,
        "uniform": _uniform,
    },
    "test": {"is_gpu_available": lambda: False},
}
