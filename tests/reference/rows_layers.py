"""What real Keras computes for every layer case, activation, regularizer and constraint."""

import functools

import numpy as np
from layer_cases import CASES, config_of

TOLERANCE = {}


def gradients(keras, layer, inputs, call):
    """(outputs, losses, gradients of sum(outputs * pattern) + losses with respect to inputs and weights)."""
    flat = inputs if isinstance(inputs, list) else [inputs]

    def objective(outputs, losses):
        pattern = np.random.RandomState(3).normal(size=outputs.shape).astype("float32")
        total = keras.ops.sum(keras.ops.cast(outputs, "float32") * pattern)
        for loss in losses:
            total = total + keras.ops.cast(loss, "float32")
        return total

    if keras.__name__ == "keras":
        import jax

        def compute(values):
            xs, ws = values
            given = xs if isinstance(inputs, list) else xs[0]
            mapping = list(zip(layer.trainable_variables, ws, strict=True))
            with keras.StatelessScope(state_mapping=mapping, collect_losses=True):
                return objective(layer(given, **call), layer.losses)

        start = ([keras.ops.convert_to_tensor(x) for x in flat], [v.value for v in layer.trainable_variables])
        xs, ws = jax.grad(compute)(start)
        return [*xs, *ws]
    xs = [keras.ops.convert_to_tensor(x) for x in flat]
    with keras.GradientTape() as tape:
        for x in xs:
            tape.watch(x)
        outputs = layer(xs if isinstance(inputs, list) else xs[0], **call)
        total = objective(outputs, layer.losses)
    sources = [*xs, *layer.trainable_variables]
    found = tape.gradient(total, sources)
    return [np.zeros(s.shape) if g is None else g for s, g in zip(sources, found, strict=True)]


def layer_row(case, keras):
    layer = case.build(keras)
    made = {"config": config_of(layer)}
    if case.random:
        return made
    inputs = case.inputs()
    call = {"training": True} if case.training and "training" in layer.call_signature_parameters else {}
    if case.smooth:
        for i, g in enumerate(gradients(keras, layer, inputs, call)):
            made[f"gradient{i}"] = np.asarray(g)
        layer = case.build(keras)  # its statistics have moved
    made["output"] = np.asarray(case.call(layer, inputs))
    for i, value in enumerate(layer.losses):
        made[f"loss{i}"] = np.asarray(value)
    for i, value in enumerate(layer.get_weights()):
        made[f"weight{i}"] = value
    return made


ROWS = {str(case): functools.partial(layer_row, case) for case in CASES}


ACTIVATIONS = {
    "celu": {"alpha": 0.7}, "elu": {"alpha": 1.3}, "exponential": {}, "gelu": {"approximate": True}, "glu": {},
    "hard_shrink": {"threshold": 0.3}, "hard_sigmoid": {}, "hard_silu": {}, "hard_tanh": {},
    "leaky_relu": {"negative_slope": 0.3}, "linear": {}, "log_sigmoid": {}, "log_softmax": {}, "mish": {},
    "relu": {"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.2}, "relu6": {}, "selu": {}, "sigmoid": {},
    "silu": {}, "soft_shrink": {}, "softmax": {"axis": 0}, "softplus": {}, "softsign": {}, "sparse_plus": {},
    "sparse_sigmoid": {}, "sparsemax": {}, "squareplus": {"b": 3}, "tanh": {}, "tanh_shrink": {},
    "threshold": {"threshold": 0.1, "default_value": -1.0},
}  # fmt: skip


def activation_row(name, kwargs, keras):
    x = np.random.RandomState(1).normal(0, 2, (5, 6)).astype("float32")
    function = getattr(keras.activations, name)
    return {
        "given": np.asarray(function(keras.ops.convert_to_tensor(x), **kwargs)),
        "default": np.asarray(function(keras.ops.convert_to_tensor(x), **(kwargs if name == "threshold" else {}))),
    }


ROWS |= {f"activation-{n}": functools.partial(activation_row, n, k) for n, k in ACTIVATIONS.items()}


def weight_functions(keras):
    """Regularizers and constraints of one matrix."""
    w = np.random.RandomState(2).normal(0, 1.5, (4, 3)).astype("float32")
    w = keras.ops.convert_to_tensor(w)
    r, c = keras.regularizers, keras.constraints
    functions = {
        "l1": r.L1(0.3), "l2": r.L2(0.2), "l1l2": r.L1L2(0.1, 0.4),
        "rows": r.OrthogonalRegularizer(0.5), "columns": r.OrthogonalRegularizer(0.5, mode="columns"),
        "max": c.MaxNorm(1.0), "max1": c.MaxNorm(1.0, axis=1), "non_neg": c.NonNeg(), "unit": c.UnitNorm(axis=1),
        "min_max": c.MinMaxNorm(0.5, 1.0, rate=0.7), "min_max01": c.MinMaxNorm(0.5, 1.0, axis=[0, 1]),
    }  # fmt: skip
    return {name: np.asarray(function(w)) for name, function in functions.items()}


def initializers(keras):
    """Mean, standard deviation and extremes of what initializers draw, and the values of those that do not."""
    made, k = {}, keras.initializers
    for name in (
        "GlorotUniform", "GlorotNormal", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "RandomNormal",
        "RandomUniform", "TruncatedNormal", "VarianceScaling", "Orthogonal",
    ):  # fmt: skip
        values = np.asarray(getattr(k, name)(seed=4)((300, 200)))
        made[name] = np.array([values.std(), np.percentile(values, 97.0)])
    made["Constant"] = np.asarray(k.Constant(0.3)((2, 3)))
    made["Identity"] = np.asarray(k.Identity(0.3)((2, 3)))
    return made


def spectral_row(make, shape, settings, keras):
    """Two calls in training and one after them: outputs, weights, config."""
    layer = keras.layers.SpectralNormalization(make(keras.layers), **settings)
    layer.build(shape)
    rng = np.random.RandomState(6)
    layer.set_weights([rng.normal(0, 1, w.shape).astype("float32") for w in layer.weights])
    x = rng.uniform(0, 3, shape).astype("float32")
    made = {f"output{i}": np.asarray(layer(x, training=i < 2)) for i in range(3)}
    made |= {f"weight{i}": value for i, value in enumerate(layer.get_weights())}
    made["normalized"] = np.asarray(layer.normalized_weights()[1])
    made["config"] = config_of(layer)
    paths = " ".join(f"{w.path}{tuple(w.shape)}" for w in layer.weights)
    return {**made, "paths": np.frombuffer(paths.encode(), "uint8")}


ROWS |= {
    f"SpectralNormalization {name}": functools.partial(spectral_row, make, shape, settings)
    for name, (make, shape, settings) in {
        "Dense": (lambda layers: layers.Dense(3, activation="relu"), (4, 5), {}),
        "Dense, five times": (lambda layers: layers.Dense(3, use_bias=False), (4, 2, 5), {"power_iterations": 5}),
        "Conv2D": (lambda layers: layers.Conv2D(3, 2, padding="same"), (2, 3, 4, 2), {"power_iterations": 2}),
        "Conv2DTranspose": (lambda layers: layers.Conv2DTranspose(3, 2), (2, 3, 4, 2), {"name": "mine"}),
        "Embedding": (lambda layers: layers.Embedding(4, 3), (4, 5), {}),
    }.items()
}
ROWS |= {"weight functions": weight_functions, "initializers": initializers}
TOLERANCE["initializers"] = 0.02
