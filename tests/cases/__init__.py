"""One row per op: what to call, on what, and what NumPy says. tests/test_ops.py and bench/ops.py run every row.

A row buys: the value on every ISA and dtype, the gradient against finite differences, sizes that leave tails,
1 and 2 threads bit for bit, and a line in the benchmark.
"""

# ruff: noqa: F401
from cases import arrangement, decompositions, elementwise, layers, optimizers, recurrent, reductions, windows
from cases.case import CASES, HALVES, TOLERANCE
