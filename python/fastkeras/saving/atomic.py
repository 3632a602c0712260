"""One way to write a file: whole or not at all."""

import contextlib
import os
import stat


@contextlib.contextmanager
def atomic_file(path):
    """A binary file that takes the place of `path` when the block ends without an error.

    It is written beside `path` under another name, flushed to the disk, then renamed. If the block raises, or the disk
    is full, `path` keeps its old content and the other file is removed.
    """
    target = os.path.realpath(os.fspath(path))  # a symbolic link stays a link: what it points to is replaced
    if os.path.isdir(target):
        raise IsADirectoryError(f"[save] a file cannot replace a directory. Received: filepath={path}")
    directory, name = os.path.split(target)
    temporary = os.path.join(directory, f".{name[:200]}.{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            if os.path.exists(target):
                os.fchmod(file.fileno(), stat.S_IMODE(os.stat(target).st_mode))
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_directory(directory)


def _sync_directory(directory):
    """Make the rename itself last: without this a power cut may bring the old file back."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems refuse; the file itself is complete either way
    finally:
        os.close(descriptor)
