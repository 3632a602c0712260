"""preprocessing.sequence and preprocessing.text; texts and lists are compared as arrays."""

import json
import random

import numpy as np

TEXTS = ["The cat sat on the mat.", "The dog sat on the log; dogs and cats!", "", "Tea, for TWO"]
NEW = ["a cat and a dog", "two teas", "the The THE"]


def modules(k):
    if k.__name__ == "keras":
        from keras.src.legacy.preprocessing import sequence, text

        return sequence, text
    return k.preprocessing.sequence, k.preprocessing.text


def ragged(lists):
    return np.array([value for values in lists for value in (*values, -1)])


def tokenizer(**settings):
    def row(k):
        text = modules(k)[1]
        made = text.Tokenizer(**settings)
        made.fit_on_texts([*TEXTS, ["Word", "list"]])
        results = {"sequences": ragged(made.texts_to_sequences(NEW))}
        results["texts"] = np.array(made.sequences_to_texts([[1, 2, 3], [200], []]))
        for mode in ("binary", "count", "freq", "tfidf"):
            results[mode] = made.texts_to_matrix(NEW, mode)
        again = text.tokenizer_from_json(made.to_json())
        results["again"] = again.texts_to_matrix(NEW, "tfidf")
        tables = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        config = {name: json.loads(v) if name in tables else v for name, v in made.get_config().items()}
        results["config"] = np.array(json.dumps(config, sort_keys=True))
        return {name: value if value.dtype.kind != "U" else codes(value) for name, value in results.items()}

    return row


def codes(strings):
    return np.frombuffer("\n".join(np.ravel(strings)).encode(), dtype="uint8")


def hashes(k):
    return {"md5": np.array(modules(k)[1].hashing_trick(TEXTS[1], 50, "md5"))}


def windows(k):
    sequence, _ = modules(k)
    data, targets = np.arange(40.0).reshape(20, 2), np.arange(20)
    made = sequence.TimeseriesGenerator(data, targets, 6, 2, 3, start_index=1, end_index=18, batch_size=2, reverse=True)
    np.random.seed(2)
    drawn = sequence.TimeseriesGenerator(data, targets, 4, shuffle=True, batch_size=3)
    arrays = {f"{i}{name}": a for i in range(len(made)) for name, a in zip("xy", made[i], strict=True)}
    return {**arrays, "length": np.array(len(made)), "drawn": drawn[0][0]}


def pairs(k):
    sequence, _ = modules(k)
    random.seed(4)
    words = [3, 0, 1, 5, 2, 1, 4]
    table = sequence.make_sampling_table(6, 0.1)
    couples, labels = sequence.skipgrams(words, 6, window_size=2, sampling_table=table)
    more, kinds = sequence.skipgrams(words, 6, categorical=True, negative_samples=0.5, seed=1)
    return {name: np.array(v) for name, v in zip("abcde", (table, couples, labels, more, kinds), strict=True)}


ROWS = {
    "tokenizer": tokenizer(),
    "tokenizer of few": tokenizer(num_words=4),
    "tokenizer with unknown": tokenizer(num_words=4, oov_token="<?>"),
    "tokenizer of characters": tokenizer(char_level=True, lower=False, oov_token="?"),
    "hashes": hashes,
    "windows": windows,
    "pairs": pairs,
}
