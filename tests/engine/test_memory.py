"""What a program says it needs is what it takes; a step in steady state takes nothing more."""

import ctypes
import sys

import numpy as np
import pytest

import fastkeras as keras
from fastkeras.engine import Function, TensorSpec, primitive


class MallocInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]  # fmt: skip


def allocated():
    """Bytes that malloc has given out."""
    info = ctypes.CDLL(None).mallinfo2
    info.restype = MallocInfo
    now = info()
    return now.uordblks + now.hblkhd


glibc = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2") or not allocated(),
    reason="needs glibc's malloc, which counts; that of AddressSanitizer does not",
)


@glibc
def test_memory_bytes_is_what_the_first_run_takes():
    def fn(x):
        for _ in range(4):
            x = primitive("tanh")(primitive("matmul")(x, x))
        return primitive("sum")(x, axes=(0, 1), keepdims=False)

    compiled = Function(fn).compile(TensorSpec((512, 512)))
    x = np.zeros((512, 512), "float32")
    before = allocated()
    result = compiled(x)
    taken = allocated() - before
    assert 0 <= taken - compiled.memory_bytes < 64 * 1024
    assert float(result) == 0.0


@glibc
def test_steps_take_no_memory():
    model = keras.Sequential(
        [keras.Input((20,)), keras.layers.Dense(32, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    )
    model.compile("adam", "mse")
    x, y = np.random.rand(4096, 20).astype("float32"), np.random.rand(4096, 3).astype("float32")
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    taken = []
    for _ in range(3):  # what Python keeps now and then is not in all three
        before = allocated()
        model.fit(x, y, batch_size=8, epochs=4, verbose=0)  # 2,048 steps: one byte each would show
        taken.append(allocated() - before)
    assert min(taken) < 2048


@glibc
def test_models_come_and_go():
    def once():
        keras.utils.clear_session()
        model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(200, "relu"), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        x = np.ones((64, 50), "float32")
        model.fit(x, x[:, :1], verbose=0)
        model.predict(x, verbose=0)

    import gc

    for _ in range(3):
        once()
    gc.collect()
    before = allocated()
    for _ in range(10):
        once()
    gc.collect()
    # One model with its optimizer is 130 KB of variables.
    assert allocated() - before < 100 * 1024


@glibc
def test_a_tape_keeps_nothing_of_what_is_computed_again():
    def f(x):
        for _ in range(4):
            x = keras.ops.tanh(x * 2.0)
        return x

    def kept(f):
        before = allocated()
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return y, round((allocated() - before) / x.numpy().nbytes), tape.gradient(y, x)

    x = keras.ops.ones((512, 512))
    (_, all_of_it, expected), (_, result, gradient) = kept(f), kept(keras.remat(f))
    assert (all_of_it, result) == (8, 1)
    np.testing.assert_array_equal(gradient, expected)
