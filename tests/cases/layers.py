"""Softmax, crossentropies, dense layers, normalisation."""

import numpy as np

from cases.case import FLOATS, HALVES, SHAPE, Case, add, sigmoid


def _plain(x):
    return x


def _relu(x):
    return np.maximum(x, 0)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _sparse_crossentropy(labels, logits):
    p = np.take_along_axis(_softmax(logits), np.clip(labels, 0, logits.shape[-1] - 1)[..., None], -1)[..., 0]
    return np.where((labels >= 0) & (labels < logits.shape[-1]), -np.log(p), np.nan)


def _ctc(target, log_p, target_length, output_length):
    """-log of the sum over alignments, which are paths through blank, label, blank, label ... blank."""
    losses = []
    for labels, p, n, frames in zip(target, log_p, target_length, output_length, strict=True):
        symbols = np.zeros(2 * n + 1, int)
        symbols[1::2] = labels[:n]
        skips = np.append(False, (symbols[2:] != symbols[:-2]) & (symbols[2:] != 0))
        weight = np.append(0.0, np.full(2 * n, -np.inf))
        for frame in p[:frames]:
            entered = np.logaddexp(weight[1:], weight[:-1])
            entered[1:] = np.where(skips[1:], np.logaddexp(entered[1:], weight[:-2]), entered[1:])
            weight = np.append(weight[0], entered) + frame[symbols]
        losses.append(-np.logaddexp.reduce(weight[-2:]))
    return np.array(losses)


def ctc(note, batch, labels, frames, classes, target_length, output_length, large=None, **options):
    def shapes(batch, labels, frames):
        return [(batch, labels), (batch, frames, classes), (batch,), (batch,)]

    return Case(
        "ctc_loss",
        shapes(batch, labels, frames),
        _ctc,
        call=_first("ctc_loss", mask_index=0),
        kinds=("int32", None, "int32", "int32"),
        domain=((1, classes - 1), (-3, 0), target_length, output_length),
        large=large and shapes(*large),
        note=note,
        **options,
    )


def _first(name, **attrs):
    def call(*tensors):
        from fastkeras.engine import primitive

        return primitive(name)(*tensors, **attrs)[0]

    return call


def _normalized(x, weights, axes, epsilon, scale, offset, shape):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    y = (x - mean) / np.sqrt(variance + epsilon)
    weights = [w.reshape(shape) for w in weights]
    if scale:
        y = y * weights[0]
    return (y + weights[-1] if offset else y), mean, variance


def _batch_norm(x, *weights, axis, epsilon, scale, offset):
    axes = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    shape = [d if a == axis % x.ndim else 1 for a, d in enumerate(x.shape)]
    y, mean, variance = _normalized(x, weights, axes, epsilon, scale, offset, shape)
    return y, mean.ravel(), variance.ravel()


def _layer_norm(x, *weights, axes, epsilon, scale, offset, centered=True):
    axes = tuple(range(x.ndim - axes, x.ndim))
    if not centered:
        y = x / np.sqrt((x * x).mean(axes, keepdims=True) + epsilon)
        return y * weights[0] if scale else y
    return _normalized(x, weights, axes, epsilon, scale, offset, [x.shape[a] for a in axes])[0]


def _group_norm(x, *weights, groups, epsilon, scale, offset):
    parted = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
    weights = [w.reshape(groups, -1) for w in weights]
    return _normalized(parted, weights, (1, 3), epsilon, scale, offset, parted.shape[2:])[0].reshape(x.shape)


def _attention(q, k, v, *more, scale, causal, save, rate=None):
    mask = more if rate is None else more[:-1]
    logits = scale * np.einsum("btnh,bsnh->bnts", q, k)
    seen = mask[0] if mask else np.ones((1, 1, 1, 1), bool)
    if causal:
        seen = seen & np.tri(q.shape[1], k.shape[1], dtype=bool)
    p = _softmax(np.where(seen, logits, -1e37))
    return np.einsum("bnts,bsnd->btnd", p if rate is None else _first("dropout", rate=rate)(p, more[-1]).numpy(), v)


