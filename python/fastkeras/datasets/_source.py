"""What the data sets share: where they come from, reading them without running what they hold, splitting, text."""

import io
import pickle
import zipfile

import numpy as np

from fastkeras.utils.files import get_file

BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

# All that a pickled array of numbers or of lists of numbers needs. Anything else would be code.
_PICKLE_NAMES = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


def fetch(fname, file_hash=None, remote=None, **kwargs):
    """Path of a file of the Keras data sets; `remote` when it has another name there."""
    return get_file(fname, origin=BASE + (remote or fname), file_hash=file_hash, **kwargs)


class Unpickler(pickle.Unpickler):
    """Builds arrays, lists, dicts, numbers and strings; refuses everything else."""

    def find_class(self, module, name):
        if (module, name) not in _PICKLE_NAMES:
            raise pickle.UnpicklingError(
                f"Refusing to deserialize `{module}.{name}` while loading a Keras dataset. The file may be corrupted "
                "or malicious."
            )
        if module == "numpy.core.multiarray" and hasattr(np, "_core"):
            module = "numpy._core.multiarray"  # where NumPy 2 keeps it
        return super().find_class(module, name)


def load_arrays(path):
    """{name: array} of an `.npz` file; arrays of lists are read by the restricted unpickler."""
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".npy")]
        return {name.removesuffix(".npy"): _load_array(io.BytesIO(archive.read(name))) for name in members}


def _load_array(file):
    try:
        return np.lib.format.read_array(file, allow_pickle=False)
    except ValueError:
        file.seek(0)
        version = np.lib.format.read_magic(file)
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in header or not header[version](file)[2].hasobject:
            raise
        return Unpickler(file).load()


def shuffled(random, *arrays):
    """The arrays in one random order, drawn from a RandomState."""
    order = np.arange(len(arrays[0]))
    random.shuffle(order)
    return [array[order] for array in arrays]


def load_housing(path, file_hash, remote, test_split, seed, rows=None):
    """((x_train, y_train), (x_test, y_test)) of a table."""
    if not 0 <= test_split < 1:
        raise ValueError(f"Invalid `test_split` argument: {test_split}. It must be between 0 and 1 (exclusive of 1).")
    with np.load(fetch(path, file_hash, remote), allow_pickle=False) as file:
        x, y = file["x"][:rows], file["y"][:rows]
    x, y = shuffled(np.random.RandomState(seed), x, y)
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def marked(sequences, start_char, index_from):
    """Sequences of word numbers with room for the reserved ones."""
    prefix = [] if start_char is None else [start_char]
    shift = index_from if start_char is not None or index_from else 0
    return [prefix + [word + shift for word in sequence] for sequence in sequences]


def limited(sequences, num_words, skip_top, oov_char):
    """Sequences without the words outside `[skip_top, num_words)`, or with `oov_char` in their places."""
    if not num_words:
        num_words = max(max(sequence) for sequence in sequences)
    if oov_char is None:
        return [[word for word in sequence if skip_top <= word < num_words] for sequence in sequences]
    return [[word if skip_top <= word < num_words else oov_char for word in sequence] for sequence in sequences]


def shorter_than(maxlen, sequences, labels):
    """The sequences with fewer than `maxlen` words, and their labels."""
    kept = [(sequence, label) for sequence, label in zip(sequences, labels, strict=True) if len(sequence) < maxlen]
    return [sequence for sequence, _ in kept], np.array([label for _, label in kept])


def ragged(sequences):
    """A one-dimensional array of lists."""
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array
