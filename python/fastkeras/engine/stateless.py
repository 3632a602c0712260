"""Running code that assigns variables without a lasting effect."""

import contextlib


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
