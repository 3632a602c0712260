"""Words and numbers spread over bins by a hash that stays the same on every machine."""

import functools

import numpy as np

from fastkeras import registry
from fastkeras.data.strings import strings
from fastkeras.engine import KerasTensor, config, convert_to_numpy
from fastkeras.layers.layer import Layer
from fastkeras.layers.preprocessing.categories import check_output_mode, encode, refuse_sparse

_register = registry.register("keras.layers")
_MASK = 2**64 - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_CAT = 0xC6A4A7935BD1E995
_CROSSING_KEY = 0xDECAFCAFFE  # where TensorFlow begins a cross


def _rotated(x, by):
    """`x`, 64 bits, turned to the right."""
    x &= _MASK
    return x >> by | x << (64 - by) & _MASK


def _mixed(x):
    x &= _MASK
    return x ^ x >> 47


def _joined(u, v, mul):
    a = _mixed((u ^ v) * mul)
    return _mixed((v ^ a) * mul) * mul & _MASK


def fingerprint64(data):
    """FarmHash's Fingerprint64 of `data`, bytes: what TensorFlow's `to_hash_bucket_fast` takes the remainder of.

    >>> hex(fingerprint64(b"tea"))
    '0x9dc8f04fe2c22be3'
    """
    n = len(data)

    def word(at):
        return int.from_bytes(data[at : at + 8], "little")

    if n > 64:
        return _fingerprint_of_blocks(n, word)
    mul = _K2 + n * 2
    if n <= 16:
        return _fingerprint_of_few(data, n, word, mul)
    a, b, d = word(0) * (_K1 if n <= 32 else _K2), word(8), word(n - 16) * _K2
    c = word(n - 8) * mul
    y = _rotated(a + b, 43) + _rotated(c, 30) + d & _MASK
    z = _joined(y, a + _rotated(b + _K2, 18) + c & _MASK, mul)
    if n <= 32:
        return z
    e, f = word(16) * mul, word(24)
    g, h = (y + word(n - 32)) * mul, (z + word(n - 24)) * mul
    return _joined(_rotated(e + f, 43) + _rotated(g, 30) + h & _MASK, e + _rotated(f + a, 18) + g & _MASK, mul)


def _fingerprint_of_few(data, n, word, mul):
    if n >= 8:
        a, b = word(0) + _K2 & _MASK, word(n - 8)
        return _joined(_rotated(b, 37) * mul + a & _MASK, (_rotated(a, 25) + b) * mul & _MASK, mul)
    if n >= 4:
        first, last = (int.from_bytes(data[at : at + 4], "little") for at in (0, n - 4))
        return _joined(n + (first << 3), last, mul)
    if n == 0:
        return _K2
    y, z = data[0] + (data[n >> 1] << 8), n + (data[-1] << 2)
    return _mixed(y * _K2 ^ z * _K0) * _K2 & _MASK


def _fingerprint_of_blocks(n, word):
    def weak(at, a, b):
        a += word(at)
        first = a + word(at + 8) + word(at + 16)
        b = _rotated(b + a + word(at + 24), 21) + _rotated(first, 44)
        return first + word(at + 24) & _MASK, b + a & _MASK

    def block(at, x, y, z, v, w, mul, by):
        x = _rotated(x + y + v[0] + word(at + 8), 37) * mul
        y = _rotated(y + v[1] + word(at + 48), 42) * mul
        x = (x ^ w[1] * by) & _MASK
        y = y + v[0] * by + word(at + 40) & _MASK
        z = _rotated(z + w[0], 33) * mul & _MASK
        v = weak(at, v[1] * mul, x + w[0])
        w = weak(at + 32, z + w[1], y + word(at + 16))
        return z, y, x, v, w

    y = 81 * _K1 + 113 & _MASK
    z = _mixed(y * _K2 + 113) * _K2 & _MASK
    x, v, w = 81 * _K2 + word(0) & _MASK, (0, 0), (0, 0)
    end = (n - 1) // 64 * 64
    for at in range(0, end, 64):
        x, y, z, v, w = block(at, x, y, z, v, w, _K1, 1)
    mul = _K1 + ((z & 0xFF) << 1)
    first = w[0] + (n - 1 & 63)
    v = (v[0] + first & _MASK, v[1])
    w = (first + v[0] & _MASK, w[1])
    x, y, z, v, w = block(n - 64, x, y, z, v, w, mul, 9)
    left = _joined(v[0], w[0], mul) + _mixed(y) * _K0 + z & _MASK
    return _joined(left, _joined(v[1], w[1], mul) + x & _MASK, mul)


