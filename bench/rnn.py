"""Recurrent layers beside torch, in one process, taking turns: one table of ratios.

    PYTHONPATH=<site-packages with torch> python bench/rnn.py [--threads 1] [--rounds 9]

With one thread the CPU time of the calling thread counts, else the wall clock; of each, the best round.
"""

import argparse
import time

import numpy as np
import torch

import fastkeras as keras
from fastkeras.engine import Function, GradientTape, convert_to_tensor

BATCH, STEPS, FEATURES, UNITS = 32, 80, 128, 128
# layer -> goal over torch
GOALS = {"LSTM": 2, "GRU": 2, "Bidirectional LSTM": 2}


def layers_of(name):
    """(ours, torch's)."""
    cls = name.split()[-1]
    both = name.startswith("Bidirectional")
    ours = getattr(keras.layers, cls)(UNITS, return_sequences=True)
    theirs = getattr(torch.nn, cls)(FEATURES, UNITS, batch_first=True, bidirectional=both)
    return keras.layers.Bidirectional(ours) if both else ours, theirs


def ways(name):
    """{"fwd": (ours, torch's), "fwd+bwd": ...}, functions without arguments."""
    ours, theirs = layers_of(name)
    x = np.random.RandomState(0).normal(size=(BATCH, STEPS, FEATURES)).astype("float32")
    own, other = convert_to_tensor(x), torch.from_numpy(x).requires_grad_()
    ours(own)
    forward = Function(lambda t: ours(t))

    def gradients(t):
        with GradientTape() as tape:
            tape.watch(t)
            total = keras.ops.sum(ours(t, training=True))
        return tape.gradient(total, [t, *ours.trainable_variables])

    both = Function(gradients)

    def torch_forward():
        with torch.no_grad():
            theirs(other)

    def torch_both():
        theirs.zero_grad()
        other.grad = None
        theirs(other)[0].sum().backward()

    return {"fwd": (lambda: forward(own), torch_forward), "fwd+bwd": (lambda: both(own), torch_both)}


def best(functions, clock, rounds):
    """The best time in ms of each function, taking turns."""
    times = [[] for _ in functions]
    for _ in range(rounds + 1):
        for function, found in zip(functions, times, strict=True):
            start = clock()
            function()
            found.append((clock() - start) * 1e3)
    return [min(found[1:]) for found in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    keras.config.set_num_threads(arguments.threads)
    torch.set_num_threads(arguments.threads)
    clock = time.thread_time if arguments.threads == 1 else time.perf_counter
    print(f"batch {BATCH}, {STEPS} steps, {FEATURES} -> {UNITS}, {arguments.threads} threads, ms")
    print(f"{'layer':22}{'':10}{'fastkeras':>10}{'torch':>10}{'ratio':>8}{'goal':>6}")
    for name, goal in GOALS.items():
        for part, functions in ways(name).items():
            ours, theirs = best(functions, clock, arguments.rounds)
            print(f"{name:22}{part:10}{ours:10.2f}{theirs:10.2f}{theirs / ours:8.2f}{goal:6}")


if __name__ == "__main__":
    main()
