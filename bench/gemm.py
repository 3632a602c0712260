"""Matrix products beside torch (where it is installed) and the FMA peak: python bench/gemm.py [--threads N]

With --random N as many random shapes of up to 1024 instead, small ones as often as large ones.
With --precision high or medium ours may round float32 operands, to two planes of bfloat16 or one. torch multiplies
float32, and at medium tensors of bfloat16.
Runs of both alternate in one process; the table shows the best of each in GFLOP/s, and the ratio of medians.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from fastkeras.engine import config, convert_to_tensor, primitive

# m, n, k, transpose_a, transpose_b: the mlp of batch 32, squares, small or skinny ones, gradients of weights over many
# rows.
SHAPES = [
    (32, 128, 784, False, False), (128, 784, 32, False, False), (784, 128, 32, True, False),
    (32, 784, 128, False, True), (32, 10, 128, False, False), (128, 10, 32, True, False), (32, 128, 10, False, True),
    (1, 128, 784, False, False), (1, 10, 128, False, False), (32, 1, 64, False, False), (64, 64, 32, True, False),
    (5, 100, 300, False, False), (3, 512, 512, False, True), (17, 33, 65, False, False),
    (10000, 128, 784, False, False), (512, 512, 512, False, False), (1024, 1024, 1024, False, False),
    (1024, 1024, 1024, True, False), (1024, 1024, 1024, False, True), (2048, 2048, 2048, False, False),
    (1024, 256, 8192, True, False), (512, 512, 8192, True, False), (256, 2000, 8192, True, False),
]  # fmt: skip


def random_shapes(count):
    rng = np.random.default_rng(0)
    transposes = [(False, False), (True, False), (False, True)]
    return [(*(int(size) for size in 2 ** rng.uniform(0, 10, 3)), *transposes[i % 3]) for i in range(count)]


PLANES = {"highest": None, "high": 2, "medium": 1}


def fma_peak():
    """GFLOP/s of one core, or None without a compiler."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if not compiler:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "fma_peak"
        source = Path(__file__).with_name("fma_peak.cpp")
        subprocess.run([compiler, "-O3", "-march=native", "-w", source, "-o", program], check=True)
        return float(subprocess.run([program], check=True, capture_output=True, text=True).stdout)


def ours(a, b, transpose_a, transpose_b, repeat, planes):
    product, x, y = primitive("matmul"), convert_to_tensor(a), convert_to_tensor(b)
    attributes = {"planes": planes, "transpose_a": transpose_a, "transpose_b": transpose_b}
    attributes = {name: value for name, value in attributes.items() if value}  # as torch takes its views, not timed

    def run():
        for _ in range(repeat):
            product(x, y, **attributes)

    return run


def theirs(torch, a, b, transpose_a, transpose_b, repeat, bfloat16):
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    if bfloat16:
        x, y = x.bfloat16(), y.bfloat16()
    x, y = x.t() if transpose_a else x, y.t() if transpose_b else y

    def run():
        for _ in range(repeat):
            torch.mm(x, y)

    return run


def measure(runs, seconds):
    """Seconds of each, taken in turns."""
    times = [[] for _ in runs]
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for run, found in zip(runs, times, strict=True):
            before = time.perf_counter()
            run()
            found.append(time.perf_counter() - before)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=PLANES, default="highest")
    parser.add_argument("--random", type=int, metavar="N")
    parser.add_argument("--seconds", type=float, default=2.0, help="per shape")
    arguments = parser.parse_args()
    try:
        import torch

        torch.set_num_threads(arguments.threads)
    except ImportError:
        torch = None
    config.set_num_threads(arguments.threads)
    peak = fma_peak()
    print(f"isa {config.isa()}, {arguments.threads} threads, FMA peak of one core {peak or 'unknown'} GFLOP/s")
    print(f"{'m x n x k':24s}{'GFLOP/s':>9s}{'of peak':>9s}{'torch':>9s}{'ratio':>9s}")
    ratios = []
    for m, n, k, ta, tb in random_shapes(arguments.random) if arguments.random else SHAPES:
        rng = np.random.default_rng(0)
        a = rng.standard_normal((k, m) if ta else (m, k)).astype("float32")
        b = rng.standard_normal((n, k) if tb else (k, n)).astype("float32")
        work = 2e-9 * m * n * k
        repeat = min(1000, max(1, int(0.02 / work)))
        runs = [ours(a, b, ta, tb, repeat, PLANES[arguments.precision])]
        if torch:
            runs.append(theirs(torch, a, b, ta, tb, repeat, arguments.precision == "medium"))
        times = measure(runs, arguments.seconds)
        speeds = [work * repeat / min(t) for t in times]
        share = f"{speeds[0] / peak / arguments.threads:9.0%}" if peak else f"{'-':>9s}"
        if torch:
            ratios.append(np.median(times[1]) / np.median(times[0]))
        beside = f"{speeds[1]:9.1f}{ratios[-1]:9.2f}" if torch else ""
        name = f"{m}x{n}x{k}{' A^T' if ta else ''}{' B^T' if tb else ''}"
        print(f"{name:24s}{speeds[0]:9.1f}{share}{beside}", flush=True)
    if torch:
        print(f"ratio to torch: geometric mean {np.exp(np.mean(np.log(ratios))):.2f}, lowest {min(ratios):.2f}")


if __name__ == "__main__":
    main()
