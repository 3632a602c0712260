"""Variables assigned in the branches of a traced condition: every branch is recorded, one of their values is kept."""

import threading

from fastkeras.engine.tensor import primitive

_state = threading.local()


class Branch:
    """Within it, assignments are noted; afterwards the variables have the values they had before."""

    def __enter__(self):
        self.before = {}  # id -> (variable, value before its first assignment)
        self.after = {}  # id -> value at the end
        self._outer = getattr(_state, "branch", None)
        _state.branch = self
        return self

    def __exit__(self, *exception):
        _state.branch = self._outer
        for key, (variable, value) in self.before.items():
            self.after[key] = variable._read()
            variable._assign(value)


def note_assignment(variable):
    """Called by a variable before it is assigned."""
    branch = getattr(_state, "branch", None)
    if branch is not None and id(variable) not in branch.before:
        branch.before[id(variable)] = (variable, variable._read())


def merge(pred, yes, no):
    """Assigns what `yes` assigned where the scalar `pred` holds, else what `no` did."""
    for key, (variable, value) in {**no.before, **yes.before}.items():
        variable.assign(primitive("where")(pred, yes.after.get(key, value), no.after.get(key, value)))
