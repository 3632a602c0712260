"""ConvLSTM1D, ConvLSTM2D, ConvLSTM3D: LSTMs over sequences of images, with convolutions where an LSTM has products."""

from fastkeras import ops, registry
from fastkeras.layers.convolution import Convolution
from fastkeras.layers.input_spec import InputSpec
from fastkeras.layers.recurrent.cells import LSTMCell
from fastkeras.layers.recurrent.units import Units, register_units
from fastkeras.utils.arguments import named, refuse


@registry.register("keras.src.layers.rnn.conv_lstm")
class ConvLSTMCell(LSTMCell, Convolution):
    """One step of a ConvLSTM over `rank` spatial axes: that of an LSTMCell, with convolutions as its products."""

    size = "filters"
    dropout_mask_count = 4
    kernels = ("kernel", "recurrent")

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        arguments = named(locals())
        self._set_up(arguments, kwargs)
        self._store(arguments)
        self._refuse_strided_dilation()
        self.features = -1 if self.data_format == "channels_last" else 1
        self.state_size = [filters, filters]

    def build(self, inputs_shape):
        if None in self._spatial(inputs_shape):
            raise ValueError(
                "ConvLSTM layers only support static input shapes for the spatial dimension. "
                f"Received invalid input shape: input_shape={inputs_shape}"
            )
        channels = self._specify_channels(inputs_shape)
        self.input_spec = InputSpec(shape=(None, *inputs_shape[1:]))
        self._step_shape = self.compute_output_shape(inputs_shape)[0][1:]
        self._add_weights((*self.kernel_size, channels), (*self.kernel_size, self.filters))

    def _multiply_inputs(self, x, kernel):
        return ops.conv(x, kernel, **self._settings())

    def _multiply_state(self, x, kernel):
        return ops.conv(x, kernel, padding="same", data_format=self.data_format)

    def _biased(self, sums):
        return Convolution._biased(self, sums)

    def fuses(self):
        return False

    def compute_output_shape(self, inputs_shape, states_shape=None):
        shape = self._output_shape(inputs_shape, self.filters)
        return shape, [shape, shape]

    def state_shape(self, batch_size):
        """The shape of h and of c."""
        return (batch_size, *self._step_shape)

    def get_initial_state(self, batch_size=None):
        """Zeros for h and for c."""
        return [ops.zeros(self.state_shape(batch_size), dtype=self.compute_dtype) for _ in self.state_size]


class _ConvLSTM(Units):
    """An LSTM (see LSTMCell) over sequences of images, whose kernels are convolved with inputs and states, with *:

        c' = s(z_f) c + s(z_i) activation(z_c),  h' = s(z_o) activation(c')
        z = x * kernel + h * recurrent_kernel + bias

    Source: Shi et al., 2015, without the looks of the gates at c.

    Args:
        filters: channels of the states and of the output.
        kernel_size, strides, dilation_rate: one int, or one per spatial axis; strides and dilation exclude each other.
            States are always convolved with stride 1, so that they keep their size.
        padding: of the inputs: "valid", or "same", zeros around.
        data_format: "channels_last" or "channels_first".
        activation, recurrent_activation: of the new values, of the gates.
        use_bias: is there a bias?
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        unit_forget_bias: does the bias of the forget gate begin with ones?
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        activity_regularizer: penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout, recurrent_dropout: shares of the inputs and of the state that are dropped in training, in another
            pattern for each gate, the same at all steps.
        seed: of the dropout.
        return_sequences, return_state, go_backwards, stateful: as of RNN, whose other arguments it takes by name.

    Input `(batch, steps, spatial..., channels)`, or channels before the spatial axes; output and states `(batch,
    spatial..., filters)`, with `return_sequences` `(batch, steps, spatial..., filters)`. It is called as RNN is.

    Raises:
        ValueError: for sizes that are not positive, kernels larger than the inputs, open spatial sizes; on a call, for
            other spatial sizes than those it was built for, and as RNN.

    >>> import fastkeras as keras
    >>> films = keras.ops.ones((2, 5, 8, 8, 3))
    >>> keras.layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(films).shape
    (2, 5, 8, 8, 4)
    """

    cell_class = ConvLSTMCell
    rank = None

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        **kwargs,
    ):
        arguments = named(locals())
        refuse(type(self).__name__, implementation=kwargs.pop("implementation", None))
        self._set_up({"rank": self.rank, **arguments}, kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps = sequences_shape[:2]
        state = self.cell.compute_output_shape((batch, *sequences_shape[2:]))[0]
        output = (batch, steps, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output

    def _state_shapes(self, batch):
        return [self.cell.state_shape(batch)] * 2


@register_units
class ConvLSTM1D(_ConvLSTM):
    __doc__ = _ConvLSTM.__doc__
    rank = 1


@register_units
class ConvLSTM2D(_ConvLSTM):
    __doc__ = _ConvLSTM.__doc__
    rank = 2


@register_units
class ConvLSTM3D(_ConvLSTM):
    __doc__ = _ConvLSTM.__doc__
    rank = 3
