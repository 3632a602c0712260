"""Pictures of models, with pydot and Graphviz."""

import html
import os


def get_source_inputs(tensor):
    """The `Input`s that a KerasTensor was computed from."""
    operation, node_index, _ = tensor._keras_history
    if operation is None or not operation._inbound_nodes:
        return [tensor]
    node = operation._inbound_nodes[node_index]
    if not node.input_tensors:
        return list(node.output_tensors)
    sources = []
    for parent in node.input_tensors:
        sources += [source for source in get_source_inputs(parent) if all(source is not seen for seen in sources)]
    return sources


def model_to_dot(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """A `pydot.Dot` of a built model (a `pydot.Cluster` with `subgraph=True`).

    Args:
        model: a model.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what a box tells.
        rankdir: `"TB"` (downwards) or `"LR"` (to the right).
        expand_nested: draw models inside models as clusters.
        dpi: dots per inch.
        subgraph: return a cluster.
        splines: how Graphviz draws the edges.
    """
    pydot = _pydot("model_to_dot")
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by calling the model on "
            "a batch of data."
        )
    if subgraph:
        dot = pydot.Cluster(style="dashed", graph_name=model.name, label=model.name, labeljust="l")
    else:
        dot = pydot.Dot(rankdir=rankdir, concentrate=True, dpi=dpi, splines=splines)
        dot.set_node_defaults(shape="record")
    boxes = {
        "show_shapes": show_shapes,
        "show_dtype": show_dtype,
        "show_layer_names": show_layer_names,
        "show_layer_activations": show_layer_activations,
        "show_trainable": show_trainable,
    }
    operations, pairs = _graph(model)
    for operation in operations:
        if expand_nested and _is_model(operation):
            dot.add_subgraph(
                model_to_dot(operation, rankdir=rankdir, expand_nested=True, dpi=dpi, subgraph=True, **boxes)
            )
        else:
            label = _label(operation, **boxes)
            dot.add_node(pydot.Node(str(id(operation)), label=label, fontname="Helvetica", border="0", margin="0"))
    for source, destination in pairs:
        if expand_nested:
            source, destination = _end(source, -1), _end(destination, 0)
        dot.add_edge(pydot.Edge(str(id(source)), str(id(destination)), penwidth="2"))
    return dot


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """Draw a model into `to_file`, whose extension is the format; arguments as in `model_to_dot`."""
    _pydot("plot_model")
    dot = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    to_file = os.fspath(to_file)
    extension = os.path.splitext(to_file)[1][1:] or "png"
    try:
        dot.write(to_file, format=extension)
    except FileNotFoundError as error:
        raise ImportError(
            "You must install graphviz (see instructions at https://graphviz.gitlab.io/download/) for `plot_model` "
            "to work."
        ) from error


def _pydot(function):
    try:
        import pydot
    except ImportError:
        raise ImportError(f"You must install pydot (`pip install pydot`) for `{function}` to work.") from None
    return pydot


def _is_model(operation):
    from fastkeras import models

    return isinstance(operation, models.Model) and len(operation.layers) > 0


def _graph(model):
    """(operations, pairs of connected ones) of a model."""
    from fastkeras.models import Sequential

    if isinstance(model, Sequential):
        return model.layers, list(zip(model.layers, model.layers[1:], strict=False))
    if not hasattr(model, "operations"):
        return [model], []
    pairs = []
    for operation in model.operations:
        for node in operation._inbound_nodes:
            for tensor in node.input_tensors:
                source = tensor._keras_history.operation
                if source in model.operations and (source, operation) not in pairs:
                    pairs.append((source, operation))
    return model.operations, pairs


def _end(operation, which):
    """The first or last box inside a nested model."""
    while _is_model(operation):
        operation = _graph(operation)[0][which]
    return operation


def _label(layer, show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable):
    from fastkeras.engine import nest

    kind, cells = type(layer).__name__, []

    def cell(text, color="white", pen="black"):
        cells.append(f'<td bgcolor="{color}"><font point-size="14" color="{pen}">{text}</font></td>')

    def of(end, attribute):
        try:
            value = nest.map(lambda tensor: getattr(tensor, attribute), getattr(layer, end))
        except (AttributeError, ValueError):
            return "?"
        return html.escape(str(value))

    if show_shapes and kind != "InputLayer":
        cell(f"Input shape: <b>{of('input', 'shape')}</b>")
    if show_shapes:
        cell(f"Output shape: <b>{of('output', 'shape')}</b>")
    if show_dtype:
        cell(f"Output dtype: <b>{of('output', 'dtype')}</b>")
    if show_trainable and getattr(layer, "weights", None):
        cell("<b>Trainable</b>", "forestgreen", "white") if layer.trainable else cell(
            "<b>Non-trainable</b>", "firebrick", "white"
        )
    title = f"<b>{html.escape(layer.name)}</b> ({kind})" if show_layer_names else f"<b>{kind}</b>"
    span = max(len(cells), 1)
    rows = [f'<tr><td colspan="{span}" bgcolor="black"><font point-size="16" color="white">{title}</font></td></tr>']
    activation = getattr(layer, "activation", None)
    if show_layer_activations and activation is not None:
        name = getattr(activation, "name", None) or getattr(activation, "__name__", str(activation))
        rows.append(f'<tr><td bgcolor="white" colspan="{span}">Activation: <b>{html.escape(name)}</b></td></tr>')
    if cells:
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{"".join(rows)}</table>>'
