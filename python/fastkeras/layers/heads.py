"""What attention of many heads shares: projections to heads, what the heads find, a projection that joins them."""

import math
import string

from fastkeras import ops, regularizers
from fastkeras.dtype_policies import DTypePolicyMap
from fastkeras.layers.activation import Softmax
from fastkeras.layers.dot_attention import Attending
from fastkeras.layers.einsum_dense import EinsumDense
from fastkeras.layers.regularization import Dropout
from fastkeras.layers.weights import store_roles


class Heads(Attending):
    """softmax(Q Kᵀ / sqrt(size)) V head by head, with Q, K and V projected and what is found projected back."""

    attention_axes = (1,)
    num_repeats = 1  # so many heads of queries share a head of keys and values
    _output_shape = None

    def _store(self, arguments):
        """Stores what the constructors share (their `locals()`), checked."""
        self.dropout, self.seed = arguments["dropout"], arguments["seed"]
        self.use_bias, self.use_gate = arguments["use_bias"], arguments["use_gate"]
        self.sliding_window = arguments["sliding_window"]
        if self.sliding_window is not None:
            check_size("sliding_window", self.sliding_window, "`sliding_window` must be `None` or a positive integer.")
        if arguments["flash_attention"]:
            raise ValueError("Flash attention is not supported on the CPU. Received: flash_attention=True")
        self.supports_masking = True
        self._activity_regularizer = regularizers.get(arguments["activity_regularizer"])
        store_roles(self, arguments, "kernel", "bias")

    def get_config(self):
        penalty = regularizers.serialize(self._activity_regularizer)
        return {**super().get_config(), "activity_regularizer": penalty}

    def _keep_policies_inside(self):
        parts = {part.path: part.dtype_policy for part in self._layers if part.quantization_mode}
        if parts:
            self.dtype_policy = DTypePolicyMap(self._dtype_policy.name, parts)

    def _build_heads(self, query_shape, key_shape, value_shape, query_heads, key_heads, value_heads):
        """Makes the projections; `..._heads` are pairs (number of heads, size of each)."""
        rank, found = len(query_shape), (query_heads[0], value_heads[1])
        self._scale = 1 / math.sqrt(query_heads[1])
        self._query_dense = self._projection("query", query_shape, 1, query_heads)
        self._key_dense = self._projection("key", key_shape, 1, key_heads)
        self._gate_dense = None
        if self.use_gate:
            self._gate_dense = self._projection("gate", query_shape, 1, found, activation="sigmoid")
        self._value_dense = self._projection("value", value_shape, 1, value_heads)
        self._scores_equation, self._values_equation = _attention_equations(rank + 1, self.attention_axes)
        count = len(self.attention_axes)
        self._softmax = Softmax(axis=tuple(range(rank, rank + count)), dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, dtype=self.dtype_policy, seed=self.seed)
        sizes = self._output_shape or query_shape[-1:]
        self._output_dense = self._projection("attention_output", (*query_shape[:-1], *found), 2, sizes)

    def _projection(self, name, shape, bound, sizes, **settings):
        """An EinsumDense from the last `bound` axes of `shape` to axes of `sizes`, built."""
        letters = iter(string.ascii_lowercase)
        free, summed, made = ("".join(next(letters) for _ in range(n)) for n in (len(shape) - bound, bound, len(sizes)))
        layer = EinsumDense(
            f"{free}{summed},{summed}{made}->{free}{made}",
            output_shape=[None] * (len(free) - 1) + list(sizes),
            bias_axes=made if self.use_bias else None,
            # Copies, as the projections must not start from the same numbers.
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self._activity_regularizer,
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
        at_once = self._at_once(training, return_attention_scores) and len(query.shape) == 3
        joined = use_causal_mask and not at_once
        mask = self._joined_mask(query, value, query_mask, value_mask, key_mask, attention_mask, joined)
        gate = self._gate_dense(query) if self.use_gate else None
        query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        if self.num_repeats > 1:
            key, value = (ops.repeat(x, self.num_repeats, axis=-2) for x in (key, value))
        if at_once:
            mask, causal = self._for_heads(mask, query), bool(use_causal_mask)
            found = self._attend(query, key, value, mask, self._scale, causal, training, self._dropout_layer)
        else:
            found, scores = self._compute_attention(query, key, value, mask, training, return_attention_scores)
        output = self._output_dense(found if gate is None else found * gate)
        return (output, scores) if return_attention_scores else output

    def _compute_attention(self, query, key, value, attention_mask=None, training=None, return_attention_scores=False):
        scores = ops.einsum(self._scores_equation, key, query * self._scale)
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

    @staticmethod
    def _checked(value_shape, key_shape):
        """The shape of the keys, by default that of the values."""
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


def check_size(name, size, rule=None):
    """Raises ValueError unless `size` is a positive integer."""
    if not isinstance(size, int) or size <= 0:
        rule = rule or f"Received an invalid value for argument `{name}`, expected a positive integer."
        raise ValueError(f"{rule} Received: {name}={size}")
