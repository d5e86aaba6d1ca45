"""Files of exports, made by the service and read by no code of ours."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import Any
from xml.etree import ElementTree

from audit import exports
from audit.ledger.query import EventQuery
from audit.models import ExportJob
from tests.audit.factories import ADA


def made(query: str, format: str = "csv", **more: Any) -> tuple[ExportJob, bytes]:
    job = exports.request(ADA, EventQuery.from_bar(query), format, **more)
    body = b"".join(exports.stream(job.id))
    job.refresh_from_db()
    return job, body


def read_csv(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8"), newline="")))


_OF_SHEETS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheets(body: bytes) -> list[list[list[str]]]:
    """The cells of a workbook by sheet and row, read as ECMA-376 says and by no code of ours."""
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        assert packed.testzip() is None
        assert "[Content_Types].xml" in packed.namelist()
        names = sorted(name for name in packed.namelist() if "/sheet" in name)
        found = [ElementTree.fromstring(packed.read(name)) for name in names]
    assert not any(list(sheet.iter(f"{_OF_SHEETS}f")) for sheet in found), "a formula"
    return [
        [[_cell(cell) for cell in row] for row in sheet.iter(f"{_OF_SHEETS}row")] for sheet in found
    ]


def _cell(cell: ElementTree.Element) -> str:
    text = "".join(part.text or "" for part in cell.iter() if part.tag[len(_OF_SHEETS) :] in "tv")
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), text)
