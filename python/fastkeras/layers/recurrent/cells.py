"""Cells: what a recurrent layer does in one time step."""

from fastkeras import activations, ops, random, registry
from fastkeras.engine import is_symbolic, nest, tracing
from fastkeras.layers.layer import Layer
from fastkeras.layers.weights import KINDS, activated, add_weight
from fastkeras.ops import _recurrence
from fastkeras.utils.arguments import named

_register = registry.register("keras.layers")
_READ = {"activation": activations.get, **KINDS}


class Cell(Layer):
    """What the cells share: weights with `gates` blocks of columns, and dropout patterns that last for a sequence."""

    gates = 1
    recurrent_activation = None
    size = "units"  # the argument that says how large a state is
    features = -1  # the axis of the gates in what the kernels give
    dropout_mask_count = None  # patterns drawn at once: one, or a list with one per gate

    def _set_up(self, arguments, kwargs):
        units = arguments[self.size]
        if units <= 0:
            raise ValueError(
                f"Received an invalid value for argument `{self.size}`, expected a positive integer, got {units}."
            )
        implementation = kwargs.pop("implementation", 2)
        Layer.__init__(self, **kwargs)
        for name, value in arguments.items():
            setattr(self, name, _READ.get(name.rpartition("_")[2], lambda x: x)(value))
        self.dropout = min(1.0, max(0.0, self.dropout))
        self.recurrent_dropout = min(1.0, max(0.0, self.recurrent_dropout))
        self.implementation = 1 if self.recurrent_dropout else implementation
        if self.implementation == 1 and self.gates > 1:
            self.dropout_mask_count = self.gates
        self.seed_generator = random.SeedGenerator(seed=self.seed)
        self.state_size = self.output_size = units

    def build(self, input_shape):
        self._add_weights((input_shape[-1],), (self.units,))

    def _add_weights(self, rows, recurrent_rows):
        """Makes the weights; the arguments are the shapes of the kernels without their columns."""
        columns = self.gates * self.output_size
        self.kernel = add_weight(self, "kernel", (*rows, columns))
        self.recurrent_kernel = add_weight(self, "recurrent", (*recurrent_rows, columns), "recurrent_kernel")
        self.bias = None
        if self.use_bias:
            self.bias = add_weight(self, "bias", self._bias_shape(), initializer=self._first_bias())

    def _bias_shape(self):
        return (self.gates * self.output_size,)

    def _first_bias(self):
        return self.bias_initializer

    def get_initial_state(self, batch_size=None):
        """Zeros, one tensor `(batch_size, units)` per state."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    # --- dropout ---------------------------------------------------------------------------------------------------

    def get_dropout_mask(self, step_input):
        """What the inputs of every step are multiplied with in training; None without dropout."""
        return self._pattern("_dropout_mask", self.dropout, step_input)

    def get_recurrent_dropout_mask(self, step_input):
        """The same for the state."""
        return self._pattern("_recurrent_dropout_mask", self.recurrent_dropout, step_input)

    def reset_dropout_mask(self):
        """Lets the next step draw anew; a recurrent layer does so after each sequence."""
        self.__dict__["_dropout_mask"] = None

    def reset_recurrent_dropout_mask(self):
        self.__dict__["_recurrent_dropout_mask"] = None

    def _pattern(self, name, rate, like):
        if not self._drops(rate):
            return None
        pattern = self.__dict__.get(name)
        if pattern is None or (not tracing() and any(is_symbolic(t) for t in nest.flatten(pattern))):
            ones, count = ops.ones_like(like), self.dropout_mask_count
            drawn = [random.dropout(ones, rate, seed=self.seed_generator) for _ in range(count or 1)]
            pattern = self.__dict__[name] = drawn if count else drawn[0]
        return pattern

    def _drops(self, rate):
        return 0 < rate < 1

    def _products(self, inputs, state, training):
        """(inputs @ kernel, state @ recurrent_kernel), each under its dropout pattern in training."""
        masks = (self.get_dropout_mask(inputs), self.get_recurrent_dropout_mask(state)) if training else (None, None)
        of_inputs = self._product(self._multiply_inputs, inputs, self.kernel, masks[0])
        return of_inputs, self._product(self._multiply_state, state, self.recurrent_kernel, masks[1])

    _multiply_inputs = _multiply_state = staticmethod(ops.matmul)

    def _product(self, multiply, x, kernel, mask):
        if not isinstance(mask, list):
            return multiply(x if mask is None else x * mask, kernel)
        parts = zip(mask, ops.split(kernel, self.gates, axis=-1), strict=True)
        return ops.concatenate([multiply(x * m, part) for m, part in parts], axis=self.features)

    # --- whole sequences -------------------------------------------------------------------------------------------

    def fuses(self):
        """Does `sequence` do what stepping through time would?"""
        # `_whole`, the op of all steps, stands beside the `call` that it does the work of: a user's `call` has none.
        steps = next(vars(cls) for cls in type(self).__mro__ if "call" in vars(cls))
        known = self.activation in (activations.tanh, activations.relu)
        return "_whole" in steps and known and self.recurrent_activation in (None, activations.sigmoid)

    def sequence(self, inputs, states, mask, training, **options):
        """(y, states) of all steps; options as for the op."""
        x, patterns = self._dropped(ops.cast(inputs, self.compute_dtype), states[0], training)  # layers leave ints be
        weights = self.kernel, self.recurrent_kernel, self.bias
        options |= {"save": training, "relu": self.activation is activations.relu, **patterns}
        y, *states = self._whole(x, *states, *weights, mask, **options)
        return y, states

    def _dropped(self, inputs, state, training):
        """(inputs, options of the op): one pattern multiplies the inputs, those of the gates go along."""
        if not training:
            return inputs, {}
        of_inputs, of_state = self.get_dropout_mask(inputs[:, 0]), self.get_recurrent_dropout_mask(state)
        options = {}
        if of_state is not None:
            options["h_pattern"] = ops.stack(of_state if self.dropout_mask_count else [of_state])
        if of_inputs is not None and self.dropout_mask_count:
            options["x_pattern"] = ops.stack(of_inputs)
        elif of_inputs is not None:
            inputs = inputs * ops.expand_dims(of_inputs, 1)
        return inputs, options


@_register
class SimpleRNNCell(Cell):
    """One step of a SimpleRNN: h' = activation(x @ kernel + h @ recurrent_kernel + bias).

    Args:
        units: size of the state.
        activation: of the result.
        use_bias: is there a bias?
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout, recurrent_dropout: shares of the inputs and of the state that are dropped in training.
        seed: of the dropout.

    Call: `cell(inputs, states, training=False)`, `(batch, features)` and `[h]`, gives `(h, [h])`.

    Raises:
        ValueError: when `units` is not positive.
    """

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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        self._set_up(named(locals()), kwargs)

    def _drops(self, rate):
        return rate > 0

    def call(self, sequence, states, training=False):
        state = states[0] if nest.is_nested(states) else states
        x, h = self._products(sequence, state, training)
        if self.bias is not None:
            x = x + self.bias
        output = activated(self, x + h)
        return output, ([output] if nest.is_nested(states) else output)

    _whole = staticmethod(_recurrence.simple_rnn)


@_register
class LSTMCell(Cell):
    """One step of an LSTM, with s the recurrent activation and gates i, f, c, o:

        c' = s(z_f) c + s(z_i) activation(z_c),  h' = s(z_o) activation(c')
        z = x @ kernel + h @ recurrent_kernel + bias

    Args:
        units: size of h and of c.
        activation, recurrent_activation: of the new values, of the gates.
        use_bias: is there a bias?
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        unit_forget_bias: does the bias of the forget gate begin with ones?
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout, recurrent_dropout: shares of the inputs and of the state that are dropped in training.
        seed: of the dropout.

    Call: `cell(inputs, states, training=False)`, `(batch, features)` and `[h, c]`, gives `(h, [h, c])`.

    Raises:
        ValueError: when `units` is not positive.
    """

    gates = 4

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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        self._set_up(named(locals()), kwargs)
        self.state_size = [units, units]

    def _first_bias(self):
        if not self.unit_forget_bias:
            return self.bias_initializer

        def first_bias(shape, dtype=None):
            made, units = self.bias_initializer, self.output_size
            ones = ops.ones((units,), dtype)
            return ops.concatenate([made((units,), dtype=dtype), ones, made((2 * units,), dtype=dtype)])

        return first_bias

    def call(self, inputs, states, training=False):
        state, carry = states
        x, h = self._products(inputs, state, training)
        i, f, new, o = ops.split(self._biased(x + h), 4, axis=self.features)
        carry = self.recurrent_activation(f) * carry + self.recurrent_activation(i) * self.activation(new)
        output = self.recurrent_activation(o) * self.activation(carry)
        return output, [output, carry]

    _whole = staticmethod(_recurrence.lstm)

    def _biased(self, sums):
        return sums if self.bias is None else sums + self.bias


@_register
class GRUCell(Cell):
    """One step of a GRU, with s the recurrent activation:

        z, r = s(x @ kernel_zr + h @ recurrent_kernel_zr + ...),  h' = z h + (1 - z) n
        n = activation(x @ kernel_n + r * (h @ recurrent_kernel_n + bias))     with reset_after
        n = activation(x @ kernel_n + (r * h) @ recurrent_kernel_n)            without

    Args:
        units: size of the state.
        activation, recurrent_activation: of the new values, of the gates.
        use_bias: is there a bias? With `reset_after` it is `(2, 3 * units)`: for the inputs, for the state.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout, recurrent_dropout: shares of the inputs and of the state that are dropped in training.
        reset_after: does the reset gate act after the product with the recurrent kernel?
        seed: of the dropout.

    Call: `cell(inputs, states, training=False)`, `(batch, features)` and `[h]`, gives `(h, [h])`.

    Raises:
        ValueError: when `units` is not positive.
    """

    gates = 3

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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        self._set_up(named(locals()), kwargs)

    def _bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def call(self, inputs, states, training=False):
        state = states[0] if nest.is_nested(states) else states
        x, h = self._products(inputs, state, training)
        if self.bias is not None:
            x = x + (self.bias[0] if self.reset_after else self.bias)
            h = h + self.bias[1] if self.reset_after else h
        x_z, x_r, x_n = ops.split(x, 3, axis=-1)
        h_z, h_r, h_n = ops.split(h, 3, axis=-1)
        z, r = self.recurrent_activation(x_z + h_z), self.recurrent_activation(x_r + h_r)
        if self.reset_after:
            inner = r * h_n
        else:
            mask = self.get_recurrent_dropout_mask(state) if training else None
            kept = state if mask is None else state * mask[2]
            inner = ops.matmul(r * kept, self.recurrent_kernel[:, 2 * self.units :])
        output = z * state + (1 - z) * self.activation(x_n + inner)
        return output, ([output] if nest.is_nested(states) else output)

    _whole = staticmethod(_recurrence.gru)

    def fuses(self):
        return self.reset_after and super().fuses()
