"""Batches as `x`, `(x, y)` or `(x, y, sample_weight)`."""


def unpack_x_y_sample_weight(data):
    """`(x, y, sample_weight)` of a batch, with None for what it lacks.

    >>> import fastkeras as keras
    >>> keras.utils.unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if not isinstance(data, (list, tuple)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, found: {data}"
        )
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """The batch of these parts: `x`, `(x, y)` or `(x, y, sample_weight)`; a lone list becomes `(x,)`.

    >>> import fastkeras as keras
    >>> keras.utils.pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
