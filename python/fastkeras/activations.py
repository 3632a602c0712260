"""Activation functions, and how they are found by name and written into configs."""

import types

from fastkeras import ops, registry

_MODULE = "keras.activations"
_register = registry.register(_MODULE)


@_register
def linear(x):
    """The identity: returns `x`."""
    return x


@_register
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """Rectified linear unit: x where x > threshold, capped at `max_value`; `negative_slope * (x - threshold)` below.

    Args:
        x: Tensor of any shape.
        negative_slope: Slope for values under the threshold.
        max_value: Largest value of the output, or None.
        threshold: Values up to it are damped or set to 0.

    >>> import fastkeras as keras
    >>> keras.activations.relu(keras.ops.array([-2.0, 1.0, 9.0]), negative_slope=0.5, max_value=6).numpy().tolist()
    [-1.0, 1.0, 6.0]
    """
    if negative_slope and max_value is None and threshold == 0:
        return ops.leaky_relu(x, negative_slope=negative_slope)
    if max_value == 6 and not negative_slope and not threshold:
        return ops.relu6(x)
    damped = ops.relu(threshold - x) if negative_slope else None
    if threshold:
        x = ops.where(ops.greater(x, threshold), x, ops.zeros_like(x))
    else:
        x = ops.relu(x)
    if max_value is not None:
        x = ops.clip(x, 0.0, max_value)
    return x if damped is None else x - negative_slope * damped


@_register
def leaky_relu(x, negative_slope=0.2):
    """x where x > 0, else negative_slope * x."""
    return ops.leaky_relu(x, negative_slope=negative_slope)


@_register
def relu6(x):
    """min(max(x, 0), 6)."""
    return ops.relu6(x)


def _keep_logits(output, logits):
    # Crossentropy losses compute from the logits when they find them here: exact where exp would overflow.
    output._keras_logits = logits
    return output


@_register
def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`.

    >>> import fastkeras as keras
    >>> keras.activations.softmax(keras.ops.zeros((1, 4))).numpy().tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    return _keep_logits(ops.softmax(x, axis=axis), x)


@_register
def log_softmax(x, axis=-1):
    """log(softmax(x)) along `axis`."""
    return ops.log_softmax(x, axis=axis)


@_register
def sparsemax(x, axis=-1):
    """The point of the simplex closest to x along `axis`: softmax with exact zeros."""
    return ops.sparsemax(x, axis=axis)


@_register
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return _keep_logits(ops.sigmoid(x), x)


@_register
def log_sigmoid(x):
    """log(1 / (1 + exp(-x)))."""
    return ops.log_sigmoid(x)


@_register
def hard_sigmoid(x):
    """relu6(x + 3) / 6."""
    return ops.hard_sigmoid(x)


@_register
def sparse_sigmoid(x):
    """0 for x <= -1, 1 for x >= 1, (x + 1) / 2 between."""
    return ops.sparse_sigmoid(x)


@_register
def tanh(x):
    """Hyperbolic tangent."""
    return ops.tanh(x)


@_register
def tanh_shrink(x):
    """x - tanh(x)."""
    return ops.tanh_shrink(x)


@_register
def hard_tanh(x):
    """x clipped to [-1, 1]."""
    return ops.hard_tanh(x)


@_register
def hard_shrink(x, threshold=0.5):
    """x where |x| > threshold, else 0."""
    return ops.hard_shrink(x, threshold=threshold)


@_register
def soft_shrink(x, threshold=0.5):
    """x moved towards 0 by `threshold`, and 0 where |x| <= threshold."""
    return ops.soft_shrink(x, threshold=threshold)


@_register
def threshold(x, threshold, default_value):
    """x where x > threshold, else `default_value`."""
    return ops.threshold(x, threshold, default_value)


@_register
def elu(x, alpha=1.0):
    """x where x > 0, else alpha * (exp(x) - 1)."""
    return ops.elu(x, alpha=alpha)


@_register
def celu(x, alpha=1.0):
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    return ops.celu(x, alpha=alpha)


@_register
def selu(x):
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 through deep stacks of dense layers."""
    return ops.selu(x)


@_register
def gelu(x, approximate=False):
    """x * P(X <= x) for standard normal X; with `approximate`, by its tanh formula."""
    return ops.gelu(x, approximate=approximate)


@_register
def glu(x, axis=-1):
    """a * sigmoid(b), where a and b are the halves of x along `axis`."""
    return ops.glu(x, axis=axis)


@registry.register(_MODULE, names=("swish",))
def silu(x):
    """x * sigmoid(x)."""
    return ops.silu(x)


@registry.register(_MODULE, names=("hard_swish",))
def hard_silu(x):
    """x * hard_sigmoid(x)."""
    return ops.hard_silu(x)


@_register
def mish(x):
    """x * tanh(softplus(x))."""
    return x * ops.tanh(ops.softplus(x))


@_register
def softplus(x):
    """log(1 + exp(x))."""
    return ops.softplus(x)


@_register
def softsign(x):
    """x / (1 + |x|)."""
    return ops.softsign(x)


@_register
def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2."""
    return ops.squareplus(x, b=b)


@_register
def sparse_plus(x):
    """0 for x <= -1, x for x >= 1, (x + 1)^2 / 4 between."""
    return ops.sparse_plus(x)


@_register
def exponential(x):
    """exp(x)."""
    return ops.exp(x)


swish = silu
hard_swish = hard_silu


def get(identifier):
    """The activation for a name, a config or a callable; None is `linear`.

    >>> import fastkeras as keras
    >>> keras.activations.get("relu") is keras.activations.relu
    True
    """
    if identifier is None:
        return linear
    obj = deserialize(identifier) if isinstance(identifier, (dict, str)) else identifier
    if callable(obj):
        return obj
    raise ValueError(f"Could not interpret activation function identifier: {identifier}")


def serialize(activation):
    """The name of one of the functions above; the full config of anything else."""
    config = registry.serialize_keras_object(activation)
    if not isinstance(activation, types.FunctionType) or config["class_name"] == "__lambda__":
        return config
    return config["config"] if globals().get(config["config"]) is activation else config


def deserialize(config, custom_objects=None):
    """The activation that a name or a config describes."""
    return registry.deserialize(_MODULE, config, custom_objects)
