"""Convolutions beside torch (where it is installed): python bench/conv.py [--threads N] [NAME ...]

Runs of both alternate in one process; the table shows the best of each in GFLOP/s, and their ratio. One thread is timed
by its own clock, so that other processes on the machine do not count.
fwd+bwd is the forward convolution and the gradients of image and kernel, three times the work.
"""

import argparse
import time

import numpy as np
from gemm import fma_peak

from fastkeras.engine import config, convert_to_tensor, primitive

# name: batch, height, width, channels, filters, kernel, stride, same padding[, groups]
SHAPES = {
    "cnn2": (128, 13, 13, 32, 64, 3, 1, False),
    "cnn1": (128, 28, 28, 1, 32, 3, 1, False),
    "resnet16": (64, 32, 32, 16, 16, 3, 1, True),
    "resnet32": (64, 16, 16, 32, 32, 3, 1, True),
    "resnet64": (64, 8, 8, 64, 64, 3, 1, True),
    "strided": (64, 32, 32, 16, 32, 3, 2, True),
    "stem": (64, 32, 32, 3, 16, 3, 1, True),
    "large": (32, 56, 56, 64, 64, 3, 1, True),
    "pointwise": (32, 64, 64, 96, 24, 1, 1, False),
    "widen": (32, 32, 32, 24, 144, 1, 1, False),
    "groups4": (8, 14, 14, 128, 128, 3, 1, True, 32),
    "groups4s": (8, 28, 28, 128, 128, 3, 2, True, 32),
    "groups4w": (8, 28, 28, 128, 128, 1, 1, False, 32),
    "groups8": (8, 14, 14, 256, 256, 3, 1, True, 32),
    "groups16": (8, 14, 14, 512, 512, 3, 1, True, 32),
    "groups16s": (8, 28, 28, 512, 512, 3, 2, True, 32),
    "groups32": (8, 28, 28, 256, 256, 3, 1, True, 8),
}


def ours(x, w, dy, stride, pads, groups):
    attributes = {"strides": [stride] * 2, "dilation": [1, 1], "pads": pads, "groups": groups}
    conv, dx, dw = primitive("conv"), primitive("conv_input_grad"), primitive("conv_kernel_grad")
    x, w, dy = convert_to_tensor(x), convert_to_tensor(w), convert_to_tensor(dy)
    spatial, kernel = list(x.shape[1:3]), list(w.shape[:2])

    def forward():
        conv(x, w, **attributes)

    def both():
        forward()
        dx(dy, w, shape=spatial, **attributes)
        dw(x, dy, kernel=kernel, **attributes)

    return forward, both


def theirs(torch, x, w, dy, stride, pads, groups):
    def images(a):  # NHWC in memory, as torch is told to lay them out
        return torch.from_numpy(a).permute(0, 3, 1, 2)

    x, dy = images(x), images(dy)
    w = torch.from_numpy(w).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    before, after, left, right = pads
    if before != after or left != right:  # torch pads evenly: a copy that is not timed
        x = torch.nn.functional.pad(x, (left, right, before, after)).contiguous(memory_format=torch.channels_last)
        before = left = 0

    def forward():
        with torch.no_grad():
            torch.nn.functional.conv2d(x, w, stride=stride, padding=(before, left), groups=groups)

    def both():
        forward()
        torch.ops.aten.convolution_backward(
            dy, x, w, None, [stride] * 2, [before, left], [1, 1], False, [0, 0], groups, [True, True, False]
        )

    return forward, both


def same(size, kernel, stride):
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return [missing // 2, missing - missing // 2]


def measure(runs, seconds, clock):
    """The best seconds of each, taken in turns."""
    best = [float("inf")] * len(runs)
    start, rounds = clock(), 0
    while clock() - start < seconds or rounds < 5:
        for i, run in enumerate(runs):
            before = clock()
            run()
            best[i] = min(best[i], clock() - before)
        rounds += 1
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SHAPES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.5, help="per shape and direction")
    arguments = parser.parse_args()
    try:
        import torch

        torch.set_num_threads(arguments.threads)
    except ImportError:
        torch = None
    config.set_num_threads(arguments.threads)
    peak = fma_peak()
    print(f"isa {config.isa()}, {arguments.threads} threads, FMA peak of one core {peak or 'unknown'} GFLOP/s")
    print(f"{'convolution':36s}{'GFLOP/s':>9s}{'of peak':>9s}{'torch':>9s}{'ratio':>9s}")
    for name in arguments.names:
        n, h, w, c, f, k, stride, padded, groups = (*SHAPES[name], 1)[:9]
        pads = [*same(h, k, stride), *same(w, k, stride)] if padded else [0] * 4
        rng = np.random.default_rng(0)
        x = rng.standard_normal((n, h, w, c)).astype("float32")
        kernel = rng.standard_normal((k, k, c // groups, f)).astype("float32")
        out = [(size + pads[2 * i] + pads[2 * i + 1] - k) // stride + 1 for i, size in enumerate((h, w))]
        dy = rng.standard_normal((n, *out, f)).astype("float32")
        work = 2e-9 * n * out[0] * out[1] * k * k * c / groups * f
        pairs = [ours(x, kernel, dy, stride, pads, groups)]
        if torch:
            pairs.append(theirs(torch, x, kernel, dy, stride, pads, groups))
        for i, (direction, times_work) in enumerate((("fwd", 1), ("fwd+bwd", 3))):
            clock = time.thread_time if arguments.threads == 1 else time.perf_counter
            times = measure([p[i] for p in pairs], arguments.seconds, clock)
            speeds = [times_work * work / t for t in times]
            share = f"{speeds[0] / peak / arguments.threads:9.0%}" if peak else f"{'-':>9s}"
            beside = f"{speeds[1]:9.1f}{times[1] / times[0]:9.2f}" if torch else ""
            print(f"{name + ' ' + direction:36s}{speeds[0]:9.1f}{share}{beside}", flush=True)


if __name__ == "__main__":
    main()
