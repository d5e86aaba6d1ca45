"""ZIP archives of evidence files, read within bounds whatever their headers claim."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from struct import unpack_from

from ata.errors import usage_error

MAX_MEMBERS = 20_010
"""Most members of an archive; a pack has at most 20,002."""
MAX_DIRECTORY = 8 * 1024 * 1024
"""Most bytes of names and other fields in the directory of an archive."""
MAX_UNPACKED = 64 * 1024 * 1024
"""Most bytes that all archives together unpack to."""
_ROW = b"PK\1\2"
_ROW_BYTES = 46
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def is_archive(body: bytes) -> bool:
    """Whether these bytes can be opened as a ZIP archive."""
    return zipfile.is_zipfile(BytesIO(body))


def member_names(name: str, body: bytes) -> list[str]:
    """Names of the members of an archive; none for other bytes.

    Raises:
        AtaError: usage, when its directory cannot be read or is too large.
    """
    if not is_archive(body):
        return []
    with _opened(name, body) as archive:
        return archive.namelist()


def read_members(name: str, body: bytes, most: int) -> Iterator[tuple[str, bytes]]:
    """The files of an archive, one after the other.

    Args:
        name: of the archive, for errors.
        body: of the archive.
        most: bytes that its members may have together.

    Raises:
        AtaError: usage, when it cannot be unpacked, or not to so few bytes.
    """
    with _opened(name, body) as archive:
        files = [one for one in archive.infolist() if not one.is_dir()]
        if sum(one.file_size for one in files) > most:
            raise _too_much(name)
        for one in files:
            yield one.filename, _unpacked(name, archive, one)


def _unpacked(name: str, archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> bytes:
    """One member; never unpacks more than the directory claims, which `read` alone would."""
    if one.compress_type not in _METHODS:
        raise usage_error(
            f"{name} cannot be unpacked: {one.filename} is neither stored nor deflated."
        )
    try:
        with archive.open(one) as member:
            return member.read(one.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise usage_error(f"{name} cannot be unpacked: {error}.") from error


def _opened(name: str, body: bytes) -> zipfile.ZipFile:
    rows = size = 0
    at = body.find(_ROW)
    while 0 <= at <= len(body) - _ROW_BYTES:
        rows, size = rows + 1, size + _ROW_BYTES + sum(unpack_from("<3H", body, at + 28))
        if rows > MAX_MEMBERS or size > MAX_DIRECTORY:
            raise _too_much(name)
        at = body.find(_ROW, at + len(_ROW))
    try:
        return zipfile.ZipFile(BytesIO(body))
    except (zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise usage_error(f"{name} cannot be unpacked: {error}.") from error


def _too_much(name: str) -> Exception:
    return usage_error(f"{name} unpacks to more than can be verified at once.")
