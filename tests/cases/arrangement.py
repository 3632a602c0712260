"""Shapes, slices, indices, order."""

import numpy as np

from cases.case import ALL, FLOATS, HALVES, INTS, Case, add

EVERY = (*ALL, "bool", "uint8", *HALVES)


def moves(name, shapes, ref, note="", dtypes=ALL, **options):
    """A row whose attributes fit its own shapes only: never run on others."""
    attrs = options.pop("attrs", {})

    def run(*tensors):
        from fastkeras.engine import primitive

        return primitive(name)(*tensors, **attrs)

    return Case(name, shapes, lambda *x: ref(*x, **attrs), call=run, note=note, dtypes=dtypes, **options)


def _sliced(x, start, stop, step=None):
    step = step or [1] * x.ndim
    ends = [None if b == -1 and s < 0 else b for b, s in zip(stop, step, strict=True)]
    return x[tuple(slice(a, b, s) for a, b, s in zip(start, ends, step, strict=True))]


def _placed(x, shape, start, step=None, value=0):
    y = np.full(shape, value, x.dtype)
    step = step or [1] * x.ndim
    ends = [a + n * s for a, n, s in zip(start, x.shape, step, strict=True)]
    y[tuple(slice(a, None if b < 0 else b, s) for a, b, s in zip(start, ends, step, strict=True))] = x
    return y


def _take_sum(dy, indices, axis, shape):
    x = np.zeros(shape, dy.dtype)
    np.add.at(np.moveaxis(x, axis, 0), indices, np.moveaxis(dy, range(axis, axis + indices.ndim), range(indices.ndim)))
    return x


def _along_sum(dy, indices, axis, shape):
    x = np.zeros(shape, dy.dtype)
    grid = list(np.indices(indices.shape))
    grid[axis] = indices
    np.add.at(x, tuple(grid), dy)
    return x


def _scattered(x, indices, updates, axis, reduction):
    y = np.moveaxis(x.copy(), axis, 0)
    updates = np.moveaxis(updates, axis, 0)
    for i, u in zip(indices, updates, strict=True):
        y[i] = {"set": u, "add": y[i] + u, "mul": y[i] * u, "max": np.maximum(y[i], u), "min": np.minimum(y[i], u)}[
            reduction
        ]
    return np.moveaxis(y, 0, axis)


def _one_hot(x, num_classes, dtype):
    return (x[..., None] == np.arange(num_classes)).astype(dtype)


def _top_k(x, k):
    order = np.argsort(-x.astype("float64"), axis=-1, kind="stable")[..., :k].astype("int32")
    return np.take_along_axis(x, order, -1), order


def _dynamic(x, starts, shape):
    starts = [min(max(s + n if s < 0 else s, 0), n - m) for s, n, m in zip(starts, x.shape, shape, strict=True)]
    return tuple(slice(s, s + m) for s, m in zip(starts, shape, strict=True))


def _slice_updated(x, starts, part):
    y = x.copy()
    y[_dynamic(x, starts, part.shape)] = part
    return y


PERMUTATIONS = [
    ((7, 33), [1, 0], (517, 1031)),
    ((64, 64), [1, 0], (1024, 1024)),
    ((3, 41, 17), [0, 2, 1], (9, 301, 203)),
    ((5, 16, 9), [2, 0, 1], (70, 61, 53)),
    ((2, 9, 3, 8), [0, 2, 1, 3], (8, 50, 12, 64)),
    ((2, 9, 3, 1, 5), [4, 3, 0, 2, 1], None),
    ((2, 3, 2, 2, 3, 2, 2, 3), [7, 5, 3, 1, 6, 4, 2, 0], None),
    ((3, 0, 2), [2, 0, 1], None),
]
INDEX = {"kinds": (None, "int32")}

