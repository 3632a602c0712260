"""What products of bfloat16 planes cost beside those of floats: fits the table of planes_pay (gemm.cpp).

    python bench/planes.py [--rounds 7]

One thread; for each shape the float32 kernels and one, two and three planes take turns, the best of each counts. The
fit is the least squares of what planes take in units of the float32 product: the products of whole tiles, and the
splitting of both operands, in multiply-adds per element.
"""

import argparse
import time

import numpy as np

from fastkeras.engine import config, convert_to_tensor, primitive

SIZES = [(m, n, k) for m in (16, 32, 128, 1024) for n in (16, 32, 128, 1024) for k in (32, 128, 1024)]
PLANES = (1, 2, 3)


def best_of(run, rounds, repeat):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(repeat):
            run()
        times.append((time.perf_counter() - start) / repeat)
    return min(times)


def unknowns(m, n, k, tiles):
    """Coefficients of the costs of products and of splitting, over the multiply-adds of the float32 product."""
    rows, steps = (-(-m // 16) * 16, -(-k // 32) * 32) if tiles else (m, k)
    return rows * -(-n // 16) * 16 * steps / (m * n * k), (m + n) * k / (m * n * k)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    isas = config.available_isas()
    if "avx512_bf16" not in isas:
        raise SystemExit(f"this CPU does not multiply bfloat16 (it has {', '.join(isas)})")
    isa, tiles = isas[-1], isas[-1] == "amx"
    config.set_num_threads(1)
    product = primitive("matmul")
    measured = {planes: [] for planes in PLANES}
    for m, n, k in SIZES:
        a = convert_to_tensor(np.random.RandomState(0).normal(size=(m, k)).astype("float32"))
        b = convert_to_tensor(np.random.RandomState(1).normal(size=(k, n)).astype("float32"))
        repeat = max(1, int(2e8 / (2 * m * n * k + 1e5)))
        config.set_isa("avx512")
        floats = best_of(lambda a=a, b=b: product(a, b), arguments.rounds, repeat)
        config.set_isa(isa)
        for planes in PLANES:
            split = best_of(lambda a=a, b=b, p=planes: product(a, b, planes=p, split=True), arguments.rounds, repeat)
            measured[planes].append(split / floats)
    terms = np.array([unknowns(*size, tiles) for size in SIZES])
    costs = {}
    for planes, times in measured.items():
        weights = 1 / np.array(times)
        costs[planes] = np.linalg.lstsq(terms * weights[:, None], np.ones(len(SIZES)), rcond=None)[0]
    print(f"{isa}: time over float32 (and what the fit says) with {', '.join(map(str, PLANES))} planes")
    for i, (m, n, k) in enumerate(SIZES):
        cells = [f"{measured[p][i]:.2f} ({terms[i] @ costs[p]:.2f})" for p in PLANES]
        print(f"| {m}x{n}x{k} | " + " | ".join(cells) + " |")
    print("costs = {" + ", ".join(f"{{{c[0]:.2f}, {c[1]:.1f}}}" for c in costs.values()) + "}")


if __name__ == "__main__":
    main()
