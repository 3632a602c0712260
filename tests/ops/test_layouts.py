"""Arrays as NumPy may lay them out, and numbers that are too large: the values count, not how they are stored."""

import numpy as np
import pytest

from fastkeras import ops

VALUES = np.arange(24, dtype="float32").reshape(4, 6) / 7 - 1


def unaligned(x):
    shifted = np.zeros(x.nbytes + 1, "uint8")[1:].view(x.dtype).reshape(x.shape)
    shifted[...] = x
    return shifted


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "reversed": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "strided": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "Fortran": np.asfortranarray,
    "unaligned": unaligned,  # x86 forgives it: `make sanitize` does not
    "read-only": read_only,
    "swapped bytes": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "field": lambda x: np.array([tuple([row, 1]) for row in x], [("row", x.dtype, x.shape[1]), ("more", "u1")])["row"],
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, dtype):
    x = (10 * VALUES).astype(dtype) if dtype != "uint8" else np.arange(24, dtype="uint8").reshape(4, 6)
    laid = LAYOUTS[layout](x)
    np.testing.assert_array_equal(laid, x)
    for compute in (ops.convert_to_tensor, ops.exp, lambda x: x * ops.ones(6), lambda x: ops.matmul(x, x.T), ops.sort):
        np.testing.assert_array_equal(compute(laid), compute(x))


@pytest.mark.parametrize(
    ("compute", "error"),
    [
        (lambda: ops.zeros(10**30), OverflowError),
        (lambda: ops.reshape(VALUES, (2**63, -1)), OverflowError),
        (lambda: ops.add(VALUES, -(10**19)), OverflowError),
        (lambda: ops.top_k(VALUES, 10**20), OverflowError),
        (lambda: ops.zeros(10**14), MemoryError),
        (lambda: ops.vander(VALUES[0], 2**44), MemoryError),
    ],
)
def test_numbers_that_are_too_large(compute, error):
    with pytest.raises(error, match="must fit 64 bits. Received: " if error is OverflowError else None):
        compute()


def test_results_that_are_too_large():
    for x in (VALUES, VALUES[:, :0]):
        with pytest.raises(ValueError, match="the tensor is too large"):
            ops.rfft(x, fft_length=2**63 - 1)
