"""Several optimizers, each for its own variables."""

from fastkeras import registry
from fastkeras.optimizers.loss_scale import LossScaleOptimizer
from fastkeras.optimizers.optimizer import Optimizer
from fastkeras.registry.paths import PathMap


@registry.register("keras.optimizers")
class OptimizerMap(PathMap):
    """The optimizer of each variable: by the variable's path, or by a regular expression that matches it whole.

    Args:
        default_optimizer: the optimizer of all variables that no key is for.
        optimizer_map: dict from paths or patterns to optimizers.

    Raises:
        TypeError, ValueError: for anything else, for a key that is there already, and on asking for a path that
            several patterns match.

    >>> import fastkeras as keras
    >>> optimizers = keras.optimizers.OptimizerMap(keras.optimizers.SGD(), {"encoder/.*": keras.optimizers.Adam()})
    >>> [type(optimizers[f"{path}/dense/kernel"]).__name__ for path in ("encoder", "decoder")]
    ['Adam', 'SGD']
    """

    several = "Multiple optimizers assigned to variable {path}. Received: keys={keys}"

    def __init__(self, default_optimizer, optimizer_map=None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(
                f"default_optimizer must be a Keras Optimizer instance. Received: default_optimizer={default_optimizer}"
            )
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"optimizer_map must be a dictionary. Received: optimizer_map={optimizer_map}")
        super().__init__(optimizer_map)
        self.default_optimizer = default_optimizer

    @property
    def default(self):
        return self.default_optimizer

    def check(self, value):
        return _updating(value, "optimizer must be a Keras Optimizer instance.", "optimizer cannot be {}.")

    def __setitem__(self, key, optimizer):
        if not isinstance(key, str):
            raise ValueError(f"key must be a string. Received: key={key}")
        super().__setitem__(key, optimizer)

    def __call__(self, variable):
        """The optimizer of a variable."""
        return self[variable.path]

    def get_config(self):
        return {
            "default_optimizer": registry.serialize_keras_object(self.default_optimizer),
            "optimizer_map": registry.serialize_keras_object(self._values),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{key: registry.deserialize_keras_object(value, custom_objects) for key, value in config.items()})


@registry.register("keras.optimizers")
class MultiOptimizer(Optimizer):
    """Hands each variable to an optimizer of its own.

    Args:
        optimizer_map: an `OptimizerMap`, or a function of a variable that returns its optimizer.
        loss_scale_factor: that of all optimizers.

    `optimizers` lists them; the learning rate is theirs.

    Raises:
        ValueError: on building, for what is no optimizer, a `LossScaleOptimizer` or a `MultiOptimizer`.
        AttributeError: on asking for the learning rate, or setting it.

    >>> import fastkeras as keras
    >>> first, second = keras.Variable([1.0]), keras.Variable([1.0])
    >>> chosen = {id(first): keras.optimizers.SGD(0.5), id(second): keras.optimizers.SGD(0.25)}
    >>> optimizer = keras.optimizers.MultiOptimizer(lambda variable: chosen[id(variable)])
    >>> optimizer.apply([keras.ops.array([1.0])] * 2, [first, second])
    >>> first.numpy(), second.numpy()
    (array([0.5], dtype=float32), array([0.75], dtype=float32))
    """

    def __init__(self, optimizer_map, loss_scale_factor=None, name=None):
        super().__init__(learning_rate=0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._optimizer_map = optimizer_map
        self._inner_optimizers = []
        self._number = {}  # of a variable's optimizer, by the id of the variable
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._number_of(optimizer)

    def _number_of(self, optimizer):
        """The place of an optimizer among those inside; a new one joins them."""
        for number, known in enumerate(self._inner_optimizers):
            if known is optimizer:
                return number
        optimizer.loss_scale_factor = self.loss_scale_factor
        self._inner_optimizers.append(optimizer)
        return len(self._inner_optimizers) - 1

    def _build(self, variables):
        for variable in variables:
            optimizer = _updating(
                self._optimizer_map(variable),
                otherwise=f"Optimizer for variable {variable.path} is not an Optimizer instance.",
                wrapping="{} cannot be used inside an MultiOptimizer.",
            )
            self._number[id(variable)] = self._number_of(optimizer)
        for optimizer, own in zip(self._inner_optimizers, self._by_optimizer(variables), strict=True):
            if own:
                optimizer.build([variable for (variable,) in own])
        super()._build(variables)

    def _by_optimizer(self, variables, *others):
        """For each optimizer, the rows (variable, ...) of its variables and what goes with them."""
        rows = [[] for _ in self._inner_optimizers]
        for row in zip(variables, *others, strict=True):
            rows[self._number[id(row[0])]].append(row)
        return rows

    @property
    def optimizers(self):
        """The optimizers inside."""
        return self._inner_optimizers

    @property
    def variables(self):
        return [*self._variables, *(v for optimizer in self._inner_optimizers for v in optimizer.variables)]

    @property
    def learning_rate(self):
        raise AttributeError(
            "Learning rate cannot be accessed on a MultiOptimizer. Access that of one of its `optimizers` instead."
        )

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        raise AttributeError(
            "Learning rate cannot be set on a MultiOptimizer. Set that of one of its `optimizers` instead. "
            f"Received: learning_rate={learning_rate}"
        )

    @property
    def loss_scale_factor(self):
        """What all losses are multiplied by, and all gradients divided; setting it sets the optimizers inside."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor):
        self._loss_scale_factor = factor
        for optimizer in vars(self).get("_inner_optimizers", ()):
            optimizer.loss_scale_factor = factor

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if not grads:
            return
        variables = self._known_variables(grads, trainable_variables)
        if len(grads) != len(self._trainable_variables):
            raise ValueError(
                "Gradients must match trainable variables one-to-one. "
                f"Received: {len(grads)} gradients and {len(self._trainable_variables)} variables"
            )
        for optimizer, rows in zip(self._inner_optimizers, self._by_optimizer(variables, grads), strict=True):
            if rows:
                own, own_grads = zip(*rows, strict=True)
                optimizer.apply(own_grads, own)
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list):
        for optimizer, rows in zip(self._inner_optimizers, self._by_optimizer(var_list), strict=True):
            if rows:
                optimizer.finalize_variable_values([variable for (variable,) in rows])

    def get_config(self):
        return {
            "optimizer_map": registry.serialize_keras_object(self._optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        optimizer_map = registry.deserialize_keras_object(config["optimizer_map"], custom_objects)
        return cls(**{**config, "optimizer_map": optimizer_map})


def _updating(optimizer, otherwise, wrapping):
    """`optimizer`, if it can update variables by itself; raises ValueError with one of these messages otherwise."""
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"{otherwise} Received: {optimizer}")
    for cls in (LossScaleOptimizer, MultiOptimizer):
        if isinstance(optimizer, cls):
            raise ValueError(f"{wrapping.format(cls.__name__)} Received: {optimizer}")
    return optimizer
