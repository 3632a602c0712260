"""One way to write a file: whole or not at all."""

import contextlib
import fcntl
import glob
import os
import stat
import time


@contextlib.contextmanager
def atomic_file(path):
    """A binary file that takes the place of `path` when the block ends without an error.

    It is written beside `path` under another name, flushed to the disk, then renamed. If the block raises, or the disk
    is full, `path` keeps its old content and the other file is removed. What a killed process left is removed by the
    next that writes `path`.
    """
    target = os.path.realpath(os.fspath(path))  # a symbolic link stays a link: what it points to is replaced
    if os.path.isdir(target):
        raise IsADirectoryError(f"[save] a file cannot replace a directory. Received: filepath={path}")
    directory, name = os.path.split(target)
    stem = os.path.join(directory, f".{name[:200]}.")
    _remove_leftovers(stem)
    temporary = f"{stem}{os.urandom(6).hex()}.tmp"
    try:
        with open(temporary, "xb") as file:
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            if os.path.exists(target):
                os.fchmod(file.fileno(), stat.S_IMODE(os.stat(target).st_mode))
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, FileNotFoundError) and error.filename == temporary:
            error.filename = os.fspath(path)  # what the user knows of
        raise
    _sync_directory(directory)


def _remove_leftovers(stem):
    """A file of ours that nobody holds locked any more; a minute old, so that its writer had time to lock it."""
    for path in glob.glob(glob.escape(stem) + "[0-9a-f]" * 12 + ".tmp"):
        with contextlib.suppress(OSError):  # held, gone already, or not ours to remove
            if os.stat(path).st_mtime < time.time() - 60:
                with open(path, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(path)


def _sync_directory(directory):
    """Make the rename itself last: without this a power cut may bring the old file back."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems refuse; the file itself is complete either way
    finally:
        os.close(descriptor)
