"""How exact products of float32 matrices must be, and what this CPU makes of it."""

import contextlib
import functools
import os
import sys

from fastkeras import _core

# What each level allows a kernel to do; the planes of bfloat16 that operands must be kept in, and their products.
_LEVELS = {
    "highest": "errors of a chain of float32 multiply-adds",
    "high": "operands of 16 bits (errors of about 1e-6 of the sum of |a b|)",
    "medium": "operands rounded to bfloat16",
}
_PLANES = {"highest": 3, "high": 2, "medium": 1}
_PRODUCTS = {3: "six products of three planes", 2: "three products of two planes", 1: "one product"}
_level = "highest"


def float32_matmul_precision():
    """The level that `set_float32_matmul_precision` chose: "highest" at first."""
    return _level


def set_float32_matmul_precision(precision):
    """Allows products of float32 matrices, and convolutions, to be less exact, in every thread.

    Args:
        precision: "highest", "high" or "medium", as in PyTorch.

    A level allows, it does not demand. Where the CPU multiplies bfloat16, operands can be split into planes, x = x0 +
    x1 + x2, each the remainder rounded to bfloat16; sums are float32. With AMX all but small products run that way: six
    products of planes at "highest" (x0 y0, x0 y1, x1 y0, x1 y1, x0 y2, x2 y0), which hold every bit of the operands,
    three at "high", one at "medium". With the AVX512-BF16 of AMD's CPUs only the one product of "medium" is faster than
    float32, up to twice; Intel's is slower, and runs only as `set_isa("avx512_bf16")`. Operands with infinities, NaN or
    extreme exponents are multiplied in float32 unless they are rounded anyway.
    Every other CPU runs the float32 kernels. `describe_kernels()` says what holds here. Functions and steps that are
    compiled already are compiled again when they next run at another level.

    Raises:
        ValueError: for another name.

    >>> import fastkeras as keras
    >>> keras.config.set_float32_matmul_precision("high")
    >>> keras.config.float32_matmul_precision()
    'high'
    >>> keras.config.set_float32_matmul_precision("highest")
    """
    global _level
    if not isinstance(precision, str) or precision not in _LEVELS:
        raise ValueError(
            "[set_float32_matmul_precision] precision must be 'highest', 'high' or 'medium'. "
            f"Received: precision={precision!r}"
        )
    _level = precision
    _core.set_float32_product_planes(_PLANES[precision])
    _tell_if_verbose()


@contextlib.contextmanager
def float32_matmul_precision_scope(precision):
    """Within it the level is `precision`; afterwards it is what it was.

    >>> import fastkeras as keras
    >>> with keras.config.float32_matmul_precision_scope("medium"):
    ...     keras.config.float32_matmul_precision()
    'medium'
    """
    before = _level
    set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        set_float32_matmul_precision(before)


_NO_BFLOAT16 = "these kernels do not multiply bfloat16 (AMX would, and the AVX512-BF16 of AMD's CPUs)"


def describe_kernels():
    """What runs, and why: the instruction set, the level of float32 products, mixed policies; a text of five lines.

    `FASTKERAS_VERBOSE=1` in the environment prints it to stderr at import and whenever the level is set.
    """
    unit = "tiles" if _core.multiplies_tiles() else "pairs" if _core.multiplies_bfloat16() else None
    planes = _PLANES[_level]
    if unit == "tiles" or (unit and planes == 1):
        products = f"{unit} of bfloat16 are multiplied where that is faster ({_PRODUCTS[planes]}), float32 elsewhere"
    elif planes == 3:
        products = "float32 multiply-adds run"
    else:
        reason = "planes are no faster here" if unit else _NO_BFLOAT16
        products = f"{reason}: float32 multiply-adds run, with the results of 'highest'"
    mixed = (
        f"{unit} of bfloat16 are multiplied, sums are float32; all else is computed in float32"
        if unit
        else f"{_NO_BFLOAT16}: computed in float32, results rounded to bfloat16"
    )
    return "\n".join(
        (
            f"kernels: {_core.isa()} (of {', '.join(_core.available_isas())}), threads: {_core.num_threads()}",
            f"float32 products: '{_level}' allows {_LEVELS[_level]}",
            f"  {products}",
            f"mixed_bfloat16: {mixed}",
            f"mixed_float16: {_float16()}",
        )
    )


def _float16():
    """What becomes of float16: its 11 bits fit two planes of bfloat16."""
    if _core.multiplies_tiles():
        return f"operands are multiplied as at 'high' ({_PRODUCTS[2]}) where that is faster, results rounded to float16"
    return "no kernels multiply float16: computed in float32, results rounded to float16"


def _tell_if_verbose():
    if os.environ.get("FASTKERAS_VERBOSE") == "1":
        print(describe_kernels(), file=sys.stderr)


@functools.cache
def tell_of_mixed(half):
    """Says, once in a process, that a half ("float16" or "bfloat16") saves no time here, where that is so."""
    if _core.multiplies_tiles() or (half == "bfloat16" and _core.multiplies_bfloat16()):
        return
    import logging

    logging.getLogger("fastkeras").warning(
        "mixed_%s: %s. It behaves as Keras's policy does and is no faster than float32.",
        half,
        f"{_NO_BFLOAT16}: computed in float32, results rounded to bfloat16" if half == "bfloat16" else _float16(),
    )


_tell_if_verbose()
