"""RNN: a cell walked through time."""

from fastkeras import ops, registry
from fastkeras.engine import Variable, convert_to_tensor, name_scope, nest
from fastkeras.layers import tracking
from fastkeras.layers.layer import Layer
from fastkeras.layers.recurrent import stacked
from fastkeras.layers.recurrent.cells import Cell


@registry.register("keras.layers")
class RNN(Layer):
    """Walks a cell through the steps of sequences.

    Args:
        cell: an object with `state_size` (an int, or one per state) and `call(inputs_of_a_step, states)`, which returns
            `(output, new_states)`; or a list of cells, which are stacked.
        return_sequences: is the output that of every step, or of the last?
        return_state: are the last states returned, after the output?
        go_backwards: are the steps read from the last to the first? The outputs come in that order.
        stateful: do the last states of a batch begin the next one? The batch size is then fixed.
        unroll: are the steps written out, instead of run by the fused kernels of LSTM and GRU? Slower; second
            derivatives need it.
        zero_output_for_mask: is the output of a masked step 0, instead of that before?

    Call: `layer(sequences, initial_state=None, mask=None, training=False)` with sequences `(batch, steps, ...)` and
    a mask `(batch, steps)`, which is false where the states stay as they are.

    Raises:
        ValueError: for a cell that is none; on a call, for states of another shape, no steps, or another batch size.

    >>> import fastkeras as keras
    >>> cells = [keras.layers.GRUCell(4), keras.layers.LSTMCell(3)]
    >>> keras.layers.RNN(cells, return_sequences=True)(keras.ops.ones((2, 5, 6))).shape
    (2, 5, 3)
    """

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            cell = stacked.StackedRNNCells(cell)
        if not hasattr(cell, "call"):
            raise ValueError(f"Argument `cell` should have a `call` method. Received: cell={cell}")
        if not hasattr(cell, "state_size"):
            raise ValueError(
                "The RNN cell should have a `state_size` attribute (single integer or list of integers, one integer "
                f"per RNN state). Received: cell={cell}"
            )
        state_size = cell.state_size
        if state_size is None:
            raise ValueError("state_size must be specified as property on the RNN cell.")
        if not isinstance(state_size, (list, tuple, int)):
            raise ValueError("state_size must be an integer, or a list/tuple of integers (one for each state tensor).")
        super().__init__(**kwargs)
        self.zero_output_for_mask = zero_output_for_mask
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.supports_masking = True
        self.states = None
        self._expected_batch_size = None
        self.state_size = [state_size] if isinstance(state_size, int) else list(state_size)

    # --- shapes, masks, states -------------------------------------------------------------------------------------

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps = sequences_shape[0], sequences_shape[1]
        states = [(batch, size) if isinstance(size, int) else [(batch, s) for s in size] for size in self.state_size]
        size = stacked.output_size(self.cell)
        if not isinstance(size, int):
            raise ValueError("output_size must be an integer.")
        output = (batch, steps, size) if self.return_sequences else (batch, size)
        return (output, *states) if self.return_state else output

    def compute_mask(self, _, mask):
        mask = nest.flatten(mask)[0] if nest.is_nested(mask) else mask
        mask = mask if self.return_sequences else None
        return [mask] + [None] * len(self.state_size) if self.return_state else mask

    def build(self, sequences_shape, initial_state_shape=None):
        stacked.build_cell(self.cell, (sequences_shape[0], *sequences_shape[2:]))
        if not self.stateful:
            return
        if self.states is not None:
            self.reset_state()
            return
        if sequences_shape[0] is None:
            raise ValueError(
                "When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch size: "
                f"sequence.shape={sequences_shape}"
            )
        self._create_state_variables(sequences_shape[0])

    def _create_state_variables(self, batch_size):
        with name_scope(self.name, caller=self), tracking.no_tracking():  # states are no weights
            self.states = nest.map(
                lambda value: Variable(value, trainable=False, dtype=self.variable_dtype, name="rnn_state"),
                self.get_initial_state(batch_size),
            )
            self._expected_batch_size = batch_size

    def get_initial_state(self, batch_size):
        """The states that sequences begin with: those of the cell, zeros by default."""
        states = stacked.initial_state(self.cell, batch_size, getattr(self.cell, "compute_dtype", self.compute_dtype))
        return list(states) if nest.is_nested(states) else [states]

    def reset_states(self):
        """The same as `reset_state`."""
        self.reset_state()

    def reset_state(self):
        """Sets the states of a stateful layer to zeros."""
        for variable in nest.flatten(self.states) if self.states is not None else ():
            variable.assign(ops.zeros_like(variable.value))

    # --- calling ---------------------------------------------------------------------------------------------------

    def call(self, sequences, initial_state=None, mask=None, training=False):
        batch, steps = sequences.shape[0], sequences.shape[1]
        if steps == 0:
            raise ValueError(
                f"[{self.name}] sequences must have at least one time step. Received: sequences.shape={sequences.shape}"
            )
        if self.stateful and batch != self._expected_batch_size:
            raise ValueError(
                "If an RNN is stateful, the batch size of the input sequences must be the same as the batch size of "
                f"the initial state. \n- Expected batch size: {self._expected_batch_size}\n"
                f"- Received batch size: {batch}"
            )
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(batch)
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
        initial_state = list(initial_state) if nest.is_nested(initial_state) else [initial_state]
        initial_state = nest.map(lambda x: ops.cast(convert_to_tensor(x), dtype), initial_state)
        self._check_states(initial_state, batch)
        if mask is not None:
            mask = ops.cast(mask, "bool")
            if len(mask.shape) > 2:
                mask = ops.any(mask, axis=tuple(range(2, len(mask.shape))))
        last, outputs, states = self.inner_loop(sequences, initial_state, mask, training)
        stacked.reset_dropout(self.cell)
        output = ops.cast(outputs if self.return_sequences else last, self.compute_dtype)
        states = nest.map(lambda x: ops.cast(x, self.compute_dtype), list(states))
        if self.stateful:
            for variable, state in zip(nest.flatten(self.states), nest.flatten(states), strict=True):
                variable.assign(state)
        return (output, *states) if self.return_state else output

    def _state_shapes(self, batch):
        """The shapes of the states, in a list."""
        return [(batch, size) for size in nest.flatten(self.state_size)]

    def _check_states(self, states, batch):
        given, expected = [tuple(s.shape) for s in nest.flatten(states)], self._state_shapes(batch)
        ours = isinstance(self.cell, Cell)  # a cell of somebody else's may have states of other ranks
        if len(given) != len(expected) or any(
            g != e and (ours or len(g) == len(e)) for g, e in zip(given, expected, strict=True)
        ):
            raise ValueError(
                f"[{self.name}] initial_state must have one tensor (batch, size) per state. "
                f"Received: shapes {given}, expected {expected}"
            )

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """(last output, all outputs or None, last states); the mask is bool (batch, steps) or None."""
        cell = self.cell
        if not self.unroll and isinstance(cell, Cell) and cell.fuses():
            y, states = cell.sequence(
                sequences,
                initial_state,
                mask,
                training,
                reverse=self.go_backwards,
                sequences=self.return_sequences,
                zero_masked=self.zero_output_for_mask,
            )
            return y, y, states
        return self._walk(sequences, initial_state, mask, training)

    def _walk(self, sequences, states, mask, training):
        steps = sequences.shape[1]
        order = range(steps - 1, -1, -1) if self.go_backwards else range(steps)
        inputs = ops.unstack(sequences, axis=1)
        masks = None if mask is None else ops.unstack(mask, axis=1)
        outputs = []
        for t in order:
            output, new_states = stacked.call_cell(self.cell, inputs[t], states, training)
            if masks is not None:
                output = _where(masks[t], output, self._output_when_masked(output, outputs, states))
                states = nest.pack_like(
                    states,
                    [_where(masks[t], n, s) for n, s in zip(*map(nest.flatten, (new_states, states)), strict=True)],
                )
            else:
                states = new_states
            outputs.append(output)
        return outputs[-1], ops.stack(outputs, axis=1) if self.return_sequences else None, states

    def _output_when_masked(self, output, outputs, states):
        """Zeros, or the output before; before the first step that is the state, or zeros with `unroll`, as in Keras."""
        if not self.zero_output_for_mask:
            if outputs:
                return outputs[-1]
            state = nest.flatten(states[-1])[0] if nest.is_nested(states[0]) else states[0]
            if not self.unroll and state.shape == output.shape:
                return state
        return ops.zeros_like(output)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cell = registry.deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects)
        return cls(cell, **config)


def _where(mask, new, old):
    """`new` where the mask (batch,) holds, else `old`."""
    return ops.where(ops.reshape(mask, (-1,) + (1,) * (len(new.shape) - 1)), new, old)
