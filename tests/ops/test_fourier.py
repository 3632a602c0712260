"""Fourier transforms beyond the rows of tests/cases and the figures of rows_decompositions.py."""

import numpy as np
import pytest

import fastkeras as keras
from fastkeras import ops
from fastkeras.engine import Function, primitive

R = np.random.RandomState(4)


def transformed(x, y, length):
    re, im = primitive("fft")(x, y, inverse=False, length=length, size=length, real=False)
    return re.numpy() + 1j * im.numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_length(dtype, isa):
    """Products of small primes, large primes, and both; errors grow with the logarithm of the length."""
    for n in (*range(1, 131), 509, 1022, 1024, 2003, 3600):
        x, y = R.normal(size=(2, 3, n)).astype(dtype)
        expected = np.fft.fft(x.astype("float64") + 1j * y)
        tolerance = 4 * np.finfo(dtype).eps * (3 + np.log2(n))
        size = np.sqrt(np.square(np.abs(expected)).mean())
        assert np.abs(transformed(x, y, n) - expected).max() < tolerance * size, n
        re, im = ops.rfft(x)
        half = np.fft.rfft(x.astype("float64"))
        assert np.abs(re.numpy() + 1j * im.numpy() - half).max() < tolerance * size, n
        back = ops.irfft((re, im), fft_length=n).numpy()
        assert np.abs(back - x).max() < tolerance * max(np.abs(x).max(), 1), n


def test_lengths_in_turns():
    """Tables are kept for the lengths that came last, of transforms and of those through halves; bits stay the same."""
    for n in (12, 24, 48, 37, 74):  # each is half of another one, or meets the same tables
        x = R.normal(size=(3, n))
        first = [transformed(x, 2 * x, n), *(t.numpy() for t in ops.rfft(x))]
        np.testing.assert_allclose(first[0], np.fft.fft(x * (1 + 2j)), atol=1e-12 * n)
        np.testing.assert_allclose(first[1] + 1j * first[2], np.fft.rfft(x), atol=1e-12 * n)
        again = [transformed(x, 2 * x, n), *(t.numpy() for t in ops.rfft(x))]
        for others in range(2, 22, 2):
            ops.rfft(x[:, :others])
        later = [transformed(x, 2 * x, n), *(t.numpy() for t in ops.rfft(x))]
        for one, two, three in zip(first, again, later, strict=True):
            np.testing.assert_array_equal(one, two)
            np.testing.assert_array_equal(one, three)


def test_one_long_transform(isa):
    """Of few transforms, parts of one fill the vectors; 65,537 is prime."""
    for n in (65536, 65537):
        x, y = R.normal(size=(2, 1, n)).astype("float32")
        expected = np.fft.fft(x.astype("float64") + 1j * y)
        assert np.abs(transformed(x, y, n) - expected).max() < 2e-6 * np.sqrt(2 * n)


def test_a_row_does_not_depend_on_its_neighbours(isa, set_threads):
    """Its bits are the same alone, in a full vector and beside NaN."""
    x = R.normal(size=(150, 30)).astype("float32")
    broken = x.copy()
    broken[7, 3] = np.nan
    for transform in (ops.rfft, lambda t: ops.fft((t, t * 2)), lambda t: ops.irfft((t, t))):
        for threads in (1, 2):
            set_threads(threads)
            together = np.stack(ops.convert_to_numpy(transform(ops.convert_to_tensor(x))))
            alone = np.stack(ops.convert_to_numpy(transform(ops.convert_to_tensor(x[5:6]))))
            np.testing.assert_array_equal(together[..., 5:6, :], alone)
            beside = np.stack(ops.convert_to_numpy(transform(ops.convert_to_tensor(broken))))
            assert np.isnan(beside[..., 7, :]).any()
            np.testing.assert_array_equal(np.delete(beside, 7, axis=-2), np.delete(together, 7, axis=-2))


@pytest.mark.parametrize("shape", [(0, 8), (3, 0, 5), (2, 3, 4, 6)])
def test_batches_of_any_shape(shape):
    x = R.normal(size=shape)
    for tensor, expected in zip(ops.rfft(x), (np.fft.rfft(x).real, np.fft.rfft(x).imag), strict=True):
        np.testing.assert_allclose(tensor.numpy(), expected, atol=1e-12)
    assert ops.irfft(ops.rfft(x), fft_length=shape[-1]).shape == shape


