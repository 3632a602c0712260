"""fastkeras.kernels: NumPy arrays in, NumPy arrays out, and what is refused."""

import threading

import numpy as np
import pytest

from fastkeras import kernels, ops

RNG = np.random.RandomState(0)


def normal(*shape, dtype="float32"):
    return RNG.normal(size=shape).astype(dtype)


def assert_close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


# --- values ---


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m, n, k", [(1, 1, 1), (5, 9, 33), (64, 31, 200)])
def test_gemm(m, n, k, dtype):
    a, b, bias = normal(m, k, dtype=dtype), normal(k, n, dtype=dtype), normal(n, dtype=dtype)
    out = np.full((m, n), np.nan, dtype)
    assert kernels.gemm(a, b, bias, activation="relu", out=out) is out
    assert_close(out, np.maximum(a @ b + bias, 0))
    assert_close(kernels.gemm(np.ascontiguousarray(a.T), b, transpose_a=True), a @ b)


def test_gemm_reads_transposed_views_as_they_lie():
    a, b = normal(6, 4), normal(5, 6)
    assert_close(kernels.gemm(a.T, b.T), a.T @ b.T)
    assert_close(kernels.gemm(b.T, b, transpose_a=True, transpose_b=True), b @ b.T)


def test_gemm_of_stacks():
    a, b = normal(3, 4, 5), normal(3, 5, 2)
    assert_close(kernels.gemm(a, b), a @ b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "padding, strides, dilation, groups, filters",
    [
        ("valid", 1, 1, 1, 12),
        ("same", (2, 1), 1, 2, 12),
        ("valid", 1, (1, 2), 3, 12),
        ("same", 2, 1, 6, 12),
        ("valid", (1, 2), 1, 6, 6),
    ],
)
def test_conv2d(padding, strides, dilation, groups, filters, dtype):
    x, kernel, bias = (
        normal(2, 7, 8, 6, dtype=dtype),
        normal(3, 2, 6 // groups, filters, dtype=dtype),
        normal(filters, dtype=dtype),
    )
    tensor = ops.conv(x, kernel, strides=strides, padding=padding, dilation_rate=dilation).numpy()
    own = {"strides": strides, "padding": padding, "dilation": dilation}
    assert_close(kernels.conv2d(x, kernel, **own), tensor)
    out = np.full_like(tensor, np.nan)
    assert kernels.conv2d(x, kernel, bias, activation="relu", out=out, **own) is out
    assert_close(out, np.maximum(tensor + bias, 0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("biased", [False, True])
def test_lstm_cell(biased, dtype):
    x, h, c = normal(3, 5, dtype=dtype), normal(3, 7, dtype=dtype), normal(3, 7, dtype=dtype)
    kernel, recurrent, bias = (normal(*s, dtype=dtype) for s in ((5, 28), (7, 28), (28,)))
    z = x @ kernel + h @ recurrent + (bias if biased else 0)
    i, f, g, o = np.split(z, 4, axis=-1)
    new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    out = np.empty_like(h), np.empty_like(c)
    got = kernels.lstm_cell(x, h, c, kernel, recurrent, bias if biased else None, out=out)
    assert got[0] is out[0] and got[1] is out[1]
    assert_close(got[0], sigmoid(o) * np.tanh(new_c))
    assert_close(got[1], new_c)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dense", [False, True])
def test_softmax_crossentropy(dense, dtype):
    logits, numbers, weights = normal(7, 11, dtype=dtype), RNG.randint(0, 11, 7).astype("int32"), normal(7, dtype=dtype)
    onehot = np.eye(11, dtype=dtype)[numbers]
    labels = onehot * 0.9 + 0.1 / 11 if dense else numbers
    target = labels if dense else onehot
    expected = -(target * np.log(softmax(logits))).sum(-1)
    slope = (softmax(logits) - target) * weights[:, None]
    assert_close(kernels.softmax_crossentropy(labels, logits), expected)
    losses, gradient = kernels.softmax_crossentropy(labels, logits, gradient=True, weights=weights)
    assert_close(losses, expected)
    assert_close(gradient, slope)
    assert_close(kernels.softmax_crossentropy(labels, logits, gradient=True)[1], softmax(logits) - target)
    # The gradient may take the place of the logits.
    out = np.empty(7, dtype)
    kernels.softmax_crossentropy(labels, logits, gradient=True, weights=weights, out=(out, logits))
    assert_close(out, expected)
    assert_close(logits, slope)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adam_update(dtype):
    shapes = [(7, 9), (5,), ()]
    p, g, m = ([normal(*s, dtype=dtype) for s in shapes] for _ in range(3))
    v = [np.abs(normal(*s, dtype=dtype)) for s in shapes]
    g, m, v, p = ([np.asarray(x, dtype) for x in group] for group in (g, m, v, p))
    new_m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
    new_v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
    alpha = 0.01 * np.sqrt(1 - 0.999**3) / (1 - 0.9**3)
    new_p = [a - alpha * b / (np.sqrt(c) + 1e-7) for a, b, c in zip(p, new_m, new_v, strict=True)]
    results = kernels.adam_update(p, g, m, v, step=3, learning_rate=0.01)
    for got, expected in zip(results, (new_p, new_m, new_v), strict=True):
        for x, y in zip(got, expected, strict=True):
            assert_close(x, y)
    first = kernels.adam_update(p[0], g[0], m[0], v[0], step=3, learning_rate=0.01, out=(p[0], m[0], v[0]))
    assert first[0] is p[0]
    assert_close(p[0], new_p[0])
    assert_close(v[0], new_v[0])


def test_empty_dimensions():
    empty = np.empty
    assert kernels.gemm(empty((0, 3)), empty((3, 4))).shape == (0, 4)
    assert kernels.gemm(empty((2, 0)), empty((0, 3)), np.array([1.0, 2.0, 3.0])).tolist() == [[1.0, 2.0, 3.0]] * 2
    assert kernels.softmax_crossentropy(empty(0, "int32"), empty((0, 4))).shape == (0,)
    x = empty((0, 3))
    assert kernels.adam_update(x, x, empty((0, 3)), empty((0, 3)), step=1)[0].shape == (0, 3)


def test_labels_outside_the_classes_have_no_loss():
    assert np.isnan(kernels.softmax_crossentropy(np.array([2, -1], "int32"), np.zeros((2, 2)))).all()


def test_threads_may_call_at_once():
    a, b = normal(100, 100), normal(100, 100)
    results = [None] * 4

    def work(i):
        for _ in range(20):
            results[i] = kernels.gemm(a, b)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert all((r == results[0]).all() for r in results)


# --- what is refused ---

A, B = normal(4, 6), normal(6, 5)
READ_ONLY = np.empty((4, 5), "float32")
READ_ONLY.flags.writeable = False
SHARED = np.zeros(200, "float32")
IMAGE = normal(1, 5, 6, 3)


@pytest.mark.parametrize(
    "error, rule, call",
    [
        (ValueError, "out must be C-contiguous", lambda: kernels.gemm(A, B, out=np.empty((4, 10), "float32")[:, ::2])),
        (ValueError, "out must be C-contiguous", lambda: kernels.gemm(A, B, out=np.empty((5, 4), "float32").T)),
        (ValueError, "a must be C-contiguous", lambda: kernels.gemm(normal(4, 12)[:, ::2], B)),
        (ValueError, "a must be C-contiguous and aligned", lambda: kernels.gemm(unaligned(4, 6), B)),
        (ValueError, "out must be writeable", lambda: kernels.gemm(A, B, out=READ_ONLY)),
        (ValueError, r"out must be float32\(4, 5\)", lambda: kernels.gemm(A, B, out=np.empty((5, 4), "float32"))),
        (ValueError, r"out must be float32\(4, 5\)", lambda: kernels.gemm(A, B, out=np.empty((4, 5)))),
        (TypeError, "b must have the dtype of a", lambda: kernels.gemm(A, B.astype("float64"))),
        (TypeError, "float32 or float64", lambda: kernels.gemm(A.astype("int32"), B.astype("int32"))),
        (TypeError, "float32 or float64", lambda: kernels.gemm(A.astype("float16"), B.astype("float16"))),
        (TypeError, "dtype without kernels", lambda: kernels.gemm(A.astype(">f4"), B)),
        (TypeError, "numbers or booleans", lambda: kernels.gemm(A.astype("complex64"), B)),
        (TypeError, "a must be a NumPy array", lambda: kernels.gemm([[1.0]], B)),
        (ValueError, "inner dimensions", lambda: kernels.gemm(B, B)),
        (ValueError, "one element per column", lambda: kernels.gemm(A, B, A[0])),
        (ValueError, "activation must be", lambda: kernels.gemm(A, B, activation="gelu")),
        (ValueError, "out must not overlap a", lambda: kernels.gemm(square(0), square(100), out=square(50))),
        (ValueError, "out must not overlap b", lambda: kernels.gemm(square(0), square(100), out=square(100))),
        (ValueError, "x must have 4 dimensions", lambda: kernels.conv2d(A, IMAGE)),
        (ValueError, "channels of the kernel must divide", lambda: kernels.conv2d(IMAGE, normal(2, 2, 2, 4))),
        (ValueError, "channels of the kernel must divide", lambda: kernels.conv2d(IMAGE, normal(2, 2, 1, 4))),
        (ValueError, "output size would be zero", lambda: kernels.conv2d(IMAGE, normal(9, 9, 3, 4))),
        (ValueError, "activation must be", lambda: kernels.conv2d(IMAGE, IMAGE, activation="tanh")),
        (ValueError, "one element per filter", lambda: kernels.conv2d(IMAGE, normal(1, 1, 3, 4), normal(3))),
        (TypeError, "must be float", lambda: kernels.conv2d(IMAGE.astype("int32"), normal(1, 1, 3, 4).astype("int32"))),
        (ValueError, "out must be float32", lambda: kernels.conv2d(IMAGE, normal(1, 1, 3, 4), out=A)),
        (ValueError, "must have the shape", lambda: kernels.lstm_cell(A, A, A, B, B)),
        (ValueError, "out must be the 2 arrays", lambda: kernels.lstm_cell(A, A, A, B, B, out=A)),
        (ValueError, "out h must not overlap h", lambda: lstm_in_place(normal(4, 6))),
        (TypeError, "labels must be int32", lambda: kernels.softmax_crossentropy(np.zeros(4, "int64"), A)),
        (ValueError, "one label per row", lambda: kernels.softmax_crossentropy(np.zeros(5, "int32"), A)),
        (ValueError, "weights are those", lambda: kernels.softmax_crossentropy(np.zeros(4, "int32"), A, weights=A[0])),
        (ValueError, "out must be the 2 arrays", lambda: crossentropy(A, out=A)),
        (ValueError, "losses must not overlap logits", lambda: crossentropy(A, out=(A.reshape(-1)[:4], None))),
        (ValueError, "step must be at least 1", lambda: kernels.adam_update(A, A, A, A, step=0)),
        (ValueError, "at least one parameter", lambda: kernels.adam_update([], [], [], [], step=1)),
        (ValueError, "gradients must have 1 arrays", lambda: kernels.adam_update([A], [], [A], [A], step=1)),
        (ValueError, "shape and dtype of their variable", lambda: kernels.adam_update(A, B, A, A, step=1)),
        (ValueError, "must not overlap", lambda: kernels.adam_update(A, A, A, A, step=1, out=(A, A, A))),
        (ValueError, "out must be the 3 arrays", lambda: kernels.adam_update(A, A, A, A, step=1, out=(A, A))),
    ],
)  # fmt: skip
def test_refused(error, rule, call):
    with pytest.raises(error, match=rule):
        call()


def unaligned(*shape):
    return np.zeros(4 * np.prod(shape) + 1, "uint8")[1:].view("float32").reshape(shape)


def square(start):
    return SHARED[start : start + 100].reshape(10, 10)


def lstm_in_place(h):
    return kernels.lstm_cell(A, h, A, normal(6, 24), normal(6, 24), out=(h, None))


def crossentropy(logits, out):
    return kernels.softmax_crossentropy(np.zeros(len(logits), "int32"), logits, gradient=True, out=out)
