"""Writes the files by real Keras that tests read: tests/data/keras/.

Runs in an environment that has Keras:  KERAS_BACKEND=jax python tests/reference/make_files.py

For each model: name.keras, name.h5, name.weights.h5, all written after three steps of training, and in figures.npz what
the model then predicts, and its losses in three more steps (but for NEW_LOSSES).
Besides: a feature space, and texts.
"""

import contextlib
import importlib
import json
import os
import pathlib
import sys
import tarfile
import tempfile
from unittest import mock

os.environ.setdefault("KERAS_BACKEND", "jax")
HERE = pathlib.Path(__file__).parent
OUT = HERE.parent / "data" / "keras"
sys.path.insert(0, str(HERE))

import datasets_cases  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import progbar_cases  # noqa: E402
from models_for_files import ALL, MODELS, NEW_LOSSES, made, predictions, train  # noqa: E402
from rows_features import small  # noqa: E402


def data_sets():
    """What Keras makes of the tiny data sets."""
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
        datasets_cases.write(home)

        def get_file(fname, extract=False, cache_subdir="datasets", **kwargs):
            path = pathlib.Path(home) / cache_subdir / (f"{fname}_archive" if extract else fname)
            if not extract:
                return str(path)
            with tarfile.open(path) as archive:
                archive.extractall(path.with_name("unpacked"), filter="data")
            return str(path.with_name("unpacked"))

        for name in ("mnist", "fashion_mnist", "boston_housing", "california_housing", "imdb", "reuters", "cifar100"):
            module = importlib.import_module(f"keras.src.datasets.{name}")
            stack.enter_context(mock.patch.object(module, "get_file", get_file))
        return {name: datasets_cases.summary(case(keras.datasets)) for name, case in datasets_cases.CASES.items()}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    figures = {}
    for name in ALL:
        model, x, y = made(keras, name)
        train(model, x, y, 3)
        model.save_weights(OUT / f"{name}.weights.h5")
        if name in MODELS:
            model.save(OUT / f"{name}.keras")
            model.save(OUT / f"{name}.h5")
        for index, array in enumerate(predictions(model, x)):
            figures[f"{name}/predictions{index}"] = array
        if name not in NEW_LOSSES:
            figures[f"{name}/losses"] = np.array(train(model, x, y, 3))
    np.savez_compressed(OUT / "figures.npz", **figures)
    small(keras).save(OUT / "feature_space.keras")
    texts = {name: case(keras.utils.Progbar) for name, case in progbar_cases.CASES.items()}
    (OUT / "progbar.json").write_text(json.dumps(texts, indent=1))
    (OUT / "datasets.json").write_text(json.dumps(data_sets()))
    for path in sorted(OUT.iterdir()):
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
