"""A file is written whole or not at all."""

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap

import pytest

from fastkeras.saving.atomic import atomic_file


def test_replaces_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file"
    for content in (b"first", b"second"):
        with atomic_file(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), KeyboardInterrupt(), RuntimeError("x")])
def test_an_error_keeps_the_old_file(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), atomic_file(path) as file:
        file.write(b"new" * 10_000)
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_full_disk_while_flushing(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"), atomic_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    with atomic_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_permissions(tmp_path):
    path = tmp_path / "file"
    old = os.umask(0o027)
    try:
        with atomic_file(path):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    os.chmod(path, 0o604)
    with atomic_file(path):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(IsADirectoryError, match="cannot replace a directory"), atomic_file(tmp_path):
        pass


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "none" / "file"):
        pass


def test_killed_while_writing(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    script = """
        import os, signal, sys
        from fastkeras.saving.atomic import atomic_file
        with atomic_file(sys.argv[1]) as file:
            file.write(b"new" * 100_000)
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), path])
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"

    # What it left is removed by the next save, once it cannot be a file that is just being opened.
    (left,) = set(os.listdir(tmp_path)) - {"file"}
    with atomic_file(path) as file:
        file.write(b"new")
    assert left in os.listdir(tmp_path)
    os.utime(tmp_path / left, (0, 0))
    other = tmp_path / ".file.notes.tmp"
    other.write_bytes(b"of somebody else")
    os.utime(other, (0, 0))
    with atomic_file(path) as file:
        file.write(b"newer")
    assert set(os.listdir(tmp_path)) == {"file", other.name} and path.read_bytes() == b"newer"


def test_a_file_being_written_is_no_leftover(tmp_path):
    path = tmp_path / "file"
    with atomic_file(path) as slow:
        slow.write(b"slow")
        os.utime(slow.name, (0, 0))
        with atomic_file(path) as quick:
            quick.write(b"quick")
        assert path.read_bytes() == b"quick"
    assert path.read_bytes() == b"slow"


def test_a_missing_folder_is_told_by_the_users_path(tmp_path):
    path = tmp_path / "missing" / "file"
    with pytest.raises(FileNotFoundError) as caught, atomic_file(path):
        pass
    assert caught.value.filename == str(path)
