"""Training by processes: the cnn by two processes of one thread beside one process of one thread.

    python bench/mpi.py [--rounds 3]

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


def train():
    """Images per second of the whole job; process 0 prints them."""
    import workloads

    import fastkeras as keras

    parallel = keras.distribution.DataParallel()
    keras.distribution.set_distribution(parallel)
    keras.utils.set_random_seed(0)
    x, y = workloads.images(128 * 40)
    model, times = workloads.cnn(keras), []
    for _ in range(4):
        start = time.perf_counter()
        model.fit(x[..., None], y, batch_size=128, epochs=1, verbose=0)
        times.append(time.perf_counter() - start)
    if parallel.data_shard_id == 0:
        print(json.dumps(len(x) / statistics.median(times[1:])))


def run(processes):
    launcher = shutil.which("mpirun", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    command = [launcher, "--allow-run-as-root", "--oversubscribe", "-n", str(processes)] if processes > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command += [sys.executable, __file__, "--job"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        return train()
    found = {processes: [] for processes in (1, 2)}
    for _ in range(arguments.rounds):
        for processes, speeds in found.items():
            speeds.append(run(processes))
    one, two = (np.median(speeds) for speeds in found.values())
    print(f"images/s: 1 process {one:.0f}, 2 processes {two:.0f}: {two / one:.2f}x (goal 1.8x)")


if __name__ == "__main__":
    main()
