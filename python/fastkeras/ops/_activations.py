"""Activation functions."""

import warnings

from fastkeras.engine import cast, convert_to_tensor, op, primitive
from fastkeras.ops._common import floating, normalize_axes, normalize_axis, part, prod, reshape_to
from fastkeras.ops._comparison import where
from fastkeras.ops._factories import unary
from fastkeras.ops._indexing import sort
from fastkeras.ops._reductions import cumsum, sum
from fastkeras.ops._shapes import transpose

_maximum, _minimum = primitive("maximum"), primitive("minimum")
_expm1, _abs, _square, _sqrt, _tanh = (primitive(n) for n in ("expm1", "abs", "square", "sqrt", "tanh"))
_sigmoid, _hard_sigmoid = primitive("sigmoid"), primitive("hard_sigmoid")
_leaky_relu, _elu, _gelu, _clip = primitive("leaky_relu"), primitive("elu"), primitive("gelu"), primitive("clip")

relu = unary("relu", "`max(x, 0)`.", "[-1.0, 2.0]", "[0.0, 2.0]")
relu6 = unary("relu6", "`min(max(x, 0), 6)`.", "[-1.0, 2.0, 7.0]", "[0.0, 2.0, 6.0]")
sigmoid = unary("sigmoid", "`1 / (1 + exp(-x))`.", "[0.0]", "[0.5]")
softplus = unary("softplus", "`log(exp(x) + 1)`.", "[-200.0, 200.0]", "[0.0, 200.0]")
softsign = unary("softsign", "`x / (|x| + 1)`.", "[-1.0, 3.0]", "[-0.5, 0.75]")
silu = unary("silu", "`x * sigmoid(x)`.", "[0.0]", "[0.0]")
swish = unary("swish", "Same as `silu`.", "[0.0]", "[0.0]", run=primitive("silu"))
log_sigmoid = unary("log_sigmoid", "`log(1 / (1 + exp(-x)))`.", "[200.0]", "[0.0]")
hard_sigmoid = unary("hard_sigmoid", "`min(max(x / 6 + 0.5, 0), 1)`.", "[-4.0, 0.0]", "[0.0, 0.5]")
hard_tanh = unary("hard_tanh", "`min(max(x, -1), 1)`.", "[-4.0, 0.5]", "[-1.0, 0.5]")
selu = unary("selu", "`scale * (x if x > 0 else alpha * (exp(x) - 1))`.", "[0.0]", "[0.0]")
sparse_sigmoid = unary(
    "sparse_sigmoid", "`min(max(x / 2 + 0.5, 0), 1)`.", "[-4.0, 0.5]", "[0.0, 0.75]",
    run=lambda x: _clip(floating(x) * 0.5 + 0.5, minimum=0.0, maximum=1.0),
)  # fmt: skip
tanh_shrink = unary("tanh_shrink", "`x - tanh(x)`.", "[0.0]", "[0.0]", run=lambda x: floating(x) - _tanh(x))


def _hard_silu(x):
    x = floating(x)
    return x * _hard_sigmoid(x)


hard_silu = unary("hard_silu", "`x * hard_sigmoid(x)`.", "[-4.0, 4.0]", "[-0.0, 4.0]", run=_hard_silu)
hard_swish = unary("hard_swish", "Same as `hard_silu`.", "[-4.0, 4.0]", "[-0.0, 4.0]", run=_hard_silu)


def _sparse_plus(x):
    x = floating(x)
    return where(x <= -1, 0.0, where(x < 1, _square(x + 1) * 0.25, x))


sparse_plus = unary(
    "sparse_plus", "0 up to -1, `(x + 1)^2 / 4` up to 1, then x.", "[-2.0, 1.0]", "[0.0, 1.0]", run=_sparse_plus
)


@op
def leaky_relu(x, negative_slope=0.2):
    """`x` where positive, else `negative_slope * x`.

    >>> import fastkeras as keras
    >>> keras.ops.leaky_relu([-2.0, 3.0], negative_slope=0.5).numpy().tolist()
    [-1.0, 3.0]
    """
    return _leaky_relu(convert_to_tensor(x), negative_slope=float(negative_slope))


@op
def elu(x, alpha=1.0):
    """`x` where positive, else `alpha * (exp(x) - 1)`.

    >>> import fastkeras as keras
    >>> keras.ops.elu([-200.0, 3.0]).numpy().tolist()
    [-1.0, 3.0]
    """
    return _elu(convert_to_tensor(x), alpha=float(alpha))


