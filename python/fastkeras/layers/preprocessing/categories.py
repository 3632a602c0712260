"""Numbers of categories, and numbers cut into categories, as vectors."""

import numpy as np

from fastkeras import ops, registry
from fastkeras.engine import KerasTensor, Tensor, Variable
from fastkeras.layers.preprocessing.base import DataLayer

_register = registry.register("keras.layers")


def encode(inputs, output_mode, depth, dtype, count_weights=None):
    """Category numbers as they are (`"int"`), `"one_hot"`, or `"multi_hot"` or `"count"` over an axis; -1 is none."""
    if output_mode == "int":
        return ops.cast(inputs, dtype)
    inputs = ops.convert_to_tensor(inputs)
    if len(inputs.shape) == 0:
        inputs = ops.expand_dims(inputs, -1)
    if output_mode == "multi_hot":
        return ops.multi_hot(inputs, depth, dtype=dtype)
    if output_mode == "one_hot":
        if len(inputs.shape) > 1 and inputs.shape[-1] == 1:
            inputs = ops.squeeze(inputs, -1)
        return ops.one_hot(inputs, depth, dtype=dtype)
    if count_weights is not None:
        dtype = count_weights.dtype
    encoded = ops.one_hot(inputs, depth, dtype=dtype)
    if count_weights is not None:
        encoded = encoded * ops.expand_dims(count_weights, -1)
    return ops.sum(encoded, axis=1 if len(inputs.shape) > 1 else 0)


def check_output_mode(layer, output_mode, allowed, message=None):
    """`output_mode` under its present name; raises ValueError, with a layer's own `message`, for others."""
    output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
    if output_mode not in allowed:
        message = message or f"Unknown argument `output_mode` of layer {layer}. Allowed values:"
        raise ValueError(f"{message} {allowed}. Received: output_mode={output_mode}")
    return output_mode


def refuse_sparse(layer, sparse, output_mode=None):
    """Raises ValueError: there are no sparse tensors, and no sparse numbers at all."""
    if sparse and output_mode == "int":
        raise ValueError(
            "`sparse` may only be true if `output_mode` is `'one_hot'`, `'multi_hot'`, `'count'` or `'tf_idf'`. "
            f"Received: sparse={sparse} and output_mode={output_mode}"
        )
    if sparse:
        raise ValueError(f"[{layer}] there are no sparse tensors. Received: sparse={sparse}")


def batches_of(data, steps=None, whole=(np.ndarray, Tensor, Variable)):
    """The batches that `adapt` goes through: `data` itself when it is one of the types `whole`, else its items."""
    if isinstance(data, whole) or not hasattr(data, "__iter__"):
        return iter([data])
    items = (data[i] for i in range(len(data))) if hasattr(data, "num_batches") else iter(data)
    return (batch for _, batch in zip(range(steps), items, strict=False)) if steps is not None else items


