"""Fourier transforms and decompositions of matrices."""

import numpy as np

from cases.case import Case, add


def _primitive(name, *tensors, **attrs):
    from fastkeras.engine import primitive

    return primitive(name)(*tensors, **attrs)


def row(name, shapes, ref, attrs=None, **options):
    """Shapes are no matter of taste here: the row says `call`."""
    attrs = attrs or {}
    return Case(name, shapes, lambda *x: ref(*x, **attrs), call=lambda *x: _primitive(name, *x, **attrs), **options)


# --- Fourier transforms ---------------------------------------------------------------------------------------------


def _fft(re, im=0.0, *, inverse, length, size, real):
    transform = np.fft.ifft if inverse else np.fft.fft
    y = transform(re + 1j * im, n=length)[..., :size] * (length if inverse else 1)
    return y.real if real else (y.real, y.imag)


def fft(note, shape, inputs=2, large=None, **attrs):
    length = attrs.get("length", shape[-1])
    attrs = {"inverse": False, "length": length, "size": length, "real": False} | attrs
    return row("fft", [shape] * inputs, _fft, attrs, large=large and [large] * inputs, note=note, rtol=8, twice=True)


add(
    *(fft(f"length-{n}", (3, n)) for n in (1, 2, 3, 4, 6, 7, 15, 16, 35, 37, 60, 74, 93, 128)),
    fft("many", (37, 24), large=(150, 24)),
    fft("cut", (2, 5), length=12, size=7),
    fft("inverse", (2, 3, 12), inverse=True),
    fft("chirp-inverse", (17, 41), inverse=True),
    fft("real", (18, 30), 1, size=16, large=(150, 30)),
    fft("real-odd", (2, 9), 1, size=5),
    fft("real-cut", (2, 7), 1, length=12, size=5),
    fft("real-chirp", (2, 82), 1, size=42),
    fft("to-real", (18, 16), length=30, size=30, inverse=True, real=True),
    fft("to-real-cut", (2, 3), length=12, size=11, inverse=True, real=True),
    fft("to-real-odd", (2, 5), length=9, size=9, inverse=True, real=True),
)

# --- matrices -------------------------------------------------------------------------------------------------------


def _qr(a, complete):
    found = [np.linalg.qr(m, mode="complete" if complete else "reduced") for m in a]
    return tuple(np.stack(parts) for parts in zip(*found, strict=True))


def qr(note, shape, complete=False, **options):
    return row("qr", [shape], _qr, {"complete": complete}, note=note, rtol=4, **options)


def _symmetric(x):
    return x + np.swapaxes(x, -1, -2)


def _eigh(x):
    """Values, and squares of vectors: their signs are free."""
    values, vectors = np.linalg.eigh(_symmetric(x))
    return values, vectors**2


def _eigh_call(x):
    values, vectors = _primitive("eigh", _primitive("add", x, _primitive("transpose", x, perm=[0, 2, 1])))
    return values, _primitive("square", vectors)


def _svd(x, full):
    """Values, squares of vectors, and a product in which signs meet."""
    u, s, vt = np.linalg.svd(x, full_matrices=full)
    u, vt = u[..., : s.shape[-1]], vt[..., : s.shape[-1], :]
    return s, u**2, vt**2, (u * s[..., None, :] ** 2) @ vt


def _svd_call(x, full):
    u, s, vt = _primitive("svd", x, full=full)
    batch, k = s.shape
    u = _primitive("slice", u, start=[0, 0, 0], stop=[batch, u.shape[1], k])
    vt = _primitive("slice", vt, start=[0, 0, 0], stop=[batch, k, vt.shape[2]])
    squares = _primitive("reshape", _primitive("square", s), shape=[batch, 1, k])
    product = _primitive("matmul", _primitive("multiply", u, squares), vt)
    return s, _primitive("square", u), _primitive("square", vt), product


def svd(note, shape, full=False, **options):
    return Case(
        "svd", [shape], lambda x: _svd(x, full), call=lambda x: _svd_call(x, full), note=note, rtol=20, **options
    )


def _lu(a):
    """Row exchanges, as LAPACK makes them; the rows' origins."""
    lu, (m, n) = a.copy(), a.shape[-2:]
    pivots, origins = np.zeros((len(a), min(m, n)), int), np.tile(np.arange(m), (len(a), 1))
    for matrix, pivot, origin in zip(lu, pivots, origins, strict=True):
        for k in range(min(m, n)):
            pivot[k] = k + np.argmax(np.abs(matrix[k:, k]))
            matrix[[k, pivot[k]]], origin[[k, pivot[k]]] = matrix[[pivot[k], k]], origin[[pivot[k], k]]
            matrix[k + 1 :, k] /= matrix[k, k]
            matrix[k + 1 :, k + 1 :] -= np.outer(matrix[k + 1 :, k], matrix[k, k + 1 :])
    return lu, pivots, origins


def _pinv(x, rcond):
    return np.linalg.pinv(x, rcond=rcond)


def _values(x):
    return np.linalg.svd(x, compute_uv=False)


add(
    qr("square", (3, 4, 4), twice=True, large=[(90, 12, 12)]),
    qr("tall", (2, 6, 3), twice=True),
    qr("wide", (2, 3, 5)),
    qr("wide-complete", (2, 3, 5), complete=True),
    qr("tall-complete", (2, 5, 2), complete=True, gradient=False),
    qr("one", (2, 1, 1)),
    Case("eigh", [(3, 5, 5)], _eigh, call=_eigh_call, rtol=20, twice=True, large=[(90, 12, 12)]),
    Case("eigh", [(2, 1, 1)], _eigh, call=_eigh_call, note="one"),
    svd("square", (3, 4, 4), large=[(90, 12, 12)]),
    svd("square-full", (3, 4, 4), full=True),
    svd("tall", (2, 6, 3)),
    svd("wide", (2, 3, 6)),
    svd("tall-full", (2, 6, 3), full=True, gradient=False),
    svd("wide-full", (2, 3, 6), full=True, gradient=False),
    row("singular_values", [(3, 5, 4)], _values, rtol=2, twice=True),
    row("pinv", [(2, 5, 3)], _pinv, {"rcond": 1e-6}, rtol=8, twice=True, large=[(90, 12, 9)]),
    row("pinv", [(2, 3, 5)], _pinv, {"rcond": 1e-6}, note="wide", rtol=8, twice=True),
    row("lu_factor", [(3, 4, 4)], _lu, rtol=8, twice=True, large=[(90, 12, 12)]),
    row("lu_factor", [(2, 5, 3)], _lu, note="tall", rtol=8),
    row("lu_factor", [(2, 3, 5)], _lu, note="wide", rtol=8),
)
