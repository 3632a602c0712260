"""What real Keras computes for keras.ops.nn, in float32."""

import functools

import numpy as np


def numbers(*shape, seed=0, scale=3.0):
    return np.random.RandomState(seed).uniform(-scale, scale, shape).astype("float32")


def gradient(keras, function, *arrays):
    """Gradients of sum(function(*tensors) * pattern)."""

    def objective(*tensors):
        y = function(*tensors)
        pattern = np.random.RandomState(9).normal(size=y.shape).astype("float32")
        return keras.ops.sum(y * pattern)

    tensors = [keras.ops.convert_to_tensor(a) for a in arrays]
    if keras.__name__ == "keras":
        import jax

        return jax.grad(objective, argnums=tuple(range(len(arrays))))(*tensors)
    with keras.GradientTape() as tape:
        for t in tensors:
            tape.watch(t)
        total = objective(*tensors)
    return tape.gradient(total, tensors)


def values_and_gradients(keras, function, *arrays):
    slopes = gradient(keras, function, *arrays)
    return {"y": function(*map(keras.ops.convert_to_tensor, arrays))} | {f"d{i}": d for i, d in enumerate(slopes)}


def of_one(name, *shape, **settings):
    def row(keras):
        function = getattr(keras.ops.nn, name)
        return values_and_gradients(keras, lambda x: function(x, **settings), numbers(*(shape or (5, 7))))

    return row


ACTIVATIONS = {
    name: {} for name in (
        "relu", "relu6", "sigmoid", "sparse_sigmoid", "softplus", "softsign", "silu", "swish", "log_sigmoid",
        "leaky_relu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "tanh_shrink", "soft_shrink",
        "hard_shrink", "squareplus", "elu", "selu", "celu", "gelu", "sparse_plus",
    )
}  # fmt: skip


def softmaxes(keras):
    x = numbers(2, 3, 4)
    made = {}
    for name in ("softmax", "log_softmax", "sparsemax"):
        for axis in (-1, 0, 1) if name == "sparsemax" else (-1, 0, 1, None, (0, 2)):
            function = functools.partial(getattr(keras.ops, name), axis=axis)
            made |= {f"{name}-{axis}-{k}": v for k, v in values_and_gradients(keras, function, x).items()}
    return made


def crossentropies(keras):
    probabilities, targets = np.exp(numbers(4, 5)), np.exp(numbers(4, 5, seed=1))
    targets /= targets.sum(-1, keepdims=True)
    labels = np.array([0, 4, 2, 2])
    ops, made = keras.ops, {}
    for logits in (False, True):
        output = numbers(4, 5) if logits else probabilities / 40
        for axis in (-1, 0):
            function = functools.partial(ops.categorical_crossentropy, from_logits=logits, axis=axis)
            made |= {f"dense-{logits}-{axis}-{k}": v
                     for k, v in values_and_gradients(keras, function, targets, output).items()}  # fmt: skip
        sparse = functools.partial(ops.sparse_categorical_crossentropy, labels, from_logits=logits)
        made |= {f"sparse-{logits}-{k}": v for k, v in values_and_gradients(keras, sparse, output).items()}
        column = functools.partial(ops.sparse_categorical_crossentropy, labels[:, None], from_logits=logits)
        made[f"column-{logits}"] = column(output)
        binary = functools.partial(ops.binary_crossentropy, from_logits=logits)
        made |= {f"binary-{logits}-{k}": v
                 for k, v in values_and_gradients(keras, binary, targets, output).items()}  # fmt: skip
    return made


