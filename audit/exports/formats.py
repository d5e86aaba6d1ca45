"""File formats of an export: how a file begins and how one event is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from audit.exports import xlsx
from audit.importing.secret_masking import mask
from audit.ledger.format import ocsf, table_cells
from audit.ledger.format.canonical import canonical
from audit.ledger.format.table_cells import Cell, Event, safe_cell
from audit.recording import action_registry


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `header` begins every file; `line` is one event, line end included.

    `line` takes what `shown` makes of a public event, so that several formats mask it once. `file`
    makes the file of its lines, which come in pieces with how many they are. Lines of a `packed`
    format are kept by the worker, ready to be sent.
    """

    name: str
    label: str
    content_type: str
    rules: str
    header: bytes
    line: Callable[[Event], bytes]
    packed: bool = True
    file: Callable[[Iterator[tuple[bytes, int]]], Iterator[bytes]] | None = None
    ending: str = ""

    @property
    def suffix(self) -> str:
        """What names of its files end with, without the dot."""
        return self.ending or self.name

    def row(self, event: Event) -> bytes:
        """One public event as it stands in the file."""
        return self.line(shown(event))


def shown(event: Event) -> Event:
    """A public event as files show it: secrets that other systems wrote are masked."""
    return {**event, "data": mask(event["data"])}


def _columns() -> Mapping[str, Callable[[Event], Cell]]:
    """Those that follow from the event, with the sentence that its app makes of it."""
    columns = {}
    for name, read in table_cells.COLUMNS.items():
        columns[name] = read
        if name == "severity":
            columns["sentence"] = action_registry.sentence
    return columns


COLUMNS = _columns()


def _csv_line(cells: Iterator[Cell]) -> bytes:
    line = io.StringIO()
    # RFC 4180 ends lines with CRLF; a lone surrogate can stand in no file.
    csv.writer(line).writerow([safe_cell(cell) for cell in cells])
    return line.getvalue().encode("utf-8", "replace")


def _csv_row(event: Event) -> bytes:
    return _csv_line(read(event) for read in COLUMNS.values())


def _ndjson_row(event: Event) -> bytes:
    return canonical(event) + b"\n"


def _ocsf_row(event: Event) -> bytes:
    return canonical(ocsf.of(event)) + b"\n"


def _xlsx_row(event: Event) -> bytes:
    return xlsx.row(read(event) for read in COLUMNS.values())


def _xlsx_file(pieces: Iterator[tuple[bytes, int]]) -> Iterator[bytes]:
    return xlsx.workbook(list(COLUMNS), pieces, "Events")


FORMATS: Mapping[str, Format] = {
    "csv": Format(
        "csv",
        "CSV",
        "text/csv; charset=utf-8",
        "UTF-8, RFC 4180; a cell that a spreadsheet would run as a formula begins with '",
        _csv_line(iter(COLUMNS)),
        _csv_row,
    ),
    "ndjson": Format(
        "ndjson",
        "NDJSON",
        "application/x-ndjson",
        "UTF-8; one event a line, as the API shows it, RFC 8785",
        b"",
        _ndjson_row,
    ),
    "xlsx": Format(
        "xlsx",
        "XLSX",
        xlsx.MEDIA_TYPE,
        "Office Open XML, a million events a sheet; every text is marked as text, and one of more "
        "than 32,767 characters is cut and says so",
        b"",
        _xlsx_row,
        packed=False,
        file=_xlsx_file,
    ),
    "ocsf": Format(
        "ocsf",
        "OCSF",
        "application/x-ndjson",
        f"UTF-8; one event a line by the Open Cybersecurity Schema Framework {ocsf.VERSION}, for a "
        "SIEM; the event as the API shows it is its unmapped.ata",
        b"",
        _ocsf_row,
        packed=False,
        ending="ocsf.ndjson",
    ),
}
PACKED = tuple(name for name, format in FORMATS.items() if format.packed)
