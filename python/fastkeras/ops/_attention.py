"""Attention: softmax(queries · keys) · values."""

import math

from fastkeras.engine import cast, config, convert_to_tensor, op, primitive
from fastkeras.ops import numpy
from fastkeras.ops._activations import softmax

_attention = primitive("attention")

# As JAX: far below any logit, and half of it may still be added.
_MASKED_SHARE = -0.7


def attend(query, key, value, mask, scale, *, is_causal=False, save=False, rate=0.0, seed=None):
    """softmax(scale query · keyᵀ) value of tensors of one dtype, where `mask`, of bool or None, lets queries look.

    `save` keeps the probabilities: a gradient then need not compute them again. With a `seed` those are dropped that
    `random.dropout` would drop at this rate.
    """
    more = [] if mask is None else [numpy.reshape(mask, (1,) * (4 - len(mask.shape)) + tuple(mask.shape))]
    dropout = {}
    if seed is not None:
        more.append(seed)
        dropout["rate"] = float(rate)
    return _attention(query, key, value, *more, scale=scale, causal=is_causal, save=save, **dropout)[0]


@op
def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """softmax(scale query · keyᵀ + bias) value, head by head.

    Args:
        query: (B, T, N, H). key, value: (B, S, K, H); N is a multiple of K, whose heads serve N / K queries each.
        bias: added to the logits; broadcasts to (B, N, T, S).
        mask: True where a query may look; broadcasts to (B, N, T, S).
        scale: default 1 / sqrt(H).
        is_causal: a query sees no later key.
        flash_attention: None or False; there is one way to compute it here.
        attn_logits_soft_cap: must be None, as everywhere but in JAX on a TPU.

    Raises:
        ValueError: tensors that are not 4D, heads that do not divide, flash attention, a soft cap.

    >>> import fastkeras as keras
    >>> x = keras.ops.ones((2, 4, 8, 16))
    >>> keras.ops.dot_product_attention(x, x, x).shape
    (2, 4, 8, 16)
    """
    if attn_logits_soft_cap is not None:
        raise ValueError(
            "attn_logits_soft_cap is only supported for JAX on TPU. "
            f"Received: attn_logits_soft_cap={attn_logits_soft_cap}"
        )
    if flash_attention:
        raise ValueError("Flash attention is not supported on the CPU. Received: flash_attention=True")
    query, key, value = (convert_to_tensor(x) for x in (query, key, value))
    if any(len(x.shape) != 4 for x in (query, key, value)):
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. "
            f"Received: query.shape={query.shape}, key.shape={key.shape}, value.shape={value.shape}."
        )
    dtype = config.result_type(query.dtype, key.dtype, value.dtype)
    query, key, value = (cast(x, dtype) for x in (query, key, value))
    heads, shared = query.shape[2], key.shape[2]
    if heads % shared:
        raise ValueError(
            "The number of query heads must be a multiple of the number of key heads. "
            f"Received: query.shape={query.shape}, key.shape={key.shape}"
        )
    if shared != heads:
        key, value = (numpy.repeat(x, heads // shared, axis=2) for x in (key, value))
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    if not isinstance(scale, (int, float)):  # a tensor: learned, perhaps
        query, scale = query * scale, 1.0
    mask = None if mask is None else cast(convert_to_tensor(mask), "bool")
    if bias is None:
        return attend(query, key, value, mask, scale, is_causal=bool(is_causal))
    # Scaling the queries, as they are fewer than the logits.
    logits_dtype = config.result_type(dtype, "float32")  # exp takes the digits that bfloat16 drops
    query, key = cast(query, logits_dtype) * scale, cast(key, logits_dtype)
    query, key, value = (numpy.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    logits = numpy.matmul(query, numpy.swapaxes(key, -1, -2)) + cast(convert_to_tensor(bias), logits_dtype)
    if is_causal:
        rows, columns = logits.shape[-2:]
        causal = numpy.expand_dims(numpy.arange(rows), 1) >= numpy.arange(columns)
        mask = causal if mask is None else numpy.logical_and(mask, causal)
    if mask is not None:
        logits = numpy.where(mask, logits, _MASKED_SHARE * config.largest(logits_dtype))
    return numpy.transpose(numpy.matmul(cast(softmax(logits), dtype), value), (0, 2, 1, 3))
