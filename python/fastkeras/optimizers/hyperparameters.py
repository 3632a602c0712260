"""The constructor of an optimizer class, written as its own hyperparameters only."""

import functools
import inspect


def hyperparameters(init):
    """Decorates `__init__(self, learning_rate, <hyperparameters>)`, whose body only checks them.

    The finished constructor also takes every argument of `Optimizer` that `init` does not name (in Keras's order, by
    position too), sets up the base with them, and stores the hyperparameters in attributes of the same names.
    """
    own = list(inspect.signature(init).parameters.values())

    @functools.wraps(init)
    def complete(self, *args, **kwargs):
        from fastkeras.optimizers.optimizer import Optimizer

        bound = complete.__signature__.bind(self, *args, **kwargs)
        bound.apply_defaults()
        given = dict(list(bound.arguments.items())[1:])
        others = given.pop("kwargs")
        base = {name: given.pop(name) for name in list(given) if name in _base_parameters()}
        Optimizer.__init__(self, **base, **others)
        for name, value in given.items():
            setattr(self, name, value)
        init(self, **{p.name: {**base, **given}[p.name] for p in own[1:]})

    rest = [p for name, p in _base_parameters().items() if name not in {p.name for p in own}]
    others = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    complete.__signature__ = inspect.Signature([*own, *rest, others])
    return complete


@functools.cache
def _base_parameters():
    from fastkeras.optimizers.optimizer import Optimizer

    parameters = inspect.signature(Optimizer.__init__).parameters
    return {name: p for name, p in parameters.items() if name not in ("self", "kwargs")}
