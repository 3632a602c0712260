"""Stores what real Keras computes for every row, as .npz files beside the rows.

Runs in an environment that has Keras:  KERAS_BACKEND=jax python tests/reference/make.py [--check] [rows_layers ...]
`--check` computes the figures anew and fails where they differ from the stored ones.
"""

import argparse
import importlib
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

import keras  # noqa: E402
import numpy as np  # noqa: E402


def figures(module):
    """{"row/array": values} of one rows module, computed by real Keras."""
    made = {}
    for name, row in importlib.import_module(module).ROWS.items():
        keras.utils.clear_session()
        for key, value in row(keras).items():
            made[f"{name}/{key}"] = np.asarray(value)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=sorted(p.stem for p in HERE.glob("rows_*.py")))
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    for module in arguments.modules:
        made, path = figures(module), HERE / f"{module}.npz"
        if not arguments.check:
            np.savez_compressed(path, **made)
            print(f"{path.name}: {len(made)} arrays, {path.stat().st_size // 1024} KiB")
            continue
        stored = np.load(path)
        if sorted(stored.files) != sorted(made):
            sys.exit(f"{path.name}: rows differ: {sorted(set(stored.files) ^ set(made))}")
        for key, value in made.items():
            np.testing.assert_allclose(stored[key], value, rtol=1e-4, atol=1e-5, err_msg=f"{path.name}: {key}")
        print(f"{path.name}: fresh")


if __name__ == "__main__":
    main()
