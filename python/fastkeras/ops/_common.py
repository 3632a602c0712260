"""What the modules of ops/ share: dtypes, axes, constants, and the way out to NumPy for what only runs eagerly."""

import builtins
import operator

import numpy as np

from fastkeras.engine import cast, config, convert_to_numpy, convert_to_tensor, is_symbolic, primitive

NUMBERS = (builtins.bool, builtins.int, builtins.float)

reshape_to = primitive("reshape")
slice_of = primitive("slice")
broadcast = primitive("broadcast_to")


def is_float(dtype):
    return "float" in dtype


def floating(x):
    """`x` as a tensor of floats: integers and booleans become floatx."""
    x = convert_to_tensor(x)
    return x if is_float(x.dtype) else cast(x, config.floatx())


def together(*values):
    """The values as tensors of their common dtype; Python numbers take the dtype of the tensors."""
    values = [v if isinstance(v, NUMBERS) else convert_to_tensor(v) for v in values]
    dtype = common_dtype(*values)
    return [convert_to_tensor(v, dtype) if isinstance(v, NUMBERS) else cast(v, dtype) for v in values]


def floating_together(*values):
    """As `together`, integers and booleans becoming floatx."""
    return [floating(v) for v in together(*values)]


def common_dtype(*values):
    """The dtype that arithmetic on tensors and Python numbers gives."""
    return config.result_type(*(_kind(v) if isinstance(v, NUMBERS) else v.dtype for v in values))


def _kind(number):
    """bool, int or float, also of a subclass such as numpy.float64."""
    return next(kind for kind in NUMBERS if isinstance(number, kind))


def normalize_axis(axis, ndim, tag):
    """`axis` in [-ndim, ndim) as an index in [0, ndim)."""
    index = operator.index(axis)
    if not -ndim <= index < ndim:
        raise ValueError(f"[{tag}] axis must lie in [-{ndim}, {ndim}). Received: axis={axis}")
    return index % ndim if index < 0 else index


def normalize_axes(axis, ndim, tag):
    """One axis, several, or None (all) as a list of indices in [0, ndim)."""
    if axis is None:
        return list(range(ndim))
    if not isinstance(axis, (tuple, list)):
        return [normalize_axis(axis, ndim, tag)]
    axes = [normalize_axis(a, ndim, tag) for a in axis]
    if len(set(axes)) != len(axes):
        raise ValueError(f"[{tag}] every axis may be named once. Received: axis={axis}")
    return axes


def prod(numbers):
    result = 1
    for n in numbers:
        result *= n
    return result


def sizes_of(shape):
    """A shape (or one size) as a list of ints."""
    if isinstance(shape, (list, tuple)):
        return [int(n) for n in shape]
    return np.asarray(shape).reshape(-1).tolist()


def part(x, axis, start, stop, step=1):
    """x[..., start:stop:step, ...] along one axis; the bounds as `slice.indices` gives them."""
    ndim = x.ndim
    starts, stops, steps = [0] * ndim, list(x.shape), [1] * ndim
    starts[axis], stops[axis], steps[axis] = start, stop, step
    return slice_of(x, start=starts, stop=stops, step=steps)


def integer_constant(values):
    """Indices known while tracing, as an int32 tensor."""
    return convert_to_tensor(np.asarray(values, "int32"))


def numpy_values(tag, *tensors):
    """The tensors as NumPy arrays, for ops whose result NumPy computes or whose shape depends on values."""
    for t in tensors:
        if is_symbolic(t):
            raise NotImplementedError(
                f"[{tag}] this op needs values, which a function has not while it is traced. Call it eagerly: "
                "outside of layers, or with compile(run_eagerly=True)"
            )
    return [convert_to_numpy(t) for t in tensors]
