"""What lower precision brings: training steps at "highest", at "medium" and under mixed policies.

    python bench/precision.py [--threads N] [--rounds 3] [WORKLOAD ...]

One process; all take turns, the best round counts. The last columns are the time of float32 over theirs.
"""

import argparse

import workloads

import fastkeras as keras

WORKLOADS = ("cnn_fit", "resnet20_fit", "wide_mlp_fit", "lstm_fit", "mlp_fit")
WAYS = {  # name: dtype policy, level of float32 products
    "float32": ("float32", "highest"),
    "medium": ("float32", "medium"),
    "mixed_bfloat16": ("mixed_bfloat16", "highest"),
    "mixed_float16": ("mixed_float16", "highest"),
}


def seconds(workload, policy, level):
    keras.config.set_dtype_policy(policy)
    keras.config.set_float32_matmul_precision(level)
    return workloads.KERAS[workload](keras)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=WORKLOADS)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.threads:
        keras.config.set_num_threads(arguments.threads)
    print(keras.config.describe_kernels())
    others = [name for name in WAYS if name != "float32"]
    print("| ms per step | " + " | ".join([*WAYS, *others]) + " |")
    print("| --- |" + " --- |" * (len(WAYS) + len(others)))
    for workload in arguments.workloads:
        times = {name: [] for name in WAYS}
        for _ in range(arguments.rounds):
            for name, way in WAYS.items():
                times[name].append(seconds(workload, *way))
        best = {name: min(found) for name, found in times.items()}
        cells = [f"{t * 1e3:.3g}" for t in best.values()]
        cells += [f"{best['float32'] / best[name]:.2f}x" for name in others]
        print(f"| {workload} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
