"""Transfer learning with MobileNetV2: what it has learned of some classes helps with others.

    python examples/transfer_learning.py [--weights file.weights.h5] [--small] [--output example-output]

The digits 0 to 4 are learned first and the weights saved. A network for 5 to 9 takes them from the file, and of 100
images trains its head on the frozen base, then all of it at a small rate; another starts from nothing. `--weights`
takes a file of the base (alpha 0.35, without top) instead, as `save_weights` writes it. Leaves transfer.png.
"""

import pathlib

import numpy as np
from _common import arguments, save
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import fastkeras as keras
from fastkeras import layers
from fastkeras.applications import MobileNetV2


def digits():
    """((x, y) of the digits 0 to 4, (x, y) of 5 to 9 as 0 to 4); pictures of 32x32x3 in [-1, 1]."""
    data = load_digits()
    x = np.kron(data.images / 8.0 - 1.0, np.ones((4, 4)))[..., None].repeat(3, axis=-1).astype("float32")
    low = data.target < 5
    return (x[low], data.target[low]), (x[~low], data.target[~low] - 5)


def build_base():
    base = MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None, pooling="avg")
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9  # 0.999 needs thousands of steps
    return base


def build_model(base):
    """A classifier on a base; a frozen base keeps its statistics as well."""
    return keras.Sequential([base, layers.Dense(5, activation="softmax")])


def train(model, rate, x, y, epochs, test=None):
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, batch_size=20, epochs=epochs, verbose=0, validation_data=test).history


def main():
    options = arguments(__doc__, weights={"type": pathlib.Path})
    (x, y), (x_new, y_new) = digits()
    few, test = (x_new[:100], y_new[:100]), (x_new[100:], y_new[100:])
    first, second, third = (1, 1, 1) if options.small else (24, 12, 24)
    if options.small:
        x, y = x[:60], y[:60]
    keras.utils.set_random_seed(3)
    file = options.weights or options.output / "base.weights.h5"
    if options.weights is None:
        base = build_base()
        accuracy = train(build_model(base), 1e-3, x, y, first)["accuracy"][-1]
        base.save_weights(file)
        print(f"Digits 0 to 4: training accuracy {accuracy:.2%}; weights in {file}")

    base = build_base()
    base.load_weights(file)
    base.trainable = False
    model = build_model(base)
    curve = train(model, 1e-2, *few, second, test)["val_accuracy"]
    print(f"Digits 5 to 9 of 100 images: head on the frozen base {curve[-1]:.2%}")
    base.trainable = True
    curve += train(model, 3e-4, *few, third, test)["val_accuracy"]
    print(f"  fine-tuned {curve[-1]:.2%}")
    scratch = train(build_model(build_base()), 1e-3, *few, second + third, test)["val_accuracy"]
    print(f"  from nothing {scratch[-1]:.2%}")

    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    axis.plot(range(1, len(curve) + 1), curve, "o-", label="transferred")
    axis.plot(range(1, len(scratch) + 1), scratch, "s-", label="from nothing")
    axis.axvline(second + 0.5, color="gray", linestyle="--")
    axis.set(title="Accuracy on digits 5 to 9, learned from 100 images", xlabel="epoch (dashed: fine-tuning begins)")
    axis.grid(alpha=0.3)
    axis.legend()
    save(figure, options.output / "transfer.png")


if __name__ == "__main__":
    main()
