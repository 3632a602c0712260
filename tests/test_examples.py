"""Every example runs from its command line, small, and leaves what it says."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

import fastkeras

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
LEAVES = {
    "fashion_mnist": ("fashion.keras", "training.png", "predictions.png"),
    "grid_search": ("grid.csv", "grid.png"),
    "image_augmentation": ("augmentation.png",),
    "mpi": ("mpi.csv",),
    "object_detection": ("detection.png",),
    "optuna_search": ("optuna.csv", "optuna.png"),
    "speech_commands": ("commands.png", "commands.wav"),
    "text_sentiment": ("sentiment.png",),
    "time_series": ("forecast.png",),
    "transfer_learning": ("base.weights.h5", "transfer.png"),
}


def run(name, *arguments, first=None):
    source = pathlib.Path(fastkeras.__file__).parent.parent
    path = os.pathsep.join(str(p) for p in (first, source, os.environ.get("PYTHONPATH")) if p)
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_all_examples_are_listed_here_and_in_the_readme():
    names = {path.stem for path in EXAMPLES.glob("[!_]*.py")}
    assert names == set(LEAVES)
    readme = (EXAMPLES.parent / "README.md").read_text()
    assert not [name for name in names if f"examples/{name}.py" not in readme]


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_example(name, tmp_path):
    if name == "optuna_search" and importlib.util.find_spec("optuna") is None:
        pytest.skip("needs optuna")
    result = run(name, "--small", "--output", tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    for file in LEAVES[name]:
        assert (tmp_path / file).stat().st_size > 100, file


def test_optuna_example_says_what_it_needs(tmp_path):
    (tmp_path / "optuna.py").write_text("raise ImportError('not here')")
    result = run("optuna_search", "--output", tmp_path, first=tmp_path)
    assert result.returncode == 1 and "pip install optuna" in result.stderr
