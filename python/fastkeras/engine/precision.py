"""How exact products of float32 matrices must be, and what this CPU makes of it."""

import contextlib
import functools
import os
import sys

from fastkeras import _core

# What each level allows a kernel to do where the CPU multiplies bfloat16 tiles (AMX).
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
    """Allows products of float32 matrices to be less exact, in every thread.

    Args:
        precision: "highest", "high" or "medium", as in PyTorch.

    A level allows, it does not demand: without kernels for AMX every level runs the float32 kernels and gives the
    same bits. `describe_kernels()` says what holds here.

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


@functools.cache
def _cpu_has_amx():
    """Does the CPU multiply bfloat16 tiles, with the operating system's consent? Linux lists it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line.split() for line in file if line.startswith("flags")), [])
    except OSError:
        return False
    return "amx_tile" in flags and "amx_bf16" in flags


def _reason():
    return "this build has no kernels for AMX" if _cpu_has_amx() else "this CPU has no AMX"


def describe_kernels():
    """What runs, and why: the instruction set, the level of float32 products, bfloat16; a text of four lines.

    `FASTKERAS_VERBOSE=1` in the environment prints it to stderr at import and whenever the level is set.
    """
    return "\n".join(
        (
            f"kernels: {_core.isa()} (of {', '.join(_core.available_isas())}), threads: {_core.num_threads()}",
            f"float32 products: '{_level}' allows {_LEVELS[_level]}",
            f"  {_reason()}: float32 multiply-adds run at every level, with the same results",
            f"mixed_bfloat16: {_reason()}: computed in float32, results rounded to bfloat16",
        )
    )


def _tell_if_verbose():
    if os.environ.get("FASTKERAS_VERBOSE") == "1":
        print(describe_kernels(), file=sys.stderr)


@functools.cache
def tell_of_bfloat16():
    """Says, once in a process, that bfloat16 saves no time here."""
    import logging

    logging.getLogger("fastkeras").warning(
        "mixed_bfloat16: %s, so that layers compute in float32 and round to bfloat16. It behaves as Keras's policy "
        "does and is no faster than float32.",
        _reason(),
    )


_tell_if_verbose()
