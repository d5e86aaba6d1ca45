"""The members of an audit file, read within bounds from a ZIP that anybody may have packed again.

Order, compression, dates, a folder around everything, and what macOS and Windows add do not matter.
Names that could mean two things (twice, outside the folder, another spelling) are refused.
"""

from __future__ import annotations

import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, BinaryIO, Final

from audit.ledger.audit_file_format.signed_manifest import MANIFEST, MAX_MEMBERS, RANGE

MAX_FILE_BYTES: Final = 1024 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 1024 * 1024 * 1024
"""Of all members together; 200,000 entries have about 400 MB."""
MAX_DIRECTORY_BYTES: Final = 1024 * 1024
_TAIL: Final = 65_557  # bytes: the end of a central directory with the longest comment
_END: Final = b"PK\5\6"
_END_BYTES: Final = 22
_LOCATOR_BYTES: Final = 20  # of ZIP64, right before the end
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_JUNK_FOLDERS: Final = ("__MACOSX",)
_JUNK_FILES: Final = (".DS_Store", "Thumbs.db", "desktop.ini")
_PIECE: Final = 1024 * 1024
BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError)
"""What reading a member raises where the archive is damaged."""


class ZipError(ValueError):
    """An archive that is refused; the message says why."""


def names_of(path: Path) -> list[str]:
    """Names in an archive as they are written; none where it is no archive, or too large a one."""
    try:
        with path.open("rb") as file:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                return archive.namelist()
    except (ZipError, ValueError, *BROKEN):
        return []


class ZipMembers:
    """The members by the name that the format gives them.

    Attributes:
        names: in no order.

    Raises:
        ZipError: while it is made.
    """

    def __init__(self, file: BinaryIO) -> None:
        _check_directory(file)
        try:
            self._archive = zipfile.ZipFile(file)
        except (ValueError, *BROKEN) as error:
            raise ZipError(f"it cannot be opened: {error}") from None
        infos = self._archive.infolist()
        if min((one.header_offset for one in infos), default=0) > 0:
            raise ZipError("something stands before its first member, as another archive would")
        self._infos = _by_name(infos)

    @property
    def names(self) -> frozenset[str]:
        """Names of all members but those that an operating system adds."""
        return frozenset(self._infos)

    def size(self, name: str) -> int:
        """Bytes that the directory claims for a member."""
        return self._infos[name].file_size

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A stream over a member; reading it raises one of `BROKEN` where it is damaged."""
        return self._archive.open(self._infos[name])

    def read(self, name: str, most: int) -> bytes:
        """The bytes of a member.

        Raises:
            ZipError: it is longer than `most`, or damaged.
        """
        if self.size(name) > most:
            raise ZipError(f"{name} is longer than {most:,} bytes")
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """A member piece by piece; never more than the directory claims.

        Raises:
            ZipError: it is damaged.
        """
        try:
            with self.open(name) as member:
                while piece := member.read(_PIECE):
                    yield piece
        except (ValueError, *BROKEN) as error:
            raise ZipError(f"{name} is damaged: {error}") from None


def _check_directory(file: BinaryIO) -> None:
    """Refuse an archive whose directory would take much memory, before it is read."""
    file.seek(0, 2)
    size = file.tell()
    if size > MAX_FILE_BYTES:
        raise ZipError(f"it is longer than {MAX_FILE_BYTES:,} bytes")
    # With the longest comment the locator of a ZIP64 archive stands before the tail.
    file.seek(max(0, size - _TAIL - _LOCATOR_BYTES))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        raise ZipError("it is no ZIP archive, or its end is missing")
    count = int.from_bytes(tail[at + 10 : at + 12], "little")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if count > 2 * MAX_MEMBERS or length > MAX_DIRECTORY_BYTES:
        raise ZipError("it has more members than an audit file may have")
    if tail[max(0, at - _LOCATOR_BYTES) : at].startswith(b"PK\6\7"):
        raise ZipError("it is a ZIP64 archive, which no audit file is")


def _by_name(infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    files = [one for one in infos if not one.is_dir() and not _is_junk(one.filename)]
    for one in files:
        _check_member(one)
    if sum(one.file_size for one in files) > MAX_UNPACKED_BYTES:
        raise ZipError(f"it unpacks to more than {MAX_UNPACKED_BYTES:,} bytes")
    folder = _folder([one.filename for one in files])
    found: dict[str, zipfile.ZipInfo] = {}
    spellings: dict[str, str] = {}
    for one in files:
        name = one.filename.removeprefix(folder)
        # Some systems take two such names for one file: which of them was meant?
        spelling = unicodedata.normalize("NFKC", name).casefold()
        if spelling in spellings:
            raise ZipError(f"{spellings[spelling]!r} is in it twice")
        spellings[spelling] = found_name = name
        found[found_name] = one
    return found


def _check_member(one: zipfile.ZipInfo) -> None:
    name = one.filename
    parts = name.split("/")
    mode = one.external_attr >> 16
    wrong = {
        "leads out of the archive": name.startswith("/") or ".." in parts or "" in parts,
        "has characters that no name of an audit file has": any(
            bad in name for bad in ("\\", ":", "\0")
        )
        or name != getattr(one, "orig_filename", name),
        "is a link": stat.S_IFMT(mode) not in (0, stat.S_IFREG),
        "is encrypted": bool(one.flag_bits & 1),
        "is neither stored nor deflated": one.compress_type not in _METHODS,
    }
    if why := next((words for words, found in wrong.items() if found), ""):
        raise ZipError(f"the member {name!r} {why}")


def _is_junk(name: str) -> bool:
    parts = name.split("/")
    return parts[0] in _JUNK_FOLDERS or parts[-1] in _JUNK_FILES or parts[-1].startswith("._")


def _folder(names: list[str]) -> str:
    """The folder around everything, with its slash; empty where there is none."""
    if MANIFEST in names:
        return ""
    inside = [one for one in names if one.endswith((f"/{MANIFEST}", f"/{RANGE}"))]
    head = inside[0].partition("/")[0] + "/" if inside else ""
    return head if all(one.startswith(head) for one in names) else ""
