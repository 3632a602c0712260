"""What happens to gradients before the update: filtering, clipping, conditional updates."""

import warnings

from fastkeras import ops
from fastkeras.engine import is_symbolic
from fastkeras.engine.stateless import preserved


def only_present(grads, variables):
    """Gradients that exist and their variables; warns about the others."""
    pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    if not pairs:
        raise ValueError("No gradients provided for any variable.")
    missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
    if missing:
        warnings.warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss. If using `model.compile()`, "
            "did you forget to provide a `loss` argument?",
            stacklevel=4,
        )
    return [g for g, _ in pairs], [v for _, v in pairs]


def clip(grads, clipnorm=None, clipvalue=None, global_clipnorm=None):
    """The gradients, clipped by the one of these that is set."""
    if clipnorm and clipnorm > 0:
        return [g * (clipnorm / ops.maximum(_norm([g]), clipnorm)) for g in grads]
    if global_clipnorm and global_clipnorm > 0:
        norm = _norm(grads)
        # norm - norm: 0, or NaN for an infinite norm, so that it does not pass for a small gradient.
        scale = global_clipnorm * ops.minimum(1.0 / norm, 1.0 / global_clipnorm) + (norm - norm)
        return [g * ops.cast(scale, g.dtype) for g in grads]
    if clipvalue and clipvalue > 0:
        return [ops.clip(g, -clipvalue, clipvalue) for g in grads]
    return grads


def _norm(tensors):
    squares = [ops.sum(ops.square(t)) for t in tensors]
    return ops.sqrt(sum(squares[1:], squares[0]))


def run_if(condition, then, otherwise, variables):
    """Runs `then` or `otherwise`, which may assign `variables` and nothing else.

    While tracing, the condition has no value: both run, and each variable gets the value of the right one.
    """
    if not is_symbolic(condition):
        return then() if bool(condition) else otherwise()
    with preserved(variables):
        then()
        values = [v.value for v in variables]
    otherwise()
    for variable, value in zip(variables, values, strict=True):
        variable.assign(ops.where(condition, value, variable.value))