def fingerprint_pair(first, second):
    """TensorFlow's FingerprintCat64: one fingerprint of two.

    >>> hex(fingerprint_pair(0xDECAFCAFFE, fingerprint64(b"tea")))
    '0xb31bcdea3a5bca4'
    """
    mixed = _mixed(second * _CAT) * _CAT & _MASK
    return _mixed(_mixed((first ^ _CAT ^ mixed) * _CAT) * _CAT)


def siphash(key, data):
    """SipHash-2-4 of `data`, bytes, with a key of two numbers: TensorFlow's `to_hash_bucket_strong`.

    >>> hex(siphash((0x0706050403020100, 0x0F0E0D0C0B0A0908), bytes(range(15))))
    '0xa129ca6149be45e5'
    """
    words = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    a, b, c, d = (word ^ key[i % 2] & _MASK for i, word in enumerate(words))

    def rounds(count, a, b, c, d):
        for _ in range(count):
            a = a + b & _MASK
            c = c + d & _MASK
            b, d = _rotated(b, 51) ^ a, _rotated(d, 48) ^ c
            a = _rotated(a, 32) + d & _MASK
            c = c + b & _MASK
            b, d = _rotated(b, 47) ^ c, _rotated(d, 43) ^ a
            c = _rotated(c, 32)
        return a, b, c, d

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        a, b, c, d = rounds(2, a, b, c, d ^ word)
        a ^= word
    a, b, c, d = rounds(4, a, b, c ^ 0xFF, d)
    return a ^ b ^ c ^ d


def salt_pair(layer, salt):
    """The key that `salt` stands for: None, or a list of two integers."""
    if salt is None:
        return None
    if isinstance(salt, int):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    raise ValueError(
        f"The `salt` argument for `{layer}` can only be a tuple of size 2 integers, or a single integer. "
        f"Received: salt={salt}."
    )


def bin_of(token, bins, salt):
    """The bin of a string or an integer."""
    data = str(token).encode()
    return (fingerprint64(data) if salt is None else siphash(salt, data)) % bins


