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


def lstm_steps(x, h, c, kernel, recurrent, *more, bias, mask, **options):
    def step(x, h, c):
        i, f, g, o = np.split(x @ kernel + h @ recurrent + (more[0] if bias else 0), 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    return _walk(step, [h, c], x, more[-1] if mask else None, **options)


def gru_steps(x, h, kernel, recurrent, *more, bias, mask, **options):
    b, b_h = more[0] if bias else (0, np.zeros(recurrent.shape[1]))

    def step(x, h):
        z, r, m = np.split(x @ kernel + b, 3, -1)
        h_z, h_r, h_m = np.split(h @ recurrent + b_h, 3, -1)
        z, r = sigmoid(z + h_z), sigmoid(r + h_r)
        return (z * h + (1 - z) * np.tanh(m + r * h_m),)

    return _walk(step, [h], x, more[-1] if mask else None, **options)


def recurrent(name, batch, steps, features, units, bias=True, mask=False, large=None, note="", **options):
    lstm = name == "lstm"
    attrs = {"bias": bias, "mask": mask, "reverse": False, "sequences": True, "zero_masked": False, "save": False}
    attrs |= options

    def shapes(batch, steps, features, units):
        columns = (4 if lstm else 3) * units
        weights = [(features, columns), (units, columns)] + [(columns,) if lstm else (2, columns)] * bias
        return [(batch, steps, features), *[(batch, units)] * (1 + lstm), *weights, *[(batch, steps)] * mask]

    def call(*tensors):
        from fastkeras.engine import primitive

        return primitive(name)(*tensors, **attrs)[: 2 + lstm]

    made = shapes(batch, steps, features, units)
    return Case(
        name,
        made,
        lambda *arrays, **_: (lstm_steps if lstm else gru_steps)(*arrays, **attrs),
        call=call,
        kinds=(None,) * (len(made) - mask) + ("bool",) * mask,
        domain=(-1, 1),
        large=large and shapes(*large),
        rtol=4,
        note=f"{batch}x{steps}x{features}x{units}{note}",
    )


add(
    *(
        row
        for name in ("lstm", "gru")
        for row in (
            recurrent(name, 3, 5, 4, 7, large=(37, 9, 20, 40)),
            recurrent(name, 3, 5, 4, 7, save=True, note="-save"),
            recurrent(name, 18, 4, 3, 16, bias=False, sequences=False, reverse=True, note="-back"),
            recurrent(name, 5, 6, 3, 9, mask=True, large=(35, 6, 7, 33), note="-mask"),
            recurrent(name, 4, 6, 3, 5, mask=True, zero_masked=True, reverse=True, save=True, note="-zero"),
            recurrent(name, 1, 7, 4, 70, large=(1, 5, 30, 400)),
            recurrent(name, 5, 1, 4, 6, large=(33, 1, 30, 70)),
            recurrent(name, 300, 3, 2, 3),
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