@op
def celu(x, alpha=1.0):
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`.

    >>> import fastkeras as keras
    >>> keras.ops.celu([-200.0, 3.0], alpha=2.0).numpy().tolist()
    [-2.0, 3.0]
    """
    x = floating(x)
    return _elu(x, alpha=1.0) if alpha == 1 else where(x > 0, x, _expm1(_minimum(x, 0.0) / alpha) * alpha)


@op
def gelu(x, approximate=True):
    """`x` times the normal distribution function of `x`; with `approximate`, by its tanh formula.

    >>> import fastkeras as keras
    >>> keras.ops.gelu([-200.0, 0.0, 200.0]).numpy().tolist()
    [-0.0, 0.0, 200.0]
    """
    return _gelu(convert_to_tensor(x), approximate=bool(approximate))


@op
def glu(x, axis=-1):
    """The first half of `x` along `axis`, times the sigmoid of the second.

    >>> import fastkeras as keras
    >>> keras.ops.glu([4.0, 0.0]).numpy().tolist()
    [2.0]
    """
    x = floating(x)
    axis = normalize_axis(axis, x.ndim, "glu")
    size = x.shape[axis]
    if size % 2:
        raise ValueError(f"axis size must be divisible by 2. Received: x.shape={x.shape} with axis={axis}")
    return part(x, axis, 0, size // 2) * _sigmoid(part(x, axis, size // 2, size))


@op
def squareplus(x, b=4):
    """`(x + sqrt(x^2 + b)) / 2`.

    >>> import fastkeras as keras
    >>> keras.ops.squareplus([0.0]).numpy().tolist()
    [1.0]
    """
    x = floating(x)
    return (x + _sqrt(_square(x) + b)) * 0.5


@op
def soft_shrink(x, threshold=0.5):
    """`x` brought nearer to 0 by `threshold`, and 0 where it is nearer than that.

    >>> import fastkeras as keras
    >>> keras.ops.soft_shrink([-1.0, 0.2, 1.0]).numpy().tolist()
    [-0.5, 0.0, 0.5]
    """
    x = floating(x)
    return where(x > threshold, x - threshold, where(x < -threshold, x + threshold, 0.0))


@op
def hard_shrink(x, threshold=0.5):
    """`x`, and 0 where `|x| <= threshold`.

    >>> import fastkeras as keras
    >>> keras.ops.hard_shrink([-1.0, 0.2, 1.0]).numpy().tolist()
    [-1.0, 0.0, 1.0]
    """
    x = floating(x)
    return where(_abs(x) > threshold, x, 0.0)


@op
def threshold(x, threshold, default_value):
    """`x` where above `threshold`, else `default_value`.

    >>> import fastkeras as keras
    >>> keras.ops.threshold([-1.0, 2.0], 0.0, 5.0).numpy().tolist()
    [5.0, 2.0]
    """
    x = convert_to_tensor(x)
    return where(x > threshold, x, default_value)


def _over_axes(run, x, axis, tag):
    """run(x), which works over the last axis, over `axis`: one, several, or None for all together."""
    x = floating(x)
    if axis is None or x.ndim == 0:
        return reshape_to(run(reshape_to(x, shape=[-1])), shape=list(x.shape))
    axes = normalize_axes(axis, x.ndim, tag)
    if axes == [x.ndim - 1]:
        return run(x)
    order = [a for a in range(x.ndim) if a not in axes] + axes
    turned = transpose(x, order)
    flat = reshape_to(turned, shape=[*turned.shape[: x.ndim - len(axes)], prod(x.shape[a] for a in axes)])
    y = reshape_to(run(flat), shape=list(turned.shape))
    return transpose(y, sorted(range(x.ndim), key=order.__getitem__))


_softmax, _log_softmax = primitive("softmax"), primitive("log_softmax")


def _warn_of_one_class(x, axis):
    shape = x.shape if hasattr(x, "shape") else convert_to_tensor(x).shape
    if isinstance(axis, int) and -len(shape) <= axis < len(shape) and shape[axis] == 1:
        warnings.warn(
            f"You are using a softmax over axis {axis} of a tensor of shape {shape}. This axis has size 1. The softmax "
            "operation will always return the value 1, which is likely not what you intended. Did you mean to use a "
            "sigmoid instead?",
            stacklevel=3,
        )


@op
def softmax(x, axis=-1):
    """`exp(x) / sum(exp(x))` over `axis`: one axis, a tuple of them taken together, or None for all.

    >>> import fastkeras as keras
    >>> keras.ops.softmax([1.0, 1.0]).numpy().tolist()
    [0.5, 0.5]
    """
    _warn_of_one_class(x, axis)
    return _over_axes(_softmax, x, axis, "softmax")


@op
def log_softmax(x, axis=-1):
    """`log(softmax(x))` over `axis`, without the loss of digits.

    >>> import fastkeras as keras
    >>> keras.ops.log_softmax([0.0, 200.0]).numpy().tolist()
    [-200.0, 0.0]
    """
    return _over_axes(_log_softmax, x, axis, "log_softmax")


@op
def sparsemax(x, axis=-1):
    """`max(x - tau, 0)` along `axis`, `tau = (sum of the running sums of the k largest - 1) / k` as Keras has it.

    >>> import fastkeras as keras
    >>> keras.ops.sparsemax([0.0, 0.5, 3.0]).numpy().tolist()
    [0.0, 0.0, 1.0]
    """
    x = floating(x)
    axis = normalize_axis(axis, x.ndim, "sparsemax")
    ordered = -sort(-x, axis)
    sums = cumsum(ordered, axis)
    rank = reshape_to(
        convert_to_tensor([float(i + 1) for i in range(x.shape[axis])], x.dtype),
        shape=[-1 if a == axis else 1 for a in range(x.ndim)],
    )
    # The k values that share the mass. Martins and Astudillo (2016) take the last of their running sums alone; Keras
    # adds them all up, on every backend, and models trained there expect it.
    support = ordered * rank > sums - 1
    tau = (sum(where(support, sums, 0), axis, keepdims=True) - 1) / sum(cast(support, x.dtype), axis, keepdims=True)
    return _maximum(x - tau, 0.0)
