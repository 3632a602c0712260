"""Words and numbers as indices into a vocabulary, and back; outside of compiled graphs, which have no strings."""

import numpy as np

from fastkeras import registry
from fastkeras.data.strings import strings
from fastkeras.engine import convert_to_numpy
from fastkeras.layers.preprocessing.index_lookup import IndexLookup
from fastkeras.utils.arguments import named

_register = registry.register("keras.layers")


@_register
class StringLookup(IndexLookup):
    """Strings as indices into a vocabulary, or with `invert` indices as strings (a NumPy array).

    Args:
        max_tokens: most tokens, special ones included.
        num_oov_indices: for unknown tokens, spread by a hash (with `salt`); 0 refuses them.
        mask_token: becomes 0.
        oov_token: what unknown indices become with `invert`.
        vocabulary: tokens, or a file with one in each line; without it `adapt` makes one.
        output_mode: `"int"`, `"one_hot"`, `"multi_hot"`, `"count"` or `"tf_idf"` (with `idf_weights`).
        pad_to_max_tokens: vectors have `max_tokens` elements also when the vocabulary is smaller.

    >>> import fastkeras as keras
    >>> keras.layers.StringLookup(vocabulary=["a", "b"])([["b", "?", "a"]]).numpy().tolist()
    [[2, 0, 1]]
    """

    _key = str

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        **kwargs,
    ):
        self.encoding = encoding
        super().__init__(**named(locals(), but="encoding"), **kwargs)

    def _array(self, values):
        return strings(values, self.encoding)


@_register
class IntegerLookup(IndexLookup):
    """Integers as indices into a vocabulary, or with `invert` indices as integers.

    Args: as those of `StringLookup`; unknown numbers are spread by their remainder, or with `oov_method="farmhash"`.

    >>> import fastkeras as keras
    >>> keras.layers.IntegerLookup(vocabulary=[10, 20])([[20, 7, 10]]).numpy().tolist()
    [[2, 0, 1]]
    """

    _key = int

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        if vocabulary_dtype != "int64":
            raise ValueError(
                "Only `vocabulary_dtype='int64'` is supported at this time. "
                f"Received: vocabulary_dtype={vocabulary_dtype}"
            )
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(**named(locals(), but="vocabulary_dtype"), **kwargs)

    def _array(self, values):
        values = np.asarray(convert_to_numpy(values))
        if values.dtype.kind not in "iub" and values.size:
            raise TypeError(f"[{self.name}] tokens must be integers. Received: dtype={values.dtype}")
        return values.astype("int64")
