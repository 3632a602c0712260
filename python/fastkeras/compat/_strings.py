"""tf.strings, and what TensorFlow's other functions do with tensors of strings."""

import builtins
import functools
import re

import numpy as np

from fastkeras.data.strings import Strings, is_text
from fastkeras.engine import convert_to_tensor


def _each(function, *tensors):
    """The tensor of `function` of the single strings, as bytes."""
    values = np.broadcast_arrays(*(np.asarray(Strings(tensor)) for tensor in tensors), subok=False)
    made = np.empty(values[0].shape, object)
    made.flat = [function(*parts) for parts in zip(*(value.flat for value in values))]
    return made


def _changed(function):
    """A function of texts, as a function of tensors; "utf-8" means characters, "" means bytes, as in TensorFlow."""

    def change(input, encoding="", name=None):
        if encoding == "utf-8":
            return Strings(_each(lambda text: function(text.decode()), input))
        return Strings(_each(function, input))

    return change


def regex_replace(input, pattern, rewrite, replace_global=True, name=None):
    """The strings with what matches a pattern replaced, everywhere or where it matches first; `\\1` is a group."""
    found = re.compile(_pattern(pattern))
    new = np.asarray(Strings(rewrite)).item()
    return Strings(_each(lambda text: found.sub(new, text, count=0 if replace_global else 1), input))


def regex_full_match(input, pattern, name=None):
    """Does the whole string match?"""
    found = re.compile(_pattern(pattern))
    return convert_to_tensor(_each(lambda text: found.fullmatch(text) is not None, input).astype("bool"))


def _pattern(pattern):
    return np.asarray(Strings(pattern)).item()


class RaggedStrings:
    """Rows of strings, of any lengths: the parts of several strings."""

    dtype = "string"

    def __init__(self, rows):
        self._rows = list(rows)

    @property
    def shape(self):
        return (len(self._rows), None)

    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        return iter(self._rows)

    def __getitem__(self, key):
        return RaggedStrings(self._rows[key]) if isinstance(key, slice) else self._rows[key]

    def row_lengths(self):
        return convert_to_tensor(np.array([len(row) for row in self._rows], "int64"))

    def to_list(self):
        return [row.numpy().tolist() for row in self._rows]

    def to_tensor(self, default_value=b""):
        """The rows in one tensor, those that are shorter filled up with `default_value`."""
        values = np.full(
            (len(self._rows), max(map(len, self._rows), default=0)), Strings(default_value).numpy(), object
        )
        for i, row in enumerate(self._rows):
            values[i, : len(row)] = row.numpy()
        return Strings(values)

    def __repr__(self):
        return f"<fastkeras.RaggedStrings {self.to_list()}>"


def split(input, sep=None, maxsplit=-1, name=None):
    """The parts of one string between separators, or between spaces; of several strings, a row of parts for each.

    Raises:
        ValueError: for strings in more than one dimension.
    """
    texts = Strings(input)
    if texts.ndim > 1:
        raise ValueError(f"[tf.strings.split] input must be strings in one dimension or none. Received: input={input}")
    sep = None if sep is None or sep == "" else np.asarray(Strings(sep)).item()
    rows = [Strings(text.split(sep, maxsplit) or np.empty(0, object)) for text in np.asarray(texts).flat]
    return RaggedStrings(rows) if texts.ndim else rows[0]


def length(input, unit="BYTE", name=None):
    """Number of bytes, or of characters for the unit `"UTF8_CHAR"`."""
    return convert_to_tensor(_each(lambda text: len(_units(text, unit)), input).astype("int32"))


def substr(input, pos, len, unit="BYTE", name=None):
    """`len` bytes or characters from number `pos` on."""
    begin, count = int(pos), int(len)

    def part(text):
        text = _units(text, unit)
        start = begin % builtins.len(text) if begin < 0 else begin
        return text[start : start + count]

    return Strings(_each(part, input))


def _units(text, unit):
    if unit not in ("BYTE", "UTF8_CHAR"):
        raise ValueError(f"[tf.strings] unit must be BYTE or UTF8_CHAR. Received: unit={unit!r}")
    return text if unit == "BYTE" else text.decode()


def join(inputs, separator="", name=None):
    """Strings of several tensors, one after the other."""
    between = separator.encode()
    return Strings(_each(lambda *parts: between.join(parts), *inputs))


def to_number(input, out_type="float32", name=None):
    """The numbers that strings stand for."""
    whole = "int" in out_type
    return convert_to_tensor(_each(int if whole else float, input).astype(out_type))


def as_string(input, name=None):
    """Integers and truth values as strings.

    Raises:
        ValueError: for floats: how many digits they get is TensorFlow's own.
    """
    values = np.asarray(convert_to_tensor(input).numpy())
    if values.dtype.kind == "f":
        raise ValueError(f"[tf.strings.as_string] the numbers must be integers. Received: dtype={values.dtype}")
    return Strings(np.char.lower(values.astype(str)) if values.dtype.kind == "b" else values.astype(str))


def _arranged(function):
    """NumPy's function, for tensors of strings."""
    return lambda x, *args, name=None, **kwargs: Strings(function(_values(x), *args, **kwargs))


def _values(x):
    return [np.asarray(Strings(part)) for part in x] if isinstance(x, (list, tuple)) else np.asarray(Strings(x))


def _made(value, dtype=None, shape=None, name=None):
    strings = Strings(value)
    return strings if shape is None else Strings(np.broadcast_to(np.asarray(strings), shape))


# Functions that take strings as well, by their names in TensorFlow.
OF_STRINGS = {
    "concat": _arranged(np.concatenate),
    "constant": _made,
    "convert_to_tensor": _made,
    "equal": lambda x, y, name=None: Strings(x) == y,
    "expand_dims": _arranged(np.expand_dims),
    "gather": lambda params, indices, axis=0, name=None: Strings(np.take(_values(params), np.asarray(indices), axis)),
    "identity": _made,
    "not_equal": lambda x, y, name=None: Strings(x) != y,
    "reshape": _arranged(np.reshape),
    "squeeze": _arranged(np.squeeze),
    "stack": _arranged(np.stack),
    "tile": _arranged(np.tile),
}


def also_of_strings(name, function):
    """`function`, or the one for strings where its first argument is a tensor of strings or holds them."""
    of_strings = OF_STRINGS.get(name)
    if of_strings is None:
        return function

    @functools.wraps(function)
    def either(*args, **kwargs):
        first = args[0] if args else next(iter(kwargs.values()), None)
        return (of_strings if is_text(first) else function)(*args, **kwargs)

    return either


FUNCTIONS = {
    "strings": {
        "as_string": as_string,
        "join": join,
        "length": length,
        "lower": _changed(lambda text: text.lower()),
        "regex_full_match": regex_full_match,
        "regex_replace": regex_replace,
        "split": split,
        "strip": lambda input, name=None: Strings(_each(bytes.strip, input)),
        "substr": substr,
        "to_number": to_number,
        "upper": _changed(lambda text: text.upper()),
    },
}
