"""Kernels on NumPy arrays, for programs that bring their own memory: nothing is copied or converted.

Arrays must be C-contiguous, of the dtypes named; results are written to `out` when it is given and to new arrays
otherwise, and returned. `out` must not overlap what is read, except where a function says so. The GIL is released
while a kernel runs; `config.set_num_threads` sets its threads.

Every function raises ValueError where shapes do not fit, an array is not C-contiguous, `out` is read-only or arrays
overlap, and TypeError where something is no array or has another dtype.
"""

import numpy as np

from fastkeras.engine import run_on_arrays


def gemm(a, b, bias=None, *, activation="linear", transpose_a=False, transpose_b=False, out=None):
    """`activation(a @ b + bias)`, in one pass.

    Args:
        a: (..., m, k), or (..., k, m) with `transpose_a`; float32 or float64, as all the others.
        b: (..., k, n), or (..., n, k) with `transpose_b`.
        bias: (n,).
        activation: "linear", "relu", "sigmoid" or "tanh".
        out: (..., m, n).

    A matrix that NumPy transposed (`a.T`) is read as it lies.

    >>> import numpy as np, fastkeras as keras
    >>> a, b = np.array([[1.0, 2.0]]), np.array([[3.0], [-4.0]])
    >>> keras.kernels.gemm(a, b).tolist()
    [[-5.0]]
    >>> out = np.empty((1, 1))
    >>> keras.kernels.gemm(a, b, np.array([1.0]), activation="relu", out=out) is out
    True
    """
    a, transpose_a = _as_it_lies(a, transpose_a)
    b, transpose_b = _as_it_lies(b, transpose_b)
    operands = {"a": a, "b": b} if bias is None else {"a": a, "b": b, "bias": bias}
    settings = {"activation": activation, "transpose_a": transpose_a, "transpose_b": transpose_b}
    return run_on_arrays("gemm", "dense", operands, {"out": out}, **settings)[0]


def _as_it_lies(matrix, transpose):
    """`matrix` and whether to transpose it; a transposed view becomes the matrix it views."""
    if isinstance(matrix, np.ndarray) and matrix.ndim >= 2 and not matrix.flags.c_contiguous:
        other = matrix.swapaxes(-1, -2)
        if other.flags.c_contiguous:
            return other, not transpose
    return matrix, bool(transpose)


def conv2d(x, kernel, bias=None, *, strides=1, padding="valid", dilation=1, activation="linear", out=None):
    """`activation(convolution of x with kernel + bias)`, in one pass.

    Args:
        x: images (batch, height, width, channels); float32 or float64, as all the others.
        kernel: (height, width, channels / groups, filters); fewer channels than `x` has mean groups.
        bias: (filters,).
        strides, dilation: one int, or one for each of height and width.
        padding: "valid", or "same": zeros around, so that stride 1 keeps the size.
        activation: "linear" or "relu".
        out: (batch, new height, new width, filters).

    >>> import numpy as np, fastkeras as keras
    >>> x, kernel = np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1))
    >>> keras.kernels.conv2d(x, kernel, np.array([0.5])).ravel()
    array([4.5, 4.5, 4.5, 4.5])
    """
    from fastkeras.ops._convolution import geometry

    tag = "conv2d"
    if activation not in ("linear", "relu"):
        raise ValueError(f"[{tag}] activation must be 'linear' or 'relu'. Received: {activation=}")
    for name, array in (("x", x), ("kernel", kernel)):
        if np.ndim(array) != 4:
            raise ValueError(f"[{tag}] {name} must have 4 dimensions. Received: shape={np.shape(array)}")
    groups, rest = divmod(x.shape[-1], max(kernel.shape[2], 1))
    if rest or not groups or kernel.shape[-1] % groups:
        raise ValueError(
            f"[{tag}] the channels of the kernel must divide those of x, and the groups the filters. "
            f"Received: x.shape={x.shape}, kernel.shape={kernel.shape}"
        )
    settings = geometry(x, kernel, strides, padding, dilation)
    if activation == "relu":
        settings["activation"] = activation
    if 1 < groups == kernel.shape[-1] == x.shape[-1]:
        op, kernel = "depthwise_conv_bias", kernel.reshape(*kernel.shape[:2], groups, 1)
    else:
        op, settings["groups"] = "conv_bias", groups
    operands = {"x": x, "kernel": kernel} if bias is None else {"x": x, "kernel": kernel, "bias": bias}
    return run_on_arrays(tag, op, operands, {"out": out}, **settings)[0]


def lstm_cell(x, h, c, kernel, recurrent_kernel, bias=None, *, out=None):
    """One step of an LSTM with tanh and sigmoid: the new (h, c).

    Args:
        x: (batch, features); float32 or float64, as all the others.
        h, c: the states, (batch, units).
        kernel: (features, 4 * units), gates in Keras's order i f c o.
        recurrent_kernel: (units, 4 * units).
        bias: (4 * units,).
        out: the pair (h, c).

    >>> import numpy as np, fastkeras as keras
    >>> x, h, c = np.zeros((1, 2)), np.zeros((1, 3)), np.ones((1, 3))
    >>> h, c = keras.kernels.lstm_cell(x, h, c, np.zeros((2, 12)), np.zeros((3, 12)))
    >>> c
    array([[0.5, 0.5, 0.5]])
    """
    operands = {"x": x, "h": h, "c": c, "kernel": kernel, "recurrent_kernel": recurrent_kernel}
    operands |= {} if bias is None else {"bias": bias}
    outputs = dict(zip(("out h", "out c"), _parts("lstm_cell", out, ("h", "c")), strict=True))
    return tuple(run_on_arrays("lstm_cell", "lstm_cell", operands, outputs, bias=bias is not None))


