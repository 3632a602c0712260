"""keras.tree: nested tuples, lists and dicts."""

from fastkeras.engine import nest
from fastkeras.engine.nest import flatten, is_nested

__all__ = [
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_structure",
    "pack_sequence_as",
    "traverse",
]


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
    if isinstance(structure, dict):
        return {key: lists_to_tuples(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        items = tuple(lists_to_tuples(item) for item in structure)
        return type(structure)(*items) if hasattr(structure, "_fields") else items
    return structure


def traverse(func, structure, top_down=True):
    """Replace every part of a structure for which `func(part)` is not None, parents before children if `top_down`.

    >>> import fastkeras as keras
    >>> keras.tree.traverse(lambda x: -x if isinstance(x, int) else None, [1, (2, 3)])
    [-1, (-2, -3)]
    """
    if top_down:
        replacement = func(structure)
        if replacement is not None:
            return replacement
    if isinstance(structure, dict):
        structure = type(structure)((key, traverse(func, value, top_down)) for key, value in structure.items())
    elif isinstance(structure, (list, tuple)):
        items = [traverse(func, item, top_down) for item in structure]
        structure = type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    if not top_down:
        replacement = func(structure)
        return structure if replacement is None else replacement
    return structure
