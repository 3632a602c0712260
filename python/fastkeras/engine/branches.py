"""Who assigns which variables. Every branch of a traced condition is recorded; of its assignments one's are kept."""

import threading

from fastkeras import _core
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

    def note(self, variable):
        if id(variable) not in self.before:
            self.before[id(variable)] = (variable, variable._read())


class Assignments:
    """Within it, the variables that are assigned are noted in `variables`, by id, and nowhere outside."""

    def __enter__(self):
        self.variables = {}
        self._outer, _state.branch = getattr(_state, "branch", None), self
        return self

    def __exit__(self, *exception):
        _state.branch = self._outer

    def note(self, variable):
        self.variables[id(variable)] = variable


class Reads:
    """Within it, the variables that are read or assigned are noted in `found`, each with the value it had at first."""

    def __enter__(self):
        self._reads = _core.Reads()
        self._reads.start()
        self._outer, _state.branch = getattr(_state, "branch", None), self
        return self

    def __exit__(self, *exception):
        _state.branch = self._outer
        self._reads.stop()
        self.found = self._reads.found

    def note(self, variable):
        variable._read()
        if self._outer is not None:
            self._outer.note(variable)

    def watch(self):
        """Makes the recording tapes watch what was read, as if it were read now."""
        self._reads.watch()


def note_assignments(variables):
    """Called before variables are assigned: by themselves, or by a program that does it."""
    branch = getattr(_state, "branch", None)
    if branch is not None:
        for variable in variables:
            branch.note(variable)


def merge(pred, yes, no):
    """Assigns what `yes` assigned where the scalar `pred` holds, else what `no` did."""
    for key, (variable, value) in {**no.before, **yes.before}.items():
        variable.assign(primitive("where")(pred, yes.after.get(key, value), no.after.get(key, value)))