def softmax_crossentropy(labels, logits, *, gradient=False, weights=None, out=None):
    """`-log_softmax(logits)[label]` per row or, for probabilities, `-sum(labels * log_softmax(logits))`.

    Args:
        labels: class numbers, int32 (...); or probabilities (..., classes) of the dtype of the logits. The loss of a
            class number outside the classes is NaN.
        logits: (..., classes), float32 or float64.
        gradient: also return d(sum of weights * losses) / d(logits)?
        weights: of the rows, (...), in the gradient; by default ones.
        out: the losses (...), or with `gradient` the pair (losses, gradient).

    Returns:
        The losses, or with `gradient` the pair; the gradient may be written over the logits.

    >>> import numpy as np, fastkeras as keras
    >>> logits = np.array([[0.0, np.log(3.0)]])
    >>> losses, slope = keras.kernels.softmax_crossentropy(np.array([1], "int32"), logits, gradient=True)
    >>> losses.round(4), slope.round(4)
    (array([0.2877]), array([[ 0.25, -0.25]]))
    """
    tag = "softmax_crossentropy"
    if not gradient and weights is not None:
        raise ValueError(f"[{tag}] weights are those of the gradient. Received: {gradient=}")
    out, slope = _parts(tag, out, ("losses", "gradient")) if gradient else (out, None)
    op = "crossentropy" if getattr(labels, "dtype", None) == getattr(logits, "dtype", None) else "sparse_crossentropy"
    operands = {"labels": labels, "logits": logits}
    losses, stats = run_on_arrays(tag, op, operands, {"losses": out, "stats": None})
    if not gradient:
        return losses
    operands |= {"stats": stats, "weights": np.ones_like(losses) if weights is None else weights}
    return losses, run_on_arrays(tag, f"{op}_grad", operands, {"gradient": slope})[0]


def adam_update(
    parameters,
    gradients,
    m,
    v,
    *,
    step,
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    out=None,
):
    """Adam: `m += (1 - beta_1) (g - m)`, `v += (1 - beta_2) (g^2 - v)`, `p -= alpha m / (sqrt(v) + epsilon)`
    with `alpha = learning_rate sqrt(1 - beta_2^step) / (1 - beta_1^step)`.

    Args:
        parameters, gradients, m, v: arrays of one shape, float32 or float64; or four lists of such arrays, one entry
            per variable, which are updated in one pass.
        step: counts from 1.
        out: (parameters, m, v); the arrays given may be named here themselves.

    Returns:
        The new (parameters, m, v).

    >>> import numpy as np, fastkeras as keras
    >>> p, g, m, v = np.ones(2), np.array([1.0, -1.0]), np.zeros(2), np.zeros(2)
    >>> _ = keras.kernels.adam_update(p, g, m, v, step=1, learning_rate=0.5, out=(p, m, v))
    >>> p.round(4)
    array([0.5, 1.5])
    """
    tag = "adam_update"
    if step < 1:
        raise ValueError(f"[{tag}] step must be at least 1. Received: {step=}")
    single = isinstance(parameters, np.ndarray)
    groups = {"parameters": parameters, "gradients": gradients, "m": m, "v": v}
    if single:
        groups = {name: [array] for name, array in groups.items()}
    count = len(groups["parameters"])
    operands = _numbered(tag, groups, count)
    if not operands:
        raise ValueError(f"[{tag}] at least one parameter is needed. Received: parameters={parameters}")
    rate = learning_rate * (1 - beta_2**step) ** 0.5 / (1 - beta_1**step)
    operands["learning_rate"] = np.array(rate, getattr(groups["parameters"][0], "dtype", None))
    results = dict(zip(("parameters", "m", "v"), _parts(tag, out, ("parameters", "m", "v")), strict=True))
    results = {name: [part] if single else [None] * count if part is None else part for name, part in results.items()}
    results = {f"out {name}": array for name, array in _numbered(tag, results, count).items()}
    settings = {"n": count, "beta_1": float(beta_1), "beta_2": float(beta_2), "epsilon": float(epsilon)}
    arrays = run_on_arrays(tag, "adam_update", operands, results, **settings)
    return tuple(arrays) if single else tuple(arrays[i : i + count] for i in range(0, 3 * count, count))


def _numbered(tag, groups, count):
    """{"name[0]": array, "name[1]": ...} of groups of `count` arrays."""
    for name, arrays in groups.items():
        if len(arrays) != count:
            raise ValueError(f"[{tag}] {name} must have {count} arrays, one per parameter. Received: {len(arrays)}")
    return {f"{name}[{i}]": array for name, arrays in groups.items() for i, array in enumerate(arrays)}


def _parts(tag, out, names):
    """The parts of `out`, each an array or None."""
    if out is None:
        return (None,) * len(names)
    if not isinstance(out, (tuple, list)) or len(out) != len(names):
        raise ValueError(f"[{tag}] out must be the {len(names)} arrays ({', '.join(names)}). Received: {out}")
    return tuple(out)
