"""Classifies handwritten digits from few images, with and without augmentation.

    python examples/image_augmentation.py [--small] [--output example-output]

300 of scikit-learn's digits are for training, and the test images are turned and shifted. Leaves augmentation.png: what
the generator makes of an image, and the accuracy over the epochs of both models.
"""

import numpy as np
from _common import arguments, save
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import fastkeras as keras
from fastkeras import layers
from fastkeras.preprocessing.image import ImageDataGenerator

BATCH = 32


def build_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(24, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(48, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main():
    options = arguments(__doc__)
    epochs = 2 if options.small else 60
    digits = load_digits()
    x = np.kron(digits.images / 16.0, np.ones((2, 2)))[..., None].astype("float32")  # 16x16
    y = digits.target
    generator = ImageDataGenerator(rotation_range=25, width_shift_range=0.12, height_shift_range=0.12, zoom_range=0.15)
    test = next(generator.flow(x[300:], y[300:], batch_size=len(x) - 300, shuffle=False, seed=0))
    plain = build_model().fit(x[:300], y[:300], BATCH, epochs, verbose=0, validation_data=test)
    flow = generator.flow(x[:300], y[:300], batch_size=BATCH, seed=1)
    augmented = build_model().fit(flow, epochs=epochs, verbose=0, validation_data=test)
    for name, history in (("plain", plain), ("augmented", augmented)):
        print(f"{name:10} test accuracy {history.history['val_accuracy'][-1]:.2%}")

    figure, axes = plt.subplot_mosaic([list("abcde") + ["z"] * 5, list("fghij") + ["z"] * 5], figsize=(13, 3.6))
    for name, image in zip("abcdefghij", [x[0], *generator.flow(x[[0] * 9], batch_size=9, seed=3)[0]]):
        axes[name].imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
        axes[name].axis("off")
    axes["a"].set_title("original")
    for name, history in (("plain", plain), ("augmented", augmented)):
        axes["z"].plot(history.history["val_accuracy"], label=name)
    axes["z"].set(title="accuracy on turned and shifted images", xlabel="epoch")
    axes["z"].legend()
    axes["z"].grid(alpha=0.3)
    figure.tight_layout()
    save(figure, options.output / "augmentation.png")


if __name__ == "__main__":
    main()
