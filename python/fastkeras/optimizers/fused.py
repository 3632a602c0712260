"""Update rules that one C++ operation runs for all variables at once."""

from fastkeras.engine import cast

_COMPUTED = ("float32", "float64")  # variables of other dtypes are updated in float32


def fused_update(operation, gradients, variables, slots, rate, **attributes):
    """Assigns to variables and slots what `operation` makes of them, in one call per dtype.

    Args:
        operation: `(variables, gradients, *slots, rate, **attributes) -> (variables, *slots)`, lists of tensors.
        gradients, variables: one per variable.
        slots: lists of state variables, one entry per variable.
        rate: the scalar of the update.
    """
    groups = {}
    for i, variable in enumerate(variables):
        groups.setdefault(variable.dtype, []).append(i)
    for dtype, members in groups.items():
        dtype = dtype if dtype in _COMPUTED else "float32"
        state = [[column[i] for i in members] for column in (variables, *slots)]
        own, *kept = ([cast(v, dtype) for v in column] for column in state)
        slopes = [cast(gradients[i], dtype) for i in members]
        results = operation(own, slopes, *kept, cast(rate, dtype), **attributes)
        for column, values in zip(state, results, strict=True):
            for variable, value in zip(column, values, strict=True):
                variable.assign(value)
