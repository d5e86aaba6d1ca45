"""Lists that are taken away as CSV or XLSX.

Written to a temporary file first, so that `connection.exported` names the file's hash before
anybody has it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final

from django.conf import settings

from approvals import clock
from audit.exports import xlsx
from audit.ledger.format.table_cells import Cell, safe_cell
from connections.auth_ibom.fact_collection import Proof

_IN_MEMORY: Final = 4 * 1024 * 1024  # bytes; larger files wait on the disk, unlinked

type Columns[Row] = Mapping[str, Callable[[Row], Cell]]
"""Each column's name, and how it is read from a row."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that is on the record; `body` is open at its beginning, nothing in `name` is from
    outside."""

    body: IO[bytes]
    name: str
    media_type: str
    size: int
    sha256: str  # hex
    event: str
    rows: int


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is not on the record yet."""

    body: IO[bytes]
    format: str
    size: int
    sha256: str  # hex
    rows: int

    def facts(self) -> dict[str, Any]:
        """What its event says of it."""
        return {
            "format": self.format,
            "sha256": self.sha256,
            "bytes": self.size,
            "credentials": self.rows,
        }

    def signed_by(self, event: str, name: str) -> File:
        """The file, now that an event tells of it."""
        media_type, _ = FORMATS[self.format]
        return File(self.body, name, media_type, self.size, self.sha256, event, self.rows)


def stamp(moment: datetime | None) -> str:
    """A time of a row; empty where there is none."""
    return clock.stamp(moment) if moment else ""


def link(proof: Proof | None, what: str) -> str:
    """Address of the newest entry of a row, or of its proof; empty where there is none."""
    base = f"{settings.PORTAL_URL}/v1/audit/events"
    return f"{base}/{proof.event}/{what}" if proof else ""


def write[Row](columns: Columns[Row], rows: Iterable[Row], format: str, title: str) -> Written:
    """Write a file.

    Args:
        title: of the sheet of a workbook.

    Raises:
        KeyError: no such format.
    """
    _, pieces = FORMATS[format]
    count = 0

    def cells() -> Iterator[list[Cell]]:
        nonlocal count
        for row in rows:
            count += 1
            yield [read(row) for read in columns.values()]

    body, size, sha256 = spool(pieces(list(columns), cells(), title))
    return Written(body, format, size, sha256, count)


def spool(pieces: Iterable[bytes]) -> tuple[IO[bytes], int, str]:
    """A temporary file of these bytes, open at its beginning, with its size and SHA-256 (hex)."""
    digest, size = hashlib.sha256(), 0
    body: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - handed on open
    for piece in pieces:
        digest.update(piece)
        size += body.write(piece)
    body.seek(0)
    return body, size, digest.hexdigest()


def _csv(header: list[str], rows: Iterable[list[Cell]], _title: str) -> Iterator[bytes]:
    def line(cells: Iterable[Cell]) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerow([safe_cell(cell) for cell in cells])  # RFC 4180: CRLF
        return text.getvalue().encode("utf-8", "replace")

    yield line(header)
    yield from map(line, rows)


def _xlsx(header: list[str], rows: Iterable[list[Cell]], title: str) -> Iterator[bytes]:
    return xlsx.workbook(header, ((xlsx.row(cells), 1) for cells in rows), title)


type Writer = Callable[[list[str], Iterable[list[Cell]], str], Iterator[bytes]]

FORMATS: Final[Mapping[str, tuple[str, Writer]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "xlsx": (xlsx.MEDIA_TYPE, _xlsx),
}
"""Media type and writer by name."""
