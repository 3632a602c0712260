"""Embedding: a table of vectors, looked up by id."""

import warnings

from fastkeras import ops, registry
from fastkeras.layers.layer import Layer
from fastkeras.layers.lora import LoRA
from fastkeras.layers.quantized import QuantizedWeights, dequantized, quantizer_of_weights
from fastkeras.layers.weights import add_weight, once_built, store_roles
from fastkeras.quantizers import abs_max_quantize_grouped_with_zero_point, pack_int4, unpack_int4
from fastkeras.quantizers.configs import block_size_of


@registry.register("keras.layers")
class Embedding(QuantizedWeights, Layer):
    """Turns ids, ints in [0, input_dim), into vectors of `output_dim` floats.

    Args:
        input_dim: number of ids.
        output_dim: size of a vector.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the table.
        mask_zero: does id 0 stand for padding? It then is masked.
        weights: the table's first values, an array `(input_dim, output_dim)`.
        lora_rank: calls `enable_lora(lora_rank)` once the layer is built.
        lora_alpha: as in Keras, `enable_lora` alone heeds it.
        quantization_config: how the table is quantized where `dtype` says so; `quantize` sets it.

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
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        store_roles(self, locals(), "embeddings")
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False
        self.quantization_config = quantization_config
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    embeddings = once_built("embeddings", LoRA._whole)  # numbers where the layer is quantized

    def build(self, input_shape=None):
        if self.built:
            return
        shape = (self.input_dim, self.output_dim)
        if self.quantization_mode:
            self.quantized_build(shape, self.quantization_mode, self.quantization_config)
        else:
            self._embeddings = add_weight(self, "embeddings", shape)
        self._build_lora()

    def call(self, inputs):
        ids = _ids(inputs)
        return ops.cast(self._adapted(ops.take(self._embeddings, ids, axis=0), ids), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    _role = "embeddings"
    _float_names = ("_embeddings",)
    _stored_names = ("_embeddings", "embeddings_scale", "embeddings_zero", "g_idx")

    def _base(self):
        return self._unpacked(self._embeddings) if self.quantization_mode == "int4" else self._embeddings

    def _unpacked(self, table):
        return unpack_int4(table, self.output_dim, axis=-1)

    def _change_of(self, ids, a, b):
        return ops.matmul(ops.take(a, ids, axis=0), b)

    def _int8_build(self, shape, config=None):
        self._embeddings = self._numbers("embeddings", shape)
        self.embeddings_scale = self._scale("embeddings_scale", (self.input_dim,))

    def _int8_values(self, table, config):
        numbers, scale = quantizer_of_weights(config, 8, axis=-1)(table, to_numpy=True)
        return {"_embeddings": numbers, "embeddings_scale": ops.squeeze(scale, axis=-1)}

    def _int8_floats(self, dtype, rows=ops.convert_to_tensor):
        numbers, scale = rows(self._embeddings), rows(self.embeddings_scale)
        return ops.divide(ops.cast(numbers, dtype), ops.expand_dims(scale, axis=-1))

    def _int8_call(self, inputs, training=None):
        return self._looked_up(self._int8_floats, inputs)

    def _looked_up(self, floats, inputs):
        """The rows that `floats(dtype, rows)` gives for the ids."""
        ids = _ids(inputs)
        return self._adapted(floats(self.compute_dtype, lambda table: ops.take(table, ids, axis=0)), ids)

    def _int4_build(self, shape, config=None):
        size = self._block_size = block_size_of(self._dtype_policy, config)
        scale_shape = (self.input_dim,) if size is None else (self.input_dim, -(-self.output_dim // size))
        self._embeddings = self._numbers("embeddings", (self.input_dim, (self.output_dim + 1) // 2))
        self.embeddings_scale = self._scale("embeddings_scale", scale_shape)
        self.embeddings_zero = None if size is None else self._numbers("embeddings_zero", scale_shape)
        self.g_idx = None if size is None else self._groups(self.output_dim, size)

    def _int4_values(self, table, config):
        size, values = block_size_of(self._dtype_policy, config), {}
        if size is None:
            numbers, scale = quantizer_of_weights(config, 4, axis=-1)(table, to_numpy=True)
            scale = ops.squeeze(scale, axis=-1)
        else:
            numbers, scale, values["embeddings_zero"] = map(
                ops.transpose,
                abs_max_quantize_grouped_with_zero_point(ops.transpose(table), size, to_numpy=True),
            )
        return {"_embeddings": pack_int4(numbers, axis=-1)[0], "embeddings_scale": scale, **values}

    def _int4_floats(self, dtype, rows=ops.convert_to_tensor):
        numbers, scale = ops.cast(self._unpacked(rows(self._embeddings)), dtype), rows(self.embeddings_scale)
        if self.embeddings_zero is None:
            return ops.divide(numbers, ops.expand_dims(scale, axis=-1))
        return dequantized(numbers, scale, rows(self.embeddings_zero), self.g_idx, dtype, axis=-1)

    def _int4_call(self, inputs, training=None):
        return self._looked_up(self._int4_floats, inputs)

    def get_config(self):
        config = super().get_config()
        return {**config, "activity_regularizer": config.get("activity_regularizer")}


def _ids(inputs):
    return inputs if inputs.dtype in ("int32", "int64") else ops.cast(inputs, "int32")
