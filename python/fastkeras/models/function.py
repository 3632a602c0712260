"""Function: the operations between symbolic inputs and outputs, as one operation."""

from fastkeras.engine import KerasTensor, Operation, convert_to_tensor, nest
from fastkeras.models.graph import map_graph, run_graph


class Function(Operation):
    """All that lies between `inputs` and `outputs` (KerasTensors, or lists or dicts of them), as one operation.

    Raises:
        ValueError: for outputs that do not come from the inputs, and for empty inputs or outputs.

    >>> import fastkeras as keras
    >>> x = keras.KerasTensor((None, 2))
    >>> double = keras.Function(x, keras.ops.sum(2.0 * x, axis=-1))
    >>> double(keras.ops.array([[1.0, 2.0]])).numpy()
    array([6.], dtype=float32)
    """

    def __init__(self, inputs, outputs, name=None):
        super().__init__(name=name)
        self._lay_out(inputs, outputs)

    def _lay_out(self, inputs, outputs):
        graph = {
            "_inputs_struct": nest.map(lambda x: x, inputs),
            "_outputs_struct": nest.map(lambda x: x, outputs),
            "_inputs": nest.flatten(inputs),
            "_outputs": nest.flatten(outputs),
        }
        for described in ("inputs", "outputs"):
            if not graph[f"_{described}"]:
                raise ValueError(f"`{described}` argument cannot be empty. Received:\n{inputs=}\n{outputs=}")
        keys, by_depth, operations, operations_by_depth = map_graph(graph["_inputs"], graph["_outputs"])
        graph["_nodes"], graph["_nodes_by_depth"] = keys, by_depth
        graph["_operations"], graph["_operations_by_depth"] = operations, operations_by_depth
        graph["_schedule"] = [
            node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input
        ]
        # Past a model's attribute tracker: these lists are the graph's, not the user's.
        vars(self).update(graph)
        run_graph(self, [None] * len(self._inputs), lambda op, args, kwargs: [None] * len(nest.flatten(op.output)))

    @property
    def operations(self):
        return self._operations[:]

    @property
    def inputs(self):
        """Flat list of the symbolic inputs."""
        return self._inputs

    @property
    def outputs(self):
        """Flat list of the symbolic outputs."""
        return self._outputs

    def call(self, inputs):
        inputs = nest.map(convert_to_tensor, inputs)
        self._check_compatible(inputs)
        return run_graph(self, nest.flatten(inputs), lambda op, args, kwargs: op(*args, **kwargs))

    def compute_output_spec(self, inputs):
        self._check_compatible(inputs)
        flat = nest.flatten(inputs)
        if all(x.shape == ref.shape for x, ref in zip(flat, self._inputs, strict=True)):
            return nest.map(lambda x: KerasTensor(x.shape, x.dtype), self._outputs_struct)
        return run_graph(self, flat, lambda op, args, kwargs: op.compute_output_spec(*args, **kwargs))

    def compute_output_shape(self, input_shape):
        shapes = flat_shapes(input_shape)
        specs = [KerasTensor(s, dtype=x.dtype) for s, x in zip(shapes, self._inputs, strict=True)]
        spec = self.compute_output_spec(nest.pack_like(self._inputs_struct, specs))
        return nest.map(lambda x: x.shape, spec)

    def _check_compatible(self, inputs):
        flat = nest.flatten(inputs)
        if len(flat) != len(self._inputs):
            raise ValueError(
                "Function was called with an invalid input structure. "
                f"Expected input structure: {self._inputs_struct}\nReceived input structure: {inputs}"
            )
        for x, ref in zip(flat, self._inputs, strict=True):
            fits = len(x.shape) == len(ref.shape) and all(
                a == b or a is None or b is None for a, b in zip(x.shape, ref.shape, strict=True)
            )
            if not fits:
                raise ValueError(
                    f"{self.__class__.__name__} was passed incompatible inputs. For input '{ref.name}', expected "
                    f"shape {ref.shape}, but received instead a tensor with shape {x.shape}."
                )


def flat_shapes(shape):
    """The shapes in a nested structure of shapes, in the order of nest.flatten."""
    if isinstance(shape, dict):
        return [s for key in sorted(shape) for s in flat_shapes(shape[key])]
    if all(d is None or isinstance(d, int) for d in shape):
        return [tuple(shape)]
    return [s for item in shape for s in flat_shapes(item)]
