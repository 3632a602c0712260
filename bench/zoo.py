"""Models of many fields, as tutorials have them, beside Keras on one of its backends: where are we slow?

    python bench/zoo.py                                                          # fastkeras alone
    python bench/zoo.py --peers .venv-peers/bin/python [--only keras-jax] [MODEL ...]

All models of a framework run in one process, one framework after the other. A figure is the best epoch's time for each
batch, of `fit` and of `predict`, on random data; compilation does not count.
"""

import argparse
import json
import subprocess
import sys
import time

import numpy as np
from models import environment
from workloads import keras_of

MODELS = {}  # name: function of the Keras namespace, which gives model, loss, x, y, batch size
SPARSE = "sparse_categorical_crossentropy"


def model(build):
    MODELS[build.__name__] = build
    return build


def floats(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def integers(below, *shape):
    return np.random.default_rng(1).integers(0, below, shape).astype("int32")


@model
def unet(k):
    layers = k.layers
    inputs = x = k.Input((64, 64, 3))
    skips = []
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(128, 3, padding="same", activation="relu")(x)
    for filters, skip in zip((64, 32, 16), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(filters, 2, strides=2, padding="same")(x)
        x = layers.Concatenate()([x, skip])
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    outputs = layers.Conv2D(3, 1, activation="softmax")(x)
    return k.Model(inputs, outputs), SPARSE, floats(64, 64, 64, 3), integers(3, 64, 64, 64), 8


@model
def autoencoder(k):
    layers = k.layers
    same = {"padding": "same", "activation": "relu"}
    network = k.Sequential(
        [
            k.Input((28, 28, 1)),
            layers.Conv2D(16, 3, **same),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, **same),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, **same),
            layers.UpSampling2D(),
            layers.Conv2D(16, 3, **same),
            layers.UpSampling2D(),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )
    images = np.abs(np.tanh(floats(512, 28, 28, 1)))
    return network, "binary_crossentropy", images, images, 128


@model
def generator(k):
    layers = k.layers
    network = k.Sequential(
        [
            k.Input((64,)),
            layers.Dense(7 * 7 * 64),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 64)),
            layers.Conv2DTranspose(64, 4, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(32, 4, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.Conv2D(1, 5, padding="same", activation="tanh"),
        ]
    )
    return network, "mse", floats(256, 64), floats(256, 28, 28, 1), 32


@model
def group_norm_cnn(k):
    layers = k.layers
    network = k.Sequential([k.Input((32, 32, 3))])
    for filters in (32, 64):
        for strides in (1, 2):
            network.add(layers.Conv2D(filters, 3, strides=strides, padding="same"))
            network.add(layers.GroupNormalization(8))
            network.add(layers.Activation("swish"))
    network.add(layers.GlobalAveragePooling2D())
    network.add(layers.Dense(10, activation="softmax"))
    return network, SPARSE, floats(128, 32, 32, 3), integers(10, 128), 32


@model
def grouped_cnn(k):
    layers = k.layers
    inputs = x = k.Input((28, 28, 64))
    for filters, strides in ((128, 1), (256, 2)):
        x = layers.Conv2D(filters, 1, activation="relu")(x)
        x = layers.Conv2D(filters, 3, strides=strides, padding="same", groups=32, activation="relu")(x)
        x = layers.Conv2D(filters, 1)(x)
        x = layers.BatchNormalization()(x)
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return k.Model(inputs, outputs), SPARSE, floats(64, 28, 28, 64), integers(10, 64), 16


@model
def separable_cnn(k):
    layers = k.layers
    inputs = k.Input((96, 96, 3))
    x = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(inputs)
    for filters in (128, 256):
        before = x
        for _ in range(2):
            x = layers.Activation("relu")(x)
            x = layers.SeparableConv2D(filters, 3, padding="same")(x)
            x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.add([x, layers.Conv2D(filters, 1, strides=2, padding="same")(before)])
    outputs = layers.Dense(1)(layers.GlobalAveragePooling2D()(x))
    return k.Model(inputs, outputs), "mse", floats(32, 96, 96, 3), floats(32, 1), 16


@model
def convnext_blocks(k):
    layers = k.layers
    inputs = x = k.Input((32, 32, 48))
    for _ in range(3):
        y = layers.DepthwiseConv2D(7, padding="same")(x)
        y = layers.LayerNormalization(epsilon=1e-6)(y)
        y = layers.Dense(192, activation="gelu")(y)
        x = layers.Add()([x, layers.Dense(48)(y)])
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return k.Model(inputs, outputs), SPARSE, floats(32, 32, 32, 48), integers(10, 32), 16


@model
def efficientnet_b0(k):
    network = k.applications.EfficientNetB0(weights=None, input_shape=(96, 96, 3), classes=10)
    return network, SPARSE, floats(16, 96, 96, 3), integers(10, 16), 8


@model
def augmented_cnn(k):
    layers = k.layers
    network = k.Sequential(
        [
            k.Input((64, 64, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    return network, SPARSE, floats(128, 64, 64, 3), integers(10, 128), 32


@model
def volumes(k):
    layers = k.layers
    network = k.Sequential(
        [
            k.Input((32, 32, 16, 1)),
            layers.Conv3D(32, 3, activation="relu"),
            layers.MaxPooling3D(2),
            layers.Conv3D(64, 3, activation="relu"),
            layers.GlobalAveragePooling3D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    return network, "binary_crossentropy", floats(16, 32, 32, 16, 1), integers(2, 16, 1), 4


@model
def conv_lstm(k):
    layers = k.layers
    network = k.Sequential(
        [
            k.Input((10, 32, 32, 1)),
            layers.ConvLSTM2D(16, 3, padding="same", return_sequences=True),
            layers.BatchNormalization(),
            layers.Conv3D(1, 3, padding="same", activation="sigmoid"),
        ]
    )
    frames = np.abs(np.tanh(floats(8, 10, 32, 32, 1)))
    return network, "binary_crossentropy", frames, frames, 4


@model
def text_cnn(k):
    layers = k.layers
    network = k.Sequential(
        [
            k.Input((200,), dtype="int32"),
            layers.Embedding(10000, 128),
            layers.Dropout(0.5),
            layers.Conv1D(128, 7, strides=3, activation="relu"),
            layers.Conv1D(128, 7, strides=3, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    return network, "binary_crossentropy", integers(10000, 256, 200), integers(2, 256, 1), 32


@model
def bidirectional_lstm(k):
    layers = k.layers
    network = k.Sequential(
        [
            k.Input((100,), dtype="int32"),
            layers.Embedding(10000, 64),
            layers.Bidirectional(layers.LSTM(64, return_sequences=True)),
            layers.Bidirectional(layers.LSTM(64)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    return network, "binary_crossentropy", integers(10000, 128, 100), integers(2, 128, 1), 32


@model
def masked_gru(k):
    layers = k.layers
    network = k.Sequential(
        [
            k.Input((60,), dtype="int32"),
            layers.Embedding(5000, 64, mask_zero=True),
            layers.GRU(128),
            layers.Dense(20, activation="softmax"),
        ]
    )
    return network, SPARSE, integers(5000, 256, 60), integers(20, 256), 32


@model
def lstm_with_recurrent_dropout(k):
    layers = k.layers
    network = k.Sequential(
        [k.Input((60, 16)), layers.LSTM(64, dropout=0.2, recurrent_dropout=0.2), layers.Dense(1)]
    )  # fmt: skip
    return network, "mse", floats(256, 60, 16), floats(256, 1), 32


@model
def series_transformer(k):
    layers = k.layers
    inputs = x = k.Input((100, 8))
    for _ in range(2):
        y = layers.MultiHeadAttention(key_dim=32, num_heads=4, dropout=0.1)(x, x)
        x = layers.LayerNormalization(epsilon=1e-6)(layers.Dropout(0.1)(y) + x)
        y = layers.Conv1D(8, 1)(layers.Conv1D(16, 1, activation="relu")(x))
        x = layers.LayerNormalization(epsilon=1e-6)(y + x)
    outputs = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(x))
    return k.Model(inputs, outputs), SPARSE, floats(256, 100, 8), integers(2, 256), 64


@model
def vision_transformer(k):
    layers = k.layers
    inputs = k.Input((32, 32, 3))
    x = layers.Reshape((64, 64))(layers.Conv2D(64, 4, strides=4)(inputs))
    for _ in range(4):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, 16, dropout=0.1)(y, y)])
        y = layers.Dense(128, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(64)(layers.Dropout(0.1)(y))])
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling1D()(x))
    return k.Model(inputs, outputs), SPARSE, floats(128, 32, 32, 3), integers(10, 128), 32


@model
def small_gpt(k):
    layers = k.layers
    inputs = k.Input((80,), dtype="int32")
    x = layers.Embedding(5000, 128)(inputs) + layers.Embedding(80, 128)(k.ops.arange(80))
    y = layers.MultiHeadAttention(4, 32)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization(epsilon=1e-6)(x + y)
    y = layers.Dense(128)(layers.Dense(128, activation="relu")(x))
    x = layers.LayerNormalization(epsilon=1e-6)(x + y)
    outputs = layers.Dense(5000, activation="softmax")(x)
    return k.Model(inputs, outputs), SPARSE, integers(5000, 64, 80), integers(5000, 64, 80), 16


@model
def wide_and_deep(k):
    layers = k.layers
    ids = [k.Input((1,), dtype="int32") for _ in range(8)]
    numbers = k.Input((13,))
    x = layers.Concatenate()([*(layers.Flatten()(layers.Embedding(1000, 16)(i)) for i in ids), numbers])
    for units in (256, 128, 64):
        x = layers.Dropout(0.2)(layers.Dense(units, activation="relu")(x))
    outputs = layers.Activation("sigmoid")(layers.Add()([layers.Dense(1)(numbers), layers.Dense(1)(x)]))
    x = [*(integers(1000, 4096, 1) for _ in range(8)), floats(4096, 13)]
    return k.Model([*ids, numbers], outputs), "binary_crossentropy", x, integers(2, 4096, 1), 256


@model
def metric_learning(k):
    layers = k.layers
    inputs = k.Input((40, 32))
    x = layers.Dense(32, activation="relu")(inputs)
    distances = k.ops.sum((x[:, :, None] - x[:, None]) ** 2, axis=-1)
    return k.Model(inputs, distances), "mse", floats(256, 40, 32), floats(256, 40, 40), 32


def best(run, seconds):
    """The shortest time of some runs, the first left out."""
    run()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or not times:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(k, name):
    """Seconds for each batch of fit and of predict."""
    k.utils.set_random_seed(0)
    network, loss, x, y, batch_size = MODELS[name](k)
    network.compile(optimizer="adam", loss=loss)
    batches = -(-len(y) // batch_size)
    fit = best(lambda: network.fit(x, y, batch_size=batch_size, verbose=0), 2)
    predict = best(lambda: network.predict(x, batch_size=batch_size, verbose=0), 1)
    return fit / batches, predict / batches


def run_one(framework, names):
    for name in names:
        print(json.dumps([name, *measure(keras_of(framework), name)]), flush=True)


def figures(python, framework, names):
    done = subprocess.run(
        [python, __file__, *names, "--framework", framework],
        env=environment(framework), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{framework}:\n{done.stderr}")
    return {name: found for name, *found in map(json.loads, done.stdout.splitlines())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--peers", help="Python of an environment with the peers (bench/peers/install.sh)")
    parser.add_argument("--only", nargs="*", default=["keras-jax"], help="peers to run")
    parser.add_argument("--framework", help="measure this one, here, and print JSON")
    arguments = parser.parse_args()
    if arguments.framework:
        return run_one(arguments.framework, arguments.models)
    ours = figures(sys.executable, "fastkeras", arguments.models)
    peers = [figures(arguments.peers, f, arguments.models) for f in arguments.only] if arguments.peers else []
    print("| ms per batch | fit | predict |" + "".join(f" {f}: fit | predict |" for f in arguments.only[: len(peers)]))
    print("| --- |" + " --- |" * (2 + 2 * len(peers)))
    for name, found in ours.items():
        cells = [f"{t * 1e3:.3g}" for t in found]
        for peer in peers:
            cells += [f"{theirs / t:.1f}x" for theirs, t in zip(peer[name], found, strict=True)]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
