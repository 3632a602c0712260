"""Embedding: a table of vectors, looked up by id."""

import warnings

from fastkeras import ops, registry
from fastkeras.layers.layer import Layer
from fastkeras.layers.weights import add_weight, once_built, store_roles
from fastkeras.utils.arguments import refuse


@registry.register("keras.layers")
class Embedding(Layer):
    """Turns ids, ints in [0, input_dim), into vectors of `output_dim` floats.

    Args:
        input_dim: number of ids.
        output_dim: size of a vector.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the table.
        mask_zero: does id 0 stand for padding? It then is masked.
        weights: the table's first values, an array `(input_dim, output_dim)`.
        lora_rank, lora_alpha, quantization_config: must be None.

    Input `(...)`, output `(..., output_dim)`.

    Raises:
        ValueError: when a size is no positive int.

    >>> import fastkeras as keras, numpy as np
    >>> layer = keras.layers.Embedding(3, 2, weights=np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]))
    >>> layer(np.array([2, 1])).numpy().tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """

    _config_names = (
        "input_dim",
        "output_dim",
        "embeddings_initializer",
        "embeddings_regularizer",
        "embeddings_constraint",
        "mask_zero",
        "quantization_config",
    )

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={value} (of type {type(value).__name__})."
                )
        refuse("Embedding", lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config)
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        super().__init__(**kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        store_roles(self, locals(), "embeddings")
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False
        self.quantization_config = None
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    embeddings = once_built("embeddings")

    def build(self, input_shape=None):
        if self.built:
            return
        self._embeddings = add_weight(self, "embeddings", (self.input_dim, self.output_dim))

    def call(self, inputs):
        if inputs.dtype not in ("int32", "int64"):
            inputs = ops.cast(inputs, "int32")
        return ops.cast(ops.take(self._embeddings, inputs, axis=0), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def get_config(self):
        config = super().get_config()
        return {**config, "activity_regularizer": config.get("activity_regularizer")}
