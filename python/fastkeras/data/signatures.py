"""What the elements of a generator must be."""

import numpy as np

from fastkeras.data.elements import TensorSpec, component
from fastkeras.data.padding import flatten_up_to
from fastkeras.engine import nest


def signature_of(types, shapes):
    """The TensorSpecs of these dtypes, in a tuple or a dict of them, and of these shapes, None for any."""
    flat = zip(nest.flatten(types), flatten_up_to(types, shapes), strict=True)
    return nest.pack_like(types, [TensorSpec(shape, dtype) for dtype, shape in flat])


def fitting(element, signature):
    """What a generator yielded as an element with this signature; lists are as good as tuples.

    Raises:
        TypeError: for another structure, shape, or what cannot be converted to the dtype.
    """
    if isinstance(signature, dict):
        if not isinstance(element, dict) or element.keys() != signature.keys():
            raise _unstructured(element, signature)
        return {key: fitting(element[key], spec) for key, spec in signature.items()}
    if isinstance(signature, (tuple, list)):
        if not isinstance(element, (tuple, list)) or len(element) != len(signature):
            raise _unstructured(element, signature)
        return tuple(map(fitting, element, signature))
    try:
        value = component(element)
        value = value if signature.dtype == "string" == _kind(value) else np.asarray(value).astype(signature.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "`generator` yielded an element that could not be converted to the expected type. The expected type was "
            f"{signature.dtype}, but the yielded element was {element!r}."
        ) from error
    wanted = signature.shape
    if wanted is not None and not (
        len(wanted) == value.ndim and all(n in (None, own) for n, own in zip(wanted, value.shape))
    ):
        raise TypeError(
            f"`generator` yielded an element of shape {value.shape} where an element of shape {wanted} was expected."
        )
    return value


def _kind(value):
    return "string" if value.dtype == "O" else "number"


def _unstructured(element, signature):
    return TypeError(
        "`generator` yielded an element that did not match the expected structure. The expected structure was "
        f"{signature}, but the yielded element was {element!r}."
    )
