"""A limit on what new variables may take: a model file must not be able to ask for more memory than it accounts for."""

import contextlib
import contextvars
import math

_budget = contextvars.ContextVar("variable_budget", default=None)


@contextlib.contextmanager
def variable_budget(max_bytes):
    """Variables created inside may take `max_bytes` together; the one that would exceed it raises ValueError."""
    token = _budget.set([max_bytes])
    try:
        yield
    finally:
        _budget.reset(token)


def charge(shape):
    """Account for a variable of `shape`, before anything is allocated."""
    budget = _budget.get()
    if budget is None:
        return
    budget[0] -= 4 * math.prod(shape)  # as float32: the budget is several times what is expected anyway
    if budget[0] < 0:
        raise ValueError(f"[Variable] the file is too small to describe such a variable. Received: shape={shape}")
