"""Reductions and running sums, over every kind of axes."""

import numpy as np

from cases.case import ALL, FLOATS, HALVES, INTS, Case, add

AXES = [
    ("rows", (7, 33), [1], [(1000, 333)]),
    ("columns", (32, 45), [0], [(3000, 130)]),
    ("all", (7, 33), None, [(517, 611)]),
    ("inner", (3, 7, 5), [1], [(30, 70, 50)]),
    ("split", (3, 7, 5, 2), [0, 2], [(30, 17, 25, 20)]),
    ("ends", (3, 7, 5), [0, 2], [(32, 64, 99)]),
    ("none", (3, 4), [], None),
    ("ones", (3, 1, 4), [1], None),
    ("deep", (2, 3, 2, 3, 2), [0, 2, 4], None),
]


def reductions(name, ref, dtypes=FLOATS, **options):
    for keepdims in (False, True):
        for note, shape, axes, large in AXES:
            attrs = {"keepdims": keepdims} | ({} if axes is None else {"axes": axes})

            def run(x, keepdims, axes=None):
                return ref(x, axis=None if axes is None else tuple(axes), keepdims=keepdims)

            yield Case(
                name,
                [shape],
                run,
                attrs=attrs,
                dtypes=dtypes if note in ("rows", "columns", "all", "split") else dtypes[:2],
                large=None if keepdims else large,
                note=f"{note}-kept" if keepdims else note,
                **options,
            )


def _moments(x, axis, keepdims):
    return x.mean(axis=axis, keepdims=keepdims), x.var(axis=axis, keepdims=keepdims)


def _logsumexp(x, axis, keepdims):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def _sum(x, axis, keepdims):
    return np.sum(x, axis=axis, keepdims=keepdims, dtype={"b": "int32", "u": "uint32"}.get(x.dtype.kind, x.dtype))


def _prod(x, axis, keepdims):
    return np.prod(x, axis=axis, keepdims=keepdims, dtype={"b": "int32", "u": "uint32"}.get(x.dtype.kind, x.dtype))


add(
    *reductions("sum", _sum, (*FLOATS, *HALVES, *INTS, "bool", "uint8")),
    *reductions("mean", np.mean, (*FLOATS, *HALVES)),
    *reductions("max", np.max, (*FLOATS, *HALVES, *INTS, "bool", "uint8")),
    *reductions("min", np.min, (*FLOATS, *HALVES, *INTS, "bool", "uint8")),
    *reductions("prod", _prod, (*FLOATS, *INTS, "bool"), domain=(0.5, 1.5)),
    *reductions("any", np.any, ("bool", "float32", "int32"), gradient=False),
    *reductions("all", np.all, ("bool", "float32", "int32"), gradient=False),
    *reductions("logsumexp", _logsumexp, FLOATS),
    *reductions("moments", _moments, FLOATS),
    *(
        Case(
            name,
            [shape],
            lambda x, axis=None, keepdims=False, of=of: of(x, axis=axis, keepdims=keepdims).astype("int32"),
            attrs={"keepdims": kept} | ({} if axis is None else {"axis": axis}),
            dtypes=(*ALL, "bool", "uint8"),
            gradient=False,
            large=None if kept else [(517, 611)],
            note=f"{axis}{'-kept' * kept}",
        )
        for name, of in (("argmax", np.argmax), ("argmin", np.argmin))
        for axis, shape in ((0, (32, 45)), (-1, (7, 33)), (1, (3, 7, 5)), (None, (7, 33)))
        for kept in (False, True)
    ),
    *(
        Case(
            name,
            [shape],
            lambda x, axis, reverse, of=of: np.flip(of(np.flip(x, axis), axis), axis) if reverse else of(x, axis),
            attrs={"axis": axis, "reverse": reverse},
            dtypes=ALL,
            domain=(1, 2) if name == "cumprod" else (-3, 3),
            rtol=4,
            note=f"{axis}{'-reverse' * reverse}",
        )
        for name, of in (("cumsum", np.cumsum), ("cumprod", np.cumprod))
        for axis, shape in ((0, (9, 33)), (-1, (33, 9)), (1, (3, 7, 5)))
        for reverse in (False, True)
    ),
)
