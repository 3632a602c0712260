"""get_file: cache, hashes, resuming, unpacking; over a server of our own."""

import hashlib
import http.server
import io
import os
import pathlib
import tarfile
import warnings
import zipfile

import pytest
from helpers import serving

import fastkeras as keras

CONTENT = bytes(range(256)) * 2000


def read(path):
    return pathlib.Path(path).read_bytes()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`; cuts the first answers short when told to."""

    def do_GET(self):
        self.server.requests.append(self.headers.get("Range"))
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        start = 0
        if self.headers.get("Range") and self.server.ranges:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.end_headers()
        end = self.server.cuts.pop(0) if self.server.cuts else None
        self.wfile.write(data[start:end])


@pytest.fixture
def server():
    with serving(Handler) as server:
        server.files, server.requests, server.cuts = {"/data.bin": CONTENT}, [], []
        server.etag, server.ranges = '"one"', True
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server


def test_downloads_once(server, tmp_path, capsys):
    path = keras.utils.get_file(origin=f"{server.url}/data.bin", cache_dir=tmp_path)
    assert path == str(tmp_path / "datasets" / "data.bin")
    assert read(path) == CONTENT
    assert keras.utils.get_file(origin=f"{server.url}/data.bin", cache_dir=str(tmp_path)) == path
    assert len(server.requests) == 1
    out = capsys.readouterr().out
    assert f"Downloading data from {server.url}/data.bin\n" in out
    assert f"{len(CONTENT)}/{len(CONTENT)}" in out
    keras.utils.get_file(origin=f"{server.url}/data.bin", cache_dir=tmp_path, force_download=True)
    assert len(server.requests) == 2
    assert os.listdir(tmp_path / "datasets") == ["data.bin"]


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_hash_is_checked_before_the_file_appears(server, tmp_path, algorithm):
    arguments = {"origin": f"{server.url}/data.bin", "cache_dir": tmp_path, "hash_algorithm": algorithm}
    right = hashlib.new(algorithm, CONTENT).hexdigest()
    with pytest.raises(ValueError, match="Incomplete or corrupted file detected"):
        keras.utils.get_file(**arguments, file_hash="0" * len(right))
    assert os.listdir(tmp_path / "datasets") == []
    path = keras.utils.get_file(**arguments, file_hash=right)
    with open(path, "wb") as file:
        file.write(b"damaged")
    assert read(keras.utils.get_file(**arguments, file_hash=right)) == CONTENT


@pytest.mark.parametrize("ranges", [True, False])
def test_resumes(server, tmp_path, ranges):
    server.cuts, server.ranges = [100_000], ranges
    arguments = {"origin": f"{server.url}/data.bin", "cache_dir": tmp_path}
    with pytest.raises(OSError, match="100000 of 512000 bytes came"):
        keras.utils.get_file(**arguments)
    assert not os.path.exists(tmp_path / "datasets" / "data.bin")
    assert read(keras.utils.get_file(**arguments)) == CONTENT
    assert server.requests == [None, None, "bytes=100000-"]
    assert os.listdir(tmp_path / "datasets") == ["data.bin"]


def test_another_version_is_not_continued(server, tmp_path):
    server.cuts = [100_000]
    arguments = {"origin": f"{server.url}/data.bin", "cache_dir": tmp_path}
    with pytest.raises(OSError, match="bytes came"):
        keras.utils.get_file(**arguments)
    server.files["/data.bin"], server.etag = CONTENT[::-1], '"two"'
    assert read(keras.utils.get_file(**arguments)) == CONTENT[::-1]
    assert server.requests == [None, None]


def test_without_version_nothing_is_kept(server, tmp_path):
    server.cuts, server.etag = [100_000], None
    with pytest.raises(OSError, match="bytes came"):
        keras.utils.get_file(origin=f"{server.url}/data.bin", cache_dir=tmp_path)
    assert os.listdir(tmp_path / "datasets") == []


def test_missing_file(server, tmp_path):
    with pytest.raises(OSError, match=r"URL fetch failure on .*/none: 404 -- Not Found"):
        keras.utils.get_file(origin=f"{server.url}/none", cache_dir=tmp_path)
    with pytest.raises(OSError, match="URL fetch failure"):
        keras.utils.get_file(origin="http://127.0.0.1:1/none", cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../a", "a\\b", "/etc/passwd"])
def test_names_are_not_paths(tmp_path, name):
    with pytest.raises(ValueError, match="Paths are no longer accepted"):
        keras.utils.get_file(name, origin="http://127.0.0.1:1/x", cache_dir=tmp_path)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1/a/..", "http://127.0.0.1:1/.", "http://127.0.0.1:1/"])
def test_origin_without_a_name(tmp_path, origin):
    with pytest.raises(ValueError, match="Can't parse the file name from the origin"):
        keras.utils.get_file(origin=origin, cache_dir=tmp_path)
    with pytest.raises(ValueError, match='specify the "origin"'):
        keras.utils.get_file("x")


def tar_of(members):
    """A tar archive of (TarInfo fields, content) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for fields, content in members:
            info = tarfile.TarInfo()
            for key, value in {**fields, "size": len(content)}.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


GOOD_TAR = tar_of([({"name": "d", "type": tarfile.DIRTYPE}, b""), ({"name": "d/a.txt"}, b"A"), ({"name": "./b"}, b"B")])


@pytest.mark.parametrize(
    ("archive", "arguments"),
    [
        (GOOD_TAR, {"extract": True}),
        (GOOD_TAR, {"untar": True}),
        (zip_of([("d/a.txt", "A"), ("b", "B")]), {"extract": True, "archive_format": "zip"}),
    ],
    ids=["tar", "untar", "zip"],
)
def test_unpacks(server, tmp_path, archive, arguments):
    server.files["/set.tgz"] = archive
    folder = keras.utils.get_file("set", origin=f"{server.url}/set.tgz", cache_dir=tmp_path, **arguments)
    assert folder == str(tmp_path / "datasets" / "set")
    assert read(f"{folder}/d/a.txt") + read(f"{folder}/b") == b"AB"
    again = keras.utils.get_file("set", origin=f"{server.url}/set.tgz", cache_dir=tmp_path, **arguments)
    assert again == folder
    assert sorted(os.listdir(tmp_path / "datasets")) == ["set", "set_archive"]


def test_folder_names_are_those_of_keras(server, tmp_path):
    server.files["/set.tgz"] = GOOD_TAR
    arguments = {"origin": f"{server.url}/set.tgz", "cache_dir": tmp_path, "extract": True}
    assert os.path.basename(keras.utils.get_file(**arguments)) == "set.tgz"
    assert os.path.basename(keras.utils.get_file("other.tar.gz", **arguments)) == "other_extracted"
    assert {"set.tgz_archive", "other.tar.gz"} <= set(os.listdir(tmp_path / "datasets"))


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "../outside"},
        {"name": "/tmp/outside"},
        {"name": "a/../../outside"},
        {"name": "..\\outside"},
        {"name": "link", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"name": "link", "type": tarfile.SYMTYPE, "linkname": "."},
        {"name": "hard", "type": tarfile.LNKTYPE, "linkname": "ok"},
        {"name": "../hard", "type": tarfile.LNKTYPE, "linkname": "ok"},
        {"name": "device", "type": tarfile.CHRTYPE},
        {"name": "x" * 300},
    ],
    ids=lambda fields: fields["name"][:12] + fields.get("linkname", ""),
)
def test_what_leads_outside_is_skipped(server, tmp_path, fields):
    server.files["/set.tgz"] = tar_of([({"name": "ok"}, b"fine"), (fields, b""), ({"name": "link/../x"}, b"")])
    cache = tmp_path / "cache"
    with pytest.warns(UserWarning, match="Skipping invalid path during archive extraction"):
        folder = keras.utils.get_file("set", origin=f"{server.url}/set.tgz", cache_dir=cache, extract=True)
    assert os.listdir(folder) == ["ok"]
    assert os.listdir(tmp_path) == ["cache"]


def test_not_an_archive(server, tmp_path):
    with pytest.warns(UserWarning, match="Could not extract archive"):
        keras.utils.get_file("set", origin=f"{server.url}/data.bin", cache_dir=tmp_path, extract=True)


def test_damaged_archive_leaves_no_folder(server, tmp_path):
    server.files["/set.tgz"] = tar_of([({"name": "big"}, os.urandom(100_000))])[:60_000]
    with pytest.raises(EOFError), warnings.catch_warnings():
        keras.utils.get_file("set", origin=f"{server.url}/set.tgz", cache_dir=tmp_path, extract=True)
    assert os.listdir(tmp_path / "datasets") == ["set_archive"]


def test_read_only_cache_that_has_the_file(server, tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "data.bin").write_bytes(b"mine")
    os.chmod(tmp_path / "datasets", 0o555)
    try:
        path = keras.utils.get_file(origin=f"{server.url}/data.bin", cache_dir=tmp_path)
    finally:
        os.chmod(tmp_path / "datasets", 0o755)
    assert read(path) == b"mine"
    assert server.requests == []
