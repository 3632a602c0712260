"""Attention of many heads."""

import math
import string

from fastkeras import ops, registry
from fastkeras.layers.activation import Softmax
from fastkeras.layers.einsum_dense import EinsumDense
from fastkeras.layers.layer import Layer
from fastkeras.layers.regularization import Dropout
from fastkeras.layers.weights import store_roles
from fastkeras.ops import _attention


@registry.register("keras.layers")
class MultiHeadAttention(Layer):
    """Each of `num_heads` heads looks at `value` where `key` answers `query`: softmax(Q Kᵀ / sqrt(key_dim)) V, where Q,
    K and V are learned projections, and a last projection joins the heads (Vaswani et al., 2017).

    Args:
        num_heads, key_dim: heads and the size of each head's queries and keys.
        value_dim: size of each head's values; default `key_dim`.
        dropout: rate on the attention scores.
        use_bias: whether the projections have biases.
        output_shape: sizes of the output after the sequence axes; default: those of the queries.
        attention_axes: axes to attend over; default: all between the batch and the features.
        sliding_window: keys this far away or farther are not seen.
        flash_attention: None or False; there is one way to compute it here.
        kernel_initializer ... bias_constraint: of the projections.
        use_gate: multiply what the heads found by sigmoid(a projection of the queries).
        seed: of the dropout.

    Raises:
        ValueError: sizes that are not positive integers, keys and values of different lengths.

    >>> import fastkeras as keras
    >>> layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3)
    >>> x = keras.ops.ones((4, 5, 6))
    >>> output, scores = layer(x, x, return_attention_scores=True)
    >>> output.shape, scores.shape
    ((4, 5, 6), (4, 2, 5, 5))
    """

    _config_names = (
        "num_heads",
        "key_dim",
        "value_dim",
        "dropout",
        "use_bias",
        "use_gate",
        "attention_axes",
        "sliding_window",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "seed",
    )

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        for name, size in (("num_heads", num_heads), ("key_dim", key_dim), ("value_dim", value_dim)):
            optional = name == "value_dim"
            if not (optional and size is None) and (not isinstance(size, int) or size <= 0):
                raise ValueError(
                    f"Received an invalid value for argument `{name}`, expected a positive integer"
                    f"{' or `None`' if optional else ''}. Received: {name}={size}"
                )
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        elif attention_axes and not isinstance(attention_axes, (list, tuple)):
            raise ValueError(
                f"`attention_axes` must be an int, list, or tuple. Received: attention_axes={attention_axes}"
            )
        if sliding_window is not None and (not isinstance(sliding_window, int) or sliding_window <= 0):
            raise ValueError(
                f"`sliding_window` must be `None` or a positive integer. Received: sliding_window={sliding_window}"
            )
        if flash_attention:
            raise ValueError("Flash attention is not supported on the CPU. Received: flash_attention=True")
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.supports_masking = True
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self._output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape or ()) or None
        self.attention_axes = attention_axes
        self.sliding_window = sliding_window
        store_roles(self, locals(), "kernel", "bias")
        self.seed = seed

    def get_config(self):
        return {**super().get_config(), "output_shape": self._output_shape}

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = self._checked(value_shape, key_shape)
        rank = len(query_shape)
        heads = [self.num_heads, self.key_dim]
        self.query_dense = self._projection("query", query_shape, 1, heads)
        self.key_dense = self._projection("key", key_shape, 1, heads)
        self._gate_dense = None
        if self.use_gate:
            self._gate_dense = self._projection(
                "gate", query_shape, 1, [self.num_heads, self.value_dim], activation="sigmoid"
            )
        self.value_dense = self._projection("value", value_shape, 1, [self.num_heads, self.value_dim])
        axes = self.attention_axes
        self.attention_axes = (
            tuple(range(1, rank - 1)) if axes is None else tuple(a if a >= 0 else rank + a for a in axes)
        )
        self._scores_equation, self._values_equation = _attention_equations(rank + 1, self.attention_axes)
        count = len(self.attention_axes)
        self._softmax = Softmax(axis=tuple(range(rank, rank + count)), dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, dtype=self.dtype_policy, seed=self.seed)
        self.output_dense = self._projection(
            "attention_output",
            (*query_shape[:-1], self.num_heads, self.value_dim),
            2,
            list(self._output_shape or query_shape[-1:]),
        )

    def _projection(self, name, shape, bound, sizes, **settings):
        """An EinsumDense from the last `bound` axes of `shape` to axes of `sizes`, built."""
        letters = iter(string.ascii_lowercase)
        free, summed, made = ("".join(next(letters) for _ in range(n)) for n in (len(shape) - bound, bound, len(sizes)))
        layer = EinsumDense(
            f"{free}{summed},{summed}{made}->{free}{made}",
            output_shape=[None] * (len(free) - 1) + sizes,
            bias_axes=made if self.use_bias else None,
            # Copies, as the projections must not start from the same numbers.
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self.activity_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
            **settings,
        )
        layer.build(tuple(shape))
        return layer

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        # The projections are handed tensors without masks; the heads' own mask stands for them all.
        query, value = (ops.reshape(x, x.shape) for x in (query, value))
        key = value if key is None else ops.reshape(key, key.shape)
        # One kernel does it all for heads over one axis whose scores nobody looks at; it knows causality itself.
        at_once = not self.dropout and not return_attention_scores and len(query.shape) == 3
        joined = use_causal_mask and not at_once
        mask = self._joined_mask(query, value, query_mask, value_mask, key_mask, attention_mask, joined)
        gate = self._gate_dense(query) if self.use_gate else None
        heads = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        if at_once:
            mask, scale = self._for_heads(mask, heads[0]), 1 / math.sqrt(self.key_dim)
            found = _attention.attend(*heads, mask, scale, is_causal=bool(use_causal_mask), save=bool(training))
        else:
            found, scores = self._compute_attention(*heads, mask, training, return_attention_scores)
        output = self.output_dense(found if gate is None else found * gate)
        return (output, scores) if return_attention_scores else output

    def _compute_attention(self, query, key, value, attention_mask=None, training=None, return_attention_scores=False):
        scores = ops.einsum(self._scores_equation, key, query * (1 / math.sqrt(self.key_dim)))
        scores = self._softmax(scores, mask=self._for_heads(attention_mask, query))
        kept = self._dropout_layer(scores, training=training) if self.dropout else scores
        return ops.einsum(self._values_equation, kept, value), scores

    def _for_heads(self, mask, query):
        """The mask with axes of length 1 for the heads and the axes that are not attended over."""
        if mask is not None:
            for _ in range(len(query.shape) - 1 + len(self.attention_axes) - len(mask.shape)):
                mask = ops.expand_dims(mask, -2 * len(self.attention_axes) - 1)
        return mask

    def _joined_mask(self, query, value, query_mask, value_mask, key_mask, attention_mask, causal):
        """(B, T, S), True where a query may look at a key; None when everywhere."""
        masks = [] if attention_mask is None else [ops.cast(attention_mask, "bool")]
        if query_mask is not None:
            masks.append(ops.expand_dims(ops.cast(query_mask, "bool"), -1))
        masks += [ops.expand_dims(ops.cast(m, "bool"), -2) for m in (value_mask, key_mask) if m is not None]
        if causal or self.sliding_window is not None:
            rows = ops.reshape(ops.arange(query.shape[1]), (1, -1, 1))
            columns = ops.reshape(ops.arange(value.shape[1]), (1, 1, -1))
            if causal:
                masks.append(rows >= columns)
            if self.sliding_window is not None:
                masks.append(ops.abs(rows - columns) < self.sliding_window)
        joined = None
        for mask in masks:
            joined = mask if joined is None else ops.logical_and(joined, mask)
        return joined

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._checked(value_shape, key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    @staticmethod
    def _checked(value_shape, key_shape):
        key_shape = value_shape if key_shape is None else key_shape
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                "All dimensions of `value` and `key`, except the last one, must be equal. "
                f"Received: value_shape={value_shape} and key_shape={key_shape}"
            )
        return key_shape


def _attention_equations(rank, axes):
    """Equations of (keys, queries) -> scores and of (scores, values) -> what was found.

    Queries are (batch, ..., heads, size); the scores have the axes that are not attended over, then the queries'
    `axes`, then the keys'.
    """
    queries = string.ascii_lowercase[:rank]
    others = iter(string.ascii_lowercase[rank:])
    keys = "".join(next(others) if i in axes else c for i, c in enumerate(queries))
    batch = "".join(c for i, c in enumerate(queries[:-1]) if i not in axes)
    scores = batch + "".join(queries[a] for a in axes) + "".join(keys[a] for a in axes)
    return f"{keys},{queries}->{scores}", f"{scores},{keys}->{queries}"
