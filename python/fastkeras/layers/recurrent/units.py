"""SimpleRNN, LSTM and GRU: an RNN over one cell of the library, with the arguments of both."""

from fastkeras import activations, registry, regularizers
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.recurrent.cells import GRUCell, LSTMCell, SimpleRNNCell
from fastkeras.layers.recurrent.rnn import RNN
from fastkeras.utils.arguments import named

_RNN = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
_NO_CUDNN = (
    "use_cudnn=True was specified, but cuDNN is not supported for this layer configuration with this backend. Pass "
    "use_cudnn='auto' to fallback to a non-cuDNN implementation."
)


def register_units(cls):
    """Registers a layer; its settings are read from its cell, and its config has those of both but cuDNN."""
    cls = registry.register("keras.layers")(cls)
    for name in set(cls.cell_class._config_names) - vars(cls).keys():
        setattr(cls, name, property(lambda self, name=name: getattr(self.cell, name)))
    unwritten = ("cell", "use_cudnn", "activity_regularizer", *cls.not_in_config)
    names = dict.fromkeys((*cls._config_names, *RNN._config_names))
    cls._config_names = tuple(name for name in names if name not in unwritten)
    return cls


class Units(RNN):
    """An RNN over a cell of `cell_class`; a layer's own arguments are the cell's, RNN's and `use_cudnn`."""

    cell_class = None
    not_in_config = ()

    def _set_up(self, arguments, kwargs):
        cell = {name: arguments[name] for name in self.cell_class._config_names}
        base = {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}
        if "implementation" in kwargs:
            base["implementation"] = kwargs.pop("implementation")
        RNN.__init__(
            self,
            self.cell_class(**cell, **base, name=registry.snake_case(self.cell_class.__name__)),
            activity_regularizer=arguments["activity_regularizer"],
            **{name: arguments[name] for name in _RNN if name in arguments},
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)
        self.use_cudnn = arguments.get("use_cudnn", "auto")
        if self.use_cudnn not in ("auto", True, False):
            raise ValueError(
                "Invalid valid received for argument `use_cudnn`. Expected one of {'auto', True, False}. "
                f"Received: use_cudnn={self.use_cudnn}"
            )

    def inner_loop(self, sequences, initial_state, mask, training=False):
        cell = self.cell
        plain = cell.fuses() and cell.activation is activations.tanh and not cell.recurrent_dropout
        if self.use_cudnn is True and (self.unroll or not plain):
            raise ValueError(_NO_CUDNN)
        return super().inner_loop(sequences, initial_state, mask, training)

    def get_config(self):
        return {**super().get_config(), "activity_regularizer": regularizers.serialize(self.activity_regularizer)}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@register_units
class SimpleRNN(Units):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias) for the steps of sequences.

    Args: those of SimpleRNNCell and of RNN, and `activity_regularizer`, a penalty on the output.

    Input `(batch, steps, features)`, output `(batch, units)` or, with `return_sequences`, `(batch, steps, units)`.

    >>> import fastkeras as keras
    >>> keras.layers.SimpleRNN(4)(keras.ops.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_class = SimpleRNNCell
    not_in_config = ("seed",)

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        self._set_up(named(locals()), kwargs)


@register_units
class LSTM(Units):
    """Long short-term memory (LSTMCell) over the steps of sequences.

    With the activations tanh and sigmoid and without recurrent dropout a fused kernel runs all steps; everything else
    goes step by step.

    Args: those of LSTMCell and of RNN, and
        activity_regularizer: penalty on the output.
        use_cudnn: "auto", True or False. There is no cuDNN; True insists on the fused kernel.

    Input `(batch, steps, features)`, output `(batch, units)` or, with `return_sequences`, `(batch, steps, units)`.

    Raises:
        ValueError: for another `use_cudnn`; on a call, when it is True and the fused kernel does not do.

    >>> import fastkeras as keras
    >>> output, h, c = keras.layers.LSTM(4, return_sequences=True, return_state=True)(keras.ops.ones((2, 5, 3)))
    >>> output.shape, h.shape, c.shape
    ((2, 5, 4), (2, 4), (2, 4))
    """

    cell_class = LSTMCell

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        self._set_up(named(locals()), kwargs)


@register_units
class GRU(Units):
    """Gated recurrent units (GRUCell) over the steps of sequences.

    With the activations tanh and sigmoid, `reset_after` and without recurrent dropout a fused kernel runs all steps;
    everything else goes step by step.

    Args: those of GRUCell and of RNN, and
        activity_regularizer: penalty on the output.
        use_cudnn: "auto", True or False. There is no cuDNN; True insists on the fused kernel.

    Input `(batch, steps, features)`, output `(batch, units)` or, with `return_sequences`, `(batch, steps, units)`.

    Raises:
        ValueError: for another `use_cudnn`; on a call, when it is True and the fused kernel does not do.

    >>> import fastkeras as keras
    >>> keras.layers.GRU(4)(keras.ops.ones((2, 5, 3))).shape
    (2, 4)
    """

    cell_class = GRUCell

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        self._set_up(named(locals()), kwargs)
