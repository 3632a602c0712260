"""StackedRNNCells, and what a recurrent layer asks of any cell, also of a user's that is no layer."""

from fastkeras import ops, registry
from fastkeras.engine import nest
from fastkeras.layers.layer import Layer
from fastkeras.layers.recurrent.cells import Cell


@registry.register("keras.layers")
class StackedRNNCells(Layer):
    """Cells one on top of the other: the output of each is the input of the next, and each has its own states.

    Args:
        cells: cells, from the inputs up.

    Raises:
        ValueError: for a cell without `call` or without `state_size`.
    """

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call"):
                raise ValueError(f"All cells must have a `call` method. Received cell without a `call` method: {cell}")
            if not hasattr(cell, "state_size"):
                raise ValueError(
                    f"All cells must have a `state_size` attribute. Received cell without a `state_size`: {cell}"
                )
        self.cells = cells

    state_size = property(lambda self: [cell.state_size for cell in self.cells], doc="Those of the cells.")
    output_size = property(lambda self: output_size(self.cells[-1]), doc="That of the last cell.")

    def get_initial_state(self, batch_size=None):
        """The initial states of the cells, a list of them."""
        return [initial_state(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape):
        for cell in self.cells:
            build_cell(cell, input_shape)
            input_shape = (nest.flatten(input_shape)[0], output_size(cell))

    def call(self, inputs, states, training=False, **kwargs):
        new_states = []
        for cell, own in zip(self.cells, states, strict=True):
            several = nest.is_nested(own)
            inputs, new = call_cell(cell, inputs, list(own) if several else [own], training, **kwargs)
            new_states.append(new[0] if len(new) == 1 and not several else new)
        return inputs, (new_states[0] if len(new_states) == 1 else new_states)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cells = [registry.deserialize_keras_object(c, custom_objects=custom_objects) for c in config.pop("cells")]
        return cls(cells, **config)


# --- any cell, also a user's that is no layer ------------------------------------------------------------------------


def output_size(cell):
    """The size of a cell's output: what it says, or that of its first state."""
    size = getattr(cell, "output_size", None)
    return nest.flatten(cell.state_size)[0] if size is None else size


def initial_state(cell, batch_size, dtype):
    """A cell's initial state: what it says, or zeros."""
    if getattr(cell, "get_initial_state", None):
        return cell.get_initial_state(batch_size=batch_size)
    return nest.map(lambda size: ops.zeros((batch_size, size), dtype=dtype), cell.state_size)


def build_cell(cell, input_shape):
    """Builds a cell that is an unbuilt layer."""
    if isinstance(cell, Layer) and not cell.built:
        cell.build(input_shape)


def call_cell(cell, inputs, states, training, **kwargs):
    """(output, list of states) of one step."""
    if isinstance(cell, Layer) and cell._call_has_training_arg:
        kwargs["training"] = training
    output, states = (cell if callable(cell) else cell.call)(inputs, states, **kwargs)
    return output, states if nest.is_nested(states) else [states]


def reset_dropout(cell):
    """Forgets the dropout patterns of a cell and of the cells in it."""
    if isinstance(cell, Cell):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
    elif isinstance(cell, StackedRNNCells):
        for inner in cell.cells:
            reset_dropout(inner)
