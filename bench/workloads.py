"""One workload in one framework, timed in this process: python workloads.py FRAMEWORK WORKLOAD -> JSON on stdout:
{"seconds": ..., "peak_bytes": ...}, the latter of the whole process.

FRAMEWORK: fastkeras, keras-jax, keras-tensorflow, keras-torch, torch. The Keras code is the same for all of Keras.
"""

import json
import os
import resource
import statistics
import sys
import time

import numpy as np


def keras_of(framework):
    """The Keras namespace of a framework."""
    if framework == "fastkeras":
        import fastkeras

        return fastkeras
    os.environ["KERAS_BACKEND"] = framework.removeprefix("keras-")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    return keras


def mlp(k):
    layers = k.layers
    model = k.Sequential(
        [
            k.Input(shape=(28, 28)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10),
        ]
    )
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model


def tabular(k):
    layers = k.layers
    model = k.Sequential(
        [k.Input(shape=(8,)), layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(1)]
    )
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
    return model


def lstm(k):
    layers = k.layers
    model = k.Sequential(
        [k.Input(shape=(80,), dtype="int32"), layers.Embedding(20000, 128), layers.LSTM(128), layers.Dense(1)]
    )
    model.compile(optimizer="adam", loss=k.losses.BinaryCrossentropy(from_logits=True))
    return model


def reviews(n):
    random = np.random.RandomState(0)
    return random.randint(0, 20000, (n, 80)).astype("int32"), random.randint(0, 2, (n, 1)).astype("float32")


def wide_mlp(k):
    layers = k.layers
    model = k.Sequential(
        [
            k.Input(shape=(784,)),
            layers.Dense(1024, activation="relu"),
            layers.Dense(1024, activation="relu"),
            layers.Dense(10),
        ]
    )
    model.compile(optimizer="adam", loss=k.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def transformer(k):
    """One encoder block on 100 tokens, as in Keras's text classification example."""
    layers = k.layers
    inputs = k.Input(shape=(100,), dtype="int32")
    x = layers.Embedding(20000, 32)(inputs)
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.MultiHeadAttention(2, 32)(x, x))
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dense(32)(layers.Dense(32, activation="relu")(x)))
    outputs = layers.Dense(2)(layers.GlobalAveragePooling1D()(x))
    model = k.Model(inputs, outputs)
    model.compile(optimizer="adam", loss=k.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def mobilenetv2(k, trainable):
    base = k.applications.MobileNetV2(input_shape=(128, 128, 3), include_top=False, weights=None, pooling="avg")
    base.trainable = trainable
    model = k.Sequential([base, k.layers.Dense(10)])
    model.compile(optimizer="adam", loss=k.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def photos(n):
    random = np.random.RandomState(0)
    return random.uniform(-1, 1, (n, 128, 128, 3)).astype("float32"), random.randint(0, 10, n)


def cnn(k):
    layers = k.layers
    model = k.Sequential(
        [
            k.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )
    model.compile(optimizer="adam", loss=k.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def resnet20(k):
    """The ResNet-20 for CIFAR of He et al.: three stages of three blocks."""
    layers = k.layers

    def normalized(x, filters, strides=1, size=3):
        x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = k.Input(shape=(32, 32, 3))
    x = layers.ReLU()(normalized(inputs, 16))
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if filters > 16 and block == 0 else 1
            y = layers.ReLU()(normalized(x, filters, strides))
            y = normalized(y, filters)
            x = layers.ReLU()(layers.Add()([y, normalized(x, filters, strides, 1) if strides > 1 else x]))
    outputs = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    model = k.Model(inputs, outputs)
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=k.optimizers.SGD(0.1, momentum=0.9), loss=loss, metrics=["accuracy"])
    return model


def images(n):
    random = np.random.RandomState(0)
    return random.rand(n, 28, 28).astype("float32"), random.randint(0, 10, n)


def table(n):
    random = np.random.RandomState(0)
    x = random.rand(n, 8).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


def per_call(run, calls):
    """Median seconds of one call, of several rounds of `calls` calls, after a warm-up."""
    for _ in range(3):
        run()
    times = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(calls):
            run()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)


def fit(model, x, y, batch_size, rounds=3):
    """Median seconds per training step of an epoch."""
    model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0)
    steps = -(-len(x) // batch_size)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0)
        times.append((time.perf_counter() - start) / steps)
    return statistics.median(times)


def mlp_fit(k):
    return fit(mlp(k), *images(60000), 32, rounds=2)


def tabular_fit(k):
    return fit(tabular(k), *table(20000), 32)


def cnn_fit(k):
    x, y = images(2560)
    return fit(cnn(k), x[..., None], y, 128)


def resnet20_fit(k):
    random = np.random.RandomState(0)
    x, y = random.rand(640, 32, 32, 3).astype("float32"), random.randint(0, 10, 640)
    return fit(resnet20(k), x, y, 64)


def wide_mlp_fit(k):
    x, y = images(12800)
    return fit(wide_mlp(k), x.reshape(-1, 784), y, 128)


def transformer_fit(k):
    random = np.random.RandomState(0)
    return fit(transformer(k), random.randint(0, 20000, (1280, 100)).astype("int32"), random.randint(0, 2, 1280), 32)


def mobilenetv2_fit(k):
    """Seconds per image, as the two below."""
    return fit(mobilenetv2(k, True), *photos(96), 32, rounds=2) / 32


def mobilenetv2_head_fit(k):
    return fit(mobilenetv2(k, False), *photos(128), 32, rounds=2) / 32


def mobilenetv2_predict(k):
    model, (x, _) = mobilenetv2(k, False), photos(128)
    return per_call(lambda: model.predict(x, verbose=0), 1) / 128


def lstm_fit(k):
    return fit(lstm(k), *reviews(1280), 32)


def lstm_predict_1(k):
    """100 steps of 64 features, one sample."""
    model = k.Sequential([k.Input(shape=(100, 64)), k.layers.LSTM(64)])
    x = np.random.RandomState(0).rand(1, 100, 64).astype("float32")
    return per_call(lambda: model.predict(x, verbose=0), 20)


def step_overhead(k):
    layers = k.layers
    model = k.Sequential([k.Input(shape=(1,)), layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    x = np.ones((32768, 1), "float32")
    return fit(model, x, x, 1)


def mlp_predict_10000(k):
    model, (x, _) = mlp(k), images(10000)
    return per_call(lambda: model.predict(x, verbose=0), 1)


def mlp_predict_1(k):
    model, (x, _) = mlp(k), images(1)
    return per_call(lambda: model.predict(x, verbose=0), 20)


def mlp_call_1(k):
    model, (x, _) = mlp(k), images(1)
    return per_call(lambda: np.asarray(k.ops.convert_to_numpy(model(x))), 50)


def torch_fit(layers, loss_function, optimizer, x, y, batch_size):
    import torch

    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def epoch():
        order = torch.randperm(len(x))
        for rows in order.split(batch_size):
            optimizer.zero_grad(set_to_none=True)
            loss_function(layers(x[rows]), y[rows]).backward()
            optimizer.step()

    epoch()
    start = time.perf_counter()
    epoch()
    return (time.perf_counter() - start) / -(-len(x) // batch_size)


def torch_mlp_fit():
    import torch
    from torch import nn

    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    return torch_fit(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), fused=True), *images(60000), 32)


def torch_tabular_fit():
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    return torch_fit(model, nn.MSELoss(), torch.optim.RMSprop(model.parameters()), *table(20000), 32)


def torch_wide_mlp_fit():
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))
    x, y = images(12800)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    return torch_fit(model, nn.CrossEntropyLoss(), optimizer, x.reshape(-1, 784), y, 128)


def torch_cnn_fit():
    import torch
    from torch import nn

    model = nn.Sequential(
        *[nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10)],
    ).to(memory_format=torch.channels_last)
    x, y = images(2560)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    return torch_fit(model, nn.CrossEntropyLoss(), optimizer, x[:, None], y, 128)


