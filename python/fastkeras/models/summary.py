"""The table that model.summary() prints."""

import math
import re
import shutil

from fastkeras.engine import nest

_BITS = {"bool": 1, "uint8": 8, "int8": 8, "bfloat16": 16, "float16": 16, "int64": 64, "float64": 64}
_NUMBER, _OPEN, _KIND = 34, 45, 33  # colours


def print_summary(model, line_length, positions, print_fn, expand_nested, show_trainable, layer_range):
    import rich.console
    import rich.table

    sequential, layers, nodes = _layout(model)
    nodes = None if sequential else nodes
    if sequential:
        width, positions = 88, positions or [0.45, 0.80, 1.0]
        header, justify = ["Layer (type)", "Output Shape", "Param #"], ["left", "left", "right"]
    else:
        width, positions = 108, positions or [0.3, 0.56, 0.74, 1.0]
        header = ["Layer (type)", "Output Shape", "Param #", "Connected to"]
        justify = ["left", "left", "right", "left"]
    if show_trainable:
        width, positions = width + 12, [p * 0.90 for p in positions] + [1.0]
        header.append("Trainable")
        justify.append("center")
    line_length = line_length or min(width, shutil.get_terminal_size().columns - 4)
    ends = [int(p * line_length) for p in positions]
    widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if min(widths) < 4:
        raise ValueError("Insufficient console width to print summary.")
    columns = [rich.table.Column(name, justify=j, width=w) for name, j, w in zip(header, justify, widths, strict=True)]
    table = rich.table.Table(*columns, width=line_length, show_lines=True)
    for layer in layers[slice(*_bounds(layers, layer_range))]:
        for row in _rows(layer, nodes, expand_nested, show_trainable):
            table.add_row(*row)

    if print_fn is None:
        from fastkeras.utils import is_interactive_logging_enabled

        console = rich.console.Console(highlight=False)
        if not is_interactive_logging_enabled():
            print_fn = _log
    if print_fn is not None:
        console = rich.console.Console(highlight=False, force_terminal=False, color_system=None)
        console.begin_capture()
    console.print(_bold(f'Model: "{_escape(model.name)}"'))
    console.print(table)
    for line in _totals(model):
        console.print(line)
    if print_fn is not None:
        print_fn(console.end_capture())


def _log(text):
    import logging

    logging.getLogger("fastkeras").info(text)


def _layout(model):
    """(is it a plain stack?, the operations to list, the nodes of the graph when it is none)."""
    from fastkeras.models.functional import Functional

    if not isinstance(model, Functional):
        return True, model.layers, None
    nodes = [node for level in model._nodes_by_depth.values() for node in level]
    straight = all(len(level) == 1 and len(level[0].input_tensors) <= 1 for level in model._nodes_by_depth.values())
    shared = straight and any(sum(node in nodes for node in layer._inbound_nodes) > 1 for layer in model.layers)
    return straight and not shared, model._operations, nodes


def _rows(layer, nodes, expand_nested, show_trainable, level=0):
    prefix = "   " * level + "└ " if level else ""
    name = f"{_escape(prefix + layer.name)} ([color({_KIND})]{_escape(layer.__class__.__name__)}[/])"
    if not hasattr(layer, "built"):
        parameters = _number(0)
    elif not layer.built:
        parameters = f"{_number(0)} (unbuilt)"
    else:
        parameters = _number(f"{layer.count_params():,}")
    row = [name, _output_shape(layer), parameters]
    if nodes is not None:
        row.append(_connections(layer, nodes))
    if show_trainable:
        if getattr(layer, "weights", None):
            row.append(_bold("Y", 34) if layer.trainable else _bold("N", 9))
        else:
            row.append(_bold("-"))
    rows = [row]
    if expand_nested and getattr(layer, "layers", None):
        for nested in layer.layers:
            rows.extend(_rows(nested, nodes, expand_nested, show_trainable, level + 1))
    return rows


def _connections(layer, nodes):
    sources = [x._keras_history for node in layer._inbound_nodes if node in nodes for x in node.input_tensors]
    return ", ".join(f"{h.operation.name}[{_number(h.node_index)}][{_number(h.tensor_index)}]" for h in sources) or "-"


def _output_shape(layer):
    shapes = getattr(layer, "_build_shapes_dict", None)
    if layer._inbound_nodes:
        text = nest.map(lambda x: _shape(x.shape), layer._inbound_nodes[-1].output_tensors)
    elif not shapes:
        return "?"
    else:
        if hasattr(layer, "output_shape"):
            return _shape(layer.output_shape)
        try:
            text = _nested_shapes(layer.compute_output_shape(**shapes))
        except NotImplementedError:
            return "?"
    flat = nest.flatten(text)
    return flat[0] if len(flat) == 1 else str(text).replace("'", "")


def _nested_shapes(shape):
    if isinstance(shape, dict):
        return {k: _nested_shapes(v) for k, v in shape.items()}
    if all(d is None or isinstance(d, int) for d in shape):
        return _shape(shape)
    return type(shape)(_nested_shapes(s) for s in shape)


def _shape(shape):
    return f"({', '.join(_number(d) for d in shape)})"


def _totals(model):
    groups = {"Trainable": model.trainable_weights, "Non-trainable": model.non_trainable_weights}
    if hasattr(model, "_collected_trainable_weights"):
        groups["Trainable"] = model._collected_trainable_weights
    if model.compiled and model.optimizer and model.optimizer.built:
        groups["Optimizer"] = model.optimizer.variables
    counts = {name: (_count(weights), _bytes(weights)) for name, weights in groups.items()}
    total = tuple(map(sum, zip(*counts.values(), strict=True)))
    for name, (count, size) in {"Total": total, **counts}.items():
        yield _bold(f" {name} params: ") + _number(f"{count:,}") + f" ({_readable(size)})"


def _count(weights):
    return sum(math.prod(w.shape) for w in weights)


def _bytes(weights):
    unique = {id(w): w for w in weights}.values()
    return sum(math.prod(w.shape) * _BITS.get(w.dtype, 32) for w in unique) / 8


def _readable(size):
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size / 1024 < 1:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def _bounds(layers, layer_range):
    """Indices of the layers between two names or patterns, both included."""
    if layer_range is None:
        return 0, len(layers)
    if len(layer_range) != 2:
        raise ValueError(
            "layer_range must be a list or tuple of length 2. Received: "
            f"layer_range = {layer_range} of length {len(layer_range)}"
        )
    if not all(isinstance(name, str) for name in layer_range):
        raise ValueError(f"layer_range should contain string type only. Received: {layer_range}")
    first, last = ([i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range)
    if not first or not last:
        raise ValueError(f"Passed layer_names do not match the layer names in the model. Received: {layer_range}")
    if min(first) > max(last):
        return min(last), max(first) + 1
    return min(first), max(last) + 1


def _number(x):
    return f"[color({_OPEN if x is None else _NUMBER})]{x}[/]"


def _bold(text, color=None):
    return f"[bold][color({color})]{text}[/][/]" if color else f"[bold]{text}[/]"


def _escape(text):
    import rich.markup

    return rich.markup.escape(text)
