"""Rows of an exported file, held to the events that they tell of."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from audit.ledger.format import entry as entries
from audit.ledger.format import ocsf, table_cells, truncation
from audit.ledger.format.canonical import parsed
from audit.ledger.offline import erasures

type Differs = Callable[[dict[str, Any], Hideable], str]
"""Tells the first member in which a row differs from an event; empty where it does not."""
type Hideable = Collection[str]
"""Paths of an event whose values an erasure can take away (`hideable`)."""

LEVELS: Final = frozenset({"human", "log"})
"""Columns that the entries alone do not tell: they rest on evidence and on witnesses."""
_MASK: Final = re.compile(r"\[masked: [^\]\n]{1,60}\]")
_MASKED_IN: Final = "data"
"""The only member in which a file masks what looks like a secret."""


class Unreadable(ValueError):
    """The file has no such rows as its format says."""


def hideable(document: Mapping[str, Any]) -> Hideable:
    """What an entry (as `entry.parse` returns it) commits to, by the paths of its event."""
    paths = erasures.committed(document)
    return {path.replace("private.", "data.", 1) for path in paths}


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
        row = parsed(raw)
        yield int(row["index"]), _by_member(row)


def _ocsf(file: bytes) -> Iterator[tuple[int, Differs]]:
    for raw in file.splitlines():
        row = parsed(raw)
        whole = row["unmapped"]["ata"]
        yield int(whole["index"]), _by_schema(row, ocsf.of(whole), _by_member(whole))


def _by_schema(row: dict[str, Any], said: dict[str, Any], whole: Differs) -> Differs:
    """The event inside is held to its entry, and what stands around it to the event inside."""
    around = next((key for key in sorted(row | said) if row.get(key) != said.get(key)), "")
    return lambda event, hidden: whole(event, hidden) or around


def _by_member(row: dict[str, Any]) -> Differs:
    def differs(event: dict[str, Any], hidden: Hideable) -> str:
        for name in sorted(event.keys() | row.keys()):
            if name not in LEVELS and not _same(event.get(name), row.get(name), name, hidden):
                return name
        return ""

    return differs


def _same(entry: Any, row: Any, at: str, hidden: Hideable) -> bool:
    """Whether a row says what its entry says, as far as the entry's values are open.

    What is masked in the row looked like a secret; what is hidden here was erased or withheld; of
    a text that the row cuts it has the digest.
    """
    if entry == row or (entries.ERASED in (entry, row) and at in hidden):
        return True
    within = () if "." in at else hidden  # values are erased whole
    if isinstance(entry, Mapping) and isinstance(row, Mapping):
        return entry.keys() == row.keys() and all(
            _same(entry[key], row[key], f"{at}.{key}", within) for key in entry
        )
    if isinstance(entry, list) and isinstance(row, list):
        return len(entry) == len(row) and all(
            _same(ours, theirs, f"{at}.[]", ()) for ours, theirs in zip(entry, row, strict=True)
        )
    if not isinstance(entry, str) or not isinstance(row, str):
        return False
    return at.partition(".")[0] == _MASKED_IN and _is_shown_of(row, entry)


def _is_shown_of(row: str, entry: str) -> bool:
    """Whether a text is the entry's with parts of it masked, or the start of a very long one."""
    if len(entry) > truncation.BOUND and (start := truncation.start_shown(row, entry)) is not None:
        return _is_masked(start, entry, whole=False)
    return _is_masked(row, entry, whole=True)


def _is_masked(row: str, entry: str, *, whole: bool) -> bool:
    """Whether what stands between the masks of a text is the entry's, in that order."""
    first, *others = _MASK.split(row)
    if not entry.startswith(first):
        return False
    if not others:
        return not whole or row == entry
    *between, last = others
    at = len(first)
    for part in between if whole else others:
        if (found := entry.find(part, at)) < 0:
            return False
        at = found + len(part)
    return not whole or (len(entry) - len(last) >= at and entry.endswith(last))


def _csv(file: bytes) -> Iterator[tuple[int, Differs]]:
    reader = csv.DictReader(io.StringIO(file.decode(), newline=""))
    columns = list(reader.fieldnames or ())
    if len(columns) != len(set(columns)):
        raise ValueError("a column stands twice")
    for row in reader:
        if row.keys() - {"sentence"} != table_cells.COLUMNS.keys():
            raise ValueError("a row has other columns than this format")
        yield int(row["index"]), _by_column(row)


def _by_column(row: dict[str, str]) -> Differs:
    def differs(event: dict[str, Any], hidden: Hideable) -> str:
        for name, read in table_cells.COLUMNS.items():
            if name in LEVELS:
                continue
            said = "" if (cell := table_cells.safe_cell(read(event))) is None else str(cell)
            if not _cell_says(name, said, row[name], hidden):
                return name
        return ""

    return differs


def _cell_says(name: str, said: str, cell: str, hidden: Hideable) -> bool:
    if table_cells.ERASED in (said, cell) and name in {path.replace(".", "_") for path in hidden}:
        return True
    if said == cell:
        return True
    if not said.startswith(("{", "[")) or not cell.startswith(("{", "[")):
        return False
    try:
        return _same(json.loads(said), parsed(cell), name, hidden)
    except ValueError:
        return False
