"""Training by processes: the cnn by two processes of one thread beside one process of one thread.

    python bench/mpi.py [--rounds 3] [--dense]

With --dense two processes train a dense network of 24 million parameters, whose gradients (97 MB) are summed in buckets
beside the program that makes them, and in one piece after it.

Each run is a job of its own (mpirun, from the extra `mpi`); they take turns. Every process takes batches of 128.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


def dense(k):
    """The classifier of a VGG, on small images."""
    layers = k.layers
    model = k.Sequential(
        [
            k.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(4096, activation="relu"),
            layers.Dense(4096, activation="relu"),
            layers.Dense(1000, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def train(arguments):
    """Images per second of the whole job; process 0 prints them."""
    import workloads

    import fastkeras as keras
    from fastkeras.training import parallel_step

    if arguments.one_piece:
        parallel_step.BUCKET_BYTES = 1 << 40
    parallel = keras.distribution.DataParallel()
    keras.distribution.set_distribution(parallel)
    keras.utils.set_random_seed(0)
    x, y = workloads.images(128 * (20 if arguments.dense else 40))
    model, times = (dense if arguments.dense else workloads.cnn)(keras), []
    for _ in range(4):
        start = time.perf_counter()
        model.fit(x[..., None], y, batch_size=128, epochs=1, verbose=0)
        times.append(time.perf_counter() - start)
    if parallel.data_shard_id == 0:
        print(json.dumps(len(x) / statistics.median(times[1:])))


def run(processes, *options):
    launcher = shutil.which("mpirun", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    oversubscribe = ["--map-by", ":OVERSUBSCRIBE"] if os.cpu_count() < processes else []  # else one core each
    command = [launcher, "--allow-run-as-root", *oversubscribe, "-n", str(processes)] if processes > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command += [sys.executable, __file__, "--job", *options]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def medians(rounds, *ways):
    """Images per second of jobs that take turns, each a number of processes and options."""
    found = [[] for _ in ways]
    for _ in range(rounds):
        for way, speeds in zip(ways, found, strict=True):
            speeds.append(run(*way))
    return [np.median(speeds) for speeds in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one-piece", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        return train(arguments)
    if arguments.dense:
        piece, buckets = medians(arguments.rounds, (2, "--dense", "--one-piece"), (2, "--dense"))
        print(f"images/s: gradients in one piece {piece:.0f}, in buckets {buckets:.0f}: {buckets / piece:.2f}x")
        return
    one, two = medians(arguments.rounds, (1,), (2,))
    print(f"images/s: 1 process {one:.0f}, 2 processes {two:.0f}: {two / one:.2f}x (goal 1.8x)")


if __name__ == "__main__":
    main()
