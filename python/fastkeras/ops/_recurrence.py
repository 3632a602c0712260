"""Recurrent layers over whole sequences, and one step of an LSTM."""

from fastkeras.engine import cast, primitive

_lstm, _gru, _simple_rnn, _lstm_cell = map(primitive, ("lstm", "gru", "simple_rnn", "lstm_cell"))


def _arguments(bias, mask, x_pattern=None, h_pattern=None, *, reverse=False, sequences=False, zero_masked=False,
               save=False, relu=False):  # fmt: skip
    mask = None if mask is None else cast(mask, "bool")
    given = {"bias": bias, "mask": mask, "x_pattern": x_pattern, "h_pattern": h_pattern}
    attributes = {name: value is not None for name, value in given.items()}
    attributes |= {"reverse": bool(reverse), "sequences": bool(sequences)}
    attributes |= {"zero_masked": bool(zero_masked), "save": bool(save), "relu": relu}
    return [value for value in given.values() if value is not None], attributes


def lstm(x, h, c, kernel, recurrent_kernel, bias=None, mask=None, **options):
    """(y, h, c): an LSTM with tanh and sigmoid over `x` (batch, steps, features) from the states `h`, `c`.

    Weights in Keras's layout, gates i f c o. `mask` (batch, steps): where false a state stays. `y` is the last h, or
    with `sequences` all of them in the order in which the steps were read (`reverse`: from the last); `zero_masked`
    makes it 0 where the mask is false. `save` keeps the gates: a gradient then need not compute them again. Patterns of
    dropout, `x_pattern` (gates, batch, features) and `h_pattern` (gates, batch, units), are the same at all steps. With
    `relu` it stands for tanh.
    """
    given, attributes = _arguments(bias, mask, **options)
    return _lstm(x, h, c, kernel, recurrent_kernel, *given, **attributes)[:3]


def gru(x, h, kernel, recurrent_kernel, bias=None, mask=None, **options):
    """(y, h): a GRU with tanh, sigmoid and reset_after over `x`; gates z r h, bias (2, 3 * units). Else as `lstm`."""
    given, attributes = _arguments(bias, mask, **options)
    return _gru(x, h, kernel, recurrent_kernel, *given, **attributes)[:2]


def simple_rnn(x, h, kernel, recurrent_kernel, bias=None, mask=None, **options):
    """(y, h): h = tanh(x @ kernel + h @ recurrent_kernel + bias) at each step of `x`. Else as `lstm`."""
    given, attributes = _arguments(bias, mask, **options)
    return _simple_rnn(x, h, kernel, recurrent_kernel, *given, **attributes)[:2]


def lstm_cell(x, h, c, kernel, recurrent_kernel, bias=None):
    """(h, c) after one step of an LSTM with tanh and sigmoid on `x` (batch, features)."""
    given = [] if bias is None else [bias]
    return _lstm_cell(x, h, c, kernel, recurrent_kernel, *given, bias=bias is not None)
