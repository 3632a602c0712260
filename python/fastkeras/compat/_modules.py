"""tf.Module, and tf.distribute on the one device there is."""

import contextlib
import types

from fastkeras import ops
from fastkeras.compat._functions import device
from fastkeras.engine import Variable, nest
from fastkeras.layers import Layer


class Module:
    """What has variables: attributes, also in lists, dicts, other modules and layers."""

    def __init__(self, name=None):
        self.name = type(self).__name__.lower() if name is None else name

    @property
    def variables(self):
        return tuple(_found_in(self, Variable, set()))

    @property
    def trainable_variables(self):
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self):
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self):
        return tuple(_found_in(self, (Module, Layer), {id(self)}))


def _found_in(module, kinds, seen):
    """What is of these kinds in the attributes of a module, in the order of their names, then in what it has inside."""
    if isinstance(module, Layer):
        inside = module.variables if kinds is Variable else module._flatten_layers(include_self=False)
    else:
        inside = [x for name in sorted(vars(module)) for x in nest.flatten(vars(module)[name])]
    for x in inside:
        if isinstance(x, kinds) and id(x) not in seen:
            seen.add(id(x))
            yield x
    for x in inside:
        if isinstance(x, (Module, Layer)) and x is not module:
            yield from _found_in(x, kinds, seen)


class Strategy:
    """One replica on the CPU: whatever it distributes stays where it is."""

    num_replicas_in_sync = 1

    @contextlib.contextmanager
    def scope(self):
        """Within it, this is the strategy."""
        _strategies.append(self)
        try:
            yield
        finally:
            _strategies.pop()

    def run(self, fn, args=(), kwargs=None):
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op, value, axis):
        """The value of the one replica, summed or averaged along an axis if there is one to reduce.

        Raises:
            ValueError: for unknown reductions.
        """
        if str(reduce_op).upper() not in ("SUM", "MEAN"):
            raise ValueError(f"[tf.distribute] reduce_op must be SUM or MEAN. Received: reduce_op={reduce_op}")
        if axis is None:
            return value
        return (ops.sum if str(reduce_op).upper() == "SUM" else ops.mean)(value, axis=axis)

    def experimental_distribute_dataset(self, dataset):
        return dataset

    def experimental_local_results(self, value):
        return (value,)


class OneDeviceStrategy(Strategy):
    """Everything on one device, the CPU."""

    def __init__(self, device):
        _check_devices([device])


class MirroredStrategy(Strategy):
    """A replica for each device: for the CPU.

    Raises:
        ValueError: for other devices, or several.
    """

    def __init__(self, devices=None):
        _check_devices(["CPU"] if devices is None else nest.flatten(devices))


_strategies = [Strategy()]


def _check_devices(names):
    if len(names) != 1:
        raise ValueError(f"[tf.distribute] there is one device, the CPU. Received: devices={names}")
    with device(names[0]):
        pass


FUNCTIONS = {
    "": {"Module": Module},
    "distribute": {
        "MirroredStrategy": MirroredStrategy,
        "OneDeviceStrategy": OneDeviceStrategy,
        "ReduceOp": types.SimpleNamespace(SUM="SUM", MEAN="MEAN"),
        "Strategy": Strategy,
        "get_strategy": lambda: _strategies[-1],
        "has_strategy": lambda: len(_strategies) > 1,
    },
}
