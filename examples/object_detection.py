"""Finds the shape in a noisy picture: its box and its class, by one network with two heads.

    python examples/object_detection.py [--small] [--output example-output]

The pictures (a disc, a square or a triangle before a cluttered background) are drawn by the script. Leaves
detection.png: test pictures with the true and the predicted boxes.
"""

import numpy as np
from _common import arguments, save
from matplotlib import patches
from matplotlib import pyplot as plt

import fastkeras as keras
from fastkeras import layers, ops

SIZE = 48
CLASSES = ["disc", "square", "triangle"]


def draw(count, random):
    """Pictures (count, SIZE, SIZE, 3), boxes (count, 4) as left, top, right, bottom in [0, 1], classes (count,)."""
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    images = random.uniform(0, 0.35, (count, SIZE, SIZE, 3))
    boxes, kinds = np.zeros((count, 4)), random.integers(0, 3, count)
    for image, box, kind in zip(images, boxes, kinds):
        for _ in range(4):  # clutter: lines
            at, width = random.integers(0, SIZE - 2), random.integers(1, 3)
            line = (
                (slice(at, at + width), slice(None)) if random.random() < 0.5 else (slice(None), slice(at, at + width))
            )
            image[line] = random.uniform(0.2, 0.7, 3)
        half = random.uniform(5, 12)
        x, y = random.uniform(half, SIZE - half, 2)
        dx, dy = columns - x, rows - y
        inside = [
            dx**2 + dy**2 < half**2,
            np.maximum(abs(dx), abs(dy)) < half,
            (abs(dx) < (dy + half) / 2) & (dy < half),
        ][kind]
        image[inside] = random.uniform(0.5, 1.0, 3)
        box[:] = np.array([x - half, y - half, x + half, y + half]) / SIZE
    return images.astype("float32"), boxes.astype("float32"), kinds


def iou(a, b):
    """Intersection over union of boxes (..., 4)."""
    low, high = ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:])
    both = ops.prod(ops.maximum(high - low, 0.0), axis=-1)
    areas = [ops.prod(box[..., 2:] - box[..., :2], axis=-1) for box in (a, b)]
    return both / (areas[0] + areas[1] - both + 1e-7)


def mean_iou(y_true, y_pred):
    return ops.mean(iou(y_true, y_pred))


def build_model():
    image = keras.Input((SIZE, SIZE, 3))
    x = image
    for filters in (16, 32, 48):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(96, activation="relu")(layers.Flatten()(x))
    # Centre and size, from which the corners follow: right is never left of left.
    centre, size = layers.Dense(2, activation="sigmoid")(x), layers.Dense(2, activation="sigmoid")(x)
    box = layers.Concatenate(name="box")([centre - size / 2, centre + size / 2])
    return keras.Model(image, {"box": box, "kind": layers.Dense(3, activation="softmax", name="kind")(x)})


def main():
    options = arguments(__doc__)
    keras.utils.set_random_seed(4)
    random = np.random.default_rng(0)
    images, boxes, kinds = draw(256 if options.small else 3000, random)
    test_images, test_boxes, test_kinds = draw(64 if options.small else 500, random)
    model = build_model()
    model.compile(
        keras.optimizers.Adam(2e-3),
        loss={"box": keras.losses.Huber(0.1), "kind": "sparse_categorical_crossentropy"},
        loss_weights={"box": 200.0, "kind": 1.0},
        metrics={"box": [mean_iou], "kind": ["accuracy"]},
    )
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.85)
    epochs = 1 if options.small else 12
    model.fit(images, {"box": boxes, "kind": kinds}, 32, epochs, verbose=2, callbacks=[schedule])

    found = model.predict(test_images, verbose=0)
    overlap = ops.convert_to_numpy(iou(test_boxes, found["box"]))
    classes = found["kind"].argmax(axis=1)
    print(f"\nmean IoU {overlap.mean():.3f}, IoU > 0.5: {(overlap > 0.5).mean():.1%}")
    print(f"class right: {(classes == test_kinds).mean():.1%}")

    figure, axes = plt.subplots(3, 6, figsize=(13, 7), layout="constrained")
    for i, axis in enumerate(axes.flat):
        axis.imshow(test_images[i], interpolation="nearest")
        for box, color in ((test_boxes[i], "white"), (found["box"][i], "red")):
            left, top, right, bottom = box * SIZE - 0.5
            axis.add_patch(
                patches.Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=color, linewidth=2)
            )
        color = "green" if classes[i] == test_kinds[i] else "red"
        axis.set_title(
            f"{CLASSES[classes[i]]} {found['kind'][i].max():.0%}, IoU {overlap[i]:.2f}", fontsize=9, color=color
        )
        axis.axis("off")
    figure.suptitle("Test pictures: true boxes white, predicted boxes red")
    save(figure, options.output / "detection.png")


if __name__ == "__main__":
    main()
