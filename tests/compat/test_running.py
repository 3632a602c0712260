"""python -m fastkeras: arguments, imports, errors, scripts."""

import json
import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from helpers import run_python

SRC = os.pathsep.join(sys.path)
RAMP = np.arange(0, 240, 5, dtype="uint8").reshape(4, 4, 3)


def run(*arguments, cwd=None, **kwargs):
    command = [sys.executable, "-W", "error", "-m", "fastkeras", *arguments]
    environment = {**os.environ, "PYTHONPATH": SRC}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, **kwargs)


def run_script(folder, code, *arguments):
    (folder / "script.py").write_text(textwrap.dedent(code))
    return run("script.py", *arguments, cwd=folder)


def test_a_script_is_main_and_has_its_arguments(tmp_path):
    (tmp_path / "beside.py").write_text("value = 7\n")
    done = run_script(
        tmp_path,
        """
        import sys, beside
        if __name__ == "__main__":
            print(sys.argv, __file__, beside.value, sys.modules["__main__"].sys is sys)
        """,
        "a", "--b",
    )  # fmt: skip
    assert done.stdout == "['script.py', 'a', '--b'] script.py 7 True\n", done.stderr


def test_module_command_and_stdin(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "main.py").write_text(
        "import sys, keras\nprint(keras.__version__, sys.argv[1:], __name__)\n"
    )
    assert run("-m", "package.main", "x", cwd=tmp_path).stdout == "3.15.1 ['x'] __main__\n"
    assert run("-c", "import keras, sys; print(sys.argv)", "x").stdout == "['-c', 'x']\n"
    assert run("-", input="import tensorflow as tf; print(tf.__version__)").stdout == "2.21.0\n"


def test_usage():
    assert run("--help").stdout.startswith("usage: python -m fastkeras script.py")
    for arguments in [(), ("-m",), ("-x", "script.py")]:
        done = run(*arguments)
        assert (done.returncode, done.stderr.split(":")[0]) == (2, "usage")
    done = run("none.py")
    assert (done.returncode, done.stderr[:26]) == (2, "python -m fastkeras: can't"), done.stderr


def test_tracebacks_begin_with_the_script(tmp_path):
    done = run_script(tmp_path, "import keras\ndef f():\n    keras.layers.Dense(-1)\nf()\n")
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.strip(" ~^")]  # Python 3.13 marks more of a line
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1:5] == [
        '  File "script.py", line 4, in <module>',
        "    f()",
        '  File "script.py", line 3, in f',
        "    keras.layers.Dense(-1)",
    ]
    assert lines[-1].startswith("ValueError")
    done = run_script(tmp_path, "import keras\nx = = 1\n")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "SyntaxError: invalid syntax")
    assert "__main__" not in done.stderr


def test_exit_codes(tmp_path):
    assert run_script(tmp_path, "import sys; sys.exit(3)").returncode == 3
    done = run_script(tmp_path, "import sys; sys.exit('bad')")
    assert (done.returncode, done.stderr) == (1, "bad\n")
    assert run_script(tmp_path, "raise KeyboardInterrupt").returncode == -2


def test_only_in_that_process():
    """Nothing but `python -m fastkeras` installs the hook."""
    code = "import sys, fastkeras, fastkeras.layers, fastkeras.compat; print(sys.meta_path)"
    done = run_python(code)
    assert "fastkeras" not in done.stdout and "PathFinder" in done.stdout


WAYS_TO_IMPORT = [
    "import keras; keras.layers.Dense",
    "import keras.layers as L; L.Dense",
    "from keras import layers, Model; layers.Dense",
    "from keras.layers import *; Dense",
    "import tensorflow as tf; tf.keras.layers.Dense",
    "import tensorflow.keras as K; K.layers.Dense",
    "import tensorflow.keras.backend as K; K.epsilon()",
    "from tensorflow import keras; keras.layers.Dense",
    "from tensorflow.keras.models import Sequential, load_model",
    "from tensorflow.keras.preprocessing.sequence import pad_sequences",
    "from keras.utils import to_categorical",
    "import keras, fastkeras; assert keras.Model is fastkeras.Model",
    "import keras, tensorflow as tf; assert keras.layers.Dense is tf.keras.layers.Dense",
    "import keras, fastkeras; assert keras.layers.__file__ == fastkeras.layers.__file__",
    "import keras; assert keras.__version__ == '3.15.1' == keras.config.keras_version()",
    "from tensorflow.keras.optimizers.schedules import ExponentialDecay",
    "from tensorflow.keras import mixed_precision; mixed_precision.Policy",
    "from tensorflow.data import Dataset; Dataset.range(3)",
    "from tensorflow.random import gamma, set_seed",
    "import tensorflow.strings as s, tensorflow as tf; assert s is tf.strings and s.lower",
    "import tensorflow as tf; assert tf.data.AUTOTUNE == tf.data.experimental.AUTOTUNE == -1",
]

