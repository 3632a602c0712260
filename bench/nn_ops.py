"""Softmax-crossentropy, Adam and dropout beside torch, in one process: python bench/nn_ops.py [threads]

Rounds of both sides alternate; the medians and their ratio are shown. Needs an environment with torch and fastkeras.
"""

import statistics
import sys
import time

import numpy as np
import torch

from fastkeras import ops, random
from fastkeras.engine import Function, GradientTape, Variable, config
from fastkeras.ops.update import adam_update

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else config.num_threads()
SECONDS = 2.0


def crossentropy(rows, classes):
    rng = np.random.RandomState(0)
    logits, labels = rng.normal(size=(rows, classes)).astype("float32"), rng.randint(0, classes, rows)
    x, target = Variable(logits), Variable(labels.astype("int32"))
    slope = Variable(np.zeros_like(logits))

    def step(scale):
        with GradientTape() as tape:
            losses = ops.sparse_categorical_crossentropy(target.value, x.value, from_logits=True)
            loss = ops.mean(losses) * scale
        slope.assign(tape.gradient(loss, x))
        return loss

    one = np.float32(1)
    ours = Function(step).compile(one)
    tx, tt = torch.tensor(logits, requires_grad=True), torch.tensor(labels)

    def theirs():
        tx.grad = None
        torch.nn.functional.cross_entropy(tx, tt).backward()

    return lambda: ours(one), theirs


def adam(*shapes):
    rng = np.random.RandomState(0)
    start, slopes = ([rng.normal(size=s).astype("float32") for s in shapes] for _ in range(2))
    p, m, v, g = ([Variable(a) for a in arrays] for arrays in (start, slopes, [a * a for a in slopes], slopes))

    def step(alpha):
        columns = [[x.value for x in column] for column in (p, g, m, v)]
        results = adam_update(*columns, alpha, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
        for column, values in zip((p, m, v), results, strict=True):
            for variable, value in zip(column, values, strict=True):
                variable.assign(value)
        return alpha

    rate = np.float32(1e-3)
    ours = Function(step).compile(rate)
    parameters = [torch.tensor(a, requires_grad=True) for a in start]
    for parameter, slope in zip(parameters, slopes, strict=True):
        parameter.grad = torch.tensor(slope)
    return lambda: ours(rate), torch.optim.Adam(parameters, fused=True).step


def dropout(*shape):
    x, y, generator = Variable(np.ones(shape, "float32")), Variable(np.ones(shape, "float32")), random.SeedGenerator(1)

    def step(one):
        y.assign(random.dropout(x.value, 0.2, seed=generator))
        return one

    one = np.float32(1)
    ours, tensor = Function(step).compile(one), torch.ones(shape)
    return lambda: ours(one), lambda: torch.nn.functional.dropout(tensor, 0.2)


CASES = {
    "softmax-crossentropy 4096x1000": lambda: crossentropy(4096, 1000),
    "softmax-crossentropy 32x10": lambda: crossentropy(32, 10),
    "adam 4M": lambda: adam((2048, 1024), (1024, 1024), (1024, 1024), (1024,)),
    "adam 100k": lambda: adam((784, 128), (128,), (128, 10), (10,)),
    "dropout 32x128": lambda: dropout(32, 128),
    "dropout 1024x1024": lambda: dropout(1024, 1024),
}


def seconds(function, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def main():
    torch.set_num_threads(THREADS)
    config.set_num_threads(THREADS)
    print(f"{THREADS} threads{'':20}  fastkeras us   torch us   ratio")
    for name, make in CASES.items():
        pair = make()
        repeats = [max(1, int(0.02 / max(seconds(f, 3), 1e-7))) for f in pair]
        times, end = ([], []), time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            for f, n, found in zip(pair, repeats, times, strict=True):
                found.append(seconds(f, n))
        ours, theirs = (statistics.median(found) * 1e6 for found in times)
        print(f"{name:30} {ours:12.1f} {theirs:10.1f} {theirs / ours:7.2f}")


if __name__ == "__main__":
    main()
