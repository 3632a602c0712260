"""Reading what a stranger's zip file and JSON hold, in proportion to its size."""

import json
import re
import zipfile

from fastkeras.saving.errors import ModelFileError

_MAX_MEMBERS = 10_000
# Keras stores members uncompressed (ratio 1). An archive that somebody packed again stays far below 100.
_MAX_RATIO = 100
_SLACK = 1 << 20  # bytes any member may have whatever its ratio: a small JSON packs very well
_MAX_JSON_BYTES = 32 << 20  # parsed it takes about twenty times as much
_MAX_JSON_DEPTH = 200  # a layer in a wrapper in a model takes about five levels

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def check_archive(archive, size):
    """Raise if the members of a zip file of `size` bytes would unpack to far more than they take."""
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise ModelFileError(f"[load] at most {_MAX_MEMBERS} archive members are allowed. Received: {len(members)}")
    names = {member.filename for member in members}
    if len(names) != len(members):
        raise ModelFileError("[load] two archive members have the same name.")
    for member in members:
        if member.file_size > _MAX_RATIO * min(member.compress_size, size) + _SLACK:
            raise ModelFileError(
                f"[load] not allowed: archive member {member.filename!r} declares {member.file_size} bytes but only "
                f"{member.compress_size} are stored; refusing a decompression bomb."
            )
        if member.flag_bits & 1:
            raise ModelFileError(f"[load] archive member {member.filename!r} is encrypted.")
    declared = sum(member.file_size for member in members)
    if declared > _MAX_RATIO * size + _SLACK:
        raise ModelFileError(f"[load] not allowed: the archive of {size} bytes declares {declared} bytes.")


def read_member(archive, name):
    """The bytes of one member, never more than it declares."""
    try:
        member = archive.getinfo(name)
    except KeyError:
        names = archive.namelist()[:20]
        raise ModelFileError(f"[load] the archive has no {name!r}. Received: members={names}") from None
    try:
        with archive.open(member) as file:
            data = file.read(member.file_size + 1)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise ModelFileError(f"[load] archive member {name!r} is damaged: {error}") from error
    if len(data) != member.file_size:
        raise ModelFileError(f"[load] archive member {name!r} is not as long as it declares.")
    return data


def parse_json(text, what):
    """The dict that a JSON text holds, with limits on its length and depth."""
    if len(text) > _MAX_JSON_BYTES:
        raise ModelFileError(f"[load] {what} may have {_MAX_JSON_BYTES} bytes at most. Received: {len(text)} bytes")
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        depth = 0
        for match in _BRACKETS.finditer(text):
            symbol = match.group()
            depth += (symbol in "[{") - (symbol in "]}")
            if depth > _MAX_JSON_DEPTH:
                raise ModelFileError(f"[load] {what} may nest {_MAX_JSON_DEPTH} levels at most.")
        value = json.loads(text)
    except ModelFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"[load] {what} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelFileError(f"[load] {what} must be a JSON object. Received: {type(value).__name__}")
    return value


def parts_inside(name):
    """The parts of an archive member's name, or None when it would lead out of the folder it is unpacked in."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    absolute = name.startswith(("/", "\\")) or name[1:2] == ":"
    if not parts or absolute or ".." in parts or any("\0" in part or len(part) > 255 for part in parts):
        return None
    return parts
