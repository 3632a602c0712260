"""Running code that assigns variables without a lasting effect."""

import contextlib
import threading

from fastkeras.engine.branches import Branch
from fastkeras.engine.tensor import cast, convert_to_tensor

_local = threading.local()


class StatelessScope(Branch):
    """Within it variables have other values and may be assigned; afterwards they are as before.

    Args:
        state_mapping: pairs of a variable and the value it has inside.
        collect_losses: are the losses that layers add inside collected in `losses`?
        initialize_variables: must be True: variables are initialized where they are made.

    Raises:
        ValueError: for a key that is no variable, and for a value of another shape than the variable's.

    >>> import fastkeras as keras
    >>> v = keras.Variable(1.0)
    >>> with keras.StatelessScope([(v, 5.0)]) as scope:
    ...     v.assign_add(2.0).numpy().tolist()
    7.0
    >>> float(v), float(scope.get_current_value(v))
    (1.0, 7.0)
    """

    takes_losses = False  # so that the layers do not have them

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        if not initialize_variables:
            raise ValueError(
                "[StatelessScope] variables are initialized where they are made. "
                f"Received: initialize_variables={initialize_variables}"
            )
        self.collect_losses, self.losses = collect_losses, []
        self.before, self.after = {}, {}
        self._given = [_checked(variable, value) for variable, value in state_mapping or ()]

    def __enter__(self):
        super().__enter__()
        self._outer_scope, _local.scope = getattr(_local, "scope", None), self
        for variable, value in self._given:
            variable.assign(value)
        return self

    def __exit__(self, *exception):
        _local.scope = self._outer_scope
        super().__exit__(*exception)

    def get_current_value(self, variable):
        """The value that a variable has, or had, inside; None where the scope neither gave nor assigned one."""
        if id(variable) in self.after:
            return self.after[id(variable)]
        return variable._read() if id(variable) in self.before else None

    def add_update(self, update):
        """Assigns a pair of variable and value, inside."""
        variable, value = update
        variable.assign(value)

    def add_loss(self, loss):
        """Collects a loss."""
        self.losses.append(loss)


def _checked(variable, value):
    from fastkeras.engine.variable import Variable

    if not isinstance(variable, Variable):
        raise ValueError(
            "Invalid reference variable in StatelessScope: all keys in argument `mapping` must be Variable instances. "
            f"Received instead: {variable}"
        )
    value = cast(convert_to_tensor(value), variable.dtype)
    if value.shape != variable.shape:
        raise ValueError(
            "Invalid variable value in StatelessScope: all values in argument `mapping` must be tensors with a shape "
            f"that matches the corresponding variable shape. For variable {variable}, received invalid value {value} "
            f"with shape {value.shape}."
        )
    return variable, value


class Losses:
    """Within it, the losses that layers add are collected in `losses`, and in the scope around it."""

    collect_losses = True

    def __enter__(self):
        self.losses = []
        self._outer_scope, _local.scope = getattr(_local, "scope", None), self
        self.takes_losses = getattr(self._outer_scope, "takes_losses", False)
        return self

    def __exit__(self, *exception):
        _local.scope = self._outer_scope
        note_losses(self.losses)

    def add_loss(self, loss):
        self.losses.append(loss)


def note_losses(losses):
    """Called by a layer that adds losses. Are they to be the layer's own?"""
    scope = getattr(_local, "scope", None)
    if scope is not None and scope.collect_losses:
        for loss in losses:
            scope.add_loss(loss)
    return scope is None or not scope.takes_losses


@contextlib.contextmanager
def preserved(variables, values=None):
    """Within it the variables have `values` (by default their own) and may be assigned; afterwards all is as before."""
    variables = list(variables)
    before = [v._read() for v in variables]  # in their own dtype, also within a layer that autocasts
    try:
        if values is not None:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
