"""Conversion, slicing by tensors, scattering, loops and branches: the core part of `keras.ops`."""

import numpy as np

from fastkeras import engine
from fastkeras.engine import convert_to_numpy as convert_to_numpy
from fastkeras.engine import is_symbolic, op, primitive
from fastkeras.engine import is_tensor as is_tensor
from fastkeras.engine import shape as shape
from fastkeras.engine.indexing import check_range
from fastkeras.ops._arithmetic import clip
from fastkeras.ops._common import broadcast, part, prod, reshape_to, slice_of
from fastkeras.ops._control import (  # noqa: F401
    associative_scan,
    cond,
    custom_gradient,
    fori_loop,
    map,
    scan,
    switch,
    vectorized_map,
    while_loop,
)
from fastkeras.ops._joining import unstack as unstack

_scatter, _linear_index = primitive("scatter"), primitive("linear_index")


@op
def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """A tensor of the values of `x`, of `dtype` when given. Tensors are dense: `sparse` and `ragged` may not be True.

    >>> import fastkeras as keras
    >>> keras.ops.convert_to_tensor([1.0, 2.0]).dtype
    'float32'
    """
    if sparse or ragged:
        raise ValueError(
            f"[convert_to_tensor] only dense tensors are supported. Received: sparse={sparse}, ragged={ragged}"
        )
    return engine.convert_to_tensor(x, dtype)


@op
def cast(x, dtype):
    """`x` with its values converted to `dtype`.

    >>> import fastkeras as keras
    >>> keras.ops.cast([1.7, -1.7], "int32").numpy().tolist()
    [1, -1]
    """
    return engine.cast(x, dtype)


def dtype(x):
    """The name of the dtype of `x`.

    >>> import fastkeras as keras
    >>> keras.ops.dtype(keras.ops.zeros((2,)))
    'float32'
    """
    return engine.config.standardize_dtype(x.dtype if hasattr(x, "dtype") else engine.convert_to_tensor(x).dtype)


@op
def stop_gradient(variable):
    """The values of `variable`, through which no gradient flows.

    >>> import fastkeras as keras
    >>> keras.ops.stop_gradient([1.0]).numpy().tolist()
    [1.0]
    """
    return engine.stop_gradient(variable)


@op
def saturate_cast(x, dtype):
    """`x` converted to `dtype`, values outside of its range becoming its smallest and largest.

    >>> import fastkeras as keras
    >>> keras.ops.saturate_cast([-1, 256], "uint8").numpy().tolist()
    [0, 255]
    """
    x = engine.convert_to_tensor(x)
    dtype = engine.config.standardize_dtype(dtype)
    low, high = _range(dtype)
    in_low, in_high = _range(x.dtype)
    low, high = max(low, in_low), min(high, in_high)
    if "float" in x.dtype:  # the nearest floats that are inside
        kind = "float64" if x.dtype == "float64" else "float32"
        low, high = (float(np.nextafter(v, 0, dtype=kind)) if abs(float(v)) > abs(b) else float(v)
                     for v, b in ((np.array(low, kind), low), (np.array(high, kind), high)))  # fmt: skip
    return cast(clip(x, low, high), dtype)


def _range(dtype):
    if dtype == "bool":
        return 0, 1
    if "int" in dtype:
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return -engine.config.largest(dtype), engine.config.largest(dtype)


# --- slices and scattering ------------------------------------------------------------------------------------------


def _starts(start_indices, x):
    """Start indices as a list of ints, or as a tensor when some are not known yet."""
    if isinstance(start_indices, (list, tuple)) and not any(is_symbolic(i) for i in start_indices):
        starts = [int(i) for i in start_indices]
    elif is_symbolic(start_indices) or isinstance(start_indices, (list, tuple)):
        return engine.cast(start_indices, "int32")
    else:
        starts = convert_to_numpy(start_indices).reshape(-1).tolist()
    if len(starts) != x.ndim:
        raise ValueError(
            "The number of dimensions in `start_indices` must match the number of dimensions in `inputs`. "
            f"Received start_indices={start_indices} and inputs.shape={x.shape}"
        )
    return starts


