"""The rows of tests/cases, timed on larger shapes: pytest bench/ops.py --benchmark-group-by=name"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from cases import CASES

from fastkeras.engine import convert_to_tensor, primitive


@pytest.mark.parametrize("case", [c for c in CASES if c.large_shapes], ids=str)
def test_speed(case, benchmark):
    tensors = [convert_to_tensor(a) for a in case.inputs(case.dtypes[0], case.large_shapes)]
    op = primitive(case.name)
    run = case.call or (lambda *t: op(*t, **case.attrs))
    benchmark.extra_info["elements"] = sum(t.size for t in tensors)
    benchmark(run, *tensors)
