"""CIFAR batches, read straight from the archive: nothing is unpacked, nothing in them is run."""

import tarfile

from fastkeras.datasets import _source
from fastkeras.utils.files import get_file


def batches(name, file_hash, origin, members):
    """The dicts of the members of a CIFAR archive, in order."""
    path = get_file(f"{name}_archive", origin=origin, file_hash=file_hash)
    with tarfile.open(path) as archive:
        for member in members:
            yield _source.Unpickler(archive.extractfile(member), encoding="bytes").load()


def images(data):
    """uint8 images of the rows of a batch, in the global image data format."""
    from fastkeras import config

    data = data.reshape(-1, 3, 32, 32)
    return data.transpose(0, 2, 3, 1) if config.image_data_format() == "channels_last" else data
