"""Nested structures of tensors: tuples, named tuples, lists and dicts (by sorted key, as Keras does)."""


def is_nested(structure):
    return isinstance(structure, (tuple, list, dict))


def flatten(structure):
    """The leaves of a structure, in order."""
    flat = []
    _collect(structure, flat)
    return flat


def _collect(structure, flat):
    if isinstance(structure, dict):
        for key in sorted(structure):
            _collect(structure[key], flat)
    elif isinstance(structure, (tuple, list)):
        for item in structure:
            _collect(item, flat)
    else:
        flat.append(structure)


def pack_like(structure, flat):
    """The leaves `flat` in the form of `structure`."""
    leaves = iter(flat)
    packed = _pack(structure, leaves)
    for extra in leaves:
        raise ValueError(f"[nest] there are more leaves than the structure holds. Received: {extra!r}")
    return packed


def _pack(structure, leaves):
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], leaves) for key in sorted(structure)}
        return type(structure)((key, packed[key]) for key in structure)
    if isinstance(structure, (tuple, list)):
        items = [_pack(item, leaves) for item in structure]
        return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    try:
        return next(leaves)
    except StopIteration:
        raise ValueError("[nest] there are fewer leaves than the structure holds") from None


def map(fn, *structures):
    """`fn` of the corresponding leaves, in the form of the first structure."""
    columns = [flatten(s) for s in structures]
    return pack_like(structures[0], [fn(*leaves) for leaves in zip(*columns, strict=True)])


def same_container(a, b):
    """Are two structures, whatever they hold, alike on the outside: dicts of the same keys, as long lists of a type?"""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys()
    return type(a) is type(b) and is_nested(a) and len(a) == len(b)


def same_structure(a, b):
    """Do two structures have the same form?"""
    if not is_nested(a) and not is_nested(b):
        return True
    if not same_container(a, b):
        return False
    return all(same_structure(a[key], b[key]) for key in (a if isinstance(a, dict) else range(len(a))))
