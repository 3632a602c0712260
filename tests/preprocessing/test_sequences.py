"""Errors of preprocessing.sequence and preprocessing.text; the values are in reference/rows_sequences.py."""

import numpy as np
import pytest

import fastkeras
from fastkeras.preprocessing.sequence import TimeseriesGenerator, skipgrams
from fastkeras.preprocessing.text import Tokenizer


def test_tokenizer_refuses():
    tokenizer = Tokenizer()
    with pytest.raises(ValueError, match="num_words"):
        tokenizer.texts_to_matrix(["a"])
    with pytest.raises(ValueError, match="tfidf"):
        Tokenizer(num_words=3).sequences_to_matrix([[1]], "tfidf")
    tokenizer.fit_on_texts(["a b"])
    with pytest.raises(ValueError, match="mode"):
        tokenizer.texts_to_matrix(["a"], "share")
    with pytest.raises(TypeError, match="nonsense"):
        Tokenizer(nonsense=1)
    with pytest.warns(UserWarning, match="renamed"):
        assert Tokenizer(nb_words=3).num_words == 3


def test_fit_on_sequences_counts():
    tokenizer = Tokenizer(num_words=4)
    tokenizer.fit_on_sequences([[1, 1, 2], [1]])
    assert dict(tokenizer.index_docs) == {1: 2, 2: 1} and tokenizer.document_count == 2
    assert (
        tokenizer.sequences_to_matrix([[1, 2]], "tfidf")[0, 2] > tokenizer.sequences_to_matrix([[1, 2]], "tfidf")[0, 1]
    )


def test_windows_refuse():
    with pytest.raises(ValueError, match="same length"):
        TimeseriesGenerator([1, 2, 3], [1], 1)
    with pytest.raises(ValueError, match="start_index"):
        TimeseriesGenerator([1, 2, 3], [1, 2, 3], 5)
    with pytest.raises(TypeError, match="JSON"):
        TimeseriesGenerator([1j, 2j, 3j], [1, 2, 3], 1).get_config()


def test_windows_train():
    series = np.sin(np.arange(60) / 3).astype("float32")[:, None]
    model = fastkeras.Sequential([fastkeras.layers.Flatten(), fastkeras.layers.Dense(1)])
    model.compile(fastkeras.optimizers.Adam(0.05), "mse")
    losses = model.fit(TimeseriesGenerator(series, series, 4, batch_size=8), epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


def test_no_pairs():
    assert skipgrams([0, 0], 3) == ([], [])