@_register
class Hashing(Layer):
    """Strings or integers as numbers of bins; outside of compiled graphs.

    Args:
        num_bins: how many there are.
        mask_value: it alone becomes 0, and the others 1 and more.
        salt: another spread: one integer or a pair (SipHash instead of FarmHash).
        output_mode: `"int"`, or a vector as in `CategoryEncoding`.

    Raises:
        ValueError: for other values, and `sparse`.

    >>> import fastkeras as keras
    >>> keras.layers.Hashing(3)([["A"], ["B"], ["C"], ["D"], ["E"]]).numpy().ravel().tolist()
    [1, 0, 1, 1, 2]
    """

    supports_jit = False
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                f"The `num_bins` for `Hashing` cannot be `None` or non-positive values. Received: num_bins={num_bins}."
            )
        modes = ("int", "one_hot", "multi_hot", "count")
        message = "Invalid value for argument `output_mode`. Expected one of"
        self.output_mode = check_output_mode("Hashing", output_mode, modes, message)
        if output_mode == "int" and self.dtype_policy.name not in ("int32", "int64"):
            raise ValueError(
                "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or 'in64'. "
                f"Received: dtype={kwargs['dtype']}"
            )
        refuse_sparse("Hashing", sparse, output_mode)
        self.num_bins, self.mask_value, self.sparse = num_bins, mask_value, sparse
        self.salt = salt_pair("Hashing", salt)

    def call(self, inputs):
        values = np.asarray(convert_to_numpy(inputs))
        values = values.astype("int64") if values.dtype.kind in "iufb" else strings(values)
        if self.output_mode == "one_hot" and values.ndim and values.shape[-1] == 1:
            values = values[..., 0]
        unique, inverse = np.unique(values, return_inverse=True)
        bins = np.array([self._bin(token) for token in unique.tolist()], "int64")[inverse.reshape(values.shape)]
        return encode(bins, self.output_mode, self.num_bins, self.compute_dtype)

    def _bin(self, token):
        if self.mask_value is None or self.num_bins == 1:
            return bin_of(token, self.num_bins, self.salt)
        return 0 if token == self.mask_value else bin_of(token, self.num_bins - 1, self.salt) + 1

    def compute_output_shape(self, input_shape):
        return tuple(input_shape) if self.output_mode == "int" else (*input_shape[:-1], self.num_bins)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)


@_register
class HashedCrossing(Layer):
    """Features crossed: the bin of what two or more of them are together; outside of compiled graphs.

    Args:
        num_bins: how many there are.
        output_mode: `"int"`, or `"one_hot"` for vectors.

    Inputs are a list of strings or integers, each of shape `()`, `(batch,)` or `(batch, 1)`.

    Raises:
        ValueError: for other settings and inputs, and `sparse`.

    >>> import fastkeras as keras
    >>> keras.layers.HashedCrossing(5)((["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102])).numpy().tolist()
    [1, 4, 1, 1, 3]
    """

    supports_jit = False
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(self, num_bins, output_mode="int", sparse=False, name=None, dtype=None, **kwargs):
        if output_mode == "int" and dtype is None:
            dtype = "int64"
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.output_mode = check_output_mode("HashedCrossing", output_mode, ("int", "one_hot"))
        refuse_sparse("HashedCrossing", sparse)
        self.num_bins, self.sparse = num_bins, sparse

    def call(self, inputs):
        columns = self._columns(inputs)
        fingerprints = [_fingerprints(column) for column in columns]
        crossed = [functools.reduce(fingerprint_pair, row, _CROSSING_KEY) % self.num_bins for row in zip(*fingerprints)]
        bins = np.array(crossed, "int64").reshape(columns[0].shape)
        return encode(bins, self.output_mode, self.num_bins, self.compute_dtype)

    def _columns(self, inputs):
        """The inputs as arrays of integers or strings of one shape."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                "`HashedCrossing` should be called on a list or tuple of at least two inputs. "
                f"Received: inputs={inputs}"
            )
        columns = [np.asarray(convert_to_numpy(x)) for x in inputs]
        shape = columns[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(
                "All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`. "
                f"Received: inputs={inputs}"
            )
        if any(column.shape != shape for column in columns):
            raise ValueError(f"All `HashedCrossing` inputs should have equal shape. Received: inputs={inputs}")
        if any(column.dtype.kind in "fb" for column in columns):
            raise ValueError(
                f"All `HashedCrossing` inputs should have an integer or string dtype. Received: inputs={inputs}"
            )
        return [column if column.dtype.kind in "iu" else strings(column) for column in columns]

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape[0])
        if self.output_mode == "int":
            return shape
        return (*(shape[:-1] if shape[-1:] == (1,) else shape), self.num_bins)

    def get_config(self):
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }


def _fingerprints(values):
    """Those of strings; integers are their own."""
    if values.dtype.kind in "iu":
        return [value & _MASK for value in values.ravel().tolist()]
    return [fingerprint64(value.encode()) for value in values.ravel().tolist()]
