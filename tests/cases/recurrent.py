"""Recurrent layers over whole sequences, and one step."""

import numpy as np

from cases.case import Case, add, sigmoid


def _walk(step, states, x, mask, reverse, sequences, zero_masked, **_):
    """(y, *states) of a layer that does `step(x_t, *states) -> states` where the mask holds."""
    outputs = []
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        keep = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        states = [np.where(keep, new, old) for new, old in zip(step(x[:, t], *states), states, strict=True)]
        outputs.append(np.where(keep | (not zero_masked), states[0], 0))
    return (np.stack(outputs, 1) if sequences else outputs[-1], *states)


def _product(x, kernel, pattern):
    """x @ kernel, of which each gate sees x under a pattern of its own: what is kept is doubled."""
    if pattern is None:
        return x @ kernel
    parts = zip(pattern, np.split(kernel, len(pattern), -1), strict=True)
    return np.concatenate([(x * kept * 2) @ part for kept, part in parts], -1)


def _new(x, relu):
    return np.maximum(x, 0) if relu else np.tanh(x)


def lstm_steps(x, h, c, kernel, recurrent, *more, bias, mask, x_pattern=False, h_pattern=False, relu=False, **options):
    more = list(more)
    b, mask, x_kept, h_kept = (more.pop(0) if there else None for there in (bias, mask, x_pattern, h_pattern))

    def step(x, h, c):
        sums = _product(x, kernel, x_kept) + _product(h, recurrent, h_kept)
        i, f, g, o = np.split(sums + (b if bias else 0), 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * _new(g, relu)
        return sigmoid(o) * _new(c, relu), c

    return _walk(step, [h, c], x, mask, **options)


def gru_steps(x, h, kernel, recurrent, *more, bias, mask, x_pattern=False, h_pattern=False, relu=False, **options):
    more = list(more)
    b, mask, x_kept, h_kept = (more.pop(0) if there else None for there in (bias, mask, x_pattern, h_pattern))
    b, b_h = b if bias else (0, np.zeros(recurrent.shape[1]))

    def step(x, h):
        z, r, m = np.split(_product(x, kernel, x_kept) + b, 3, -1)
        h_z, h_r, h_m = np.split(_product(h, recurrent, h_kept) + b_h, 3, -1)
        z, r = sigmoid(z + h_z), sigmoid(r + h_r)
        return (z * h + (1 - z) * _new(m + r * h_m, relu),)

    return _walk(step, [h], x, mask, **options)


def simple_steps(x, h, kernel, recurrent, *more, bias, mask, x_pattern=False, h_pattern=False, relu=False, **options):
    more = list(more)
    b, mask, x_kept, h_kept = (more.pop(0) if there else None for there in (bias, mask, x_pattern, h_pattern))

    def step(x, h):
        sums = _product(x, kernel, x_kept) + _product(h, recurrent, h_kept)
        return (_new(sums + (b if bias else 0), relu),)

    return _walk(step, [h], x, mask, **options)


STEPS = {"lstm": lstm_steps, "gru": gru_steps, "simple_rnn": simple_steps}
GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}


def recurrent(name, batch, steps, features, units, bias=True, mask=False, patterns="", large=None, note="", **options):
    lstm = name == "lstm"
    attrs = {"bias": bias, "mask": mask, "reverse": False, "sequences": True, "zero_masked": False, "save": False}
    attrs |= {"x_pattern": "x" in patterns, "h_pattern": "h" in patterns} | options

    def shapes(batch, steps, features, units):
        gates = GATES[name]
        columns = gates * units
        weights = [(features, columns), (units, columns)] + [(2, columns) if name == "gru" else (columns,)] * bias
        kept = [(gates, batch, {"x": features, "h": units}[p]) for p in patterns]
        return [(batch, steps, features), *[(batch, units)] * (1 + lstm), *weights, *[(batch, steps)] * mask, *kept]

    def call(*tensors):
        from fastkeras.engine import cast, primitive

        kept = len(tensors) - len(patterns)
        tensors = *tensors[:kept], *(cast(t, tensors[0].dtype) * 2 for t in tensors[kept:])
        return primitive(name)(*tensors, **attrs)[: 2 + lstm]

    made = shapes(batch, steps, features, units)
    return Case(
        name,
        made,
        lambda *arrays, **_: STEPS[name](*arrays, **attrs),
        call=call,
        kinds=(None,) * (len(made) - mask - len(patterns)) + ("bool",) * (mask + len(patterns)),
        domain=(-1, 1),
        large=large and shapes(*large),
        rtol=4,
        note=f"{batch}x{steps}x{features}x{units}{note}",
    )


add(
    *(
        row
        for name in STEPS
        for row in (
            recurrent(name, 3, 5, 4, 7, large=(37, 9, 20, 40)),
            recurrent(name, 3, 5, 4, 7, save=True, note="-save"),
            recurrent(name, 18, 4, 3, 16, bias=False, sequences=False, reverse=True, note="-back"),
            recurrent(name, 5, 6, 3, 9, mask=True, large=(35, 6, 7, 33), note="-mask"),
            recurrent(name, 4, 6, 3, 5, mask=True, zero_masked=True, reverse=True, save=True, note="-zero"),
            recurrent(name, 1, 7, 4, 70, large=(1, 5, 30, 400)),
            recurrent(name, 6, 5, 4, 9, mask=True, relu=True, large=(35, 6, 7, 33), note="-relu"),
            recurrent(name, 1, 5, 4, 9, relu=True, patterns="h", save=True, note="-relu"),
            recurrent(name, 5, 1, 4, 6, large=(33, 1, 30, 70)),
            recurrent(name, 300, 3, 2, 3),
            recurrent(name, 5, 4, 6, 9, patterns="xh", large=(37, 9, 20, 40), note="-dropped"),
            recurrent(name, 18, 4, 3, 16, patterns="h", mask=True, save=True, reverse=True, note="-dropped-state"),
            recurrent(name, 4, 3, 5, 6, patterns="x", bias=False, sequences=False, note="-dropped-inputs"),
            recurrent(name, 1, 9, 4, 17, patterns="xh", note="-dropped"),
            recurrent(name, 5, 1, 4, 6, patterns="xh", large=(33, 1, 30, 70), note="-dropped"),
        )
    ),
    *(
        Case(
            "lstm_cell",
            [(b, f), (b, u), (b, u), (f, 4 * u), (u, 4 * u)] + [(4 * u,)] * bias,
            lambda x, *arrays, bias: lstm_steps(
                x[:, None], *arrays, bias=bias, mask=False, reverse=False, sequences=False, zero_masked=False
            )[1:],
            attrs={"bias": bias},
            domain=(-1, 1),
            rtol=4,
            note=f"{b}-{bias}",
        )
        for b, f, u, bias in ((3, 4, 7, True), (1, 4, 9, False))
    ),
)