@op
def slice(inputs, start_indices, shape):
    """The part of `inputs` of the given `shape` that begins at `start_indices`, which may be tensors.

    A size of -1 means all that is left. A part that would stick out is moved inside.

    >>> import fastkeras as keras
    >>> keras.ops.slice([[1, 2], [3, 4]], (0, 1), (2, 1)).numpy().tolist()
    [[2], [4]]
    """
    x = engine.convert_to_tensor(inputs)
    sizes = [int(n) for n in shape]
    if len(sizes) != x.ndim:
        raise ValueError(
            "The number of dimensions in `inputs` must match the number of dimensions in `shape`. "
            f"Received inputs.shape={x.shape} and shape={shape}"
        )
    starts = _starts(start_indices, x)
    if not isinstance(starts, list):
        if -1 in sizes:
            raise ValueError(f"[slice] a size of -1 needs a start that is known while tracing. Received: shape={shape}")
        return primitive("dynamic_slice")(x, starts, shape=sizes)
    starts = [s + n if s < 0 else s for s, n in zip(starts, x.shape, strict=True)]
    sizes = [n - s if size == -1 else size for s, size, n in zip(starts, sizes, x.shape, strict=True)]
    if any(not 0 <= size <= n for size, n in zip(sizes, x.shape, strict=True)):
        raise ValueError(
            f"[slice] the part must not be larger than the tensor. Received: inputs.shape={x.shape}, shape={shape}"
        )
    starts = [min(max(s, 0), n - size) for s, size, n in zip(starts, sizes, x.shape, strict=True)]
    return slice_of(x, start=starts, stop=[s + size for s, size in zip(starts, sizes, strict=True)])


@op
def slice_update(inputs, start_indices, updates):
    """`inputs` with `updates` (of the same rank) written from `start_indices` on, which may be tensors.

    >>> import fastkeras as keras
    >>> keras.ops.slice_update([1, 2, 3], [1], [9]).numpy().tolist()
    [1, 9, 3]
    """
    x = engine.convert_to_tensor(inputs)
    starts = _starts(start_indices, x)
    return primitive("slice_update")(x, engine.cast(starts, "int32"), engine.cast(updates, x.dtype))


def _scattered(x, indices, updates, reduction, tag):
    indices = engine.convert_to_tensor(indices)
    if indices.ndim == 0 or indices.shape[-1] > x.ndim:
        raise ValueError(
            f"[{tag}] the last dimension of indices names the first dimensions of the tensor. "
            f"Received: indices.shape={indices.shape}, tensor of shape {x.shape}"
        )
    k = indices.shape[-1]
    dims, rest = list(x.shape[:k]), list(x.shape[k:])
    for d, size in enumerate(dims):
        check_range(part(indices, indices.ndim - 1, d, d + 1), size, tag)
    updates = broadcast(engine.cast(updates, x.dtype), shape=[*indices.shape[:-1], *rest])
    rows = reshape_to(x, shape=[prod(dims), *rest])
    rows = _scatter(rows, _linear_index(indices, dims=dims), updates, axis=0, reduction=reduction)
    return reshape_to(rows, shape=list(x.shape))


@op
def scatter(indices, values, shape):
    """Zeros of `shape` with `values` added at `indices` (n, k), the first k coordinates of each.

    >>> import fastkeras as keras
    >>> keras.ops.scatter([[0], [2]], [1.0, 2.0], (3,)).numpy().tolist()
    [1.0, 0.0, 2.0]
    """
    values = engine.convert_to_tensor(values)
    zeros = broadcast(engine.convert_to_tensor(0, values.dtype), shape=[int(n) for n in shape])
    return _scattered(zeros, indices, values, "add", "scatter")


@op
def scatter_update(inputs, indices, updates, reduction=None):
    """`inputs` changed at `indices` (n, k): replaced by `updates`, or combined with them by `reduction`.

    `reduction`: None (the last update wins), "add", "max", "min", "mul".

    >>> import fastkeras as keras
    >>> keras.ops.scatter_update([0.0, 0.0], [[1], [1]], [2.0, 3.0], reduction="add").numpy().tolist()
    [0.0, 5.0]
    """
    kind = "set" if reduction is None else str(reduction).lower()
    if kind not in ("set", "add", "max", "min", "mul") or reduction == "set":
        raise ValueError(f"Invalid reduction: {reduction}. Supported values are: None, 'add', 'max', 'min', 'mul'.")
    return _scattered(engine.convert_to_tensor(inputs), indices, updates, kind, "scatter_update")
