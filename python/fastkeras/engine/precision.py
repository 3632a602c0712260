"""How exact products of float32 matrices must be, and what this CPU makes of it."""

import contextlib
import functools
import os
import sys

from fastkeras import _core

# What each level allows a kernel to do.
_LEVELS = {
    "highest": "errors of a chain of float32 multiply-adds",
    "high": "three products of operands split into two bfloat16 planes (about 1e-6 of the sum of |a b|)",
    "medium": "one product of operands rounded to bfloat16",
}
_level = "highest"


def float32_matmul_precision():
    """The level that `set_float32_matmul_precision` chose: "highest" at first."""
    return _level


def set_float32_matmul_precision(precision):
    """Allows products of float32 matrices, and convolutions, to be less exact, in every thread.

    Args:
        precision: "highest", "high" or "medium", as in PyTorch.

    A level allows, it does not demand. At "medium" a CPU that multiplies pairs of bfloat16 (AVX512-BF16) rounds the
    operands of all but small products and sums in float32, for up to twice the speed; every other CPU, and "high"
    everywhere, runs the float32 kernels. `describe_kernels()` says what holds here. Functions and steps that are
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
    _core.set_round_float32_products(precision == "medium")
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


_NO_BFLOAT16 = "these kernels do not multiply bfloat16 (AVX512-BF16 would)"


def describe_kernels():
    """What runs, and why: the instruction set, the level of float32 products, bfloat16; a text of four lines.

    `FASTKERAS_VERBOSE=1` in the environment prints it to stderr at import and whenever the level is set.
    """
    pairs = _core.multiplies_bfloat16()
    if pairs and _level == "medium":
        products = "pairs of bfloat16 are multiplied where all sizes are 16 or more, float32 elsewhere"
    elif _level == "highest":
        products = "float32 multiply-adds run"
    else:
        reason = "splitting in planes is no faster here" if pairs else _NO_BFLOAT16
        products = f"{reason}: float32 multiply-adds run, with the results of 'highest'"
    mixed = (
        "pairs of bfloat16 are multiplied, sums are float32; all else is computed in float32"
        if pairs
        else f"{_NO_BFLOAT16}: computed in float32, results rounded to bfloat16"
    )
    return "\n".join(
        (
            f"kernels: {_core.isa()} (of {', '.join(_core.available_isas())}), threads: {_core.num_threads()}",
            f"float32 products: '{_level}' allows {_LEVELS[_level]}",
            f"  {products}",
            f"mixed_bfloat16: {mixed}",
        )
    )


def _tell_if_verbose():
    if os.environ.get("FASTKERAS_VERBOSE") == "1":
        print(describe_kernels(), file=sys.stderr)


@functools.cache
def tell_of_bfloat16():
    """Says, once in a process, that bfloat16 saves no time here, where that is so."""
    if _core.multiplies_bfloat16():
        return
    import logging

    logging.getLogger("fastkeras").warning(
        "mixed_bfloat16: %s, so that layers compute in float32 and round to bfloat16. It behaves as Keras's policy "
        "does and is no faster than float32.",
        _NO_BFLOAT16,
    )


_tell_if_verbose()
