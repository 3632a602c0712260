"""Rows of tests/test_reference.py: ten steps of every optimizer and option; schedules; the order of the state."""

import numpy as np

_STEPS = 10


def _variables(k):
    r = np.random.RandomState(0)
    shapes = {"kernel": (4, 3), "bias": (3,), "cube": (2, 3, 2)}
    return [k.Variable(r.normal(size=shape).astype("float32"), name=name) for name, shape in shapes.items()]


def _gradients(k, step, shapes, scale):
    r = np.random.RandomState(step + 1)
    return [k.ops.convert_to_tensor((scale * r.normal(size=shape)).astype("float32")) for shape in shapes]


def _run(k, optimizer, scale=1.0, steps=_STEPS, constraint=None):
    variables = _variables(k)
    if constraint is not None:
        variables[0].constraint = constraint
    optimizer.build(variables)
    out = {}
    for step in range(steps):
        gradients = _gradients(k, step, [v.shape for v in variables], scale)
        optimizer.apply_gradients(list(zip(gradients, variables, strict=True)))
        if step in (0, 1, steps - 1):
            out |= {f"{v.name} {step}": np.array(v) for v in variables}
    out |= {f"state {i} {v.path.split('/')[-1]}": np.array(v) for i, v in enumerate(optimizer.variables)}
    return out


def _row(cls, scale=1.0, **arguments):
    return lambda k: _run(k, getattr(k.optimizers, cls)(**arguments), scale)


def _scheduled(cls, **arguments):
    def row(k):
        schedule = k.optimizers.schedules.CosineDecay(0.1, 8, warmup_target=0.2, warmup_steps=3)
        return _run(k, getattr(k.optimizers, cls)(schedule, **arguments))

    return row


def _excluded(k):
    optimizer = k.optimizers.SGD(0.1, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return _run(k, optimizer)


def _constrained(k):
    return _run(k, k.optimizers.SGD(0.1), constraint=k.constraints.NonNeg())


def _finalized(k):
    optimizer = k.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.8)
    variables = _variables(k)
    for step in range(3):
        gradients = _gradients(k, step, [v.shape for v in variables], 1.0)
        optimizer.apply(gradients, variables)
    optimizer.finalize_variable_values(variables)
    return {v.name: np.array(v) for v in variables}


def _learning_rate(k):
    optimizer = k.optimizers.SGD(0.1)
    variables = _variables(k)
    optimizer.build(variables)
    for step, rate in enumerate((0.1, 0.5, 0.01)):
        optimizer.learning_rate = rate
        optimizer.apply(_gradients(k, step, [v.shape for v in variables], 1.0))
    return {v.name: np.array(v) for v in variables} | {"rate": np.array(optimizer.learning_rate)}


def _loss_scale(k):
    """A step that is not finite is skipped, and two good ones in a row double the scale."""
    optimizer = k.optimizers.LossScaleOptimizer(k.optimizers.Adam(0.1), initial_scale=8.0, dynamic_growth_steps=2)
    variables = _variables(k)
    optimizer.build(variables)
    out = {}
    for step, scale in enumerate((1.0, np.inf, 1.0, 1.0, 1.0)):
        trained, state = optimizer.stateless_apply(
            [v.value for v in optimizer.variables],
            _gradients(k, step, [v.shape for v in variables], scale),
            [v.value for v in variables],
        )
        for variable, value in zip([*variables, *optimizer.variables], [*trained, *state], strict=True):
            variable.assign(value)
        out[f"scale {step}"] = np.array(optimizer.dynamic_scale)
        out[f"kernel {step}"] = np.array(variables[0])
    return out | {"scaled": optimizer.scale_loss(k.ops.convert_to_tensor(2.0))}


def _multi(k, **arguments):
    """Adam with averages for the kernel, momentum for the bias, RMSprop for what no pattern matches."""
    o = k.optimizers
    chosen = {"k.*": o.Adam(0.1, use_ema=True, clipnorm=0.5), "bias": o.SGD(0.2, momentum=0.9)}
    return o.MultiOptimizer(o.OptimizerMap(o.RMSprop(0.01), chosen), **arguments)


def _multi_trained(k):
    """fit with two optimizers, one of them scheduled, and a third that has nothing to do."""
    schedule = k.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    chosen = {".*first/.*": k.optimizers.SGD(schedule, momentum=0.5), "nowhere": k.optimizers.Lion()}
    r, layers = np.random.RandomState(0), [k.layers.Dense(3, "tanh", name="first"), k.layers.Dense(2, name="second")]
    model = k.Sequential([k.Input((4,)), *layers])
    model.set_weights([r.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    optimizers = k.optimizers.OptimizerMap(k.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5), chosen)
    model.compile(k.optimizers.MultiOptimizer(optimizers), "mse")
    x, y = (r.normal(size=(10, n)).astype("float32") for n in (4, 2))
    losses = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]
    state = {f"state {i}": np.array(v) for i, v in enumerate(model.optimizer.variables)}
    return {"losses": np.array(losses), "predictions": model.predict(x, verbose=0)} | state


def _stateless(k):
    optimizer = k.optimizers.Adam(0.1)
    variables = _variables(k)
    optimizer.build(variables)
    gradients = _gradients(k, 0, [v.shape for v in variables], 1.0)
    trained, state = optimizer.stateless_apply(
        [v.value for v in optimizer.variables], gradients, [v.value for v in variables]
    )
    out = {f"trained {i}": np.array(v) for i, v in enumerate(trained)}
    out |= {f"state {i}": np.array(v) for i, v in enumerate(state)}
    return out | {f"untouched {i}": np.array(v) for i, v in enumerate([*variables, *optimizer.variables])}


