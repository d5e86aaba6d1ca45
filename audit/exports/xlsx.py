"""A workbook of Office Open XML (ECMA-376), written as a stream: no row is held in memory.

Every text is an inline string whose style says so (`quotePrefix`), so no spreadsheet takes one for
a formula, not even after it was edited. A sheet holds a million rows at most; the next begins with
the header again.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Final, cast
from xml.sax.saxutils import escape

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS: Final = 1_000_000
"""Rows of a sheet, of 1,048,576 that readers take."""
LONGEST: Final = 32_767
"""Characters of a cell that readers take; what is longer is cut and ends with CUT."""
CUT: Final = "… (cut; the whole text is in the CSV)"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # a file's time is in its manifest; two files alike are equal

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PARTS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEET = (
    f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" '
    'topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font/><font><b/></font></fonts>'
    '<fills count="1"><fill/></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/>'
    '<xf numFmtId="49" quotePrefix="1"/><xf fontId="1" applyFont="1"/></cellXfs></styleSheet>'
)
# Characters that XML 1.0 cannot hold, and what reads like their own escape (ECMA-376 22.9.2.19).
_ESCAPED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")

type Cell = str | int | None


def row(cells: Iterable[Cell], style: int = 1) -> bytes:
    """One row of a sheet; numbers stay numbers, all else is text."""
    return f"<row>{''.join(_cell(cell, style) for cell in cells)}</row>".encode()


def _cell(value: Cell, style: int) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, int):
        return f'<c t="n"><v>{value}</v></c>'
    text = value if len(value) <= LONGEST else value[: LONGEST - len(CUT)] + CUT
    text = escape(_ESCAPED.sub(_spelled, text)).replace("\r", "_x000D_")
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _spelled(found: re.Match[str]) -> str:
    text = found[0]
    return f"_x{ord(text):04X}_" if len(text) == 1 else f"_x005F{text}"


def workbook(
    header: Sequence[str], pieces: Iterable[tuple[bytes, int]], title: str = "Export"
) -> Iterator[bytes]:
    """The file in pieces.

    Args:
        header: names of the columns.
        pieces: rows as `row` writes them, joined, with how many they are.
        title: of the sheets.
    """
    out = _Pipe()
    first = row(header, style=2)
    with zipfile.ZipFile(
        cast(IO[bytes], out), "w", zipfile.ZIP_DEFLATED, compresslevel=6
    ) as packed:
        sheets, waiting, more = 0, iter(pieces), True
        while more:
            sheets += 1
            with packed.open(_entry(f"xl/worksheets/sheet{sheets}.xml"), "w") as sheet:
                sheet.write(_SHEET.encode() + first)
                more, count = False, 0
                for piece, rows in waiting:
                    sheet.write(piece)
                    count += rows
                    yield out.take()
                    if count >= ROWS:
                        more = True
                        break
                sheet.write(b"</sheetData></worksheet>")
        for name, text in _rest(sheets, title):
            packed.writestr(_entry(name), text)
    yield out.take()


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _rest(sheets: int, title: str) -> Iterator[tuple[str, str]]:
    numbers = range(1, sheets + 1)
    listed = "".join(
        f'<sheet name="{escape(title)}{"" if n == 1 else f" {n}"}" sheetId="{n}" r:id="r{n}"/>'
        for n in numbers
    )
    yield (
        "xl/workbook.xml",
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_PARTS}"><sheets>{listed}</sheets></workbook>',
    )
    related = [("styles", "styles.xml", "s")]
    related += [("worksheet", f"worksheets/sheet{n}.xml", f"r{n}") for n in numbers]
    yield "xl/_rels/workbook.xml.rels", _relations(related)
    yield "xl/styles.xml", _STYLES
    yield "_rels/.rels", _relations([("officeDocument", "xl/workbook.xml", "w")])
    kinds = {"xl/workbook.xml": "sheet.main", "xl/styles.xml": "styles"}
    kinds |= {f"xl/worksheets/sheet{n}.xml": "worksheet" for n in numbers}
    overrides = "".join(
        f'<Override PartName="/{part}" ContentType="application/vnd.openxmlformats-officedocument.'
        f'spreadsheetml.{kind}+xml"/>'
        for part, kind in kinds.items()
    )
    yield (
        "[Content_Types].xml",
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
    )


def _relations(found: Iterable[tuple[str, str, str]]) -> str:
    links = "".join(
        f'<Relationship Id="{id}" Type="{_PARTS}/{kind}" Target="{target}"/>'
        for kind, target, id in found
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'


class _Pipe:
    """Where the archive writes to; what was written is taken away and never read back."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        found = bytes(self._written)
        self._written.clear()
        return found