def torch_resnet20_fit():
    import torch
    from torch import nn

    def normalized(channels, filters, strides=1, size=3):
        conv = nn.Conv2d(channels, filters, size, strides, padding=size // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(filters))

    class Block(nn.Module):
        def __init__(self, channels, filters, strides):
            super().__init__()
            self.path = nn.Sequential(normalized(channels, filters, strides), nn.ReLU(), normalized(filters, filters))
            self.short = normalized(channels, filters, strides, 1) if strides > 1 else nn.Identity()

        def forward(self, x):
            return torch.relu(self.path(x) + self.short(x))

    sizes = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
    model = nn.Sequential(
        normalized(3, 16),
        nn.ReLU(),
        *[Block(*s) for s in sizes],
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    ).to(memory_format=torch.channels_last)
    random = np.random.RandomState(0)
    x, y = random.rand(640, 3, 32, 32).astype("float32"), random.randint(0, 10, 640)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    return torch_fit(model, nn.CrossEntropyLoss(), optimizer, x, y, 64)


def torch_lstm_fit():
    import torch
    from torch import nn

    class Reviews(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.lstm = nn.Embedding(20000, 128), nn.LSTM(128, 128, batch_first=True)
            self.dense = nn.Linear(128, 1)

        def forward(self, x):
            return self.dense(self.lstm(self.embedding(x))[0][:, -1])

    model = Reviews()
    return torch_fit(
        model, nn.BCEWithLogitsLoss(), torch.optim.Adam(model.parameters(), fused=True), *reviews(1280), 32
    )


KERAS = {
    f.__name__: f
    for f in (
        mlp_fit,
        tabular_fit,
        mlp_predict_10000,
        mlp_predict_1,
        mlp_call_1,
        step_overhead,
        cnn_fit,
        resnet20_fit,
        lstm_fit,
        lstm_predict_1,
        wide_mlp_fit,
        transformer_fit,
        mobilenetv2_predict,
        mobilenetv2_head_fit,
        mobilenetv2_fit,
    )
}
TORCH = {
    "mlp_fit": torch_mlp_fit,
    "tabular_fit": torch_tabular_fit,
    "wide_mlp_fit": torch_wide_mlp_fit,
    "cnn_fit": torch_cnn_fit,
    "resnet20_fit": torch_resnet20_fit,
    "lstm_fit": torch_lstm_fit,
}

if __name__ == "__main__":
    framework, workload = sys.argv[1:]
    seconds = TORCH[workload]() if framework == "torch" else KERAS[workload](keras_of(framework))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak}))
