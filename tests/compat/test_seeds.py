"""The documents that this project grew from: their Python, word for word, runs on fastkeras.

tests/data/seeds/ holds the code blocks of each document. A script here is some of them in order, after a few lines that
make the data the document speaks of; `load_data` and `weights="imagenet"` find a tiny MNIST and random weights in a
Keras home of the test's own.
"""

import os
import pathlib
import re
import subprocess
import sys

import datasets_cases
import pytest

import fastkeras as keras

SEEDS = pathlib.Path(__file__).parents[1] / "data" / "seeds"
BLOCKS = {path.stem: re.findall(r"```python\n(.*?)```\n", path.read_text(), re.DOTALL) for path in SEEDS.glob("*.md")}

FLAT = """
import numpy as np
x_train, x_test = np.random.rand(64, 784), np.random.rand(16, 784)
y_train, y_test = np.eye(10)[np.arange(64) % 10], np.eye(10)[np.arange(16) % 10]
"""
VALIDATION = """
import functools
model = Model(inputs, outputs)
model.compile("adam", "sparse_categorical_crossentropy")
import numpy as np
x_train, y_train = np.random.rand(32, 28), np.arange(32) % 10
model.fit = functools.partial(model.fit, validation_data=(x_train, y_train))
"""
IMAGES = "import numpy as np; x_train = np.random.rand(64, 28, 28, 1)"
AUGMENTED = "print(next(datagen.flow(x_train, batch_size=8)).shape)"
INPUT_DATA = "import numpy as np; input_data = np.zeros((2, 28, 28))\n"

# name: document, numbers of its blocks (a string is code of ours), what the output must have
SCRIPTS = {
    "000 a small network": (
        "000",
        [1, 2, FLAT, 3, 4, "print('loss', loss, accuracy)"],
        r"1/1 .* - accuracy: .*\nloss ",
    ),
    "000 mnist": ("000", [5], r"Epoch 5/5\n.* - loss: .*\n1/1 .*\nTest accuracy: [01]\.\d+"),
    "001 a small network": ("001", [1, 2, "print(model.count_params())"], r"^25450\n"),
    "002 from start to end": (
        "002",
        [1, 2, 3, 4, 5, 6, 7, "before = model.predict(x_test)", 8, "assert (model.predict(x_test) == before).all()"],
        r"Test accuracy: [01]\.\d+",
    ),
    "002 transfer learning": (
        "002",
        [9, "print(base_model.output_shape, len(base_model.trainable_weights))"],
        r"^\(None, 4, 4, 1280\) 0\n",
    ),
    "002 functional": ("002", [10, "model.summary()"], r"dense_1 \(Dense\)"),
    "002 early stopping": ("002", [10, VALIDATION, 11], r"Epoch 10/10\n.*val_loss: "),
    "002 augmentation": ("002", [IMAGES, 12, AUGMENTED], r"^\(8, 28, 28, 1\)\n"),
    "003 the first script": ("003", [1], r"Epoch 5/5\n.* - accuracy: .*\n1/1 - .* - loss: "),
    "003 in parts": ("003", [*range(2, 14)], r"Epoch 5/5\n"),
    "003 layers": (
        "003",
        [2, *range(14, 20), INPUT_DATA, 20, "print(probabilities.numpy().sum(-1))"],
        r"\[1\. +1\. *\]",
    ),
    "003 losses": ("003", [2, 5, 21, "print(model.loss)"], "categorical_crossentropy"),
    "003 sparse": ("003", [22, "print(model.count_params())"], r"^109386\n"),
    "003 sequential": ("003", [23, "print(model.count_params())"], r"^27882\n"),
    "003 functional": ("003", [24, "print(model.count_params())"], r"^55050\n"),
    "004 mnist": ("004", [1], r"Epoch 5/5\n.* - accuracy: .*\n1/1 .* - loss: "),
}
# The documents write `input_shape=` and save as `.h5`; Keras warns of both, and so do we.
OLD_WAYS = ["-W", "ignore:Do not pass an `input_shape`"]

# Python imports it at the start of the script's process: the tiny data has other hashes than the real one.
SITE = "import fastkeras.datasets.mnist as mnist\nmnist._HASH = None\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    datasets_cases.write(home)
    (home / "site").mkdir()
    (home / "models").mkdir()
    network = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(128, 128, 3))
    network.save(home / "models" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_128_no_top.h5")
    (home / "site" / "sitecustomize.py").write_text(SITE)

    def run(parts):
        folder = tmp_path_factory.mktemp("script")
        (folder / "script.py").write_text("\n".join(parts))
        path = os.pathsep.join([str(home / "site"), *sys.path])
        done = subprocess.run(
            [sys.executable, "-W", "error", *OLD_WAYS, "-m", "fastkeras", "script.py"],
            cwd=folder,
            env={**os.environ, "KERAS_HOME": str(home), "PYTHONPATH": path},
            capture_output=True,
            timeout=120,
        )
        # not text=True: that would take the "\\r" of a progress bar for the end of a line
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    return run


def plain(text):
    """Terminal output without colours, and only the last state of every progress bar."""
    text = re.sub("\x1b\\[[0-9;]*m", "", text)
    return "\n".join(re.split("\b*\r", line)[-1] for line in text.split("\n"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_runs(run, name):
    document, parts, expected = SCRIPTS[name]
    done = run([part if isinstance(part, str) else BLOCKS[document][part - 1] for part in parts])
    assert done.returncode == 0, done.stderr
    assert re.search(expected, plain(done.stdout)), done.stdout


def test_every_block_is_run():
    used = {(document, part) for document, parts, _ in SCRIPTS.values() for part in parts if isinstance(part, int)}
    assert used == {(document, i + 1) for document, blocks in BLOCKS.items() for i in range(len(blocks))}
