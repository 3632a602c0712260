"""ReversibleEmbedding: an embedding that also goes from vectors back to ids."""

from fastkeras import ops, registry
from fastkeras.engine import KerasTensor
from fastkeras.layers.embedding import Embedding
from fastkeras.layers.weights import once_built


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
        if not self.tie_weights:
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
        kernel = ops.transpose(self._embeddings) if self.tie_weights else self._reverse_embeddings
        logits = ops.matmul(*(ops.cast(x, self._logits_dtype) for x in (inputs, kernel)))
        cap = self.logit_soft_cap
        return logits if cap is None else cap * ops.tanh(logits / cap)

    @property
    def _logits_dtype(self):
        return self.reverse_dtype or self.compute_dtype

    def compute_mask(self, inputs, mask=None):
        return None  # `call` knows which direction it goes

    def compute_output_shape(self, input_shape, reverse=False):
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, reverse=False):
        dtype = self._logits_dtype if reverse else self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse), dtype=dtype)
