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


def same_structure(a, b):
    """Do two structures have the same form?"""
    if isinstance(a, dict) or isinstance(b, dict):
        return type(a) is type(b) and a.keys() == b.keys() and all(same_structure(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)) or isinstance(b, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(same_structure(x, y) for x, y in zip(a, b))
    return True
