"""A vocabulary as a layer: tokens as indices into it, and back; what StringLookup and IntegerLookup share."""

import collections

import numpy as np

from fastkeras import ops, registry
from fastkeras.engine import KerasTensor, Tensor, Variable, config, convert_to_numpy
from fastkeras.layers import tracking
from fastkeras.layers.layer import Layer
from fastkeras.layers.preprocessing.categories import batches_of, check_output_mode, encode, refuse_sparse
from fastkeras.layers.preprocessing.hashing import bin_of, salt_pair

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


def _plain(values):
    """A list or array for the config."""
    return values.tolist() if isinstance(values, np.ndarray) else values


class IndexLookup(Layer):
    """What StringLookup and IntegerLookup share: a table of tokens, and special tokens before them.

    Index 0 is `mask_token` (when there is one and the output is `"int"`), then come `num_oov_indices` for tokens that
    are not in the vocabulary, then the vocabulary.
    """

    supports_jit = False
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=None,
        vocabulary=None,
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
        vocabulary_size = kwargs.pop("vocabulary_size", None)
        fixed = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        for ignored in ("dtype", "trainable"):  # tokens have their own dtype, and nothing is trained
            kwargs.pop(ignored, None)
        super().__init__(name=name, **kwargs)
        kind = type(self).__name__
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"If set, `max_tokens` must be greater than 1. Received: max_tokens={max_tokens}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens={max_tokens}")
        if num_oov_indices < 0:
            raise ValueError(
                f"`num_oov_indices` must be greater than or equal to 0. Received: num_oov_indices={num_oov_indices}"
            )
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                f"Unknown argument `oov_method` of layer {kind}. Allowed values: ('floormod', 'farmhash'). "
                f"Received: oov_method={oov_method}"
            )
        if salt is not None and self._key is int and oov_method != "farmhash":
            raise ValueError(f"`salt` can only be used when `oov_method='farmhash'`. Received: oov_method={oov_method}")
        self.output_mode = check_output_mode(kind, output_mode, _MODES)
        if invert and self.output_mode != "int":
            raise ValueError(
                f"`output_mode` must be `'int'` when `invert` is true. Received: output_mode={output_mode}"
            )
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. Received: "
                f"idf_weights={idf_weights} and output_mode={output_mode}"
            )
        if fixed and vocabulary is not None and idf_weights is None and self.output_mode == "tf_idf":
            raise ValueError(
                "When specifying the `vocabulary` argument, in TF-IDF output mode, the `idf_weights` argument must "
                "also be provided."
            )
        refuse_sparse(kind, sparse, self.output_mode)
        self.invert, self.max_tokens, self.num_oov_indices = invert, max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.sparse, self.pad_to_max_tokens = sparse, pad_to_max_tokens
        self.oov_method, self.salt = oov_method, salt_pair(kind, salt)
        self.input_vocabulary = None if isinstance(vocabulary, str) else vocabulary
        self.input_idf_weights = idf_weights
        self._fixed, self._frozen_size = fixed, vocabulary_size
        self._weights = None
        self._set_table([])
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # --- the vocabulary ---

    @property
    def _masks(self):
        return self.mask_token is not None and self.output_mode == "int"

    @property
    def _special(self):
        return [self.mask_token] * self._masks + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens by index."""
        return [*self._special, *self._tokens] if include_special_tokens else [*self._tokens]

    def vocabulary_size(self):
        """Number of tokens, special ones included."""
        return len(self._special) + len(self._tokens)

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Takes a vocabulary: tokens, with or without the special ones in front, or a file with one in each line.

        Raises:
            ValueError: when it is empty, repeats tokens, has special tokens elsewhere, or is larger than `max_tokens`.
        """
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            raise ValueError(
                "`idf_weights` must be set if, and only if, output_mode is `'tf_idf'`. Received: "
                f"output_mode={self.output_mode} and idf_weights={idf_weights}"
            )
        if isinstance(vocabulary, str):
            with open(vocabulary, encoding="utf-8") as file:
                vocabulary = [self._key(line) for line in file.read().splitlines()]
        given = self._array(vocabulary).ravel().tolist()
        if not given:
            raise ValueError(f"Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
        special = self._special
        complete = bool(special) and given[: len(special)] == special
        tokens = given[len(special) :] if complete else given
        repeated = [token for token, count in collections.Counter(tokens).items() if count > 1]
        if repeated:
            raise ValueError(
                "The passed vocabulary has at least one repeated term. Please uniquify your dataset. The repeated "
                f"terms are: {repeated}"
            )
        reserved = [("mask", self.mask_token)] + [("OOV", self.oov_token)] * self.invert
        for name, token in reserved:
            if token is not None and token in tokens:
                raise ValueError(
                    f"Found reserved {name} token at unexpected location in `vocabulary`. Either remove all mask and "
                    "OOV tokens, or include them only at the start of the vocabulary in precisely this order: "
                    f"{special}. Received: {name.lower()}_token={token} at vocabulary index {given.index(token)}"
                )
        size = len(special) + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. Received vocabulary size is "
                f"{size}; `max_tokens` is {self.max_tokens}."
            )
        if idf_weights is not None:
            idf_weights = np.asarray(idf_weights, config.floatx())
            if idf_weights.shape != (len(given),):
                raise ValueError(
                    "`idf_weights` must be the same length as vocabulary. len(idf_weights) is "
                    f"{len(idf_weights)}; len(vocabulary) is {len(given)}"
                )
        self._set_tokens(tokens, idf_weights, complete)

    def _set_tokens(self, tokens, weights=None, complete=False):
        self._set_table(tokens)
        if weights is not None:
            front = 0 if complete else len(self._special)
            back = max(self.max_tokens - front - len(weights), 0) if self.pad_to_max_tokens else 0
            weights = np.concatenate([np.full(front, weights.mean()), weights, np.zeros(back)])
            self._weights = weights.astype(config.floatx())
        size = self.vocabulary_size()
        if self.output_mode != "int" and not self.pad_to_max_tokens and self._frozen_size not in (None, size):
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, the vocabulary size "
                f"cannot be changed after the layer is called. Old vocab size is {self._frozen_size}, new vocab size "
                f"is {size}"
            )
        self._frozen_size = size

    def _set_table(self, tokens):
        first = len(self._special)
        with tracking.no_tracking():
            self._tokens = tokens
            self._indices = {token: first + i for i, token in enumerate(tokens)}

    def adapt(self, data, steps=None):
        """Makes the vocabulary of the tokens in `data`, by frequency; an array, or an iterable of `steps` batches.

        Raises:
            ValueError: when the layer was given a vocabulary.
        """
        self.reset_state()
        for batch in batches_of(data, steps, (np.ndarray, list, tuple, Tensor, Variable)):
            whole = batch is data and np.ndim(batch) == 1
            self.update_state(np.asarray(batch)[:, None] if whole else batch)
        self.finalize_state()

    def reset_state(self):
        """Forgets what was counted."""
        with tracking.no_tracking():  # there is no state of the model in words
            self._counts, self._documents, self._num_documents = collections.Counter(), collections.Counter(), 0

    def update_state(self, data):
        """Counts the tokens of a batch; a row is a document."""
        if self._fixed:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via `vocabulary` argument or "
                "`set_vocabulary()` method."
            )
        self._count_rows(np.atleast_2d(self._array(data)).tolist())

    def _count_rows(self, rows):
        for row in rows:
            row = np.ravel(row).tolist() if np.ndim(row) > 1 else row
            self._counts.update(row)
            self._documents.update(set(row))
        self._num_documents += len(rows)

    def finalize_state(self):
        """Makes the vocabulary of what was counted."""
        for token in (self.mask_token, self.oov_token):
            self._counts.pop(token, None)
        if self._fixed or not self._counts:
            return
        ranked = sorted(self._counts, key=lambda token: (self._counts[token], token), reverse=True)
        if self.max_tokens:
            ranked = ranked[: self.max_tokens - len(self._special)]
        weights = None
        if self.output_mode == "tf_idf":
            rarity = self._num_documents / (1 + np.array([self._documents[token] for token in ranked]))
            weights = np.log(1 + rarity).astype(config.floatx())
        self._set_tokens(ranked, weights)
        self.reset_state()

    # --- looking up ---

    @property
    def _depth(self):
        """Size of an encoded vector."""
        return self.max_tokens if self.pad_to_max_tokens else self._frozen_size

    def call(self, inputs):
        if self.output_mode != "int" and not self.pad_to_max_tokens and self._frozen_size is None:
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, you must set the layer's "
                "vocabulary before calling it. Either pass a `vocabulary` argument to the layer, or call `adapt` with "
                "some sample data."
            )
        if self.invert:
            return self._tokens_of(np.asarray(convert_to_numpy(inputs)))
        return self._encoded(self._indices_of(self._array(inputs)))

    def _encoded(self, indices):
        """Indices in the output mode; -1 is none."""
        if self.output_mode == "int":
            return ops.convert_to_tensor(indices)
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        encoded = encode(indices.astype("int32"), mode, self._depth, config.floatx())
        return encoded * self._weights if self.output_mode == "tf_idf" else encoded

    def _indices_of(self, values):
        unique, inverse = np.unique(values, return_inverse=True)
        found = np.array([self._index(token) for token in unique.tolist()], "int64")
        return found[inverse.reshape(values.shape)]

    def _index(self, token):
        if self.mask_token is not None and token == self.mask_token:
            return 0 if self.output_mode == "int" else -1
        index = self._indices.get(token)
        if index is not None:
            return index
        if self.num_oov_indices == 0:
            raise ValueError(
                "When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values "
                f"{[token]}, consider setting `num_oov_indices=1`."
            )
        return int(self._masks) + self._unknown_bin(token)

    def _unknown_bin(self, token):
        if self.num_oov_indices == 1:
            return 0
        if self._key is int and self.oov_method == "floormod":
            return token % self.num_oov_indices
        return bin_of(token, self.num_oov_indices, self.salt)

    def _tokens_of(self, indices):
        table = self.get_vocabulary()
        known = (indices >= 0) & (indices < len(table))
        tokens = self._array([*table, self.oov_token])[np.where(known, indices, len(table))]
        return tokens if self._key is str else ops.convert_to_tensor(tokens)

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        if self.output_mode == "one_hot" and not (len(shape) > 1 and shape[-1] == 1):
            return (*shape, self._depth)
        return (*shape[:-1], self._depth)

    def compute_output_spec(self, inputs):
        dtype = "int64" if self.output_mode == "int" else config.floatx()
        if self.invert and self._key is str:
            dtype = "string"
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=dtype)

    # --- configs and files ---

    def get_config(self):
        config = super().get_config()
        own = {"vocabulary": _plain(self.input_vocabulary), "idf_weights": _plain(self.input_idf_weights)}
        return {**config, **own, "oov_method": self.oov_method, "vocabulary_size": self._frozen_size}

    def _serialize_argument(self, name):
        return None if name in ("vocabulary", "idf_weights") else super()._serialize_argument(name)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        refuse_vocabulary_file(config)
        return cls(**config)

    def save_own_variables(self, store):
        if self.output_mode == "tf_idf":
            store["idf_weights"] = self._weights

    def load_own_variables(self, store):
        if self.output_mode == "tf_idf":
            self._weights = np.asarray(store["idf_weights"])

    def save_assets(self, dir_path):
        if self.input_vocabulary is None:
            with open(f"{dir_path}/vocabulary.txt", "w", encoding="utf-8", newline="\n") as file:
                file.write("\n".join(map(str, self.get_vocabulary())))

    def load_assets(self, dir_path):
        if self.input_vocabulary is not None:
            return
        with open(f"{dir_path}/vocabulary.txt", encoding="utf-8") as file:
            lines = file.read().split("\n")
        self._set_tokens([self._key(line) for line in lines[len(self._special) :] if line])


def refuse_vocabulary_file(config):
    """Raises ValueError for a config that has the vocabulary read from a file, unless unsafe configs are wanted."""
    vocabulary = config.get("vocabulary")
    if isinstance(vocabulary, str) and registry.in_safe_mode():
        raise ValueError(
            "Requested the loading of a vocabulary file outside of the model archive. This carries a potential risk of "
            "loading arbitrary and sensitive files and thus it is disallowed by default. If you trust the source of "
            "the artifact, you can override this error by passing `safe_mode=False` to the loading function, or "
            f"calling `keras.config.enable_unsafe_deserialization(). Vocabulary file: '{vocabulary}'"
        )