@_register
class CategoryEncoding(DataLayer):
    """Category numbers as vectors of `num_tokens`.

    Args:
        num_tokens: categories are 0 to it, without it.
        output_mode: `"one_hot"`; `"multi_hot"` (which are there) or `"count"` (how often) over the last axis.

    Raises:
        ValueError: for other modes, and `count_weights` in a call without `"count"`.

    >>> import fastkeras as keras
    >>> keras.layers.CategoryEncoding(4)([[0, 2, 2]]).numpy().tolist()
    [[1.0, 0.0, 1.0, 0.0]]
    """

    _convert_input_args = False

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        modes = ("count", "one_hot", "multi_hot")
        message = f"Unknown arg for output_mode: {output_mode}. Allowed values:"
        self.output_mode = check_output_mode(type(self).__name__, output_mode, modes, message)
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. If the number of tokens is not known beforehand, use the "
                "IntegerLookup layer instead."
            )
        if num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        refuse_sparse(type(self).__name__, sparse)
        self.num_tokens, self.sparse = num_tokens, sparse

    def call(self, inputs, count_weights=None):
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    "`count_weights` is not used when `output_mode` is not `'count'`. "
                    f"Received `count_weights={count_weights}`."
                )
            count_weights = ops.convert_to_tensor(count_weights, dtype=self.compute_dtype)
        return encode(inputs, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        if self.output_mode == "one_hot" and shape and (shape[-1] != 1 or len(shape) == 1):
            return (*shape, self.num_tokens)
        return (*shape[:-1], self.num_tokens)

    def compute_output_spec(self, inputs, count_weights=None):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        del config["sparse"]
        return config


@_register
class Discretization(DataLayer):
    """The number of the bin that a value falls into.

    Args:
        bin_boundaries: borders of the bins; a value on a border belongs to the bin above.
        num_bins: find the borders in `adapt(data)` so that as many values fall into each bin.
        epsilon: error of the quantiles that `adapt` may make.
        output_mode: `"int"`, or a vector as in `CategoryEncoding`.

    Raises:
        ValueError: when both or none of `bin_boundaries` and `num_bins` are given.

    >>> import fastkeras as keras
    >>> keras.layers.Discretization([0.0, 1.0])([-1.0, 0.5, 1.0]).numpy().tolist()
    [0, 1, 2]
    """

    def __init__(
        self,
        bin_boundaries=None,
        num_bins=None,
        epsilon=0.01,
        output_mode="int",
        sparse=False,
        dtype=None,
        name=None,
    ):
        super().__init__(name=name, dtype=dtype)
        refuse_sparse(type(self).__name__, sparse)
        modes = ("int", "one_hot", "multi_hot", "count")
        self.output_mode = check_output_mode(type(self).__name__, output_mode, modes)
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"`num_bins` must be greater than or equal to 0. Received: `num_bins={num_bins}`")
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Both `num_bins` and `bin_boundaries` should not be set. Received: "
                f"`num_bins={num_bins}` and `bin_boundaries={bin_boundaries}`"
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`.")
        self.bin_boundaries, self.num_bins, self.epsilon, self.sparse = bin_boundaries, num_bins, epsilon, sparse
        self.reset_state()

    def adapt(self, data, steps=None):
        """Finds the borders for `data`, an array or an iterable of `steps` batches.

        Raises:
            ValueError: when the layer was given borders.
        """
        if self.num_bins is None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with `bin_boundaries`, use `num_bins` "
                "instead."
            )
        self.reset_state()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self):
        """Forgets what was seen."""
        self.summary = np.zeros((2, 0), "float32")  # values and how many each of them stands for

    def update_state(self, data):
        """Takes more data in."""
        values = np.sort(np.asarray(data, "float32").ravel())
        step = max(values.size * self.epsilon, 1)
        picked = values[int(step - 1) :: int(step)]
        merged = np.concatenate([np.stack([picked, np.full_like(picked, step)]), self.summary], axis=1)
        self.summary = _compressed(merged[:, np.argsort(merged[0])], self.epsilon)

    def finalize_state(self):
        """Makes the borders of what was seen."""
        if self.num_bins is not None:
            self.bin_boundaries = _compressed(self.summary, 1 / self.num_bins)[0, :-1].tolist()

    def call(self, inputs):
        if self.bin_boundaries is None:
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or call `adapt(dataset)` "
                "before you can start using the `Discretization` layer."
            )
        bins = ops.digitize(inputs, self.bin_boundaries)
        return encode(bins, self.output_mode, len(self.bin_boundaries) + 1, self.output_dtype)

    @property
    def output_dtype(self):
        """dtype of the results."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        if self.output_mode == "one_hot":
            return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
        return (shape[0], *shape[2:], depth) if len(shape) >= 2 else (depth,)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.output_dtype)

    def get_config(self):
        config = {**super().get_config(), "dtype": self.dtype}
        del config["trainable"]
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        boundaries = config.pop("bin_boundaries") if config.get("num_bins") is not None else None
        layer = cls(**config)
        if boundaries is not None:
            layer.bin_boundaries = boundaries
        return layer


def _compressed(summary, epsilon):
    """The summary cut into 1 / epsilon parts of equal weight, when it has more."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    values, weights = (np.interp(shares, weights / weights[-1], v) for v in (summary[0], weights))
    return np.stack([values, np.diff(weights, prepend=0)]).astype("float32")
