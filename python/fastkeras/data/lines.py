"""Lines of text files."""

import gzip
import zlib

import numpy as np

from fastkeras.data import elements
from fastkeras.data.dataset import Dataset
from fastkeras.data.streams import Stream

_OPENERS = {None: open, "": open, "GZIP": gzip.open}


class TextLineDataset(Dataset):
    """The dataset of the lines of text files, without what ends them.

    Args:
        filenames: a path, a list of paths, or a dataset of paths.
        compression_type: None, `"GZIP"` or `"ZLIB"`.
        buffer_size, num_parallel_reads: change nothing here.

    Raises:
        ValueError: for another compression.
        FileNotFoundError: while iterating, where there is no such file.

    >>> import fastkeras as keras, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "poem.txt")
    ...     with open(path, "w") as file:
    ...         _ = file.write("roses\\nviolets\\n")
    ...     [line.numpy() for line in keras.data.TextLineDataset(path)]
    [b'roses', b'violets']
    """

    def __init__(self, filenames, compression_type=None, buffer_size=None, num_parallel_reads=None, name=None):
        if compression_type not in (*_OPENERS, "ZLIB"):
            raise ValueError(
                f"[TextLineDataset] compression_type must be None, 'GZIP' or 'ZLIB'. "
                f"Received: compression_type={compression_type!r}"
            )
        paths = filenames._items if isinstance(filenames, Dataset) else [elements.component(filenames)]

        def begin():
            for group in paths:
                for path in np.ravel(group).tolist():
                    yield from _lines(path, compression_type)

        super().__init__(Stream(begin), spec=lambda: elements.TensorSpec((), "string"))


def _lines(path, compression):
    if compression == "ZLIB":
        with open(path, "rb") as file:
            lines = zlib.decompress(file.read()).splitlines()
        yield from map(elements.component, lines)
        return
    with _OPENERS[compression](path, "rb") as file:
        for line in file:
            yield elements.component(line.removesuffix(b"\n").removesuffix(b"\r"))
