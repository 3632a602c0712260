"""Test accuracy on Fashion-MNIST over 3 seeds: python bench/accuracy.py FRAMEWORK [--model cnn] [--precision ...]

FRAMEWORK as in workloads.py; the mlp is trained for 5 epochs, the cnn for 3. Data from KERAS_HOME, ~/.keras or a
download.
"""

import argparse

import numpy as np
import workloads

EPOCHS = {"mlp": 5, "cnn": 3}
BATCH = {"mlp": 32, "cnn": 128}
LEVELS, POLICIES = ("highest", "high", "medium"), ("mixed_bfloat16", "mixed_float16")


def accuracy(k, name, seed):
    (x, y), (x_test, y_test) = k.datasets.fashion_mnist.load_data()
    x, x_test = x / np.float32(255), x_test / np.float32(255)
    if name == "cnn":
        x, x_test = x[..., None], x_test[..., None]
    k.utils.set_random_seed(seed)
    model = getattr(workloads, name)(k)
    model.fit(x, y, epochs=EPOCHS[name], batch_size=BATCH[name], verbose=0)
    return model.evaluate(x_test, y_test, verbose=0)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework")
    parser.add_argument("--model", choices=EPOCHS, default="mlp")
    parser.add_argument("--precision", choices=[*LEVELS, *POLICIES], default="highest")
    arguments = parser.parse_args()
    k = workloads.keras_of(arguments.framework)
    if arguments.precision in POLICIES:
        k.config.set_dtype_policy(arguments.precision)
    elif arguments.precision != "highest":
        k.config.set_float32_matmul_precision(arguments.precision)
    found = [accuracy(k, arguments.model, seed) for seed in (1, 2, 3)]
    each = " ".join(f"{a:.4f}" for a in found)
    print(f"{arguments.model} {arguments.framework} {arguments.precision}: {each} mean {np.mean(found):.4f}")


if __name__ == "__main__":
    main()
