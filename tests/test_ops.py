"""Every row of tests/cases: value, gradient, ISAs, tails, threads."""

import numpy as np
import pytest
from cases import CASES, HALVES, TOLERANCE

from fastkeras.engine import GradientTape, Tensor, cast, convert_to_tensor, primitive

CASE_IDS = [str(c) for c in CASES]


def test_rows_have_distinct_names():
    assert len(CASE_IDS) == len(set(CASE_IDS))


def apply(case, tensors):
    result = case.call(*tensors) if case.call else primitive(case.name)(*tensors, **case.attrs)
    return [result] if isinstance(result, Tensor) else list(result)


def run(case, arrays, dtype=None):
    tensors = [convert_to_tensor(a) for a in arrays]
    if dtype in HALVES:
        tensors = [cast(t, dtype) if t.dtype == "float32" else t for t in tensors]
    return apply(case, tensors)


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
        if g.dtype == "float16":  # ends at 65504
            with np.errstate(over="ignore"):
                e = np.asarray(e).astype("float16").astype("float64")
        g = (cast(g, "float32") if g.dtype in HALVES else g).numpy()
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


def smooth_inputs(case):
    arrays = case.inputs("float64")
    return [case.smooth(a) if case.smooth and a.dtype == np.float64 else a for a in arrays]


def weighted_sum(tensors):
    """A number that depends on every element of every result, each with its own weight."""
    total = None
    for t in tensors:
        weights = convert_to_tensor(np.random.RandomState(1).uniform(0.5, 1.5, t.shape))
        term = primitive("sum")(primitive("multiply")(t, weights))
        total = term if total is None else primitive("add")(total, term)
    return total


def gradients_of(objective, tensors, floating):
    with GradientTape() as tape:
        for i in floating:
            tape.watch(tensors[i])
        total = objective(tensors)
    found = tape.gradient(total, [tensors[i] for i in floating])
    return [np.zeros(tensors[i].shape) if g is None else g for i, g in zip(floating, found, strict=True)]


def check_gradients(objective, arrays):
    """The tape's gradients of objective(tensors) against central differences, on a dozen elements of each tensor."""
    floating = [i for i, a in enumerate(arrays) if a.dtype == np.float64]
    gradients = gradients_of(objective, [convert_to_tensor(a) for a in arrays], floating)
    rng = np.random.RandomState(2)
    for i, gradient in zip(floating, gradients, strict=True):
        gradient = np.asarray(gradient)
        assert gradient.shape == arrays[i].shape
        for flat in rng.permutation(arrays[i].size)[:12]:
            values, step = [a.copy() for a in arrays], 1e-5
            values[i].flat[flat] += step
            up = float(objective([convert_to_tensor(a) for a in values]))
            values[i].flat[flat] -= 2 * step
            slope = (up - float(objective([convert_to_tensor(a) for a in values]))) / (2 * step)
            rounding = 1e-10 * abs(up)  # of the objective, divided by the step
            np.testing.assert_allclose(gradient.flat[flat], slope, rtol=2e-5, atol=2e-6 + rounding)


DIFFERENTIABLE = [c for c in CASES if c.gradient and "float64" in c.dtypes]


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
def test_gradient(case):
    check_gradients(lambda tensors: weighted_sum(apply(case, tensors)), smooth_inputs(case))


@pytest.mark.parametrize("case", [c for c in DIFFERENTIABLE if c.twice], ids=str)
def test_second_derivative(case):
    arrays = smooth_inputs(case)
    floating = [i for i, a in enumerate(arrays) if a.dtype == np.float64]

    def slope(tensors):
        gradients = gradients_of(lambda t: weighted_sum(apply(case, t)), tensors, floating)
        return weighted_sum([convert_to_tensor(g) for g in gradients])

    check_gradients(slope, arrays)


@pytest.mark.parametrize("case", [c for c in CASES if c.large_shapes], ids=str)
def test_threads_agree(case, isa, set_threads):
    arrays = case.inputs(case.dtypes[0], case.large_shapes)
    results = []
    for threads in (1, 2):
        set_threads(threads)
        results.append([t.numpy() for t in run(case, arrays)])
    for one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()
