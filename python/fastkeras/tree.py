"""keras.tree: nested tuples, lists and dicts."""

from fastkeras.engine import nest
from fastkeras.engine.nest import flatten, is_nested
from fastkeras.layers.signatures import is_shape

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


class MAP_TO_NONE:
    """What a function returns to `traverse` to put None in the place of a part: None itself means to go on inside."""


def map_structure(func, *structures, none_is_leaf=True):
    """`func` of the corresponding leaves of structures of the same form.

    >>> import fastkeras as keras
    >>> keras.tree.map_structure(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
    {'a': 11, 'b': [22]}
    """
    for structure in structures[1:]:
        assert_same_structure(structures[0], structure)
    if none_is_leaf:
        return nest.map(func, *structures)
    return nest.map(lambda *leaves: None if leaves[0] is None else func(*leaves), *structures)


def map_structure_up_to(shallow_structure, func, *structures):
    """`func` of the parts of structures that lie where `shallow_structure` has its leaves, in its form.

    Raises:
        ValueError: without structures, and where one of them has another form down to there.

    >>> import fastkeras as keras
    >>> keras.tree.map_structure_up_to([None, [None, None]], str, [[1, 1], [2, 2]])
    ['[1, 1]', ['2', '2']]
    """
    if not structures:
        raise ValueError("Must provide at least one structure. Received: none")
    if not is_nested(shallow_structure):
        return func(*structures)
    for structure in structures:
        if not nest.same_container(shallow_structure, structure):
            raise ValueError(
                "Structures don't have the same nested structure. "
                f"Received: shallow_structure={shallow_structure}, structure={structure}"
            )
    keys = list(shallow_structure if isinstance(shallow_structure, dict) else range(len(shallow_structure)))
    columns = ([structure[key] for key in keys] for structure in (shallow_structure, *structures))
    return _with_parts(
        shallow_structure,
        [map_structure_up_to(shallow, func, *parts) for shallow, *parts in zip(*columns, strict=True)],
    )


def map_shape_structure(func, structure):
    """`func` of every shape in a structure: a tuple or list of ints and Nones is a shape.

    >>> import fastkeras as keras
    >>> keras.tree.map_shape_structure(len, {"a": (None, 3), "b": [(2,), ()]})
    {'a': 2, 'b': [1, 0]}
    """
    if is_shape(structure) or not is_nested(structure):
        return func(structure)
    return _with_parts(structure, [map_shape_structure(func, part) for part in _parts(structure)])


def pack_sequence_as(structure, flat_sequence):
    """The leaves `flat_sequence` in the form of `structure`.

    >>> import fastkeras as keras
    >>> keras.tree.pack_sequence_as([0, (0, 0)], [1, 2, 3])
    [1, (2, 3)]
    """
    return nest.pack_like(structure, flat_sequence)


def assert_same_structure(a, b, check_types=None):
    """Raise ValueError unless `a` and `b` have the same form."""
    if not nest.same_structure(a, b):
        raise ValueError(f"`a` and `b` don't have the same structure. Received: a={a}, b={b}")


def assert_same_paths(a, b):
    """Raise ValueError unless the leaves of `a` and `b` have the same paths, whatever they are contained in.

    >>> import fastkeras as keras
    >>> keras.tree.assert_same_paths([0, {"x": 1}], (2, {"x": 3}))
    """
    of_a, of_b = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if of_a != of_b:
        raise ValueError(
            "`a` and `b` don't have the same paths. "
            f"Received: only in a: {sorted(of_a - of_b, key=str)}, only in b: {sorted(of_b - of_a, key=str)}"
        )


def flatten_with_path(structure):
    """List of `(path, leaf)`; a path is a tuple of keys and indices.

    >>> import fastkeras as keras
    >>> keras.tree.flatten_with_path({"a": [5]})
    [(('a', 0), 5)]
    """
    if isinstance(structure, dict):
        items = [(key, structure[key]) for key in sorted(structure)]
    elif isinstance(structure, (list, tuple)):
        items = list(enumerate(structure))
    else:
        return [((), structure)]
    return [((key, *path), leaf) for key, item in items for path, leaf in flatten_with_path(item)]


def lists_to_tuples(structure):
    """The structure with tuples for lists.

    >>> import fastkeras as keras
    >>> keras.tree.lists_to_tuples([1, {"a": [2]}])
    (1, {'a': (2,)})
    """
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def traverse(func, structure, top_down=True):
    """Replace every part of a structure for which `func(part)` is not None, parents before children if `top_down`.

    >>> import fastkeras as keras
    >>> keras.tree.traverse(lambda x: -x if isinstance(x, int) else None, [1, (2, 3)])
    [-1, (-2, -3)]
    """
    replacement = func(structure) if top_down else None
    if replacement is None and is_nested(structure):
        structure = _with_parts(structure, [traverse(func, part, top_down) for part in _parts(structure)])
    if not top_down:
        replacement = func(structure)
    if replacement is MAP_TO_NONE:
        return None
    return structure if replacement is None else replacement


def _parts(structure):
    """What a container holds, in its order."""
    return list(structure.values() if isinstance(structure, dict) else structure)


def _with_parts(structure, parts):
    """A container of the same kind that holds `parts`."""
    if isinstance(structure, dict):
        return type(structure)(zip(structure, parts, strict=True))
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
