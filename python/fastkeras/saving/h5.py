"""HDF5 as Keras uses it: groups of plain numeric datasets, read without following anything that leads elsewhere."""

import math

import numpy as np

from fastkeras.saving.errors import ModelFileError

_SLACK = 1 << 20  # bytes of data that may be read beyond what the model or the file's size accounts for
# deflate, shuffle, fletcher32, lzf: what h5py itself offers. Others would make libhdf5 look for plugins.
_FILTERS = {1, 2, 3, 32000}


def h5py():
    """The h5py module, imported when first needed: it takes 60 ms."""
    try:
        import h5py
    except ImportError:
        raise ImportError("[saving] HDF5 files need h5py: pip install h5py") from None
    return h5py


def child(group, name):
    """The object `name` (one path component) of a group, or None; a link that is not a hard one is refused."""
    lib = h5py()
    key = name.encode()
    if not name or name == "." or "/" in name:
        raise ModelFileError(f"[load] invalid path in the HDF5 file. Received: {name!r}")
    if not group.id.links.exists(key):
        return None
    kind = group.id.links.get_info(key).type
    if kind != lib.h5l.TYPE_HARD:
        names = {lib.h5l.TYPE_SOFT: "SoftLink", lib.h5l.TYPE_EXTERNAL: "ExternalLink"}
        raise ModelFileError(f"[load] not allowed: HDF5 file with {names.get(kind, 'a user-defined link')} {name!r}")
    return group[name]


def find_group(group, path):
    """The group at `path`, walked component by component, or None."""
    lib = h5py()
    for name in path.split("/"):
        group = child(group, name)
        if group is None:
            return None
        if not isinstance(group, lib.Group):
            raise ModelFileError(f"[load] expected a group at {path!r} of the HDF5 file. Received: {type(group)}")
    return group


def require_group(group, path):
    """The group at `path`; raises when it is absent."""
    found = find_group(group, path)
    if found is None:
        raise ModelFileError(f"[load] the HDF5 file has no group {path!r}.")
    return found


class Datasets:
    """Reads datasets of one file. A size comes from the model (`shapes`) or has to be paid for by the file's size."""

    def __init__(self, file_bytes):
        self._left = file_bytes + _SLACK

    def read(self, group, name, shapes=()):
        """The array at `name` (a path below `group`).

        Args:
            shapes: shapes that the receiving variables have. An array of such a shape is read whatever the file
                stores for it; the others may add up to the size of the file.
        """
        lib = h5py()
        parent, _, last = name.rpartition("/")
        if parent:
            group = find_group(group, parent)
        dataset = None if group is None else child(group, last)
        if dataset is None:
            raise ModelFileError(f"[load] the HDF5 file has no dataset {name!r}.")
        if not isinstance(dataset, lib.Dataset):
            raise ModelFileError(f"[load] expected a dataset at {name!r} of the HDF5 file. Received: {type(dataset)}")
        self._check(dataset, name, shapes)
        if dataset.dtype.kind == "V":
            return np.asarray(dataset).view(_bfloat16())
        return np.asarray(dataset)

    def _check(self, dataset, name, shapes):
        lib, plist = h5py(), dataset.id.get_create_plist()
        if plist.get_external_count():
            raise ModelFileError(f"[load] not allowed: HDF5 dataset {name!r} keeps its data in another file.")
        if plist.get_layout() not in (lib.h5d.COMPACT, lib.h5d.CONTIGUOUS, lib.h5d.CHUNKED):
            raise ModelFileError(f"[load] not allowed: HDF5 dataset {name!r} is virtual.")
        unknown = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
        if not _FILTERS.issuperset(unknown):
            raise ModelFileError(f"[load] HDF5 dataset {name!r} uses unknown filters. Received: {unknown}")
        if dataset.shape is None:
            raise ModelFileError(f"[load] HDF5 dataset {name!r} is empty.")
        bfloat16 = dataset.dtype == np.dtype("V2") and dataset.attrs.get("dtype") == "bfloat16"
        if dataset.dtype.kind not in "biuf" and not bfloat16:
            raise ModelFileError(f"[load] HDF5 dataset {name!r} must hold numbers. Received: dtype={dataset.dtype}")
        shape = tuple(dataset.shape)
        if dataset.chunks is not None and any(c > max(s, 1) for c, s in zip(dataset.chunks, shape, strict=True)):
            raise ModelFileError(f"[load] HDF5 dataset {name!r} has chunks larger than itself.")
        if shape in shapes:
            return
        size = math.prod(shape) * dataset.dtype.itemsize
        if size > self._left:
            raise ModelFileError(
                f"[load] not allowed: HDF5 dataset {name!r} declares shape {shape}, which no variable has "
                f"(there are {sorted(shapes)[:8]}) and which the file is too small for."
            )
        self._left -= size


def _bfloat16():
    try:
        import ml_dtypes
    except ImportError:
        raise ImportError("[load] bfloat16 weights need ml_dtypes: pip install ml_dtypes") from None
    return ml_dtypes.bfloat16


def write_array(group, name, value):
    """Store an array as Keras does."""
    value = np.asarray(value)
    dataset = group.create_dataset(name, data=value.view("V2") if value.dtype.name == "bfloat16" else value)
    if value.dtype.name == "bfloat16":
        dataset.attrs["dtype"] = "bfloat16"
