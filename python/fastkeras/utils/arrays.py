"""Labels, normalisation, padding: NumPy in, NumPy out."""

import numpy as np


def to_categorical(x, num_classes=None):
    """One-hot rows of integer labels: `y[..., j] = (x == j)`.

    Args:
        x: labels in `[0, num_classes)`, any shape; a last dimension of 1 is dropped.
        num_classes: number of columns; `max(x) + 1` if None.

    Returns:
        float64 array of shape `x.shape + (num_classes,)`; a tensor when `x` is one.

    Raises:
        ValueError: a label outside `[0, num_classes)`.

    >>> import fastkeras as keras
    >>> keras.utils.to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    from fastkeras.engine import is_tensor

    if is_tensor(x):
        from fastkeras import ops

        if len(x.shape) > 1 and x.shape[-1] == 1:
            x = ops.reshape(x, tuple(x.shape[:-1]))
        return ops.one_hot(x, int(np.max(x.numpy())) + 1 if num_classes is None else num_classes)
    labels = np.array(x, dtype="int64")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels.reshape(labels.shape[:-1])
    if not num_classes:
        num_classes = int(np.max(labels, initial=-1)) + 1
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        x = int(labels[(labels < 0) | (labels >= num_classes)].flat[0])
        raise ValueError(f"[to_categorical] labels must lie in [0, num_classes). Received: {x=}, {num_classes=}")
    rows = np.zeros((labels.size, num_classes))
    rows[np.arange(labels.size), labels.reshape(-1)] = 1
    return rows.reshape(labels.shape + (num_classes,))


def normalize(x, axis=-1, order=2):
    """`x / ||x||` along `axis`, with the norm of `order`; zero vectors stay zero.

    >>> import numpy as np, fastkeras as keras
    >>> keras.utils.normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    if not isinstance(x, np.ndarray):
        from fastkeras import ops

        return ops.normalize(x, axis=axis, order=order)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, -1 if axis is None else axis)


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Brings sequences to the same length.

    Args:
        sequences: list of sequences, each of shape `(steps, ...)`.
        maxlen: length of the result; that of the longest sequence if None.
        dtype: of the result.
        padding: `"pre"` or `"post"`: where `value` is put.
        truncating: `"pre"` or `"post"`: where longer sequences are cut.
        value: what is put.

    Returns:
        array of shape `(len(sequences), maxlen, ...)`.

    >>> import fastkeras as keras
    >>> keras.utils.pad_sequences([[1], [2, 3]])
    array([[0, 1],
           [2, 3]], dtype=int32)
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"[pad_sequences] sequences must be a list. Received: {type(sequences).__name__}")
    for name, choice in (("padding", padding), ("truncating", truncating)):
        if choice not in ("pre", "post"):
            raise ValueError(f"[pad_sequences] {name} must be 'pre' or 'post'. Received: {name}={choice!r}")
    for sequence in sequences:
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"[pad_sequences] sequences must be a list of sequences. Found: {sequence!r}")
    is_text = np.issubdtype(dtype, np.str_) or np.issubdtype(dtype, np.bytes_)
    if isinstance(value, str) and np.dtype(dtype) != object and not is_text:
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}\n"
            "You should set `dtype=object` for variable length strings."
        )
    if maxlen is None:
        maxlen = max((len(sequence) for sequence in sequences), default=0)
    shape = next((np.asarray(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    padded = np.full((len(sequences), maxlen, *shape), value, dtype=dtype)
    for index, sequence in enumerate(sequences):
        kept = sequence[max(len(sequence) - maxlen, 0) :] if truncating == "pre" else sequence[:maxlen]
        if not len(kept):
            continue
        kept = np.asarray(kept, dtype=dtype)
        if kept.shape[1:] != shape:
            raise ValueError(
                f"[pad_sequences] all steps must have the shape of the first. "
                f"Received: shape {kept.shape[1:]} at position {index}, expected {shape}"
            )
        if padding == "post":
            padded[index, : len(kept)] = kept
        else:
            padded[index, -len(kept) :] = kept
    return padded
