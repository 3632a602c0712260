"""What real Keras computes for Fourier transforms and decompositions of matrices: values and gradients, in float32."""

import numpy as np
from rows_nn import numbers, values_and_gradients


def _flat(keras, results):
    """Several tensors as one."""
    return keras.ops.concatenate([keras.ops.reshape(t, (-1,)) for t in results])


def _row(functions):
    """A row of {name: (function of keras.ops and tensors, arrays)}."""

    def row(keras):
        made = {}
        for name, (function, arrays) in functions.items():

            def run(*tensors, function=function):
                result = function(keras.ops, *tensors)
                return _flat(keras, result) if isinstance(result, (tuple, list)) else result

            made |= {f"{name} {k}": v for k, v in values_and_gradients(keras, run, *arrays).items()}
        return made

    return row


PAIR = [numbers(2, 3, 5, seed=1), numbers(2, 3, 5, seed=2)]
SIGNAL, SHORT = numbers(2, 23, seed=3), numbers(9, seed=4)

fourier = _row(
    {
        "fft": (lambda o, a, b: o.fft((a, b)), PAIR),
        "fft2": (lambda o, a, b: o.fft2((a, b)), PAIR),
        "ifft2": (lambda o, a, b: o.ifft2((a, b)), PAIR),
        "rfft": (lambda o, x: o.rfft(x), [SIGNAL]),
        "rfft_even": (lambda o, x: o.rfft(x), [SIGNAL[:, :22]]),
        "rfft_cut": (lambda o, x: o.rfft(x, fft_length=14), [SIGNAL]),
        "rfft_filled": (lambda o, x: o.rfft(x, fft_length=32), [SIGNAL]),
        "rfft_one": (lambda o, x: o.rfft(x), [SIGNAL[:, :1]]),
        "irfft": (lambda o, a, b: o.irfft((a, b)), PAIR),
        "irfft_odd": (lambda o, a, b: o.irfft((a, b), fft_length=9), PAIR),
        "irfft_cut": (lambda o, a, b: o.irfft((a, b), fft_length=5), PAIR),
        "irfft_filled": (lambda o, a, b: o.irfft((a, b), fft_length=14), PAIR),
        "stft": (lambda o, x: o.stft(x, 6, 4, 8), [SIGNAL]),
        "stft_plain": (lambda o, x: o.stft(x, 5, 3, 7, window=None, center=False), [SIGNAL]),
        "stft_window": (lambda o, x, w: o.stft(x, 9, 5, 9, window=w), [SIGNAL, np.abs(SHORT)]),
        "istft": (lambda o, a, b: o.istft((a, b), 7, 4, 8), PAIR),
        "istft_plain": (lambda o, a, b: o.istft((a, b), 6, 3, 8, window=None, center=False), PAIR),
        "istft_length": (lambda o, a, b: o.istft((a, b), 8, 4, 8, length=6, window="hamming"), PAIR),
        "stft_and_back": (lambda o, x: o.istft(o.stft(x, 8, 4, 8), 8, 4, 8), [SIGNAL]),
    }
)

SQUARE, TALL, WIDE = numbers(2, 4, 4, seed=5), numbers(2, 5, 3, seed=6), numbers(2, 3, 5, seed=7)
LOW_RANK = TALL @ WIDE


def _squares(o, tensors):
    """Signs of singular and eigenvectors are free."""
    return [o.square(t) for t in tensors]


matrices = _row(
    {
        **{f"qr_{a.shape}": (lambda o, x: o.qr(x), [a]) for a in (SQUARE, TALL, WIDE)},
        **{f"qr_complete_{a.shape}": (lambda o, x: o.qr(x, mode="complete"), [a]) for a in (SQUARE, WIDE)},
        "eigh": (lambda o, x: _squares(o, o.eigh(x)), [SQUARE]),
        "eigh_values": (lambda o, x: o.eigh(x)[0], [SQUARE]),
        "svd_full": (lambda o, x: _squares(o, o.svd(x)), [SQUARE]),
        **{
            f"svd_{a.shape}": (lambda o, x: _squares(o, o.svd(x, full_matrices=False)), [a])
            for a in (SQUARE, TALL, WIDE)
        },
        **{f"svd_values_{a.shape}": (lambda o, x: o.svd(x, compute_uv=False), [a]) for a in (SQUARE, TALL, WIDE)},
        **{f"pinv_{a.shape}": (lambda o, x: o.pinv(x), [a]) for a in (SQUARE, TALL, WIDE, LOW_RANK)},
        "pinv_equal": (lambda o, x: o.pinv(x), [2 * np.eye(3, dtype="float32")]),
        **{
            f"lstsq_{a.shape}": (lambda o, x, y: o.lstsq(x, y), [a[0], numbers(len(a[0]), 2, seed=8)])
            for a in (SQUARE, TALL, WIDE)
        },
        "lstsq_vector": (lambda o, x, y: o.lstsq(x, y), [TALL[0], numbers(5, seed=9)]),
        **{f"lu_{a.shape}": (lambda o, x: o.lu_factor(x)[0], [a]) for a in (SQUARE, TALL, WIDE)},
        **{f"norm_{ord}": (lambda o, x, ord=ord: o.norm(x, ord=ord, axis=(1, 2)), [WIDE]) for ord in ("nuc", 2, -2)},
    }
)

others = _row(
    {
        "i0": (lambda o, x: o.i0(x), [np.array([0.0, 1e-4, -0.5, 3.0, -7.9, 8.1, 20.0, -80.0], "float32")]),
        "quantile": (lambda o, x, q: o.quantile(x, q, axis=1), [numbers(2, 6), np.array([0.0, 0.3, 0.5], "float32")]),
        "percentile": (lambda o, x, q: o.percentile(x, q), [numbers(2, 6), np.float32(33)]),
        "nanquantile": (lambda o, x, q: o.nanquantile(x, q), [np.float32([np.nan, 1, 2, 5]), np.float32(0.3)]),
        "bincount": (lambda o, x: o.bincount(np.array([3, 1, 1, 0]), weights=x), [numbers(4)]),
        "bincount_rows": (lambda o, x: o.bincount(np.array([[3, 1], [3, 3]]), weights=x), [numbers(2, 2)]),
        "histogram": (lambda o, x: o.histogram(x, bins=4), [numbers(15)]),
        "histogram_equal": (lambda o, x: o.histogram(x, bins=3), [np.full(4, 2.0, "float32")]),
    }
)


def whole_numbers(keras):
    """What has no gradient."""
    o = keras.ops
    made = {f"counts {i}": t for i, t in enumerate(o.histogram(numbers(15), bins=3, range=(-1, 1.5)))}
    for a in (SQUARE, TALL, WIDE, LOW_RANK, 0 * SQUARE):
        for tol in (None, 2.0):
            made[f"{a.shape} {tol} {np.abs(a).max() > 0}"] = o.matrix_rank(a, tol=tol)
        made[f"pivots {a.shape} {np.abs(a).max() > 0}"] = o.lu_factor(a)[1]
    return made


ROWS = {"fourier": fourier, "matrices": matrices, "others": others, "whole_numbers": whole_numbers}
TOLERANCE = {"matrices": 2e-4, "fourier": 1e-5}
