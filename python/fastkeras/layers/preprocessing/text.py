"""Texts as sequences of word indices or as vectors."""

import numpy as np

from fastkeras import registry
from fastkeras.data.strings import strings
from fastkeras.engine import KerasTensor, Tensor, Variable, config
from fastkeras.layers.layer import Layer
from fastkeras.layers.preprocessing.categories import batches_of
from fastkeras.layers.preprocessing.index_lookup import refuse_vocabulary_file
from fastkeras.layers.preprocessing.lookup import StringLookup

_register = registry.register("keras.layers")
_PUNCTUATION = str.maketrans("", "", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'")
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}  # as TensorFlow: nothing beyond ASCII
_SPACES = dict.fromkeys(map(ord, "\t\n\v\f\r"), " ")


def _known(name, value, allowed):
    if value is not None and value not in allowed and not callable(value):
        raise ValueError(
            f"Unknown argument `{name}` of layer TextVectorization. Allowed values: {allowed}, None or a callable. "
            f"Received: {name}={value}"
        )


@_register
class TextVectorization(Layer):
    """Texts cut into words, and the words looked up in a vocabulary; outside of compiled graphs.

    Args:
        max_tokens: most words, with the two special ones `""` and `"[UNK]"`.
        standardize: `"lower_and_strip_punctuation"`, `"lower"`, `"strip_punctuation"`, None, or a function of an
            array of strings.
        split: `"whitespace"`, `"character"`, None, or a function from an array of strings to rows of words, strings or
            bytes.
        ngrams: also join neighbouring words, up to so many, or as many as the tuple says.
        output_mode: `"int"`, `"multi_hot"`, `"count"` or `"tf_idf"`.
        output_sequence_length: cut or pad (with 0) to this length; by default the longest text decides.
        vocabulary: words, or a file with one in each line; without it `adapt` makes one.

    Raises:
        ValueError: for other values, `sparse` and `ragged`.

    >>> import fastkeras as keras
    >>> layer = keras.layers.TextVectorization()
    >>> layer.adapt(["the cat", "the dog"])
    >>> layer(["The cow!", "dog"]).numpy().tolist()
    [[2, 1], [3, 0]]
    """

    supports_jit = False
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        **kwargs,
    ):
        lookup = {key: kwargs.pop(key) for key in ("has_input_vocabulary", "vocabulary_size") if key in kwargs}
        super().__init__(name=name, **kwargs)
        if ragged:
            raise ValueError("`ragged=True` can only be used with the TensorFlow backend.")
        _known("standardize", standardize, ("lower_and_strip_punctuation", "lower", "strip_punctuation"))
        _known("split", split, ("whitespace", "character"))
        counts = isinstance(ngrams, tuple) and all(isinstance(n, int) for n in ngrams)
        if not (ngrams is None or isinstance(ngrams, int) or counts):
            raise ValueError(f"`ngrams` must be None, an integer, or a tuple of integers. Received: ngrams={ngrams}")
        if output_sequence_length is not None and output_mode != "int":
            raise ValueError(
                "`output_sequence_length` must not be set if `output_mode` is not 'int'. "
                f"Received: output_sequence_length={output_sequence_length}"
            )
        if not isinstance(output_sequence_length, (int, type(None))):
            raise ValueError(
                "`output_sequence_length` must be either None or an integer when `output_mode` is 'int'. "
                f"Received: output_sequence_length={output_sequence_length}"
            )
        self.standardize, self.split, self.ngrams = standardize, split, ngrams
        self.output_sequence_length = output_sequence_length
        self.ragged, self.encoding = ragged, encoding
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            sparse=sparse,
            encoding=encoding,
            **lookup,
        )

    def build(self, input_shape=None):
        pass

    # --- texts to words ---

    def _words(self, inputs):
        """A list of words for each text; an array of strings when nothing is cut."""
        texts = strings(inputs.numpy() if isinstance(inputs, (Tensor, Variable)) else inputs, self.encoding)
        if callable(self.standardize):
            texts = strings(self.standardize(texts), self.encoding)
        elif self.standardize is not None:
            texts = np.array([self._standard(text) for text in texts.ravel().tolist()], str).reshape(texts.shape)
        if self.split is None:
            return texts if self.ngrams is None else [self._joined(row) for row in np.atleast_2d(texts).tolist()]
        if texts.ndim > 1:
            if texts.shape[-1] != 1:
                raise ValueError(
                    "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last shape "
                    f"dimension must be 1. Received: inputs.shape={texts.shape} with rank={texts.ndim}"
                )
            texts = texts[..., 0]
        if callable(self.split):
            rows = [strings(row, self.encoding).tolist() for row in self.split(texts)]
        elif self.split == "character":
            rows = [list(text) for text in texts.ravel().tolist()]
        else:
            rows = [[w for w in t.translate(_SPACES).split(" ") if w] for t in texts.ravel().tolist()]
        return rows if self.ngrams is None else [self._joined(row) for row in rows]

    def _standard(self, text):
        if "lower" in self.standardize:
            text = text.translate(_LOWER)
        return text.translate(_PUNCTUATION) if "strip" in self.standardize else text

    def _joined(self, words):
        widths = range(1, self.ngrams + 1) if isinstance(self.ngrams, int) else self.ngrams
        return [" ".join(words[i : i + n]) for n in widths for i in range(len(words) - n + 1)]

    def call(self, inputs):
        lookup, words = self._lookup_layer, self._words(inputs)
        length = self.output_sequence_length
        if isinstance(words, np.ndarray):
            indices = lookup._indices_of(words)
            if length is not None:
                indices = indices[..., :length]
                widths = [(0, 0)] * (indices.ndim - 1) + [(0, length - indices.shape[-1])]
                indices = np.pad(indices, widths)
        else:
            if length is None:
                length = max(map(len, words), default=0)
            none = 0 if lookup.output_mode == "int" else -1
            indices = np.full((len(words), length), none, "int64")
            flat = lookup._indices_of(np.array([word for row in words for word in row[:length]], dtype=str))
            sizes = np.array([min(len(row), length) for row in words], int)
            indices[np.arange(length) < sizes[:, None]] = flat
            indices = indices[0] if np.ndim(inputs) == 0 else indices
        return lookup._encoded(indices)

    def compute_output_shape(self, input_shape):
        if self._lookup_layer.output_mode == "int":
            return (input_shape[0], self.output_sequence_length)
        return self._lookup_layer.compute_output_shape((*input_shape[:1], None))

    def compute_output_spec(self, inputs):
        dtype = "int64" if self._lookup_layer.output_mode == "int" else config.floatx()
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=dtype)

    # --- the vocabulary ---

    def adapt(self, data, batch_size=None, steps=None):
        """Makes the vocabulary of the texts in `data`: an array, a list, or an iterable of `steps` batches."""
        self.reset_state()
        for batch in batches_of(data, steps, (np.ndarray, list, tuple, Tensor, Variable, str)):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        """Counts the words of a batch."""
        words = self._words(data)
        if isinstance(words, np.ndarray):
            self._lookup_layer.update_state(words[:, None] if words.ndim == 1 else words)
        elif self._lookup_layer._fixed:
            self._lookup_layer.update_state([])  # refuses
        else:
            self._lookup_layer._count_rows(words)

    def finalize_state(self):
        """Makes the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self):
        """Forgets what was counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens=True):
        """The words by index."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self):
        """Number of words, special ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Takes a vocabulary, with `idf_weights` for the mode `"tf_idf"`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # --- configs and files ---

    def _serialize_argument(self, name):
        lookup = self._lookup_layer
        names = {"vocabulary": "input_vocabulary", "idf_weights": "input_idf_weights"}
        if name in ("max_tokens", "output_mode", "pad_to_max_tokens", "sparse", *names):
            value = getattr(lookup, names.get(name, name))
            return value.tolist() if isinstance(value, np.ndarray) else value
        return super()._serialize_argument(name)

    def get_config(self):
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        refuse_vocabulary_file(config)
        config = dict(config)
        for name in ("standardize", "split"):
            if isinstance(config.get(name), dict):
                config[name] = registry.deserialize_keras_object(config[name], custom_objects)
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return cls(**config)

    def save_own_variables(self, store):
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store):
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path):
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path):
        self._lookup_layer.load_assets(dir_path)
