"""Recurrent layers over whole sequences, and one step of an LSTM."""

from fastkeras.engine import cast, primitive

_lstm, _gru, _lstm_cell = primitive("lstm"), primitive("gru"), primitive("lstm_cell")


def _arguments(bias, mask, reverse, sequences, zero_masked, save):
    given = [bias] * (bias is not None) + ([] if mask is None else [cast(mask, "bool")])
    attributes = {"bias": bias is not None, "mask": mask is not None, "reverse": bool(reverse)}
    attributes |= {"sequences": bool(sequences), "zero_masked": bool(zero_masked), "save": bool(save)}
    return given, attributes


def lstm(x, h, c, kernel, recurrent_kernel, bias=None, mask=None, *, reverse=False, sequences=False,
         zero_masked=False, save=False):  # fmt: skip
    """(y, h, c): an LSTM with tanh and sigmoid over `x` (batch, steps, features) from the states `h`, `c`.

    Weights in Keras's layout, gates i f c o. `mask` (batch, steps): where false a state stays. `y` is the last h, or
    with `sequences` all of them in the order in which the steps were read (`reverse`: from the last); `zero_masked`
    makes it 0 where the mask is false. `save` keeps the gates: a gradient then need not compute them again.
    """
    given, attributes = _arguments(bias, mask, reverse, sequences, zero_masked, save)
    return _lstm(x, h, c, kernel, recurrent_kernel, *given, **attributes)[:3]


def gru(x, h, kernel, recurrent_kernel, bias=None, mask=None, *, reverse=False, sequences=False, zero_masked=False,
        save=False):  # fmt: skip
    """(y, h): a GRU with tanh, sigmoid and reset_after over `x`; gates z r h, bias (2, 3 * units). Else as `lstm`."""
    given, attributes = _arguments(bias, mask, reverse, sequences, zero_masked, save)
    return _gru(x, h, kernel, recurrent_kernel, *given, **attributes)[:2]


def lstm_cell(x, h, c, kernel, recurrent_kernel, bias=None):
    """(h, c) after one step of an LSTM with tanh and sigmoid on `x` (batch, features)."""
    given = [] if bias is None else [bias]
    return _lstm_cell(x, h, c, kernel, recurrent_kernel, *given, bias=bias is not None)