def test_halves_keep_their_dtype():
    x = ops.cast(R.normal(size=(3, 16)), "bfloat16")
    re, im = ops.rfft(x)
    assert re.dtype == im.dtype == "bfloat16"
    expected = np.fft.rfft(ops.cast(x, "float32").numpy())
    np.testing.assert_allclose(ops.cast(re, "float32").numpy(), expected.real, atol=0.05, rtol=0.01)


TRANSFORMS = {
    "fft": (lambda x: ops.fft((x, x * x)), (4, 8)),
    "fft2": (lambda x: ops.fft2((x, x * x)), (4, 8)),
    "ifft2": (lambda x: ops.ifft2((x, x * x)), (4, 8)),
    "rfft": (lambda x: ops.rfft(x, fft_length=10), (4, 6)),
    "irfft": (lambda x: ops.irfft((x, x)), (4, 14)),
    "stft": (lambda x: ops.stft(x, 4, 2, 4), (4, 5, 3)),
    "istft": (lambda x: ops.istft((x, x * x), 14, 7, 14), (21,)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_compiled_and_symbolic(name, isa):
    function, shape = TRANSFORMS[name]
    x = R.normal(size=(4, 8)).astype("float32")
    eager = np.stack(ops.convert_to_numpy(function(ops.convert_to_tensor(x))))
    compiled = np.stack(ops.convert_to_numpy(Function(function)(x)))
    np.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-5)
    symbol = function(keras.KerasTensor((4, 8)))
    symbol = symbol[0] if isinstance(symbol, (tuple, list)) else symbol
    assert symbol.shape == shape


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_fit_through_a_spectrogram(run_eagerly):
    """Layers in front of the transform learn: the gradient goes through it."""
    x = R.normal(size=(64, 32)).astype("float32")
    power = np.abs(np.fft.rfft(np.stack([x[:, i : i + 8] for i in range(0, 25, 8)], 1) * 1.5)) ** 2

    def spectrogram(t):
        re, im = ops.stft(t, 8, 8, 8, window=None, center=False)
        return re * re + im * im

    model = keras.Sequential(
        [
            keras.Input((32,)),
            keras.layers.Reshape((32, 1)),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="ones"),
            keras.layers.Reshape((32,)),
            keras.layers.Lambda(spectrogram),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "mse", run_eagerly=run_eagerly)
    model.fit(x, power, epochs=50, batch_size=32, verbose=0)
    assert abs(model.weights[0].numpy().item() - 1.5) < 0.01


BAD = [
    (ValueError, "tuple of two", lambda: ops.fft(np.ones(3))),
    (ValueError, "same shape", lambda: ops.fft((np.ones(3), np.ones(4)))),
    (ValueError, "not of type float", lambda: ops.fft((np.ones(3, "int32"), np.ones(3)))),
    (ValueError, "at least 1", lambda: ops.fft((np.float32(1), np.float32(1)))),
    (ValueError, "at least 1", lambda: ops.rfft(1.0)),
    (ValueError, r"\[fft\] the length", lambda: ops.rfft(np.ones((2, 4)), fft_length=0)),
    (ValueError, r"\[fft\] the length", lambda: ops.irfft((np.ones(1), np.ones(1)))),
    (ValueError, "at least 2", lambda: ops.fft2((np.ones(3), np.ones(3)))),
    (ValueError, "at least 2", lambda: ops.istft((np.ones(3), np.ones(3)), 4, 2, 4)),
    (ValueError, "equal or larger", lambda: ops.stft(np.ones(9), 4, 2, 3)),
    (ValueError, "shape of `window`", lambda: ops.stft(np.ones(9), 4, 2, 4, window=np.ones(3))),
    (ValueError, "hamming", lambda: ops.stft(np.ones(9), 4, 2, 4, window="kaiser")),
    (TypeError, "Invalid input type", lambda: ops.stft(np.ones(9, "int32"), 4, 2, 4)),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_arguments_raise(number):
    error, message, call = BAD[number]
    with pytest.raises(error, match=message):
        call()