def attention(queries, keys, mask=None, large=None, note="", **options):
    """`queries`, `keys` (batch, length, heads, size); values are one wider than keys."""
    attrs = {"scale": 0.4, "causal": False, "save": False} | options

    drops = "rate" in options

    def shapes(queries, keys):
        return [queries, keys, (*keys[:-1], keys[-1] + 1)] + [mask] * (mask is not None) + [(2,)] * drops

    return Case(
        "attention",
        shapes(queries, keys),
        lambda *arrays, **_: _attention(*arrays, **attrs),
        call=_first("attention", **attrs),
        kinds=(None,) * 3 + ("bool",) * (mask is not None) + ("uint32",) * drops,
        large=large and shapes(*large),
        note=note,
        twice=True,
        rtol=4,
    )


def batch_norm(shape, axis, scale, offset, large=None, **options):
    attrs = {"axis": axis, "epsilon": 0.01, "scale": scale, "offset": offset}
    shapes = [shape] + [(shape[axis],)] * (scale + offset)
    large = large and [large] + [(large[axis],)] * (scale + offset)
    note = f"{len(shape)}d-axis{axis}-{scale}-{offset}"
    return Case("batch_norm", shapes, _batch_norm, attrs=attrs, large=large, note=note, twice=True, rtol=4, **options)


def layer_norm(shape, axes, scale, offset, centered=True, large=None, **options):
    attrs = {"axes": axes, "epsilon": 0.01, "scale": scale, "offset": offset, "centered": centered}
    weights = scale + offset
    return Case(
        "layer_norm",
        [shape] + [shape[-axes:]] * weights,
        lambda *arrays, **_: _layer_norm(*arrays, **attrs),
        call=_first("layer_norm", **attrs),
        large=large and [large] + [large[-axes:]] * weights,
        note=f"{len(shape)}d-{axes}-{scale}-{offset}" + "-rms" * (not centered),
        twice=True,
        rtol=4,
        **options,
    )


def group_norm(shape, groups, scale, offset, large=None, **options):
    attrs = {"groups": groups, "epsilon": 0.01, "scale": scale, "offset": offset}
    weights = scale + offset
    return Case(
        "group_norm",
        [shape] + [shape[-1:]] * weights,
        lambda *arrays, **_: _group_norm(*arrays, **attrs),
        call=_first("group_norm", **attrs),
        large=large and [large] + [large[-1:]] * weights,
        note=f"{len(shape)}d-{groups}-{scale}-{offset}",
        twice=True,
        rtol=4,
        **options,
    )


