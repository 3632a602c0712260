"""The progress bar writes what Keras writes, and behaves where Keras's does not."""

import io
import json
import pathlib
import re
import sys

import progbar_cases
import pytest

import fastkeras as keras

STORED = json.loads((pathlib.Path(__file__).parents[1] / "data" / "keras" / "progbar.json").read_text())


@pytest.mark.parametrize("name", progbar_cases.CASES)
def test_bytes_equal_keras(name):
    assert progbar_cases.CASES[name](keras.utils.Progbar) == STORED[name]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_fits_the_width_of_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    bar = keras.utils.Progbar(100, interval=0)
    for step in range(1, 101):
        bar.update(step, [(f"a_long_metric_name_{i}", float(i)) for i in range(8)])
    lines = re.split("\b+\r|\r", re.sub("\x1b\\[[0-9;]*m", "", terminal.getvalue()))
    *interim, last = [line.rstrip("\n") for line in lines if line.strip()]
    assert len(interim) == 99
    assert max(len(line) for line in interim) < 60
    assert "a_long_metric_name_7: 7.0000" in last  # the last line stays, so it may wrap


def test_both_kinds_of_metrics_is_an_error():
    with pytest.raises(ValueError, match="Only one of `stateful_metrics` or `stateless_metrics`"):
        keras.utils.Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])


def test_terminal_without_box_drawing(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    keras.utils.Progbar(2, interval=0).update(1)
    assert b"=" * 10 in raw.getvalue()


def test_goes_to_the_logger_when_interactive_logging_is_off(caplog, capsys):
    keras.config.disable_interactive_logging()
    try:
        with caplog.at_level("INFO", logger="fastkeras"):
            keras.utils.Progbar(1).update(1, [("loss", 1.0)])
    finally:
        keras.config.enable_interactive_logging()
    assert "loss: 1.0000" in caplog.text
    assert capsys.readouterr().out == ""
