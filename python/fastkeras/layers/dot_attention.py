"""Attention without projections: queries meet keys as they are."""

from fastkeras import ops, random, registry
from fastkeras.engine.operation import infer_output_spec
from fastkeras.layers import signatures
from fastkeras.layers.layer import Layer
from fastkeras.ops import _attention
from fastkeras.utils.arguments import refuse

_register = registry.register("keras.layers")


class Attending(Layer):
    """A layer whose call also returns its scores when `return_attention_scores`."""

    def compute_output_spec(self, *args, **kwargs):
        if signatures.of(type(self).call).bind(args, kwargs).get("return_attention_scores"):
            return infer_output_spec(self, self.call, args, kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def _at_once(self, training, return_attention_scores):
        """May one kernel do it all? Not where the scores are asked for, or all dropped."""
        return not return_attention_scores and not (training and self.dropout == 1)

    def _attend(self, query, key, value, mask, scale, causal, training, dropping):
        """What heads find; `dropping` has the generator of seeds, if there is dropout."""
        seed = dropping.seed_generator.next() if training and self.dropout > 0 else None
        settings = {"is_causal": causal, "save": bool(training), "rate": self.dropout, "seed": seed}
        return _attention.attend(query, key, value, mask, scale, **settings)


@_register
class Attention(Attending):
    """softmax(scores) value, where the scores say how well each key answers each query (Luong et al., 2015):

        query · keyᵀ                   with "dot"
        w sum(tanh(query + key))       with "concat" and a weight w

    Args:
        use_scale: is there a weight that multiplies the products ("dot") or what tanh is taken of ("concat")?
        score_mode: "dot" or "concat".
        dropout: rate on the probabilities.
        seed: of the dropout.

    Call: `layer([query, value, key], mask=[query_mask, value_mask], training=False, return_attention_scores=False,
    use_causal_mask=False)` with queries `(batch, queries, size)`, values `(batch, keys, width)` and keys `(batch, keys,
    size)`, by default the values. Output `(batch, queries, width)`, scores `(batch, queries, keys)`. It is 0 for
    queries whose mask is false; values whose mask is false are not looked at; with `use_causal_mask` a query sees no
    later key.

    Raises:
        ValueError: for another `score_mode`; on a call, for inputs or masks that are no list of two or three.

    >>> import fastkeras as keras
    >>> query, value = keras.ops.array([[[0.0, 50.0]]]), keras.ops.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> keras.layers.Attention()([query, value]).numpy().round(3).tolist()
    [[[0.0, 1.0]]]
    """

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )

    def build(self, input_shape):
        self._check(input_shape)
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(name="concat_score_weight", shape=(), initializer="ones")

    def _calculate_scores(self, query, key):
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        sums = _all_sums(query, key)
        sums = sums if self.scale is None else self.scale * sums
        return self.concat_score_weight * ops.sum(ops.tanh(sums), axis=-1)

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        self._check(inputs, mask)
        query, value, key = inputs if len(inputs) == 3 else (*inputs, inputs[1])
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        at_once = value_mask is None and self._at_once(training, return_attention_scores)
        if at_once and self._is_one_head(query, key, value):
            output, scores = self._find_at_once(query, key, value, training, use_causal_mask), None
        else:
            output, scores = self._find(query, key, value, value_mask, training, use_causal_mask)
        if query_mask is not None:
            output = ops.where(ops.expand_dims(query_mask, -1), output, ops.zeros_like(output))
        return (output, scores) if return_attention_scores else output

    def _find(self, query, key, value, value_mask, training, use_causal_mask):
        """What queries find, and the scores."""
        scores = self._calculate_scores(query, key)
        scores = ops.softmax(self._hide(scores, value_mask, use_causal_mask), axis=-1)
        if training and self.dropout > 0:
            scores = random.dropout(scores, self.dropout, seed=self.seed_generator)
        return ops.matmul(scores, value), scores

    def _is_one_head(self, query, key, value):
        """Are the scores those of one head, for which one kernel does it all?"""
        if self.score_mode != "dot" or type(self)._calculate_scores is not Attention._calculate_scores:
            return False
        alike = len({(x.dtype, x.shape[0], len(x.shape)) for x in (query, key, value)}) == 1
        return alike and len(query.shape) == 3 and "float" in query.dtype

    def _find_at_once(self, query, key, value, training, use_causal_mask):
        query = query if self.scale is None else query * self.scale
        heads = [ops.expand_dims(x, 2) for x in (query, key, value)]
        return ops.squeeze(self._attend(*heads, None, 1.0, bool(use_causal_mask), training, self), 2)

    def _hide(self, scores, value_mask, causal):
        """The scores, far below all others where a query may not look."""
        seen = value_mask
        if seen is not None and len(seen.shape) < len(scores.shape):
            seen = ops.expand_dims(seen, -2)
        if causal:
            rows, columns = (ops.arange(n) for n in scores.shape[-2:])
            earlier = ops.expand_dims(rows, 1) >= columns
            seen = earlier if seen is None else ops.logical_and(seen, earlier)
        if seen is None:
            return scores
        # Less, not least: as in Keras, a query that sees nothing sees all nearly alike.
        return ops.where(seen, scores, scores - (65504.0 if scores.dtype == "float16" else 1e9))

    def compute_mask(self, inputs, mask=None):
        self._check(inputs, mask)
        return None if mask is None or mask[0] is None else ops.convert_to_tensor(mask[0])

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], input_shape[1][-1])

    def _check(self, inputs, mask=None):
        name = type(self).__name__
        which = "namely [query, value] or [query, value, key]"
        if not isinstance(inputs, list):
            raise ValueError(f"{name} layer must be called on a list of inputs, {which}. Received: inputs={inputs}.")
        if not 2 <= len(inputs) <= 3:
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, {which}. Received length: {len(inputs)}."
            )
        if mask is not None and not isinstance(mask, list):
            raise ValueError(
                f"{name} layer mask must be a list, namely [query_mask, value_mask]. Received: mask={mask}."
            )
        if mask is not None and not 2 <= len(mask) <= 3:
            raise ValueError(
                f"{name} layer accepts mask list of length 2 or 3. Received: inputs={inputs}, mask={mask}."
            )


@_register
class AdditiveAttention(Attention):
    """softmax(scores) value with the scores sum(scale tanh(query + key)) (Bahdanau et al., 2015).

    Args:
        use_scale: is there a weight `scale`, one number per feature? Else it is 1.
        dropout: rate on the probabilities.
        seed: of the dropout.

    It is called as Attention is.

    Raises:
        ValueError: for inputs or masks that are no list of two or three.

    >>> import fastkeras as keras
    >>> query, value = keras.ops.ones((2, 3, 4)), keras.ops.ones((2, 5, 4))
    >>> output, scores = keras.layers.AdditiveAttention()([query, value], return_attention_scores=True)
    >>> output.shape, scores.shape
    ((2, 3, 4), (2, 3, 5))
    """

    _config_names = ("use_scale", "dropout", "seed")

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        refuse("AdditiveAttention", score_mode=kwargs.pop("score_mode", None))
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        self._check(input_shape)
        size = input_shape[0][-1]
        self.scale = self.add_weight(name="scale", shape=(size,)) if self.use_scale else None

    def _calculate_scores(self, query, key):
        answers = ops.tanh(_all_sums(query, key))
        return ops.sum(answers if self.scale is None else self.scale * answers, axis=-1)


def _all_sums(query, key):
    """query + key for every query and every key."""
    return ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
