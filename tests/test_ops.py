"""Every row of cases.py: value, gradient, ISAs, tails, threads."""

import numpy as np
import pytest
from cases import CASES, TOLERANCE

from fastkeras.engine import GradientTape, Tensor, cast, config, convert_to_tensor, primitive

CASE_IDS = [str(c) for c in CASES]


@pytest.fixture(params=config.available_isas())
def isa(request):
    before = config.isa()
    config.set_isa(request.param)
    yield request.param
    config.set_isa(before)


def test_rows_have_distinct_names():
    assert len(CASE_IDS) == len(set(CASE_IDS))


def run(case, arrays, dtype=None):
    tensors = [convert_to_tensor(a) for a in arrays]
    if dtype == "bfloat16":
        tensors = [cast(t, "bfloat16") if t.dtype == "float32" else t for t in tensors]
    result = case.call(*tensors) if case.call else primitive(case.name)(*tensors, **case.attrs)
    return [result] if isinstance(result, Tensor) else list(result)


def reference(case, arrays):
    wide = [a.astype("float64") if a.dtype.kind == "f" else a for a in arrays]
    with np.errstate(all="ignore"):
        result = case.ref(*wide, **case.attrs)
    return list(result) if isinstance(result, tuple) else [result]


def check(case, dtype, shapes=None):
    arrays = case.inputs(dtype, shapes)
    got, expected = run(case, arrays, dtype), reference(case, arrays)
    assert len(got) == len(expected)
    for g, e in zip(got, expected, strict=True):
        assert tuple(g.shape) == np.shape(e)
        g = (cast(g, "float32") if g.dtype == "bfloat16" else g).numpy()
        if g.dtype.kind == "f":
            tolerance = case.rtol * TOLERANCE[dtype if dtype in TOLERANCE else str(g.dtype)]
            scale = np.nanmax(np.abs(np.where(np.isfinite(e), e, 0)), initial=1.0)
            np.testing.assert_allclose(g, e, rtol=tolerance, atol=tolerance * min(scale, 1.0))
        else:
            np.testing.assert_array_equal(g, e)


@pytest.mark.parametrize(("case", "dtype"), [pytest.param(c, d, id=f"{c}-{d}") for c in CASES for d in c.dtypes])
def test_value(case, dtype, isa):
    check(case, dtype)


@pytest.mark.parametrize("case", [c for c in CASES if c.elementwise], ids=str)
def test_tails(case, isa):
    for n in (1, 3, 7, 8, 9, 15, 17, 31, 33, 67, 1025):
        check(case, case.dtypes[0], [(n,)] * len(case.shapes))
    check(case, case.dtypes[0], [(0, 5)] * len(case.shapes))


@pytest.mark.parametrize("case", [c for c in CASES if c.gradient and "float64" in c.dtypes], ids=str)
def test_gradient(case):
    arrays = case.inputs("float64")
    if case.smooth:
        arrays = [case.smooth(a) if a.dtype == np.float64 else a for a in arrays]
    weights = [np.random.RandomState(1).uniform(0.5, 1.5, t.shape) for t in run(case, arrays)]

    def objective(values):
        return sum(float((t.numpy() * w).sum()) for t, w in zip(run(case, values), weights, strict=True))

    tensors = [convert_to_tensor(a) for a in arrays]
    floating = [i for i, a in enumerate(arrays) if a.dtype == np.float64]
    with GradientTape() as tape:
        for i in floating:
            tape.watch(tensors[i])
        outputs = case.call(*tensors) if case.call else primitive(case.name)(*tensors, **case.attrs)
        outputs = [outputs] if isinstance(outputs, Tensor) else outputs
        multiply, add, total = primitive("multiply"), primitive("add"), None
        for t, w in zip(outputs, weights, strict=True):
            term = primitive("sum")(multiply(t, convert_to_tensor(w)))
            total = term if total is None else add(total, term)
    gradients = tape.gradient(total, [tensors[i] for i in floating])
    rng = np.random.RandomState(2)
    for i, gradient in zip(floating, gradients, strict=True):
        gradient = gradient.numpy()
        assert gradient.shape == arrays[i].shape
        for flat in rng.permutation(arrays[i].size)[:12]:
            values, step = [a.copy() for a in arrays], 1e-5
            values[i].flat[flat] += step
            up = objective(values)
            values[i].flat[flat] -= 2 * step
            slope = (up - objective(values)) / (2 * step)
            np.testing.assert_allclose(gradient.flat[flat], slope, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("case", [c for c in CASES if c.large_shapes], ids=str)
def test_threads_agree(case, isa):
    arrays = case.inputs(case.dtypes[0], case.large_shapes)
    results = []
    before = config.num_threads()
    for threads in (1, 2):
        config.set_num_threads(threads)
        results.append([t.numpy() for t in run(case, arrays)])
    config.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()
