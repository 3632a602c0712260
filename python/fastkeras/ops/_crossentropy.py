"""Crossentropies and the encodings of class numbers."""

from fastkeras.engine import cast, config, convert_to_tensor, op, primitive, producer
from fastkeras.ops._common import floating, is_float, normalize_axis, reshape_to
from fastkeras.ops._reductions import max, sum
from fastkeras.ops._shapes import moveaxis

_crossentropy, _sparse_crossentropy = primitive("crossentropy"), primitive("sparse_crossentropy")
_clip, _log, _softplus, _where = primitive("clip"), primitive("log"), primitive("softplus"), primitive("where")
_take_along_axis, _one_hot = primitive("take_along_axis"), primitive("one_hot")


def _logits_behind(output, activation):
    """The tensor that `activation` made the probabilities `output` of in this trace, or None.

    From logits the loss neither loses digits nor needs clipping, and one kernel does it.
    """
    source = producer(output)
    # A mixed policy rounds the probabilities, the loss widens them.
    while source is not None and source[0] == "cast" and "float" in source[1][0].dtype:
        source = producer(source[1][0])
    return cast(source[1][0], output.dtype) if source is not None and source[0] == activation else None


def _probabilities(output, axis):
    """`output` scaled to sum 1 over `axis`, away from 0 and 1."""
    return _away_from_edges(output / sum(output, axis, keepdims=True))


def _away_from_edges(p):
    return _clip(p, minimum=config.epsilon(), maximum=1.0 - config.epsilon())


def _same_shape(target, output):
    if target.shape != output.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. "
            f"Received: target.shape={target.shape}, output.shape={output.shape}"
        )


@op
def binary_crossentropy(target, output, from_logits=False):
    """`-target log(p) - (1 - target) log(1 - p)` per element, p being `output` or, from logits, its sigmoid.

    >>> import fastkeras as keras
    >>> keras.ops.binary_crossentropy([1.0], [0.5]).numpy().round(4)
    array([0.6931], dtype=float32)
    """
    output = floating(output)
    target = convert_to_tensor(target, output.dtype)
    _same_shape(target, output)
    if not from_logits:
        logits = _logits_behind(output, "sigmoid")
        output, from_logits = (output, False) if logits is None else (logits, True)
    if from_logits:
        return target * _softplus(-output) + (1.0 - target) * _softplus(output)
    output = _away_from_edges(output)
    return -(target * _log(output) + (1.0 - target) * _log(1.0 - output))


@op
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """`-sum(target log(p))` over `axis`, p being `output` scaled to sum 1 or, from logits, its softmax.

    >>> import fastkeras as keras
    >>> keras.ops.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    array([0.6931], dtype=float32)
    """
    output = floating(output)
    target = convert_to_tensor(target, output.dtype)
    _same_shape(target, output)
    if output.ndim < 1:
        raise ValueError(
            "Arguments `target` and `output` must be at least rank 1. "
            f"Received: target.shape={target.shape}, output.shape={output.shape}"
        )
    axis = normalize_axis(axis, output.ndim, "categorical_crossentropy")
    if not from_logits and axis == output.ndim - 1:
        logits = _logits_behind(output, "softmax")
        output, from_logits = (output, False) if logits is None else (logits, True)
    if from_logits:
        target, logits = (moveaxis(t, axis, -1) for t in (target, output))
        return cast(_crossentropy(target, logits)[0], output.dtype)
    return -sum(target * _log(_probabilities(output, axis)), axis)


@op
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """`-log(p[target])` over the last axis, p being `output` scaled to sum 1 or, from logits, its softmax.

    The loss of a class number outside the axis is NaN.

    >>> import fastkeras as keras
    >>> keras.ops.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).numpy().round(4)
    array([0.6931], dtype=float32)
    """
    output = floating(output)
    target = convert_to_tensor(target, "int32")
    if output.ndim < 1:
        raise ValueError(f"Argument `output` must be at least rank 1. Received: output.shape={output.shape}")
    if axis not in (-1, output.ndim - 1):
        raise ValueError(f"Only axis=-1 is currently supported. Received: axis={axis}")
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = reshape_to(target, shape=list(target.shape[:-1]))
    if target.shape != output.shape[:-1]:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last dimension: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )
    if not from_logits:
        logits = _logits_behind(output, "softmax")
        output, from_logits = (output, False) if logits is None else (logits, True)
    if from_logits:
        return cast(_sparse_crossentropy(target, output)[0], output.dtype)
    column, last = [*target.shape, 1], output.shape[-1] - 1
    known = (target >= 0) & (target <= last)
    index = reshape_to(_clip(target, minimum=0, maximum=last), shape=column)
    p = _take_along_axis(output, index, axis=-1) / sum(output, -1, keepdims=True)
    loss = -_log(_away_from_edges(reshape_to(p, shape=column[:-1])))
    return _where(known, loss, float("nan"))


def _refuse_sparse(sparse, tag):
    if sparse:
        raise ValueError(f"[{tag}] sparse tensors are not supported. Received: sparse=True")


@op
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """A new axis of `num_classes`: 1 at the index `x`, else 0; all 0 where `x` is not in [0, num_classes).

    >>> import fastkeras as keras
    >>> keras.ops.one_hot([1, 0], num_classes=2).numpy().tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    _refuse_sparse(sparse, "one_hot")
    x = convert_to_tensor(x)
    if is_float(x.dtype) or x.dtype == "bool":
        x = cast(x, "int32")
    dtype = config.floatx() if dtype is None else config.standardize_dtype(dtype)
    axis = normalize_axis(axis, x.ndim + 1, "one_hot")
    return moveaxis(_one_hot(x, num_classes=int(num_classes), dtype=dtype), -1, axis)


@op
def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """1 at every index that occurs in a row of `inputs`, else 0: (batch, n) -> (batch, num_classes).

    >>> import fastkeras as keras
    >>> keras.ops.multi_hot([[0, 2, 2]], num_classes=4).numpy().tolist()
    [[1.0, 0.0, 1.0, 0.0]]
    """
    num_classes = kwargs.pop("num_tokens", num_classes) if num_classes is None else num_classes
    if kwargs:
        raise TypeError(f"[multi_hot] unknown arguments. Received: {', '.join(sorted(kwargs))}")
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified.")
    _refuse_sparse(sparse, "multi_hot")
    inputs = convert_to_tensor(inputs, "int32")
    return max(one_hot(inputs, num_classes, axis=axis, dtype=dtype), axis=1 if inputs.ndim > 1 else 0)
