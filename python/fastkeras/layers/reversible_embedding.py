"""ReversibleEmbedding: an embedding that also goes from vectors back to ids."""

from fastkeras import ops, registry
from fastkeras.engine import KerasTensor
from fastkeras.layers.embedding import Embedding
from fastkeras.layers.quantized import dequantized, product, quantizer_of_weights, through_numbers
from fastkeras.layers.weights import once_built
from fastkeras.quantizers import (
    AbsMaxQuantizer,
    QuantizationConfig,
    abs_max_quantize_grouped_with_zero_point,
    pack_int4,
    unpack_int4,
)
from fastkeras.quantizers.configs import block_size_of


@registry.register("keras.layers")
class ReversibleEmbedding(Embedding):
    """An `Embedding` whose table, called with `reverse=True`, gives a logit for every id: `inputs @ table.T`.

    Args:
        input_dim, output_dim, embeddings_initializer, embeddings_regularizer, embeddings_constraint, mask_zero: of
            `Embedding`.
        tie_weights: one table for both directions, or `reverse_embeddings` of its own for the second?
        reverse_dtype: dtype of the second direction; the compute dtype by default.
        logit_soft_cap: keeps logits between it and its negative: `cap * tanh(logits / cap)`.

    Input `(...)` of ids, output `(..., output_dim)`; with `reverse=True` input `(..., output_dim)`, output
    `(..., input_dim)`.

    >>> import fastkeras as keras, numpy as np
    >>> layer = keras.layers.ReversibleEmbedding(3, 2, weights=np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]))
    >>> layer(layer(np.array([2])), reverse=True).numpy().tolist()
    [[0.0, 11.0, 25.0]]

    Press and Wolf, "Using the Output Embedding to Improve Language Models", 2017.
    """

    _config_names = (*Embedding._config_names, "tie_weights", "reverse_dtype", "logit_soft_cap")

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        self.tie_weights = tie_weights  # first: an embedding with given weights is built at once
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    reverse_embeddings = once_built("reverse_embeddings")

    def build(self, input_shape=None):
        if self.built:
            return
        super().build(input_shape)
        if not self.tie_weights and not self.quantization_mode:
            self._reverse_embeddings = self.add_weight(
                name="reverse_embeddings",
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
            )

    def call(self, inputs, reverse=False):
        if not reverse:
            outputs = super().call(inputs)
            if self.mask_zero:
                outputs._keras_mask = super().compute_mask(inputs)
            return outputs
        kernel = ops.transpose(self._whole()) if self.tie_weights else self._reverse_embeddings
        logits = ops.matmul(*(ops.cast(x, self._logits_dtype) for x in (inputs, kernel)))
        return self._capped(logits)

    def _capped(self, logits):
        cap = self.logit_soft_cap
        return logits if cap is None else cap * ops.tanh(logits / cap)

    @property
    def _logits_dtype(self):
        return self.compute_dtype if self.quantization_mode else self.reverse_dtype or self.compute_dtype

    def compute_mask(self, inputs, mask=None):
        return None  # `call` knows which direction it goes

    def compute_output_shape(self, input_shape, reverse=False):
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, reverse=False):
        dtype = self._logits_dtype if reverse else self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse), dtype=dtype)

    # --- quantized ---

    _float_names = ("_embeddings", "_reverse_embeddings")

    @property
    def _stored_names(self):
        own = ("_reverse_embeddings", "reverse_embeddings_scale", "reverse_embeddings_zero")
        return super()._stored_names if self.tie_weights else (*super()._stored_names, *own)

    def _int8_build(self, shape, config=None):
        super()._int8_build(shape, config)
        self.inputs_quantizer = QuantizationConfig.activation_quantizer_or_default(config, AbsMaxQuantizer(axis=-1))
        if not self.tie_weights:
            self._reverse_embeddings = self._numbers("reverse_embeddings", (self.output_dim, self.input_dim))
            self.reverse_embeddings_scale = self._scale("reverse_embeddings_scale", (self.input_dim,))

    def _values(self, mode, config):
        values = super()._values(mode, config)
        return values if self.tie_weights else {**values, **getattr(self, f"_{mode}_reverse_values")(config)}

    def _int8_reverse_values(self, config):
        numbers, scale = quantizer_of_weights(config, 8, axis=0)(self._reverse_embeddings, to_numpy=True)
        return {"_reverse_embeddings": numbers, "reverse_embeddings_scale": ops.squeeze(scale, axis=0)}

    def _int8_call(self, inputs, reverse=False):
        if not reverse:
            return super()._int8_call(inputs)
        table, scale = (
            (self._embeddings, self.embeddings_scale)
            if self.tie_weights
            else (self._reverse_embeddings, self.reverse_embeddings_scale)
        )
        return self._capped(product(inputs, table, scale, self.inputs_quantizer, transpose=self.tie_weights))

    def _int4_build(self, shape, config=None):
        super()._int4_build(shape, config)
        self.inputs_quantizer = QuantizationConfig.activation_quantizer_or_default(config, AbsMaxQuantizer(axis=-1))
        if self.tie_weights:
            return
        size = self._block_size
        scale_shape = (self.input_dim,) if size is None else (-(-self.output_dim // size), self.input_dim)
        self._reverse_embeddings = self._numbers("reverse_embeddings", ((self.output_dim + 1) // 2, self.input_dim))
        self.reverse_embeddings_scale = self._scale("reverse_embeddings_scale", scale_shape)
        self.reverse_embeddings_zero = (
            None
            if size is None
            else self.add_weight(
                name="reverse_embeddings_zero", shape=scale_shape, initializer="zeros", trainable=False
            )
        )

    def _int4_reverse_values(self, config):
        size, values = block_size_of(self._dtype_policy, config), {}
        if size is None:
            numbers, scale = quantizer_of_weights(config, 4, axis=0)(self._reverse_embeddings, to_numpy=True)
            scale = ops.squeeze(scale, axis=0)
        else:
            numbers, scale, values["reverse_embeddings_zero"] = abs_max_quantize_grouped_with_zero_point(
                self._reverse_embeddings, size, to_numpy=True
            )
        packed = pack_int4(numbers, axis=0)[0]
        return {**values, "_reverse_embeddings": packed, "reverse_embeddings_scale": scale}

    def _int4_call(self, inputs, reverse=False):
        if not reverse:
            return super()._int4_call(inputs)
        if self.tie_weights:
            numbers, scale, zero = self._base(), self.embeddings_scale, self.embeddings_zero
        else:
            numbers = unpack_int4(self._reverse_embeddings, self.output_dim, axis=0)
            scale, zero = self.reverse_embeddings_scale, self.reverse_embeddings_zero
        if zero is None:
            return self._capped(product(inputs, numbers, scale, self.inputs_quantizer, transpose=self.tie_weights))
        kernel = dequantized(numbers, scale, zero, self.g_idx, self.compute_dtype, axis=-1 if self.tie_weights else 0)
        if self.tie_weights:
            kernel = ops.transpose(kernel)
        if self.inputs_quantizer is None:
            return self._capped(ops.matmul(inputs, kernel))
        logits = through_numbers(
            inputs,
            self.inputs_quantizer,
            -1,
            lambda x, s: ops.divide(ops.matmul(x, kernel), s),
            lambda dy: ops.matmul(dy, ops.transpose(kernel)),
        )
        return self._capped(logits)
