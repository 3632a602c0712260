"""Elementary functions on floats from all over their range, beside float64; remainders are exact."""

import numpy as np
import pytest

from fastkeras.engine import primitive

TINY = np.finfo("float32").tiny  # what lies below counts as zero
FUNCTIONS = {name: getattr(np, name) for name in "exp expm1 log log2 log10 log1p tanh arctan".split()}
PAIRS = {"fmod": np.fmod, "mod": np.mod, "floor_divide": np.floor_divide}

pytestmark = pytest.mark.usefixtures("isa")


def floats(start):
    """Every 39,989th float from bit pattern `start` on, and the special ones."""
    x = np.arange(start, 2**32, 39989, dtype=np.uint64).astype(np.uint32).view("float32")
    x = np.concatenate([x, np.array([0.0, -0.0, 1, -1, 2, 0.5, np.inf, -np.inf, np.nan, 3e38, -3e38], "float32")])
    return x[~(np.abs(x) < TINY) | (x == 0)]


def within(found, expected, ulp):
    rounded = expected.astype("float32")
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    normal = np.isfinite(rounded) & (np.abs(rounded) > 2 * TINY)
    np.testing.assert_array_equal(found[np.isinf(rounded)], rounded[np.isinf(rounded)])
    distance = np.abs(found[normal].astype("float64") - expected[normal])
    assert (distance / np.spacing(np.abs(rounded[normal]))).max() < ulp


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_within_three_ulp(name):
    x = floats(0)
    with np.errstate(all="ignore"):
        within(primitive(name)(x).numpy(), FUNCTIONS[name](x.astype("float64")), 3)


def test_angles_of_all_quadrants():
    y, x = floats(0), np.random.RandomState(0).permutation(floats(0))
    with np.errstate(all="ignore"):
        steep = y * np.float32(2.42)
    for a, b in ((y, x), (y, y), (y, -y), (y, steep), (y, np.zeros_like(y)), (y, np.full_like(y, -0.0))):
        with np.errstate(all="ignore"):
            expected = np.arctan2(a.astype("float64"), b.astype("float64"))
        found = primitive("arctan2")(a, b).numpy()
        within(found, expected, 3)
        seen = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found[seen]), np.signbit(expected[seen]))


def test_powers_within_three_ulp():
    rng = np.random.RandomState(0)
    x = floats(0)
    x[np.isnan(x)] = np.nan  # of which libm tells the signaling ones
    near_one = (1 + rng.normal(size=9999) * 1e-3).astype("float32")
    cases = [(x, rng.permutation(x)), (near_one, rng.normal(size=9999) * 2e4), (x, rng.normal(size=x.size))]
    cases += [(x, y) for y in (0, -0.0, 1, 2, 3, -1, -3, 0.5, 1e30, 16777217, np.inf, -np.inf, np.nan)]
    cases += [(y, x) for y in (0, -0.0, 1, -1, 2, 0.5, np.inf, -np.inf, np.nan)]
    for a, b in cases:
        a, b = (np.array(v) for v in np.broadcast_arrays(np.asarray(a, "float32"), np.asarray(b, "float32")))
        with np.errstate(all="ignore"):
            expected = a.astype("float64") ** b.astype("float64")
            expected[np.abs(expected) > np.finfo("float32").max] *= np.inf
        found = primitive("power")(a, b).numpy()
        within(found, expected, 3)
        seen = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found[seen]), np.signbit(expected[seen]))


def test_a_value_does_not_depend_on_its_neighbours():
    x = np.random.RandomState(0).rand(64).astype("float32") + np.float32(0.5)
    beside = x.copy()
    beside[::2] = 1e6  # beyond what the formulas take
    for f in (primitive("sin"), primitive("cos")):
        np.testing.assert_array_equal(f(x).numpy()[1::2], f(beside).numpy()[1::2])


@pytest.mark.parametrize("name", PAIRS)
def test_remainders_are_those_of_numpy(name):
    rng = np.random.RandomState(0)
    near, tenth = (np.float32(7) * np.arange(1, 6001, dtype="float32") / np.float32(3)), np.float32(0.1)
    x = floats(0)
    cases = [(rng.normal(size=9999) * 100, rng.normal(size=9999)), (near, 7 / 3), (np.arange(6000) * tenth, tenth)]
    cases += [(x, rng.permutation(x)), (x, 3), (x, np.inf), (x, 0), (-x, 0.5)]
    for a, b in cases:
        a, b = np.asarray(a, "float32"), np.broadcast_to(np.asarray(b, "float32"), np.shape(a)).copy()
        with np.errstate(all="ignore"):
            expected = PAIRS[name](a, b)
            rest = np.abs(np.fmod(a, b))
        seen = ~((rest > 0) & (rest < TINY))
        expected = np.where(np.abs(expected) < TINY, 0, expected)
        np.testing.assert_array_equal(primitive(name)(a, b).numpy()[seen], expected[seen])
