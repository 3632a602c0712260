"""Elements in a file: what `cache(filename)` writes in the first whole pass and reads in the later ones."""

import json
import os

import numpy as np

from fastkeras.data.elements import arrays
from fastkeras.data.streams import Stream
from fastkeras.engine import nest
from fastkeras.saving.atomic import atomic_file

_MAGIC = "fastkeras elements 1"


def cached_in_file(items, filename):
    """The stream of the elements of `items`, from the file where it is there, else into it."""
    path = os.fspath(filename)

    def begin():
        return _read(path) if os.path.exists(path) else _written(items, path)

    return Stream(begin, items.size)


def _written(items, path):
    """Yields the items; the file is there when all of them have been asked for, and is given up otherwise."""
    with atomic_file(path) as file:
        begun = False
        for item in map(arrays, items):
            if not begun:
                file.write(json.dumps([_MAGIC, _kinds(item)]).encode() + b"\n")
                begun = True
            for part in nest.flatten(item):
                _write(file, part)
            yield item


def _read(path):
    with open(path, "rb") as file:
        header = file.readline()
        if header and not header.startswith(json.dumps(_MAGIC).join("[,").encode()):
            raise ValueError(f"[cache] the file holds no elements of a dataset. Received: filename={path}")
        kinds = json.loads(header)[1] if header else None
        while file.peek(1):
            yield _tuples(nest.pack_like(kinds, [_load(file, kind) for kind in nest.flatten(kinds)]))


def _kinds(item):
    """The structure of an element with "texts", "numbers" or None for components."""
    return nest.map(lambda x: x if x is None else "texts" if x.dtype.kind == "O" else "numbers", item)


def _tuples(structure):
    """A structure whose lists, which JSON has for tuples, are tuples again."""
    if isinstance(structure, dict):
        return {key: _tuples(value) for key, value in structure.items()}
    return tuple(map(_tuples, structure)) if isinstance(structure, list) else structure


def _write(file, part):
    if part is None:
        return
    if part.dtype.kind == "O":
        np.save(file, np.array([len(text) for text in part.flat], "int64").reshape(part.shape))
        part = np.frombuffer(b"".join(part.flat), "uint8")
    np.save(file, part, allow_pickle=False)


def _load(file, kind):
    if kind is None:
        return None
    loaded = np.load(file, allow_pickle=False)
    if kind == "numbers":
        return loaded
    joined, ends = np.load(file).tobytes(), np.cumsum(loaded).tolist()
    texts = np.empty(loaded.shape, object)
    texts.flat = [joined[start:end] for start, end in zip([0, *ends], ends)]
    return texts
