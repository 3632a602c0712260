"""What pipelines of tf.data need besides tf.data, tf.strings and tf.image."""

import functools

from fastkeras.data import elements
from fastkeras.data.elements import TensorSpec
from fastkeras.data.signatures import fitting, signature_of


def numpy_function(func=None, inp=None, Tout=None, stateful=True, name=None):
    """`func` of arrays, and of bytes for strings; what it returns, as tensors of the dtypes `Tout`."""
    return _results(func(*(elements.copies(elements.component(x)) for x in inp)), Tout)


def py_function(func=None, inp=None, Tout=None, name=None):
    """`func` of tensors; what it returns, as tensors of the dtypes `Tout`. Without `func`, a decorator."""
    if func is None:
        return lambda function: functools.wraps(function)(lambda *inp: py_function(function, inp, Tout))
    return _results(func(*(elements.tensors(elements.component(x)) for x in inp)), Tout)


def _results(made, dtypes):
    several = isinstance(dtypes, (list, tuple))
    found = elements.tensors(fitting(made, signature_of(tuple(dtypes) if several else dtypes, None)))
    return list(found) if several else found


FUNCTIONS = {
    "": {"TensorSpec": TensorSpec, "numpy_function": numpy_function, "py_function": py_function},
    "errors": {"InvalidArgumentError": ValueError, "NotFoundError": FileNotFoundError},
}
