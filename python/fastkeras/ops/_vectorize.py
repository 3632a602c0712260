"""Functions of one element, or of slices, called for all of a tensor's."""

import re

import numpy as np

from fastkeras.engine import convert_to_tensor
from fastkeras.ops._common import broadcast, prod, reshape_to, together
from fastkeras.ops._joining import stack, unstack


def _core_dimensions(signature, tensors):
    """How many of the last dimensions of each tensor a call receives."""
    if signature is None:
        return [0] * len(tensors)
    groups = re.findall(r"\(([^()]*)\)", signature.split("->")[0])
    names = [[name.strip() for name in group.split(",") if name.strip()] for group in groups]
    if len(names) != len(tensors):
        raise TypeError(
            f"[vectorize] the signature must name the dimensions of every argument. Received: signature={signature!r}, "
            f"{len(tensors)} arguments"
        )
    sizes = {}
    for tensor, dimensions in zip(tensors, names, strict=True):
        found = tensor.shape[max(tensor.ndim - len(dimensions), 0) :]
        equal = [sizes.setdefault(d, n) == n for d, n in zip(dimensions, found, strict=False)]
        if len(equal) < len(dimensions) or not all(equal):
            raise ValueError(
                "[vectorize] arguments must have the dimensions of the signature, equal names being of equal size. "
                f"Received: signature={signature!r}, shapes {[t.shape for t in tensors]}"
            )
    return [len(dimensions) for dimensions in names]


def _slices(x, core, lead):
    """x[i] for every index i into the broadcast leading dimensions."""
    inner = x.shape[x.ndim - core :]
    return unstack(reshape_to(broadcast(x, shape=[*lead, *inner]), shape=[prod(lead), *inner]))


def _joined(results, lead):
    joined = stack(together(*results))
    return reshape_to(joined, shape=[*lead, *joined.shape[1:]])


def vectorize(pyfunc, *, excluded=None, signature=None):
    """A function that calls `pyfunc` on every element (by `signature`: core slice) of its broadcast arguments.

    `excluded`: positions or names of arguments passed as they are. `signature`: as in NumPy, "(m),(m)->()".

    >>> import fastkeras as keras
    >>> larger = keras.ops.vectorize(lambda a, b: a if a > b else b)
    >>> larger(keras.ops.array([1, 5]), 3).numpy().tolist()
    [3, 5]
    """
    if not callable(pyfunc):
        raise ValueError(f"Expected argument `pyfunc` to be a callable. Received: pyfunc={pyfunc}")
    excluded = set(excluded or ())

    def run(*args, **kwargs):
        given = dict(enumerate(args)) | kwargs
        taken = {name: convert_to_tensor(value) for name, value in given.items() if name not in excluded}
        tensors = list(taken.values())
        cores = _core_dimensions(signature, tensors)
        lead = np.broadcast_shapes(*(t.shape[: t.ndim - core] for t, core in zip(tensors, cores, strict=True)))
        if 0 in lead:
            shapes = [t.shape for t in tensors]
            raise ValueError(f"[vectorize] there must be an element to call on. Received: shapes {shapes}")
        slices = [_slices(t, core, lead) for t, core in zip(tensors, cores, strict=True)]
        results = []
        for i in range(prod(lead)):
            now = given | {name: s[i] for name, s in zip(taken, slices, strict=True)}
            results.append(pyfunc(*(now[k] for k in range(len(args))), **{k: now[k] for k in kwargs}))
        if isinstance(results[0], tuple):
            return tuple(_joined(r, lead) for r in zip(*results, strict=True))
        return _joined(results, lead)

    return run
