"""The graph of a functional model: which operations lie between inputs and outputs, in which order they run."""

import collections

from fastkeras.engine import KerasTensor, nest
from fastkeras.engine.operation import Node
from fastkeras.layers import Input


def node_key(operation, node_index):
    """Names one call of one operation."""
    return f"{id(operation)}_ib-{node_index}"


def build_map(inputs, outputs):
    """Nodes from inputs to outputs in topological order, and {operation: when the walk met it first}."""
    stops = {id(x) for x in nest.flatten(inputs)}
    finished, in_progress, order, first_met = set(), set(), [], {}

    def enter(tensor):
        """The node that makes `tensor`, when it is still to be walked."""
        operation, node_index, _ = tensor._keras_history
        if operation is None:
            return None
        node = operation._inbound_nodes[node_index]
        if node in finished:
            return None
        if not node.is_input and id(tensor) in stops:
            finished.add(node)  # a declared input in the middle of another graph: what made it is outside of this one
            return None
        if node in in_progress:
            raise ValueError(f"Tensor {tensor} from operation '{operation.name}' is part of a cycle.")
        first_met.setdefault(operation, len(first_met))
        in_progress.add(node)
        return node

    for output in nest.flatten(outputs):
        # Depth first with a stack of our own: a model may be deeper than Python's recursion limit.
        node = enter(output)
        stack = [(node, iter(node.input_tensors))] if node else []
        while stack:
            node, remaining = stack[-1]
            parent = None
            for tensor in remaining:
                parent = enter(tensor)
                if parent:
                    break
            if parent:
                stack.append((parent, iter(parent.input_tensors)))
                continue
            stack.pop()
            finished.add(node)
            in_progress.remove(node)
            order.append(node)
    return order, first_met


def map_graph(inputs, outputs):
    """Checks the graph and returns (node keys, {depth: nodes}, operations in order, {depth: operations})."""
    order, first_met = build_map(inputs, outputs)
    in_graph = set(order)
    keys = {node_key(node.operation, node.operation._inbound_nodes.index(node)) for node in order}
    node_depth, operation_depth = {}, {}
    for node in reversed(order):
        # The depth of a node is its longest way to an output; a shared operation lies as deep as its deepest call.
        depth = max(node_depth.setdefault(node, 0), operation_depth.get(node.operation, 0))
        operation_depth[node.operation] = node_depth[node] = depth
        for parent in node.parent_nodes:
            if parent in in_graph:
                node_depth[parent] = max(depth + 1, node_depth.get(parent, 0))
    for tensor in inputs:  # inputs that no output uses are still inputs
        operation, node_index, _ = tensor._keras_history
        if operation is not None and operation not in operation_depth:
            node = operation._inbound_nodes[node_index]
            if node.is_input:
                operation_depth[operation], first_met[operation], node_depth[node] = 0, -1, 0
                keys.add(node_key(operation, node_index))

    nodes_by_depth, operations_by_depth = collections.defaultdict(list), collections.defaultdict(list)
    for node, depth in node_depth.items():
        nodes_by_depth[depth].append(node)
    for operation, depth in operation_depth.items():
        operations_by_depth[depth].append(operation)
    operations = []
    for depth in sorted(operations_by_depth, reverse=True):
        operations_by_depth[depth].sort(key=first_met.__getitem__)
        operations.extend(operations_by_depth[depth])
    _check_connected(inputs, nodes_by_depth)
    _check_names(operations)
    return keys, nodes_by_depth, operations, operations_by_depth


def _check_connected(inputs, nodes_by_depth):
    computable, accessed = {id(x) for x in inputs}, []
    for depth in sorted(nodes_by_depth, reverse=True):
        for node in nodes_by_depth[depth]:
            for x in node.input_tensors:
                if id(x) not in computable:
                    raise ValueError(
                        f"Graph disconnected: cannot find parent for tensor {x} at operation '{node.operation}'. "
                        f"The following previous operations were accessed without issue: {accessed}"
                    )
                accessed.append(node.operation.name)
            computable.update(id(x) for x in node.outputs)


def _check_names(operations):
    for name, count in collections.Counter(operation.name for operation in operations).items():
        if count != 1:
            raise ValueError(
                f'The name "{name}" is used {count} times in the model. All operation names should be unique.'
            )


def run_graph(model, flat_inputs, run):
    """Runs the nodes of `model` from inputs to outputs; `run(operation, args, kwargs)` does one call."""
    values = {id(x): y for x, y in zip(model._inputs, flat_inputs, strict=True)}
    for node in model._schedule:
        if any(id(x) not in values for x in node.input_tensors):
            continue  # reached only from elsewhere
        args, kwargs = node.fill_in(values)
        results = run(node.operation, args, kwargs)
        for x, y in zip(node.outputs, nest.flatten(results), strict=False):
            values[id(x)] = y
    for x, path in zip(model._outputs, _paths(model._outputs_struct), strict=True):
        if id(x) not in values:
            raise ValueError(f"Output with path `{path}` is not connected to `inputs`")
    return nest.pack_like(model._outputs_struct, [values[id(x)] for x in model._outputs])


def _paths(structure, prefix=()):
    """The place of every leaf, such as `0.label`, in the order of nest.flatten."""
    if isinstance(structure, dict):
        return [path for key in sorted(structure) for path in _paths(structure[key], (*prefix, key))]
    if isinstance(structure, (list, tuple)):
        return [path for i, item in enumerate(structure) for path in _paths(item, (*prefix, i))]
    return [".".join(map(str, prefix))]


def clone_graph_nodes(inputs, outputs):
    """Copies the calls between intermediate tensors, so that a model can start in the middle of another's graph.

    Layers (and weights) stay shared; tensors and nodes are new, and every input that is no `Input` becomes one.
    """
    nodes, _ = build_map(inputs, outputs)
    tensors, layers = {}, {}

    def copied(x):
        if not isinstance(x, KerasTensor):
            return x
        if id(x) not in tensors:
            tensors[id(x)] = KerasTensor(x.shape, dtype=x.dtype, name=f"{x.name}_clone")
        return tensors[id(x)]

    def new_input(x):
        if is_input(x):
            tensors[id(x)] = x
            return x
        made = Input(batch_shape=x.shape, dtype=x.dtype, name=f"{x.name}CLONE")
        tensors[id(x)] = made
        layers[id(x._keras_history.operation)] = made._keras_history.operation
        return made

    def new_output(x):
        if id(x) in tensors:
            return tensors[id(x)]
        made = copied(x)
        made._keras_history = x._keras_history
        return made

    new_inputs = nest.map(new_input, inputs)
    new_outputs = nest.map(new_output, outputs)
    for node in nodes:
        operation = layers.get(id(node.operation), node.operation)
        results = nest.map(copied, node.outputs)
        if node.is_input:
            args, kwargs = (), {}
        else:
            args, kwargs = nest.map(copied, node.args), nest.map(copied, node.kwargs)
        Node(operation, args, kwargs, results)
    return new_inputs, new_outputs


def is_input(x):
    """Did an InputLayer make this tensor?"""
    operation, node_index, _ = x._keras_history
    return operation._inbound_nodes[node_index].is_input
