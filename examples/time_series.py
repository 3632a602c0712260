"""Forecasts the next day of an hourly series, by a recurrent and by a convolutional network.

    python examples/time_series.py [--small] [--output example-output]

The series is made by the script: a daily and a weekly rhythm, a slow wave, and noise that remembers. Leaves
forecast.png and prints the errors beside that of repeating the day before.
"""

import numpy as np
from _common import arguments, save
from matplotlib import pyplot as plt

import fastkeras as keras
from fastkeras import layers

PAST, NEXT = 96, 24


def series(hours, random):
    t = np.arange(hours)
    day, week = np.sin(2 * np.pi * t / 24), np.sin(2 * np.pi * t / 168)
    weekend = (t // 24) % 7 >= 5
    noise = np.zeros(hours)
    for i in range(1, hours):
        noise[i] = 0.9 * noise[i - 1] + random.normal(0, 0.1)
    return np.where(weekend, 0.4, 1.0) * day + 0.5 * week + 0.6 * np.sin(2 * np.pi * t / 900) + noise


def lstm():
    return keras.Sequential([keras.Input((PAST, 1)), layers.LSTM(48), layers.Dense(NEXT)], name="LSTM")


def convolution():
    return keras.Sequential(
        [
            keras.Input((PAST, 1)),
            *(layers.Conv1D(32, 3, dilation_rate=2**i, padding="causal", activation="relu") for i in range(5)),
            layers.Flatten(),
            layers.Dense(NEXT),
        ],
        name="Conv1D",
    )


def main():
    options = arguments(__doc__)
    keras.utils.set_random_seed(6)
    values = series(1000 if options.small else 5000, np.random.default_rng(2)).astype("float32")
    split = int(0.8 * len(values))
    values = (values - values[:split].mean()) / values[:split].std()

    def windows(part):
        found = np.lib.stride_tricks.sliding_window_view(part, PAST + NEXT)
        return found[:, :PAST, None], found[:, PAST:]

    x, y = windows(values[:split])
    x_test, y_test = windows(values[split:])
    errors = {"the day before": abs(x_test[:, -NEXT:, 0] - y_test).mean()}
    forecasts = {}
    for make in (lstm, convolution):
        model = make()
        model.compile(keras.optimizers.Adam(2e-3), "mse", metrics=["mae"])
        stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
        model.fit(
            x,
            y,
            64,
            1 if options.small else 15,
            validation_split=0.1,
            callbacks=[stop],
            verbose=0 if options.small else 2,
        )
        forecasts[model.name] = model.predict(x_test, verbose=0)
        errors[model.name] = abs(forecasts[model.name] - y_test).mean()
    print("\nMean absolute error of the forecast of 24 hours")
    for name, error in errors.items():
        print(f"  {name:16} {error:.3f}")

    figure, axes = plt.subplots(3, 1, figsize=(11, 8), layout="constrained")
    for axis, at in zip(axes, np.linspace(0, len(x_test) - 1, 3).astype(int)):
        axis.plot(range(-PAST, 0), x_test[at, :, 0], color="gray", label="past")
        axis.plot(range(NEXT), y_test[at], color="black", label="truth")
        for name, forecast in forecasts.items():
            axis.plot(range(NEXT), forecast[at], "--", label=name)
        axis.axvline(0, color="gray", linewidth=0.5)
        axis.grid(alpha=0.3)
    axes[0].legend(ncols=4)
    axes[-1].set_xlabel("hours")
    save(figure, options.output / "forecast.png")


if __name__ == "__main__":
    main()
