"""fastkeras computes what real Keras computed for the same row (tests/reference/make.py stores Keras's figures).

A row is a function of the Keras namespace: `row(keras)` in make.py, `row(fastkeras)` here.
"""

import functools
import importlib
import pathlib
import sys

import numpy as np
import pytest

import fastkeras

HERE = pathlib.Path(__file__).parent / "reference"
sys.path.insert(0, str(HERE))
MODULES = [importlib.import_module(path.stem) for path in sorted(HERE.glob("rows_*.py"))]


@functools.cache
def stored(module):
    with np.load(HERE / f"{module}.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


@pytest.mark.parametrize(
    ("module", "name"), [pytest.param(m, name, id=f"{m.__name__[5:]}-{name}") for m in MODULES for name in m.ROWS]
)
def test_row_equals_keras(module, name):
    fastkeras.utils.clear_session()
    computed = module.ROWS[name](fastkeras)
    expected = {k.split("/", 1)[1]: v for k, v in stored(module.__name__).items() if k.split("/", 1)[0] == name}
    assert sorted(computed) == sorted(expected), "stored figures are older than the row: run tests/reference/make.py"
    tolerances = getattr(module, "TOLERANCE", {})
    for key, value in expected.items():
        tolerance = tolerances.get(f"{name}/{key}", tolerances.get(name, 2e-5))
        actual = np.asarray(computed[key])
        assert actual.shape == value.shape, key
        scale = np.abs(value[np.isfinite(value)]).max(initial=1e-3) if value.dtype.kind == "f" else 1.0
        np.testing.assert_allclose(actual, value, rtol=tolerance, atol=tolerance * scale, err_msg=f"{name}: {key}")
