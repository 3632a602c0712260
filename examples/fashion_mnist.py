"""Trains an image classifier on Fashion-MNIST, saves it, reloads it, and draws what it learned.

    python examples/fashion_mnist.py [--epochs 12] [--small] [--output demo-output]

Without the data and without a network it uses the handwritten digits that ship with scikit-learn.
"""

import argparse
import pathlib

import numpy as np

import fastkeras as keras
from fastkeras import layers

CLOTHES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]


def load_data():
    """((x_train, y_train), (x_test, y_test), names of the classes); pixels in [0, 1]."""
    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
        names = CLOTHES
    except Exception as error:
        print(f"Fashion-MNIST is not here and cannot be downloaded ({error}).")
        print("Falling back to the 1,797 handwritten digits that ship with scikit-learn.\n")
        from sklearn.datasets import load_digits

        digits = load_digits()
        x, y = digits.images * (255 / 16), digits.target
        (x_train, y_train), (x_test, y_test) = (x[:1400], y[:1400]), (x[1400:], y[1400:])
        names = [str(i) for i in range(10)]
    return (x_train / 255.0, y_train), (x_test / 255.0, y_test), names


def build_model(input_shape):
    return keras.Sequential(
        [
            keras.Input(shape=input_shape),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )


def draw_curves(history, path):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = [epoch + 1 for epoch in history.epoch]
    for axis, name in zip(axes, ("loss", "accuracy")):
        axis.plot(epochs, history.history[name], "o-", label="training")
        axis.plot(epochs, history.history["val_" + name], "s-", label="validation")
        axis.set(title=name.capitalize(), xlabel="epoch", xticks=epochs)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_predictions(images, labels, probabilities, names, path):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(4, 8, figsize=(12, 7), layout="constrained")
    for axis, image, label, row in zip(axes.flat, images, labels, probabilities):
        guess = int(row.argmax())
        axis.imshow(image, cmap="gray_r")
        axis.set_title(f"{names[guess]} {row[guess]:.0%}", fontsize=9, color="green" if guess == label else "red")
        axis.axis("off")
    figure.suptitle("Predicted labels of test images (red: wrong)")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--small", action="store_true", help="one epoch over 1,000 images")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("demo-output"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    keras.utils.set_random_seed(42)
    (x_train, y_train), (x_test, y_test), names = load_data()
    if arguments.small:
        arguments.epochs, x_train, y_train = 1, x_train[:1000], y_train[:1000]
    model = build_model(x_train.shape[1:])
    model.summary()
    # Steps that shrink to nothing by the last epoch: 88.9% of the test images, with a constant rate 87.9% to 88.3%.
    steps = arguments.epochs * -(-len(x_train) * 9 // 10 // 64)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=arguments.epochs, batch_size=64, validation_split=0.1)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"\nTest loss {loss:.4f}, test accuracy {accuracy:.2%}")

    file = arguments.output / "fashion.keras"
    model.save(file)
    reloaded = keras.models.load_model(file)
    probabilities = model.predict(x_test, verbose=0)
    identical = np.array_equal(probabilities, reloaded.predict(x_test, verbose=0))
    print(
        f"Saved {file} ({file.stat().st_size / 1e6:.1f} MB); "
        f"predictions of the reloaded model are identical: {identical}"
    )
    if not identical:
        raise SystemExit("The reloaded model differs.")

    draw_curves(history, arguments.output / "training.png")
    draw_predictions(x_test, y_test, probabilities, names, arguments.output / "predictions.png")
    print(f"Pictures: {arguments.output / 'training.png'}, {arguments.output / 'predictions.png'}")


if __name__ == "__main__":
    main()
