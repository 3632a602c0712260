"""Test accuracy on Fashion-MNIST after 5 epochs, 3 seeds: python bench/accuracy.py FRAMEWORK.

FRAMEWORK as in workloads.py. Data from KERAS_HOME, ~/.keras or a download.
"""

import sys

import numpy as np
from workloads import keras_of


def accuracy(k, seed):
    (x, y), (x_test, y_test) = k.datasets.fashion_mnist.load_data()
    k.utils.set_random_seed(seed)
    layers = k.layers
    hidden = [layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(0.2)]
    model = k.Sequential([k.Input(shape=(28, 28)), *hidden, layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x / 255.0, y, epochs=5, verbose=0)
    return model.evaluate(x_test / 255.0, y_test, verbose=0)[1]


if __name__ == "__main__":
    framework = sys.argv[1]
    found = [accuracy(keras_of(framework), seed) for seed in (1, 2, 3)]
    print(framework, " ".join(f"{a:.4f}" for a in found), f"mean {np.mean(found):.4f}")