def edges_of_crossentropies(keras):
    """Certain probabilities are clipped; large logits stay finite."""
    ops = keras.ops
    certain, large = np.array([[0.0, 1.0, 0.0]], "float32"), np.array([[1e4, -1e4, 0.0]], "float32")
    return {
        "dense": ops.categorical_crossentropy(np.array([[1.0, 0.0, 0.0]], "float32"), certain),
        "sparse": ops.sparse_categorical_crossentropy(np.array([0]), certain),
        "binary": ops.binary_crossentropy(np.array([[1.0, 0.0, 0.0]], "float32"), certain),
        "dense-logits": ops.categorical_crossentropy(np.array([[0.0, 1.0, 0.0]], "float32"), large, from_logits=True),
        "sparse-logits": ops.sparse_categorical_crossentropy(np.array([2]), large, from_logits=True),
        "binary-logits": ops.binary_crossentropy(np.array([[0.0, 1.0, 0.5]], "float32"), large, from_logits=True),
    }


def encodings(keras):
    x = np.array([[0, 2], [-1, 3]])
    ops = keras.ops
    return {
        "one_hot": ops.one_hot(x, 3),
        "one_hot-0": ops.one_hot(x, 3, axis=0, dtype="int32"),
        "one_hot-1": ops.one_hot(x, 3, axis=1),
        "multi_hot": ops.multi_hot(x, 4),
        "multi_hot-flat": ops.multi_hot(np.array([1, 3]), 4),
    }


def normalizations(keras):
    x, ops, made = numbers(3, 4, 5), keras.ops, {}
    vectors = [numbers(4, seed=s) for s in range(1, 5)]
    vectors[1] = abs(vectors[1])

    def add(name, function, *arrays):
        for key, value in values_and_gradients(keras, function, *arrays).items():
            made[f"{name}-{key}"] = value

    add("batch", lambda x, m, v, o, s: ops.batch_normalization(x, m, v, 1, o, s, 1e-2), x, *vectors)
    add("batch-plain", lambda x, m, v: ops.batch_normalization(x, m, v, axis=1), x, *vectors[:2])
    last, both = numbers(5, seed=5), numbers(4, 5, seed=6)
    add("layer", lambda x, g, b: ops.layer_normalization(x, g, b), x, last, last[::-1].copy())
    add("layer-plain", lambda x: ops.layer_normalization(x, epsilon=0.1), x)
    add("layer-two", lambda x, g, b: ops.layer_normalization(x, g, b, axis=[1, 2]), x, both, 2 * both)
    add("layer-first", lambda x, g: ops.layer_normalization(x, g, axis=0), x, numbers(3, seed=7))
    add("rms", lambda x, s: ops.rms_normalization(x, s), x, last)
    add("rms-first", lambda x: ops.rms_normalization(x, axis=0, epsilon=0.1), x)
    for order in (1, 2, 3):
        add(f"normalize-{order}", lambda x, order=order: ops.normalize(x, axis=1, order=order), x)
    for axes in ([0], [0, 2], [0, 1, 2]):
        for keep in (False, True):
            made[f"mean-{axes}-{keep}"], made[f"variance-{axes}-{keep}"] = ops.moments(x, axes, keepdims=keep)
    made["psnr"] = ops.psnr(x, x + 0.1, 2.0)
    return made


ROWS = {
    **{name: of_one(name, **settings) for name, settings in ACTIVATIONS.items()},
    "leaky_relu-slope": of_one("leaky_relu", negative_slope=0.5),
    "elu-alpha": of_one("elu", alpha=0.5),
    "celu-alpha": of_one("celu", alpha=0.5),
    "gelu-exact": of_one("gelu", approximate=False),
    "squareplus-b": of_one("squareplus", b=1),
    "soft_shrink-1": of_one("soft_shrink", threshold=1.0),
    "hard_shrink-1": of_one("hard_shrink", threshold=1.0),
    "threshold": of_one("threshold", threshold=1.0, default_value=7.0),
    "glu": of_one("glu", 5, 8),
    "glu-0": of_one("glu", 6, 3, axis=0),
    "softmaxes": softmaxes,
    "crossentropies": crossentropies,
    "edges_of_crossentropies": edges_of_crossentropies,
    "encodings": encodings,
    "normalizations": normalizations,
}