_SCHEDULES = {
    "exponential": ("ExponentialDecay", (0.1, 7, 0.9), {}),
    "exponential_staircase": ("ExponentialDecay", (0.1, 7, 0.9), {"staircase": True}),
    "inverse_time": ("InverseTimeDecay", (0.1, 7, 0.5), {}),
    "inverse_time_staircase": ("InverseTimeDecay", (0.1, 7, 0.5), {"staircase": True}),
    "piecewise": ("PiecewiseConstantDecay", ([5, 12, 20], [0.1, 0.05, 0.01, 0.001]), {}),
    "polynomial": ("PolynomialDecay", (0.1, 15), {"power": 2.0}),
    "polynomial_cycle": ("PolynomialDecay", (0.1, 6), {"power": 0.5, "cycle": True}),
    "cosine": ("CosineDecay", (0.1, 20), {"alpha": 0.1}),
    "cosine_warmup": ("CosineDecay", (0.0, 12), {"warmup_target": 0.1, "warmup_steps": 6}),
    "restarts": ("CosineDecayRestarts", (0.1, 5), {}),
    "restarts_equal": ("CosineDecayRestarts", (0.1, 6), {"t_mul": 1.0, "m_mul": 0.8, "alpha": 0.05}),
}


def _schedule(cls, positional, named):
    def row(k):
        schedule = getattr(k.optimizers.schedules, cls)(*positional, **named)
        return {"rates": np.stack([np.array(schedule(k.ops.convert_to_tensor(step))) for step in range(30)])}

    return row


_OPTIONS = {
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 1.0},
    "weight_decay": {"weight_decay": 0.05},
    "ema": {"use_ema": True, "ema_momentum": 0.7},
    "ema_overwrite": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3},
    "accumulation_all": {
        "gradient_accumulation_steps": 2,
        "global_clipnorm": 0.7,
        "weight_decay": 0.01,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
    },
    "loss_scale_factor": {"loss_scale_factor": 4.0},
}
ROWS = {
    "sgd": _row("SGD", learning_rate=0.1),
    "sgd_momentum": _row("SGD", learning_rate=0.1, momentum=0.9),
    "sgd_nesterov": _row("SGD", learning_rate=0.1, momentum=0.8, nesterov=True),
    "adam": _row("Adam", learning_rate=0.1),
    "adam_betas": _row("Adam", learning_rate=0.05, beta_1=0.8, beta_2=0.9, epsilon=1e-3),
    "adam_amsgrad": _row("Adam", learning_rate=0.1, amsgrad=True),
    "adam_tiny_gradients": _row("Adam", scale=1e-6, learning_rate=0.1),
    "adamw": _row("AdamW", learning_rate=0.1, weight_decay=0.1),
    "rmsprop": _row("RMSprop", learning_rate=0.01),
    "rmsprop_momentum": _row("RMSprop", learning_rate=0.01, rho=0.8, momentum=0.5),
    "rmsprop_centered": _row("RMSprop", learning_rate=0.01, centered=True),
    "rmsprop_both": _row("RMSprop", learning_rate=0.01, centered=True, momentum=0.5),
    "adagrad": _row("Adagrad", learning_rate=0.1, initial_accumulator_value=0.2),
    "adadelta": _row("Adadelta", learning_rate=1.0, epsilon=1e-3),
    "adamax": _row("Adamax", learning_rate=0.1),
    "nadam": _row("Nadam", learning_rate=0.1),
    "lamb": _row("Lamb", learning_rate=0.1),
    "ftrl": _row("Ftrl", learning_rate=0.1),
    "ftrl_all": _row(
        "Ftrl",
        learning_rate=0.1,
        learning_rate_power=-0.4,
        l1_regularization_strength=0.01,
        l2_regularization_strength=0.02,
        l2_shrinkage_regularization_strength=0.03,
        beta=0.1,
    ),
    "lion": _row("Lion", learning_rate=0.01),
    "adafactor": _row("Adafactor", learning_rate=0.1),
    "muon": _row("Muon", learning_rate=0.1),
    "muon_options": _row(
        "Muon", learning_rate=0.1, nesterov=False, rms_rate=None, ns_steps=3, weight_decay=None, adam_lr_ratio=0.5
    ),
    "muon_excluded": _row("Muon", learning_rate=0.1, exclude_layers=["ker"], adam_weight_decay=0.1),
    "schedule_free": _row("ScheduleFreeAdamW", learning_rate=0.1, weight_decay=0.01),
    "schedule_free_warmup": _row("ScheduleFreeAdamW", learning_rate=0.1, warmup_steps=4, beta_1=0.8),
    "excluded": _excluded,
    "constrained": _constrained,
    "finalized": _finalized,
    "learning_rate": _learning_rate,
    "loss_scale": _loss_scale,
    "multi": lambda k: _run(k, _multi(k)),
    "multi_scaled": lambda k: _run(k, _multi(k, loss_scale_factor=4.0)),
    "multi_trained": _multi_trained,
    "stateless": _stateless,
    "sgd_scheduled": _scheduled("SGD", momentum=0.5),
    "adam_scheduled": _scheduled("Adam", weight_decay=0.1),
}
ROWS |= {f"sgd_{name}": _row("SGD", learning_rate=0.1, momentum=0.9, **options) for name, options in _OPTIONS.items()}
ROWS |= {f"adam_{name}": _row("Adam", learning_rate=0.1, **options) for name, options in _OPTIONS.items()}
ROWS |= {f"schedule_{name}": _schedule(*case) for name, case in _SCHEDULES.items()}
