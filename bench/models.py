"""Training and prediction beside the peers: one table of ratios to the best peer, from one run on this machine.

    python bench/models.py                                      # fastkeras alone
    python bench/models.py --peers .venv-peers/bin/python       # beside Keras on JAX, TensorFlow, torch, and torch
    python bench/models.py --peers ... --busy mlp_fit           # with a competing busy process
    python bench/models.py --peers ... --memory resnet20_fit    # peak memory of the process instead of time

Every figure is a process of its own; frameworks take turns, `--rounds` times, and the median counts.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import workloads

HERE = pathlib.Path(__file__).parent
PEERS = ("keras-jax", "keras-tensorflow", "keras-torch", "torch")
# workload -> the ratio to the best peer that is our goal
GOALS = {
    "mlp_fit": 5,
    "tabular_fit": 10,
    "mlp_predict_10000": 8,
    "mlp_predict_1": 20,
    "mlp_call_1": 20,
    "cnn_fit": 4,
    "resnet20_fit": 3,
    "lstm_fit": 3,
    "lstm_predict_1": 10,
    "wide_mlp_fit": 4,
    "transformer_fit": 4,
    "mobilenetv2_predict": 4,
    "mobilenetv2_head_fit": 3,
    "mobilenetv2_fit": 3,
    "import": 10,
    "step_overhead": None,
}


def environment(framework):
    backend = framework.removeprefix("keras-") if framework.startswith("keras-") else "jax"
    return {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}


def measure(python, framework, workload, what="seconds"):
    """Seconds (or "peak_bytes"), or None where the framework has no such workload."""
    if workload == "import":
        start = time.perf_counter()
        subprocess.run(
            [python, "-c", f"import {framework.split('-')[0]}"],
            check=True,
            env=environment(framework),
            capture_output=True,
        )
        return time.perf_counter() - start
    if framework == "torch" and workload not in workloads.TORCH:
        return None
    done = subprocess.run(
        [python, str(HERE / "workloads.py"), framework, workload],
        env=environment(framework),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{framework} {workload}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])[what]


def show(value, what):
    if value is None:
        return "-"
    if what == "peak_bytes":
        return f"{value / 2**20:.0f} MB"
    seconds = value
    return (
        f"{seconds:.2f} s"
        if seconds >= 1
        else f"{seconds * 1e3:.2f} ms"
        if seconds >= 1e-3
        else f"{seconds * 1e6:.1f} us"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=list(GOALS))
    parser.add_argument("--peers", help="Python of an environment with the peers (bench/peers/install.sh)")
    parser.add_argument("--only", nargs="*", default=PEERS, help="peers to run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="peak memory instead of time")
    parser.add_argument("--busy", action="store_true", help="keep one core busy meanwhile")
    arguments = parser.parse_args()
    what = "peak_bytes" if arguments.memory else "seconds"
    frameworks = ["fastkeras", *(arguments.only if arguments.peers else [])]
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if arguments.busy else None
    try:
        print("| workload | " + " | ".join(frameworks) + " | best peer / fastkeras | goal |")
        print("| --- |" + " --- |" * (len(frameworks) + 2))
        for workload in arguments.workloads:
            times = {f: [] for f in frameworks}
            for _ in range(arguments.rounds):
                for f in frameworks:
                    python = sys.executable if f == "fastkeras" else arguments.peers
                    times[f].append(measure(python, f, workload, what))
            medians = {f: None if t[0] is None else statistics.median(t) for f, t in times.items()}
            peers = [t for f, t in medians.items() if f != "fastkeras" and t is not None]
            ratio = f"{min(peers) / medians['fastkeras']:.1f}x" if peers else "-"
            goal = f"{GOALS[workload]}x" if GOALS.get(workload) and not arguments.memory else "-"
            print(
                f"| {workload} | " + " | ".join(show(medians[f], what) for f in frameworks) + f" | {ratio} | {goal} |",
                flush=True,
            )
    finally:
        if busy:
            busy.kill()


if __name__ == "__main__":
    main()