add(
    moves("reshape", [(6, 35)], lambda x, shape: x.reshape(shape), attrs={"shape": [5, -1, 7]}, dtypes=EVERY),
    *(
        moves(
            "transpose",
            [shape],
            lambda x, perm: x.transpose(perm),
            "x".join(map(str, shape)),
            dtypes=EVERY,
            attrs={"perm": perm},
            large=large and [large],
        )
        for shape, perm, large in PERMUTATIONS
    ),
    moves(
        "concatenate",
        [(3, 5), (4, 5), (0, 5)],
        lambda *x, axis: np.concatenate(x, axis),
        "rows",
        attrs={"axis": 0},
        dtypes=EVERY,
    ),
    moves(
        "concatenate",
        [(9, 5, 2), (9, 1, 2), (9, 4, 2)],
        lambda *x, axis: np.concatenate(x, axis),
        "middle",
        attrs={"axis": -2},
        large=[(900, 50, 2), (900, 10, 2), (900, 40, 2)],
    ),
    *(
        moves(
            "unstack",
            [(3, 11, 7)],
            lambda x, axis: tuple(np.moveaxis(x, axis, 0)),
            f"{axis}",
            attrs={"axis": axis},
            dtypes=EVERY,
            large=[(30, 70, 50)],
        )
        for axis in (0, 1, -1)
    ),
    *(
        moves("slice", [(9, 11, 7)], _sliced, note, dtypes=EVERY, attrs=attrs, large=large)
        for note, attrs, large in [
            ("block", {"start": [2, 0, 3], "stop": [7, 11, 5]}, None),
            ("rows", {"start": [2, 0, 0], "stop": [7, 11, 7]}, None),
            ("step", {"start": [0, 1, 6], "stop": [9, 11, 7], "step": [2, 3, 1]}, None),
            ("back", {"start": [8, 10, 5], "stop": [-1, 0, -1], "step": [-1, -2, -3]}, None),
            ("none", {"start": [4, 0, 0], "stop": [4, 11, 7]}, None),
        ]
    ),
    moves("place", [(3, 4)], _placed, "pad", attrs={"shape": [7, 9], "start": [2, 5], "value": 3}, dtypes=EVERY),
    moves("place", [(3, 4)], _placed, "step", attrs={"shape": [7, 9], "start": [6, 0], "step": [-3, 2]}),
    moves("place", [(0, 4)], _placed, "empty", attrs={"shape": [7, 9], "start": [2, 5], "value": 1}),
    moves(
        "dynamic_slice",
        [(9, 11), (2,)],
        lambda x, starts, shape: x[_dynamic(x, starts, shape)],
        attrs={"shape": [4, 5]},
        domain=(-12, 12),
        **INDEX,
    ),
    moves("slice_update", [(9, 11), (2,), (4, 5)], _slice_updated, domain=(-12, 12), kinds=(None, "int32", None)),
    *(
        moves(
            "take",
            [shape, indices],
            lambda x, i, axis: np.take(x, i, axis),
            f"{axis}",
            dtypes=EVERY,
            attrs={"axis": axis},
            domain=((-3, 3), (-shape[axis], shape[axis] - 1)),
            large=large,
            **INDEX,
        )
        for axis, shape, indices, large in [
            (0, (9, 5), (4,), [(900, 50), (3000,)]),
            (1, (3, 9, 5), (4, 2), [(30, 9, 50), (40, 20)]),
            (-1, (7, 9), (), None),
            (2, (2, 3, 9), (5,), [(50, 60, 9), (70,)]),
        ]
    ),
    *(
        moves(
            "take_grad",
            [dy, indices],
            _take_sum,
            f"{axis}",
            dtypes=(*FLOATS, *HALVES),
            attrs={"axis": axis, "shape": shape},
            domain=((-3, 3), (-shape[axis], shape[axis] - 1)),
            rtol=4,
            **INDEX,
        )
        for axis, shape, dy, indices in [
            (0, [9, 5], (20, 5), (20,)),
            (1, [3, 9, 5], (3, 4, 2, 5), (4, 2)),
        ]
    ),
    moves(
        "take_along_axis",
        [(4, 9, 5), (4, 3, 5)],
        lambda x, i, axis: np.take_along_axis(x, i, axis),
        attrs={"axis": 1},
        dtypes=EVERY,
        domain=((-3, 3), (-9, 8)),
        large=[(40, 9, 500), (40, 30, 500)],
        **INDEX,
    ),
    moves(
        "take_along_axis_grad",
        [(4, 30, 5), (4, 30, 5)],
        _along_sum,
        attrs={"axis": 1, "shape": [4, 9, 5]},
        dtypes=FLOATS,
        domain=((-3, 3), (-9, 8)),
        rtol=4,
        **INDEX,
    ),
    *(
        moves(
            "scatter",
            [(9, 5), (n,), (n, 5) if axis == 0 else (9, n)],
            _scattered,
            f"{reduction}-{axis}",
            dtypes=ALL,
            attrs={"axis": axis, "reduction": reduction},
            domain=((0.5, 2), (0, 8 if axis == 0 else 4), (0.5, 2)),
            kinds=(None, "int32", None),
            gradient=reduction == "add",
            rtol=4,
        )
        for reduction in ("set", "add", "mul", "max", "min")
        for axis, n in ((0, 12), (1, 4))
    ),
    moves(
        "one_hot",
        [(7, 3)],
        _one_hot,
        kinds=("int32",),
        dtypes=FLOATS[:1],
        domain=(-2, 6),
        gradient=False,
        attrs={"num_classes": 5, "dtype": "float32"},
    ),
    moves("sort", [(7, 33)], lambda x: np.sort(x, -1), dtypes=EVERY, large=[(517, 611)]),
    moves(
        "argsort",
        [(7, 33)],
        lambda x: np.argsort(x, axis=-1, kind="stable").astype("int32"),
        gradient=False,
        dtypes=(*ALL, "bool", "uint8"),
        large=[(517, 611)],
    ),
    moves("top_k", [(7, 33)], _top_k, attrs={"k": 5}, large=[(517, 611)]),
    *(
        moves(
            "searchsorted",
            [(9,), (7, 5)],
            lambda s, v, right, edges=edges: np.searchsorted(s, v, side=edges).astype("int32"),
            edges,
            attrs={"right": edges == "right"},
            gradient=False,
            dtypes=INTS,
            domain=((3, 3), (0, 6)),
        )
        for edges in ("left", "right")
    ),
    moves(
        "linear_index",
        [(6, 3)],
        lambda i, dims: np.ravel_multi_index(tuple(i.T % np.array(dims)[:, None]), dims),
        attrs={"dims": [3, 4, 5]},
        kinds=("int32",),
        dtypes=FLOATS[:1],
        domain=(-3, 2),
        gradient=False,
    ),
)
