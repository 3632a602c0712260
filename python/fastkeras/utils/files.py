"""get_file: download once, check, unpack; never a half file, never a file outside its folder."""

import fcntl
import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import warnings
import zipfile

from fastkeras.saving.archive import parts_inside
from fastkeras.utils.messages import print_msg
from fastkeras.utils.progbar import Progbar

_CHUNK = 1 << 16  # bytes between two looks at the progress bar
_TIMEOUT = 60  # seconds without a byte before a download is given up


def get_file(
    fname=None,
    origin=None,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
    force_download=False,
):
    """Downloads a file unless it is in the cache already, and returns its path.

    Args:
        fname: name in the cache (no folders); the last part of `origin` if None. When unpacking, the folder's name.
        origin: URL.
        untar: the same as `extract=True, archive_format="tar"`.
        md5_hash: the same as `file_hash` with `hash_algorithm="md5"`.
        file_hash: sha256 or md5 that the file must have; a file without it never enters the cache.
        cache_subdir: folder inside the cache, or an absolute path.
        hash_algorithm: `"sha256"`, `"md5"` or `"auto"` (by the length of the hash).
        extract: unpack a tar or zip archive; the path of the folder is returned.
        archive_format: `"auto"`, `"tar"`, `"zip"`, a list of these, or None.
        cache_dir: `$KERAS_HOME` or `~/.keras` if None.
        force_download: download even when the file is there.

    Interrupted downloads are resumed where the server allows it. Members of an archive that would land outside the
    folder, and links, are skipped with a warning.

    Raises:
        ValueError: no `origin`, a name that is a path, or a file without the right hash.
        OSError: the download failed.
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    extract = extract or untar
    name, archive_name = _names(fname, origin, extract)
    folder = _folder(cache_dir, cache_subdir, archive_name)
    target = os.path.join(folder, archive_name)
    if force_download or not _in_cache(target, file_hash, hash_algorithm):
        print_msg(f"Downloading data from {origin}")
        _download(origin, target, file_hash, hash_algorithm)
    if not extract:
        return target
    destination = os.path.join(folder, name)
    if not _extract(target, destination, "tar" if untar else archive_format):
        warnings.warn("Could not extract archive.", stacklevel=2)
    return destination


def _names(fname, origin, extract):
    """(name of the result, name of the downloaded file): the rules of Keras."""
    name = os.fspath(fname) if fname else os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name or (not fname and name in (".", "..")):
        raise ValueError(
            f"Can't parse the file name from the origin provided: '{origin}'. Please specify the `fname` argument."
        )
    if name in (".", "..") or "/" in name or "\\" in name or "\0" in name or os.path.splitdrive(name)[0]:
        raise ValueError(
            "Paths are no longer accepted as the `fname` argument. To specify the file's parent directory, use "
            f"the `cache_dir` argument. Received: fname={name}"
        )
    if not extract:
        return name, name
    if fname and "." in name:
        return f"{name[: name.find('.')]}_extracted", name
    return name, f"{name}_archive"


def _folder(cache_dir, cache_subdir, name):
    """The cache folder, or where Keras goes when that cannot be written and does not have the file."""
    from fastkeras import config

    base = os.path.expanduser(config.keras_home() if cache_dir is None else os.fspath(cache_dir))
    folder = os.path.join(base, cache_subdir)
    if os.path.exists(os.path.join(folder, name)):
        return folder
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        pass
    if not os.access(folder, os.W_OK):
        folder = os.path.join(tempfile.gettempdir(), ".keras", cache_subdir)
        os.makedirs(folder, exist_ok=True)
    return folder


def _in_cache(path, file_hash, algorithm):
    if not os.path.exists(path):
        return False
    if file_hash is None or _has_hash(path, file_hash, algorithm):
        return True
    print_msg(
        f"A local file was found, but it seems to be incomplete or outdated because the {algorithm} file hash does not "
        f"match the original value of {file_hash} so we will re-download the data."
    )
    return False


def _has_hash(path, file_hash, algorithm):
    sha = algorithm == "sha256" or (algorithm == "auto" and len(file_hash) == 64)
    digest = hashlib.sha256() if sha else hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest() == file_hash.lower()


def _open(origin, start=0):
    request = urllib.request.Request(origin, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        raise OSError(f"URL fetch failure on {origin}: {error.code} -- {error.msg}") from error
    except urllib.error.URLError as error:
        raise OSError(f"URL fetch failure on {origin}: {error.errno} -- {error.reason}") from error


def _download(origin, target, file_hash, algorithm):
    """Fill `target.<version>.part` and rename it when it is complete and has the hash.

    The version is the server's own (ETag or date): a part of another version of the file is never continued. While one
    process fills the part another one writes a part of its own.
    """
    response = _open(origin)
    version = response.headers.get("ETag") or response.headers.get("Last-Modified")
    key = hashlib.sha256(f"{origin} {version}".encode()).hexdigest()[:16]
    file = _lock(f"{target}.{key}.part") if version else None
    keep = file is not None
    with response, file or open(f"{target}.{os.getpid()}.part", "wb") as file:
        try:
            if file.tell():
                response.close()
                response = _open(origin, file.tell())
                if response.status != 206:
                    file.truncate(0)
            _copy(response, file)
        except BaseException:
            if not keep:
                os.unlink(file.name)
            raise
        if file_hash is not None and not _has_hash(file.name, file_hash, algorithm):
            os.unlink(file.name)
            raise ValueError(
                f"Incomplete or corrupted file detected. The {algorithm} file hash does not match the provided value "
                f"of {file_hash}."
            )
        os.replace(file.name, target)


def _lock(path):
    """The file at `path` for appending, or None when another process is at it."""
    file = open(path, "ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.stat(path), os.fstat(file.fileno())):
            return file
    except OSError:
        pass  # held by another process, or renamed by it between our two looks
    file.close()
    return None


def _copy(response, file):
    done = file.tell()
    length = response.headers.get("Content-Length")
    total = done + int(length) if length is not None else None
    bar = Progbar(total)
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        done += len(chunk)
        bar.update(done)
    if total is not None and done < total:
        raise OSError(f"URL fetch failure on {response.url}: {done} of {total} bytes came")
    file.flush()
    os.fsync(file.fileno())


def _extract(path, destination, formats):
    """Unpack beside `destination`, then put the folder in its place. False: the file is no such archive."""
    openers = {"tar": (tarfile.is_tarfile, _tar_members), "zip": (zipfile.is_zipfile, _zip_members)}
    if formats == "auto":
        formats = ["tar", "zip"]
    for name in [formats] if isinstance(formats, str) else formats or []:
        if name not in openers:
            raise NotImplementedError(name)
        is_match, members = openers[name]
        if is_match(path):
            break
    else:
        return False
    temporary = tempfile.mkdtemp(prefix=f".{os.path.basename(destination)[:200]}.", dir=os.path.dirname(destination))
    try:
        for relative, is_folder, mode, opened in members(path):
            place = os.path.join(temporary, *relative)
            os.makedirs(place if is_folder else os.path.dirname(place), exist_ok=True)
            if not is_folder:
                with opened() as source, open(place, "wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
                    os.fchmod(file.fileno(), 0o755 if mode & 0o100 else 0o644)
        os.chmod(temporary, 0o755)
        if os.path.exists(destination):
            old = tempfile.mkdtemp(dir=os.path.dirname(destination))
            os.replace(destination, os.path.join(old, "old"))
            os.replace(temporary, destination)
            shutil.rmtree(old)
        else:
            os.replace(temporary, destination)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return True


def _tar_members(path):
    with tarfile.open(path) as archive:
        for member in archive:
            relative = parts_inside(member.name)
            if member.isdir() and relative is None and member.name.strip("./") == "":
                continue
            if relative is None or not (member.isfile() or member.isdir()):  # links and devices go nowhere good
                _skip(member.name)
            else:
                yield relative, member.isdir(), member.mode, lambda member=member: archive.extractfile(member)


def _zip_members(path):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            relative = parts_inside(member.filename)
            if relative is None:
                _skip(member.filename)
            else:
                mode = member.external_attr >> 16
                yield relative, member.is_dir(), mode, lambda member=member: archive.open(member)


def _skip(name):
    warnings.warn(f"Skipping invalid path during archive extraction: '{name}'.", stacklevel=5)
