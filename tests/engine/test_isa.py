"""FASTKERAS_ISA chooses the kernels; a wrong name says which names there are."""

import pathlib

import numpy as np
import pytest
from helpers import run_python

from fastkeras.engine import config, primitive


def run(isa):
    return run_python("import fastkeras; print(fastkeras.config.isa())", FASTKERAS_ISA=isa)


@pytest.mark.parametrize("isa", config.available_isas())
def test_the_variable_forces_an_isa(isa):
    assert run(isa).stdout.strip() == isa


def test_the_best_isa_is_the_default():
    """The last one, but for pairs of bfloat16, which only AMD's CPUs multiply faster than floats."""
    best = config.available_isas()[-1]
    if best == "avx512_bf16" and "AuthenticAMD" not in pathlib.Path("/proc/cpuinfo").read_text():
        best = "avx512"
    assert run("").stdout.strip() == best


def test_a_wrong_name_lists_the_right_ones():
    done = run("pentium")
    assert done.returncode != 0
    assert "'portable'" in done.stderr and "pentium" in done.stderr


def test_every_isa_computes_the_same():
    x = np.random.RandomState(0).rand(1013).astype("float32")
    results = {}
    for isa in config.available_isas():
        config.set_isa(isa)
        assert config.isa() == isa
        results[isa] = primitive("sum")(x, axes=(0,), keepdims=False).numpy()
    config.set_isa(None)
    for value in results.values():
        np.testing.assert_allclose(value, x.astype("float64").sum(), rtol=1e-6)
