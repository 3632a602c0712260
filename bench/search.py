"""GridSearchCV of 12 small models in 3 folds with n_jobs=2, on fastkeras and on Keras: python bench/search.py

Each search runs in a process of its own, the two sides in turn; the best of each and their ratio are shown. Needs an
environment with keras, a backend (KERAS_BACKEND, jax by default), scikit-learn and fastkeras.
"""

import importlib
import os
import subprocess
import sys
import time

import numpy as np

ROUNDS = 2


def make_model(X, y, package, units, rate):
    keras = importlib.import_module(package)
    model = keras.Sequential(
        [
            keras.Input(X.shape[1:]),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(y.shape[1], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy")
    return model


def search(package):
    """Seconds of the search, imports included in the workers but not here."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV

    keras = importlib.import_module(package)
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    settings = [{"package": package, "units": u, "rate": r} for u in (16, 32, 64, 128) for r in (1e-3, 3e-3, 1e-2)]
    estimator = keras.wrappers.SKLearnClassifier(make_model, fit_kwargs={"epochs": 5, "verbose": 0})
    start = time.perf_counter()
    fitted = GridSearchCV(estimator, {"model_kwargs": settings}, cv=3, n_jobs=2, refit=False).fit(x, y)
    seconds = time.perf_counter() - start
    scores = fitted.cv_results_["mean_test_score"]
    return seconds, np.nanmax(scores)


def main():
    if len(sys.argv) > 1:
        print(*search(sys.argv[1]))
        return
    best = {}
    environment = {"KERAS_BACKEND": "jax", **os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for _ in range(ROUNDS):
        for package in ("fastkeras", "keras"):
            done = subprocess.run(
                [sys.executable, __file__, package], env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            seconds, score = map(float, done.stdout.split()[-2:])
            print(f"{package:10} {seconds:7.2f} s, best accuracy {score:.3f}", flush=True)
            best[package] = min(seconds, best.get(package, seconds))
    print(f"ratio {best['keras'] / best['fastkeras']:.1f}")


if __name__ == "__main__":
    main()
