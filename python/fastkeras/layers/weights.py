"""What layers with weights have in common: the arguments named after these, their reading, the activation."""

import operator

from fastkeras import constraints, initializers, ops, regularizers

KINDS = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}


def store_roles(layer, arguments, *roles):
    """Sets `<role>_initializer`, `<role>_regularizer` and `<role>_constraint` from a constructor's `locals()`."""
    for role in roles:
        for kind, get in KINDS.items():
            setattr(layer, f"{role}_{kind}", get(arguments[f"{role}_{kind}"]))


def add_weight(layer, role, shape, name=None, **options):
    """Makes the weight of a role; it is called as its role is unless `name` is given."""
    settings = {kind: getattr(layer, f"{role}_{kind}") for kind in KINDS}
    return layer.add_weight(name=name or role, shape=shape, **{**settings, **options})


def once_built(name, read=None):
    """A weight as a property: `_<name>`, or what `read(layer)` gives. AttributeError before the layer is built."""
    read = read or operator.attrgetter(f"_{name}")

    def read_built(layer):
        if not layer.built:
            raise AttributeError(f"You must build the layer before accessing `{name}`.")
        return read(layer)

    return property(read_built)


def activated(layer, outputs):
    """What the layer's activation makes of its outputs; scripts set it to None to get at the logits."""
    return outputs if layer.activation is None else layer.activation(outputs)


def biased(layer, outputs):
    """activation(outputs + bias), where there is a bias."""
    return activated(layer, outputs if layer.bias is None else ops.add(outputs, layer.bias))