# code, what it raises
NOT_PROVIDED = [
    ("import keras; keras.layers.NoSuchLayer", "AttributeError: .*NoSuchLayer"),
    ("from keras.layers import NoSuchLayer", "ImportError: cannot import name 'NoSuchLayer' from 'keras.layers'"),
    ("import keras.nothing", "ModuleNotFoundError: fastkeras does not provide keras.nothing"),
    ("import keras.src.layers", "ModuleNotFoundError: fastkeras does not provide keras.src"),
    ("import tensorflow.lite", "ModuleNotFoundError: fastkeras does not provide tensorflow.lite"),
    ("import tensorflow as tf; tf.lite", "AttributeError: fastkeras does not provide tensorflow.lite"),
    ("import tensorflow as tf; tf.data.x", "AttributeError: fastkeras does not provide tensorflow.data.x"),
    ("import tensorflow as tf; tf.math.igamma", "AttributeError: fastkeras does not provide tensorflow.math.igamma"),
    ("import tensorflow._core", "ModuleNotFoundError: fastkeras does not provide tensorflow._core"),
]


def test_imports(tmp_path):
    """Each snippet in a namespace of its own, all in one process."""
    done = run_script(
        tmp_path,
        f"""
        import json
        results = {{}}
        for code in {[*WAYS_TO_IMPORT, *(code for code, _ in NOT_PROVIDED)]}:
            try:
                exec(code, {{}})
            except Exception as error:
                results[code] = f"{{type(error).__name__}}: {{error}}"
        print(json.dumps(results))
        """,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    for code, expected in NOT_PROVIDED:
        assert re.match(expected, results.pop(code, "nothing")), code
    assert results == {}


def test_tensorboard_writes_its_files_itself(tmp_path):
    pytest.importorskip("tensorboard")
    done = run_script(
        tmp_path,
        """
        import numpy as np
        import tensorflow as tf
        model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        board = tf.keras.callbacks.TensorBoard("logs", histogram_freq=1)
        model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0, callbacks=[board])
        """,
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "logs" / "train").glob("events*"))


def test_a_pipeline_from_files(tmp_path):
    """A script in the manner of keras.io, from a folder of pictures to fit."""
    from PIL import Image

    for name, level in (("dark", 0), ("light", 10)):
        (tmp_path / name).mkdir()
        for i in range(6):
            Image.fromarray(RAMP + np.uint8(level + i)).save(tmp_path / name / f"{i}.png")
    done = run_script(
        tmp_path,
        """
        import os, numpy as np, tensorflow as tf
        from tensorflow import keras
        names = np.array(["dark", "light"])

        def load(path):
            label = tf.argmax(tf.strings.split(path, os.sep)[-2] == names)
            image = tf.image.decode_png(tf.io.read_file(path), channels=3)
            return tf.image.resize(image, (8, 8)) / 255.0, label

        files = tf.data.Dataset.list_files("*/*.png", shuffle=False)
        dataset = files.shuffle(12).map(load, num_parallel_calls=tf.data.AUTOTUNE).cache()
        dataset = dataset.batch(4).map(lambda x, y: (tf.image.random_flip_left_right(x), y)).prefetch(tf.data.AUTOTUNE)
        for x, y in dataset.take(1):
            print(x.shape, y.dtype == tf.int64, y.numpy().dtype)
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        print(len(dataset), len(model.fit(dataset, epochs=2, verbose=0).history["loss"]))
        """,
    )
    assert done.stdout == "(4, 8, 8, 3) True int64\n3 2\n", done.stderr
