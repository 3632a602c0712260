"""MultiHeadAttention and GroupQueryAttention."""

from fastkeras import registry
from fastkeras.layers.heads import Heads, check_size


@registry.register("keras.layers")
class MultiHeadAttention(Heads):
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
        check_size("num_heads", num_heads)
        check_size("key_dim", key_dim)
        if value_dim is not None:
            rule = "Received an invalid value for argument `value_dim`, expected a positive integer or `None`."
            check_size("value_dim", value_dim, rule)
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        elif attention_axes and not isinstance(attention_axes, (list, tuple)):
            raise ValueError(
                f"`attention_axes` must be an int, list, or tuple. Received: attention_axes={attention_axes}"
            )
        super().__init__(**kwargs)
        self._store(locals())
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        self._output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape or ()) or None
        self.attention_axes = attention_axes

    query_dense = property(lambda self: self._query_dense, doc="The projection of the queries.")
    key_dense = property(lambda self: self._key_dense, doc="The projection of the keys.")
    value_dense = property(lambda self: self._value_dense, doc="The projection of the values.")
    output_dense = property(lambda self: self._output_dense, doc="The projection of what the heads found.")

    def get_config(self):
        return {**super().get_config(), "output_shape": self._output_shape}

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = self._checked(value_shape, key_shape)
        rank, axes = len(query_shape), self.attention_axes
        self.attention_axes = (
            tuple(range(1, rank - 1)) if axes is None else tuple(a if a >= 0 else rank + a for a in axes)
        )
        heads, found = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim)
        self._build_heads(query_shape, key_shape, value_shape, heads, heads, found)

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._checked(value_shape, key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))


@registry.register("keras.layers", name="GroupQueryAttention", names=["GroupedQueryAttention"])
class GroupedQueryAttention(Heads):
    """Attention of many heads of queries, of which every `num_query_heads / num_key_value_heads` share one head of keys
    and values: softmax(Q Kᵀ / sqrt(head_dim)) V as in MultiHeadAttention (Ainslie et al., 2023).

    Args:
        head_dim: size of each head's queries, keys and values.
        num_query_heads, num_key_value_heads: numbers of heads; the first is a multiple of the second.
        dropout: rate on the attention scores.
        use_bias: whether the projections have biases.
        sliding_window: keys this far away or farther are not seen.
        flash_attention: None or False; there is one way to compute it here.
        kernel_initializer ... bias_constraint: of the projections; `activity_regularizer` also of the output.
        use_gate: multiply what the heads found by sigmoid(a projection of the queries).
        seed: of the dropout.

    Call: as of MultiHeadAttention, with queries `(batch, queries, features)`, values and keys `(batch, keys, ...)`.
    Output as the queries, scores `(batch, num_query_heads, queries, keys)`.

    Raises:
        ValueError: sizes that are not positive integers, heads that do not divide, queries that are not 3D, keys and
            values of different lengths.

    >>> import fastkeras as keras
    >>> layer = keras.layers.GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)
    >>> x = keras.ops.ones((2, 5, 6))
    >>> output, scores = layer(x, x, return_attention_scores=True)
    >>> output.shape, scores.shape
    ((2, 5, 6), (2, 4, 5, 5))
    """

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
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
        check_size("head_dim", head_dim)
        check_size("num_query_heads", num_query_heads)
        check_size("num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "`num_query_heads` must be divisible by `num_key_value_heads`. "
                f"Received: num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._store(locals())
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self.num_repeats = num_query_heads // num_key_value_heads

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = self._checked(value_shape, key_shape)
        if len(query_shape) != 3:
            raise ValueError(
                f"[{self.name}] queries must be (batch, queries, features). Received: query_shape={query_shape}"
            )
        heads, shared = (self.num_query_heads, self.head_dim), (self.num_key_value_heads, self.head_dim)
        self._build_heads(query_shape, key_shape, value_shape, heads, shared, shared)

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                "The last dimension of `query_shape` and `value_shape` must be equal, but are "
                f"{query_shape[-1]}, {value_shape[-1]}. "
                f"Received: query_shape={query_shape}, value_shape={value_shape}"
            )
        self._checked(value_shape, key_shape)
        return query_shape


# There is one way to compute it: nothing to write down.
GroupedQueryAttention._config_names = tuple(n for n in GroupedQueryAttention._config_names if n != "flash_attention")
