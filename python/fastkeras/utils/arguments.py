"""What a function was called with."""


def named(arguments, but=None):
    """The arguments of a method by name, from its `locals()`: all but `self`, `**kwargs` and the one called `but`."""
    return {k: v for k, v in arguments.items() if k not in ("self", "kwargs", "__class__", but)}


def refuse(layer, **arguments):
    """Raises ValueError for arguments of Keras that have no effect here, when they are given."""
    for name, value in arguments.items():
        if value:
            raise ValueError(f"[{layer}] {name} is not supported. Received: {name}={value}")
