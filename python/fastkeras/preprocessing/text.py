"""keras.preprocessing.text: words as numbers."""

import collections
import hashlib
import json
import warnings

import numpy as np

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(input_text, filters=_FILTERS, lower=True, split=" "):
    """The words of a text; the characters in `filters` separate words as `split` does.

    >>> text_to_word_sequence("Well, well!")
    ['well', 'well']
    """
    text = input_text.lower() if lower else input_text
    text = text.translate(str.maketrans(dict.fromkeys(filters, split)))
    return [word for word in text.split(split) if word]


def one_hot(input_text, n, filters=_FILTERS, lower=True, split=" ", analyzer=None):
    """A number in [1, n) for each word, by Python's `hash`, which changes from process to process."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


def hashing_trick(text, n, hash_function=None, filters=_FILTERS, lower=True, split=" ", analyzer=None):
    """A number in [1, n) for each word of `text`.

    Args:
        n: size of the space of numbers.
        hash_function: None for Python's `hash`, `"md5"` for numbers that stay, or a function of a word.
        analyzer: function that cuts the text into words, instead of `text_to_word_sequence`.

    >>> hashing_trick("to be or not to be", 100, "md5")
    [5, 66, 50, 12, 5, 66]
    """
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word):
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Texts as sequences of word numbers, or as rows of a matrix; numbers go by frequency, from 1.

    Args:
        num_words: only words with numbers below it are kept; None keeps all.
        filters, lower, split, analyzer: how a text is cut into words, as in `text_to_word_sequence`.
        char_level: every character is a word.
        oov_token: takes number 1 and stands for unknown words.

    >>> tokenizer = Tokenizer(oov_token="?")
    >>> tokenizer.fit_on_texts(["the cat", "the dog"])
    >>> tokenizer.texts_to_sequences(["the cow"])
    [[2, 1]]
    """

    def __init__(
        self,
        num_words=None,
        filters=_FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        analyzer=None,
        **kwargs,
    ):
        if "nb_words" in kwargs:
            warnings.warn("The `nb_words` argument in `Tokenizer` has been renamed `num_words`.", stacklevel=2)
            num_words = kwargs.pop("nb_words")
        self.document_count = kwargs.pop("document_count", 0)
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
        self.num_words = num_words
        self.filters, self.lower, self.split, self.analyzer = filters, lower, split, analyzer
        self.char_level = char_level
        self.oov_token = oov_token
        self.word_counts = collections.OrderedDict()
        self.word_docs = collections.defaultdict(int)  # in how many texts a word is
        self.index_docs = collections.defaultdict(int)  # the same by number
        self.word_index, self.index_word = {}, {}

    def _words(self, text):
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return text
            return [word.lower() for word in text] if isinstance(text, list) else text.lower()
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts):
        """Counts the words of the texts (strings, or lists of words) and numbers them."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        ranked = sorted(self.word_counts, key=self.word_counts.get, reverse=True)
        ranked = ranked if self.oov_token is None else [self.oov_token, *ranked]
        self.word_index = dict(zip(ranked, range(1, len(ranked) + 1), strict=True))
        self.index_word = {index: word for word, index in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences):
        """Counts in how many sequences a number is: for the mode `"tfidf"` without texts."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for index in set(sequence):
                self.index_docs[index] += 1

    def texts_to_sequences(self, texts):
        """The numbers of the words of each text; unknown words are left out, or become `oov_token`."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """The same one by one."""
        unknown = self.word_index.get(self.oov_token)
        for text in texts:
            indices = (self.word_index.get(word) for word in self._words(text))
            known = (unknown if index is None or self._beyond(index) else index for index in indices)
            yield [index for index in known if index is not None]

    def _beyond(self, index):
        return bool(self.num_words) and index >= self.num_words

    def sequences_to_texts(self, sequences):
        """The words of each sequence, joined by spaces."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """The same one by one."""
        unknown = self.index_word.get(self.word_index.get(self.oov_token))
        for sequence in sequences:
            words = (unknown if self._beyond(i) else self.index_word.get(i, unknown) for i in sequence)
            yield " ".join(word for word in words if word is not None)

    def texts_to_matrix(self, texts, mode="binary"):
        """A row for each text, a column for each number; modes as in `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """A row for each sequence, a column for each number.

        Args:
            mode: `"binary"` (is it there?), `"count"`, `"freq"` (share) or `"tfidf"`.

        Raises:
            ValueError: for other modes, and before anything was fitted when it is needed.
        """
        if not self.num_words and not self.word_index:
            raise ValueError("Specify a dimension (`num_words` argument), or fit on some text data first.")
        columns = self.num_words or len(self.word_index) + 1
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Fit the Tokenizer on some data before using tfidf mode.")
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError("Unknown vectorization mode:", mode)
        x = np.zeros((len(sequences), columns))
        for row, sequence in zip(x, sequences, strict=True):
            for index, count in collections.Counter(i for i in sequence if i < columns).items():
                row[index] = self._weight(mode, index, count, len(sequence))
        return x

    def _weight(self, mode, index, count, length):
        if mode == "binary":
            return 1
        if mode == "tfidf":
            rarity = self.document_count / (1 + self.index_docs.get(index, 0))
            return (1 + np.log(count)) * np.log(1 + rarity)
        return count if mode == "count" else count / length

    def get_config(self):
        """All that `tokenizer_from_json` needs; tables as JSON."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        tables = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        return {
            **{name: getattr(self, name) for name in names},
            **{name: json.dumps(getattr(self, name)) for name in tables},
        }

    def to_json(self, **kwargs):
        """The tokenizer as JSON; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string):
    """The tokenizer that `to_json` wrote."""
    config = json.loads(json_string)["config"]
    tables = {name: json.loads(config.pop(name)) for name in ("word_counts", "word_docs", "word_index")}
    for name in ("index_docs", "index_word"):  # JSON has only strings for keys
        tables[name] = {int(index): value for index, value in json.loads(config.pop(name)).items()}
    tokenizer = Tokenizer(**config)
    for name, table in tables.items():
        setattr(tokenizer, name, table)
    return tokenizer
