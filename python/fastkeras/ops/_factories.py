"""Makers of elementwise functions: what a primitive needs to be public, said in one line."""

import sys

from fastkeras.engine import cast, convert_to_tensor, op, primitive
from fastkeras.ops._common import floating, is_float


def _document(function, name, text, example):
    arguments, result = example
    function.__name__ = function.__qualname__ = name
    function.__module__ = sys._getframe(2).f_globals["__name__"]  # where the function is to be found: pickle asks
    call = f"keras.ops.{name}({arguments}).numpy().tolist()"
    function.__doc__ = f"{text}\n\n    >>> import fastkeras as keras\n    >>> {call}\n    {result}\n    "
    return op(function)


def unary(name, text, *example, run=None):
    """The public function of one primitive of one tensor."""
    run = run or primitive(name)
    return _document(lambda x: run(x), name, text, example)


def binary(name, text, *example, run=None):
    """The public function of one primitive of two tensors that broadcast."""
    run = run or primitive(name)
    return _document(lambda x1, x2: run(x1, x2), name, text, example)


def bitwise(name, text, *example, run=None):
    """As `binary`, of integers `x` and `y`."""
    run = run or primitive(name)
    return _document(lambda x, y: run(x, y), name, text, example)


def of_floats(run):
    return lambda x: run(floating(x))


def of_numbers(run):
    """Booleans become int32."""

    def of_number(x):
        x = convert_to_tensor(x)
        return run(cast(x, "int32") if x.dtype == "bool" else x)

    return of_number


def of_integers_too(run):
    """Integers and booleans are already whole."""

    def rounded(x):
        x = convert_to_tensor(x)
        return run(x) if is_float(x.dtype) else x

    return rounded
