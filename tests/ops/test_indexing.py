"""Indexing, slicing, broadcasting and joining do what NumPy does, for random shapes and keys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastkeras import engine, ops

FEW = settings(max_examples=60, deadline=None)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def counted(shape, dtype="int32"):
    return np.arange(np.prod(shape, dtype=int), dtype=dtype).reshape(shape)


def same(tensor, array):
    assert tensor.shape == array.shape
    np.testing.assert_array_equal(tensor.numpy(), array)


@st.composite
def shape_and_key(draw):
    shape = draw(SHAPES)
    return shape, draw(hnp.basic_indices(shape, max_dims=7, allow_newaxis=True, allow_ellipsis=True))


@FEW
@given(shape_and_key())
def test_basic_keys(case):
    shape, key = case
    x = counted(shape)
    same(ops.convert_to_tensor(x)[key], x[key])


@st.composite
def shape_and_arrays(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    common = draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3))
    key = []
    for size in shape[: draw(st.integers(1, len(shape)))]:
        kind = draw(st.sampled_from(["array", "slice", "int", "array"]))
        if kind == "array":
            key.append(draw(hnp.arrays("int32", common, elements=st.integers(-size, size - 1))))
        elif kind == "int":
            key.append(draw(st.integers(-size, size - 1)))
        else:
            key.append(draw(st.slices(size)))
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), None)
    if draw(st.booleans()):
        spare = sum(k is not None for k in key) == len(shape)  # then it stands for no dimension and may be anywhere
        key.insert(draw(st.integers(0, len(key))) if spare else len(key), Ellipsis)
    return shape, tuple(key)


@FEW
@given(shape_and_arrays())
def test_index_arrays(case):
    shape, key = case
    x = counted(shape)
    same(ops.convert_to_tensor(x)[key], x[key])
    tensors = tuple(ops.convert_to_tensor(k) if isinstance(k, np.ndarray) else k for k in key)
    same(ops.convert_to_tensor(x)[tensors], x[key])


@FEW
@given(st.data())
def test_masks(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    mask = data.draw(hnp.arrays(bool, shape[: data.draw(st.integers(1, len(shape)))]))
    x = counted(shape)
    same(ops.convert_to_tensor(x)[mask], x[mask])
    if len(shape) > mask.ndim:
        same(ops.convert_to_tensor(x)[mask, -1], x[mask, -1])


@FEW
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=5, max_side=4))
def test_broadcasting(shapes):
    a, b = (counted(s, "float32") + 1 for s in shapes.input_shapes)
    same(ops.add(a, b), a + b)
    same(ops.broadcast_to(a, shapes.result_shape), np.broadcast_to(a, shapes.result_shape))
    x = ops.convert_to_tensor(a)
    with engine.GradientTape() as tape:
        tape.watch(x)
        y = ops.broadcast_to(x, shapes.result_shape)
    times = np.prod(shapes.result_shape, dtype=int) / max(a.size, 1)
    same(tape.gradient(y, x), np.full(a.shape, times if a.size else 1, "float32"))


@FEW
@given(st.data())
def test_concatenate_and_split_are_inverse(data):
    shape = list(data.draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    parts = [
        counted([*shape[: axis % len(shape)], n, *shape[axis % len(shape) + 1 :]]) + i for i, n in enumerate(sizes)
    ]
    whole = ops.concatenate(parts, axis=axis)
    same(whole, np.concatenate(parts, axis))
    for part, expected in zip(ops.split(whole, np.cumsum(sizes)[:-1].tolist(), axis=axis), parts, strict=True):
        same(part, expected)


@FEW
@given(st.data())
def test_transpose_and_reshape(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=6, max_side=4))
    perm = data.draw(st.permutations(range(len(shape))))
    dtype = data.draw(st.sampled_from(["bool", "uint8", "int32", "float64"]))
    x = counted(shape).astype(dtype)
    same(ops.transpose(x, perm), x.transpose(perm))
    same(ops.reshape(x, (-1, shape[-1])), x.reshape(-1, shape[-1]))


@FEW
@given(st.data())
def test_take_and_its_gradient(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    size = shape[axis]
    indices = data.draw(
        hnp.arrays("int32", hnp.array_shapes(max_dims=2, max_side=5), elements=st.integers(-size, size - 1))
    )
    x = counted(shape, "float32")
    tensor = ops.convert_to_tensor(x)
    with engine.GradientTape() as tape:
        tape.watch(tensor)
        y = ops.take(tensor, indices, axis=axis)
    same(y, np.take(x, indices, axis))
    counts = np.bincount(indices.ravel() % size, minlength=size).astype("float32")
    column = [1] * len(shape)
    column[axis] = size
    same(tape.gradient(y, tensor), np.broadcast_to(counts.reshape(column), shape))


X = counted((3, 4), "float32")


@pytest.mark.parametrize(
    "key",
    [3, (0, 4), (0, 0, 0), (..., ...), (slice(None), -5), ([0, 3],), (np.array([True, False]),), 1.5, "a", (True,)],
)
def test_bad_keys_raise(key):
    with pytest.raises((IndexError, TypeError)):
        ops.convert_to_tensor(X)[key]


@pytest.mark.parametrize("bad", [[3], [-4], [[0], [99]]])
def test_indices_outside_raise(bad):
    for run in (
        lambda: ops.take(X, bad, axis=0),
        lambda: ops.take_along_axis(X[:, :1], np.reshape(bad, (-1, 1)), axis=0),
        lambda: ops.scatter_update(X, np.reshape(bad, (-1, 1)), np.ones((np.size(bad), 4))),
    ):
        with pytest.raises(IndexError, match="must lie in"):
            run()


def test_compiled_indexing():
    """What raises eagerly reads as NaN in a program, and never touches other memory."""
    take = engine.Function(lambda x, i: ops.take(x, i, axis=0))
    got = take(X, np.array([0, -1, 3, -4, 2**31 - 1, -(2**31)], "int32")).numpy()
    np.testing.assert_array_equal(got[:2], X[[0, -1]])
    assert np.isnan(got[2:]).all()
    key = engine.Function(lambda x, i: x[1:, ::-1][i, ..., None])
    same(key(X, np.array([1, 0], "int32")), X[1:, ::-1][[1, 0], ..., None])
    pair = engine.Function(lambda x, i: x[i, i])
    same(pair(X, np.array([2, 0], "int32")), X[[2, 0], [2, 0]])


def test_masks_and_symbolic_bounds_say_why_they_cannot_compile():
    with pytest.raises(TypeError, match="boolean mask"):
        engine.Function(lambda x: x[x > 1])(X)
    with pytest.raises(TypeError, match="ops.slice"):
        engine.Function(lambda x, n: x[:n])(X, np.array(2, "int32"))


def test_iteration_and_unpacking():
    rows = list(ops.convert_to_tensor(X))
    assert len(rows) == 3
    same(rows[2], X[2])


def test_scatter_drops_what_is_outside_in_a_program():
    scatter = engine.Function(lambda x, i, u: ops.scatter_update(x, i, u, reduction="add"))
    i = np.array([[0], [7], [-1], [-9], [0]], "int32")
    got = scatter(np.zeros(3, "float32"), i, np.ones(5, "float32"))
    same(got, np.array([2, 0, 1], "float32"))


def test_dynamic_slices_in_a_program():
    run = engine.Function(lambda x, s: (ops.slice(x, s, (2, 2)), ops.slice_update(x, s, ops.ones((2, 2)))))
    for starts in ([0, 0], [1, 2], [9, 9], [-1, -4]):
        inside = [min(max(s + n if s < 0 else s, 0), n - 2) for s, n in zip(starts, X.shape, strict=True)]
        key = tuple(slice(s, s + 2) for s in inside)
        part, changed = run(X, np.array(starts, "int32"))
        same(part, X[key])
        expected = X.copy()
        expected[key] = 1
        same(changed, expected)
