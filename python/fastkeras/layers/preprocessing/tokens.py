"""What layers get as words."""

import numpy as np


def strings(values, encoding="utf-8"):
    """An array of strings; bytes are decoded.

    Raises:
        TypeError: for values that are neither.
    """
    values = np.asarray(values)
    if values.dtype.kind == "O":
        flat = [v.decode(encoding) if isinstance(v, bytes) else v for v in values.ravel()]
        if not all(isinstance(v, str) for v in flat):
            raise TypeError(f"[strings] texts must be strings. Received: {values!r}")
        return np.array(flat, dtype=str).reshape(values.shape)
    if values.dtype.kind == "S":
        return np.char.decode(values, encoding)
    if values.dtype.kind in "UT":
        return values.astype(str)
    if values.size == 0:
        return values.astype(str)
    raise TypeError(f"[strings] texts must be strings. Received: dtype={values.dtype}")
