"""Rows of an exported file, held to the events that they tell of."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from . import cut, ocsf, rows
from . import entry as entries

type Differs = Callable[[dict[str, Any]], str]
"""Tells the first member in which a row differs from an event; empty where it does not."""

LEVELS: Final = frozenset({"human", "log"})
"""Columns that the entries alone do not tell: they rest on evidence and on witnesses."""
_MASKED: Final = "[masked: "


class Unreadable(ValueError):
    """The file has no such rows as its format says."""


def read(format: str, file: bytes) -> Iterator[tuple[int, Differs]]:
    """Index of each row with what holds it to its event, in the order of the file.

    Raises:
        Unreadable: with what is wrong, while it is read.
    """
    reader = {"ndjson": _ndjson, "csv": _csv, "ocsf": _ocsf}.get(format)
    if reader is None:
        raise Unreadable(f"rows of the format {format} are not compared here")
    try:
        yield from reader(file)
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise Unreadable(f"the file cannot be read: {error}") from error


def _ndjson(file: bytes) -> Iterator[tuple[int, Differs]]:
    for raw in file.splitlines():
        row = json.loads(raw)
        yield int(row["index"]), _by_member(row)


def _ocsf(file: bytes) -> Iterator[tuple[int, Differs]]:
    for raw in file.splitlines():
        row = json.loads(raw)
        whole = row["unmapped"]["ata"]
        yield int(whole["index"]), _by_schema(row, ocsf.of(whole), _by_member(whole))


def _by_schema(row: dict[str, Any], said: dict[str, Any], whole: Differs) -> Differs:
    """The event inside is held to its entry, and what stands around it to the event inside."""
    around = next((key for key in sorted(row | said) if row.get(key) != said.get(key)), "")
    return lambda event: whole(event) or around


def _by_member(row: dict[str, Any]) -> Differs:
    def differs(event: dict[str, Any]) -> str:
        for name in sorted(event.keys() | row.keys()):
            if name not in LEVELS and not _same(event.get(name), row.get(name)):
                return name
        return ""

    return differs


def _same(entry: Any, row: Any) -> bool:
    """Whether a row says what its entry says, as far as the entry's values are open.

    What is masked in the row looked like a secret; what is hidden here was erased or withheld; of
    a text that the row cuts it has the digest.
    """
    if entry == row or entry == entries.ERASED or row == entries.ERASED:
        return True
    if isinstance(entry, Mapping) and isinstance(row, Mapping):
        return entry.keys() == row.keys() and all(_same(entry[k], row[k]) for k in entry)
    if isinstance(entry, list) and isinstance(row, list):
        return len(entry) == len(row) and all(map(_same, entry, row))
    if not isinstance(entry, str) or not isinstance(row, str):
        return False
    return _MASKED in row or cut.is_cut_of(row, entry)


def _csv(file: bytes) -> Iterator[tuple[int, Differs]]:
    for row in csv.DictReader(io.StringIO(file.decode(), newline="")):
        if row.keys() - {"sentence"} != rows.COLUMNS.keys():
            raise ValueError("a row has other columns than this format")
        yield int(row["index"]), _by_column(row)


def _by_column(row: dict[str, str]) -> Differs:
    def differs(event: dict[str, Any]) -> str:
        for name, read in rows.COLUMNS.items():
            if name in LEVELS:
                continue
            said = "" if (cell := rows.safe_cell(read(event))) is None else str(cell)
            hidden = rows.ERASED in (said, row[name]) or '"erased":true' in said
            changed = _MASKED in row[name] or cut.MARK in row[name]
            if hidden or changed or _says(said, row[name]):
                continue
            return name
        return ""

    return differs


def _says(said: str, cell: str) -> bool:
    """Whether a cell is that text or, in a file of before, the same members in another order."""
    if said == cell or not said.startswith(("{", "[")):
        return said == cell
    try:
        return bool(json.loads(said) == json.loads(cell))
    except ValueError:
        return False
