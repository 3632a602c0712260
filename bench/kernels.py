"""The functions of fastkeras.kernels beside torch: pytest bench/kernels.py --benchmark-disable-gc -q

pytest-benchmark times both sides of every row; the last lines are one table of their medians and ratios. Both use the
threads that OMP_NUM_THREADS says. Needs an environment with torch, pytest-benchmark and fastkeras.
"""

import numpy as np
import pytest
import torch

from fastkeras import config, kernels

torch.set_num_threads(config.num_threads())
RNG = np.random.RandomState(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def gemm(m, n, k):
    a, b, out = normal(m, k), normal(k, n), np.empty((m, n), "float32")
    x, y, z = (torch.from_numpy(t) for t in (a, b, out.copy()))
    return lambda: kernels.gemm(a, b, out=out), lambda: torch.mm(x, y, out=z)


def conv2d(batch, size, channels, filters, window, stride=1):
    x, w, bias = normal(batch, size, size, channels), normal(window, window, channels, filters), normal(filters)
    out = kernels.conv2d(x, w, bias, strides=stride, activation="relu")
    image = torch.from_numpy(x).permute(0, 3, 1, 2)  # channels last in memory
    weight = torch.from_numpy(w).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    shift = torch.from_numpy(bias)

    def theirs():
        with torch.no_grad():
            torch.relu_(torch.nn.functional.conv2d(image, weight, shift, stride))

    return lambda: kernels.conv2d(x, w, bias, strides=stride, activation="relu", out=out), theirs


def lstm_cell(batch, features, units):
    x, h, c = normal(batch, features), normal(batch, units), normal(batch, units)
    kernel, recurrent, bias = normal(features, 4 * units), normal(units, 4 * units), normal(4 * units)
    out = np.empty_like(h), np.empty_like(c)
    cell = torch.nn.LSTMCell(features, units)
    tx, state = torch.from_numpy(x), (torch.from_numpy(h), torch.from_numpy(c))

    def theirs():
        with torch.no_grad():
            cell(tx, state)

    return lambda: kernels.lstm_cell(x, h, c, kernel, recurrent, bias, out=out), theirs


def softmax_crossentropy(rows, classes):
    logits, labels = normal(rows, classes), RNG.randint(0, classes, rows)
    mean, out = np.full(rows, 1 / rows, "float32"), (np.empty(rows, "float32"), np.empty_like(logits))
    numbers = labels.astype("int32")
    x, target = torch.tensor(logits, requires_grad=True), torch.tensor(labels)

    def theirs():
        x.grad = None
        torch.nn.functional.cross_entropy(x, target).backward()

    return lambda: kernels.softmax_crossentropy(numbers, logits, gradient=True, weights=mean, out=out), theirs


def adam_update(*shapes):
    p, g, m = ([normal(*shape) for shape in shapes] for _ in range(3))
    v = [np.square(a) for a in m]
    parameters = [torch.tensor(a, requires_grad=True) for a in p]
    for parameter, slope in zip(parameters, g, strict=True):
        parameter.grad = torch.tensor(slope)
    return lambda: kernels.adam_update(p, g, m, v, step=10, out=(p, m, v)), torch.optim.Adam(
        parameters, fused=True
    ).step


ROWS = {
    "gemm 32x128x784": lambda: gemm(32, 128, 784),
    "gemm 1x128x784": lambda: gemm(1, 128, 784),
    "gemm 512^3": lambda: gemm(512, 512, 512),
    "gemm 1024^3": lambda: gemm(1024, 1024, 1024),
    "conv2d 64x32x32x16 3x3x16": lambda: conv2d(64, 32, 16, 16, 3),
    "conv2d 128x13x13x32 3x3x64": lambda: conv2d(128, 13, 32, 64, 3),
    "conv2d 32x28x28x1 3x3x32": lambda: conv2d(32, 28, 1, 32, 3),
    "lstm_cell 32x128 128": lambda: lstm_cell(32, 128, 128),
    "lstm_cell 1x64 64": lambda: lstm_cell(1, 64, 64),
    "softmax_crossentropy 4096x1000": lambda: softmax_crossentropy(4096, 1000),
    "softmax_crossentropy 32x10": lambda: softmax_crossentropy(32, 10),
    "adam_update 4M": lambda: adam_update((2048, 1024), (1024, 1024), (1024, 1024), (1024,)),
    "adam_update 100k": lambda: adam_update((784, 128), (128,), (128, 10), (10,)),
}


@pytest.fixture(scope="session")
def medians(request):
    found = {}

    def table():
        print(f"\n{config.num_threads()} threads, isa {config.isa()}")
        print(f"{'':32}{'fastkeras us':>14}{'torch us':>12}{'ratio':>8}")
        for row, (ours, theirs) in sorted(found.items()):
            print(f"{row:32}{ours * 1e6:14.1f}{theirs * 1e6:12.1f}{theirs / ours:8.2f}")

    request.config.add_cleanup(table)
    return found


@pytest.fixture(scope="module", params=ROWS)
def row(request):
    return request.param, ROWS[request.param]()


@pytest.mark.parametrize("side", ["fastkeras", "torch"])
def test_speed(row, side, medians, benchmark):
    name, pair = row
    benchmark.group = name
    benchmark(pair[side == "torch"])
    if benchmark.stats is not None:  # None with --benchmark-disable
        medians.setdefault(name, []).append(benchmark.stats.stats.median)
