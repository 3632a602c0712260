"""Gradients written in Python. A rule lives as long as the tapes that recorded its use."""

import inspect
import itertools
import weakref

from fastkeras import _core
from fastkeras.engine import nest
from fastkeras.engine.tape import not_recording, recording_tapes
from fastkeras.engine.tensor import Tensor, convert_to_tensor, primitive

_reshape = primitive("reshape")
_rules = weakref.WeakValueDictionary()
_numbers = itertools.count()


class _Rule:
    """From the gradients of a call's results to those of its arguments."""

    def __init__(self, function, arguments, results):
        self.function, self.arguments, self.results = function, arguments, results
        parameters = inspect.signature(function).parameters
        named = parameters.get("upstream")
        # grad(*args, upstream) as Keras writes it for PyTorch, or grad(upstream)
        self.by_name = named is not None and named.kind is named.KEYWORD_ONLY and named.default is named.empty

    def __call__(self, flowing):
        upstream = flowing[0] if isinstance(self.results, Tensor) else nest.pack_like(self.results, flowing)
        found = self.function(*self.arguments, upstream=upstream) if self.by_name else self.function(upstream)
        found = nest.flatten(found) if isinstance(found, (list, tuple, dict)) else [found]
        if len(found) != len(nest.flatten(self.arguments)):
            raise ValueError(
                "[custom_gradient] the gradient function must return one gradient per argument. "
                f"Received: {len(found)} for {len(nest.flatten(self.arguments))} arguments"
            )
        return found


_core.set_gradient_rules(lambda number, flowing: _rules[number](flowing))


def with_gradient(function, arguments, results):
    """`results` (tensors, in any structure) as a function of `arguments` with the gradients `function(upstream)`."""
    if not recording_tapes():
        return results
    arguments = nest.map(convert_to_tensor, tuple(arguments))
    results = nest.map(as_another, results)
    record_rule(_Rule(function, arguments, results), nest.flatten(arguments), nest.flatten(results))
    return results


def as_another(x):
    """The values of `x` as a tensor of which no tape knows."""
    with not_recording():
        return _reshape(x, shape=x.shape)


def record_rule(rule, arguments, values):
    """Makes `rule` of the gradients of `values` those of `arguments`, for all tapes that record."""
    number = next(_numbers)
    _rules[number] = rule
    for tape in recording_tapes():
        tape.rules.append(rule)
    _core.record_rule(arguments, values, number)
