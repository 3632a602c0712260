"""Tensors of strings, which the engine does not have: arrays of bytes with the manners of a tensor."""

import numpy as np


class Strings:
    """A tensor of strings, as in TensorFlow: of bytes; text is encoded in UTF-8.

    Args:
        values: a string, or an array or a nested list of them.

    Raises:
        TypeError: for values that are no strings.

    >>> import fastkeras as keras
    >>> dataset = keras.data.Dataset.from_tensor_slices(["cat", "dog"])
    >>> [(x.numpy(), bool(x == "cat")) for x in dataset]
    [(b'cat', True), (b'dog', False)]
    """

    dtype = "string"
    __array_ufunc__ = None  # NumPy arrays leave `array == strings` to the strings
    __slots__ = ("_values",)

    def __init__(self, values):
        self._values = _bytes(values)

    @property
    def shape(self):
        return self._values.shape

    @property
    def ndim(self):
        return self._values.ndim

    def numpy(self):
        """Bytes for one string, an array of them for more."""
        return self._values[()]

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype, copy=copy)

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of a scalar tensor.")
        return len(self._values)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("Cannot iterate over a scalar tensor.")
        return (Strings(value) for value in self._values)

    def __getitem__(self, key):
        return Strings(self._values[key])

    def __eq__(self, other):
        return self._compare(np.equal, other, False)

    def __ne__(self, other):
        return self._compare(np.not_equal, other, True)

    def _compare(self, ufunc, other, otherwise):
        from fastkeras.engine import convert_to_tensor

        if not is_text(other):
            return otherwise
        return convert_to_tensor(np.asarray(ufunc(self._values, _bytes(other)), "bool"))

    def __hash__(self):
        return id(self)

    def __add__(self, other):
        return Strings(self._values + _bytes(other))

    def __radd__(self, other):
        return Strings(_bytes(other) + self._values)

    def __repr__(self):
        values = np.array2string(self._values, separator=", ")
        return f"<fastkeras.Strings: shape={self.shape}, dtype=string, numpy={values}>"


def is_text(value):
    """Is it a string, or an array or a list of strings?"""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "SU" or value.dtype.kind == "O" and is_text(value.flat[0] if value.size else b"")
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and is_text(value[0])
    return isinstance(value, (str, bytes, Strings))


def is_words(x):
    """Is it an array of str, which stands in for a tensor where layers take words?"""
    return isinstance(x, np.ndarray) and x.dtype.kind == "U"


def strings(values, encoding="utf-8"):
    """An array of str, as layers take words; bytes are decoded.

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


def _bytes(values):
    """An array of bytes objects."""
    if isinstance(values, Strings):
        return values._values
    if isinstance(values, (str, bytes)):
        array = np.empty((), object)
        array[()] = values
    else:
        array = np.array(values, dtype=object)
    encoded = np.empty(array.shape, object)
    encoded.flat = [_encoded(value) for value in array.flat]
    return encoded


def _encoded(value):
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Strings):
        value = value.numpy()
    if not isinstance(value, bytes):
        raise TypeError(f"[strings] a tensor of strings holds strings. Received: {value!r}")
    return value
