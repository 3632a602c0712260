"""Several threads of Python, processes that fork or end while they work; `make sanitize-threads` looks for races."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from helpers import run_python

import fastkeras as keras
from fastkeras.engine import Function, GradientTape, Variable, config
from fastkeras.ops import matmul, tanh

BEGINNING = """
import threading, time
import numpy as np
import fastkeras as keras
from fastkeras.engine import Function, Variable
weight = Variable(np.eye(300, dtype="float32"))
x = np.ones((500, 300), "float32")
"""


def ends_well(code):
    """The code ends by itself, with nothing to complain about."""
    result = run_python(BEGINNING + code)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("value", ["[[1.0] * 10] * 10", "np.ones((10, 10), 'float32').T[::-1]"])
def test_values_end_while_others_read(value):
    """They are arrays of Python, whose end needs the GIL; a reader that has it may wait for the variable."""
    ends_well(f"""
variable = Variable(np.zeros((10, 10), "float32"))
def assign():
    for _ in range(3000):
        variable.assign({value})
def read():
    while assigning.is_alive():
        variable.numpy()
assigning = threading.Thread(target=assign)
readers = [threading.Thread(target=read) for _ in range(2)]
for thread in [assigning, *readers]:
    thread.start()
for thread in readers:
    thread.join()
""")


def test_writers_get_their_turn():
    """Of threads that read without a pause one has the variable at any time: those that come later have to wait."""
    weight, x, done = Variable(np.eye(300, dtype="float32")), np.ones((500, 300), "float32"), threading.Event()
    predict = Function(lambda x: matmul(x, weight)).compile(x)
    train = Function(lambda: weight.assign(weight * 0.5))
    rows, reads, counts = np.zeros(2500, "int64"), [], []

    def read():
        while not done.is_set():
            predict.run_steps([x], steps=5, batch_size=500, indices=rows)
            reads.append(1)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for thread in readers:
        thread.start()
    for _ in range(10):
        while len(reads) < 8:  # all of them are reading
            time.sleep(0.001)
        reads.clear()
        train()
        counts.append(len(reads))
    done.set()
    for thread in readers:
        thread.join()
    assert sum(counts) < 12 * len(counts)


@pytest.mark.parametrize(
    "work",
    [
        "predict(x)",
        "weight.assign([[0.5] * 300] * 300)",
        "keras.ops.matmul(x, [[0.5] * 30] * 300)",
        "model.fit(x, x, verbose=0)",
    ],
)
def test_the_interpreter_ends_while_threads_work(work):
    ends_well(f"""
model = keras.Sequential([keras.Input((300,)), keras.layers.Dense(300)])
model.compile("adam", "mse")
predict = Function(lambda x: keras.ops.matmul(x, weight))
def go_on():
    while True:
        {work}
        working.set()
working = threading.Event()
for _ in range(3):
    threading.Thread(target=go_on, daemon=True).start()
working.wait()
""")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_may_use_what_another_thread_had_locked(set_threads):
    """The fork comes in the middle of a burst, which holds the variable until its end."""
    weight, x = Variable(np.eye(200, dtype="float32")), np.ones((200, 200), "float32")
    train = Function(lambda x: weight.assign(tanh(matmul(weight.value, x)) * 0.1))
    predict = Function(lambda x: matmul(x, weight))
    train(x), predict(x)
    set_threads(2)
    compiled, stop = train.compile(x), threading.Event()

    def work():
        while not stop.is_set():
            compiled.run_steps([x], steps=1, batch_size=200)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                signal.alarm(20)  # ends a child that hangs
                right = np.isfinite(predict(x).numpy()).all() and np.isfinite(weight.numpy()).all()
                train(x)
                os._exit(0 if right else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()


def together(*works, rounds=10):
    """Each of `works` goes on in a thread of its own while the others do; what one of them raises."""
    raised = []

    def repeat(work):
        try:
            for _ in range(rounds):
                work()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def classifier():
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Reshape((36, 8)),
            layers.LSTM(8),
            layers.Dropout(0.3),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_one_model_in_many_threads(tmp_path):
    model, x, y = classifier(), np.random.rand(80, 12, 12, 3).astype("float32"), np.arange(80) % 4
    model.fit(x, y, verbose=0)
    kernel, weights = model.layers[0].kernel, model.get_weights()
    assert not together(
        lambda: model.fit(x, y, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: model.predict(x[:3], verbose=0),
        lambda: model.set_weights(weights),
        lambda: model.get_weights(),
        lambda: kernel.assign(weights[0].tolist()),
        lambda: keras.ops.sum(kernel),
        lambda: model.save(tmp_path / "model.keras"),
    )


def test_models_train_side_by_side(set_threads):
    models, x, y = [classifier(), classifier()], np.random.rand(80, 12, 12, 3).astype("float32"), np.arange(80) % 4
    counts = iter([2, 1, 3, 4] * 10)
    trainings = [lambda model=model: model.fit(x, y, verbose=0) for model in models]
    assert not together(*trainings, lambda: set_threads(next(counts)))


def test_programs_are_compiled_once_for_all_threads():
    traced = []

    def fn(x):
        traced.append(x.shape)
        return keras.ops.softmax(x) @ keras.ops.transpose(x)

    function, sizes = Function(fn), range(1, 30)
    assert not together(*[lambda: [function(np.ones((n, 4), "float32")) for n in sizes]] * 4, rounds=1)
    assert sorted(traced) == [(n, 4) for n in sizes]


def test_tapes_and_kernels_of_several_threads():
    weights, x = [Variable(np.eye(40, dtype="float32")) for _ in range(2)], np.random.rand(40, 40).astype("float32")

    def second_derivative():
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = keras.ops.sum(tanh(matmul(tanh(matmul(x, weights[0])), weights[1])))
            gradient = keras.ops.sum(inner.gradient(y, weights[0]))
        weights[1].assign_sub(outer.gradient(gradient, weights[1]) * 1e-3)

    def multiply():
        keras.kernels.gemm(x, x, activation="relu")

    assert not together(*[second_derivative, multiply] * 2)


def test_the_number_of_threads_has_limits():
    for n in (-1, 1025, 10**6):
        with pytest.raises(ValueError, match=f"from 0 to 1024. Received: n={n}"):
            config.set_num_threads(n)