add(
    Case("softmax", [SHAPE], _softmax, rtol=2),
    Case("log_softmax", [SHAPE], lambda x: np.log(_softmax(x)), rtol=2),
    Case("softmax", [(3, 4, 5)], _softmax, note="3d", twice=True, rtol=2),
    attention((2, 5, 3, 4), (2, 7, 3, 4), save=True, large=[(3, 150, 2, 32), (3, 140, 2, 32)]),
    attention((2, 5, 3, 4), (2, 7, 3, 4), note="made-again"),
    attention((2, 6, 1, 17), (2, 6, 1, 17), causal=True, save=True, note="causal"),
    attention((2, 5, 2, 4), (2, 3, 2, 4), causal=True, note="causal-few-keys"),
    attention((2, 5, 3, 4), (2, 7, 3, 4), mask=(2, 1, 5, 7), save=True, note="mask"),
    attention((2, 5, 3, 4), (2, 7, 3, 4), mask=(2, 1, 1, 7), note="mask-of-keys"),
    attention((2, 5, 3, 4), (2, 7, 3, 4), mask=(1, 3, 5, 1), causal=True, note="mask-of-queries-causal"),
    attention((1, 70, 1, 3), (1, 1100, 1, 3), save=True, note="blocks"),
    attention((1, 90, 2, 3), (1, 1100, 2, 3), causal=True, note="blocks-causal"),
    attention((1, 1200, 1, 3), (1, 1100, 1, 3), causal=True, save=True, note="blocks-causal-saved"),
    attention((2, 5, 3, 4), (2, 7, 3, 4), rate=0.3, save=True, note="dropout", large=[(3, 150, 2, 9), (3, 140, 2, 9)]),
    attention((2, 5, 3, 4), (2, 7, 3, 4), rate=0.3, note="dropout-made-again"),
    attention((2, 5, 3, 4), (2, 7, 3, 4), rate=0.5, mask=(2, 1, 5, 7), save=True, note="dropout-mask"),
    attention((2, 5, 3, 4), (2, 7, 3, 4), rate=0.5, mask=(1, 3, 5, 1), causal=True, note="dropout-mask-causal"),
    attention((1, 1200, 1, 3), (1, 1100, 1, 3), rate=0.1, causal=True, save=True, note="dropout-blocks-causal"),
    attention((1, 90, 2, 3), (1, 1100, 2, 3), rate=0.1, causal=True, note="dropout-blocks-causal-made-again"),
    Case(
        "sparse_crossentropy",
        [(3, 5), (3, 5, 9)],
        _sparse_crossentropy,
        kinds=("int32", None),
        domain=((0, 8), (-3, 3)),
        call=_first("sparse_crossentropy"),
        large=[(517,), (517, 611)],
        twice=True,
    ),
    ctc("short", 4, 3, 9, 3, (0, 3), (7, 9), dtypes=(*FLOATS, *HALVES), large=(70, 3, 61)),
    ctc("long", 3, 23, 70, 12, (17, 23), (50, 70), rtol=4),
    Case(
        "crossentropy",
        [(4, 9), (4, 9)],
        lambda t, x: -(t * np.log(_softmax(x))).sum(-1),
        domain=((0, 1), (-3, 3)),
        call=_first("crossentropy"),
        large=[(517, 611)] * 2,
        twice=True,
        rtol=2,
    ),
    *(
        Case(
            "dense",
            [(5, 9), (9, 7), (7,)],
            lambda a, b, bias, activation, f=f: f(a @ b + bias),
            attrs={"activation": activation},
            large=[(61, 300), (300, 277), (277,)],
            twice=activation != "relu",
            note=activation,
            rtol=4,
        )
        for activation, f in (("linear", _plain), ("relu", _relu), ("sigmoid", sigmoid), ("tanh", np.tanh))
    ),
    batch_norm((6, 5), -1, True, True, large=(5000, 37)),
    batch_norm((6, 40), 1, True, False, large=(501, 403)),
    batch_norm((3, 4, 2, 19), 3, False, True, large=(8, 14, 15, 19)),
    batch_norm((3, 4, 2, 7), 1, True, True, large=(8, 14, 31, 19)),
    batch_norm((3, 4, 7), 0, False, False),
    layer_norm((6, 19), 1, True, True, large=(517, 611)),
    layer_norm((3, 4, 5), 2, True, False),
    layer_norm((3, 40), 1, False, True),
    layer_norm((11,), 1, False, False),
    layer_norm((6, 19), 1, True, False, centered=False, large=(517, 611)),
    layer_norm((3, 4, 5), 2, False, False, centered=False),
    group_norm((3, 4, 2, 6), 3, True, True, large=(5, 31, 33, 54)),
    group_norm((2, 7, 35), 5, True, False, large=(3, 700, 35)),
    group_norm((2, 3, 2, 2, 19), 19, False, True, large=(2, 3, 5, 70, 19)),
    group_norm((2, 70, 3), 1, True, True, large=(2, 40000, 3)),
    group_norm((4, 26), 2, False, False, large=(300, 26)),
)
