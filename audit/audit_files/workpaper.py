"""The workpaper of an audit: items, exceptions, policies, reviews, roles; two columns to fill in.

A workbook for a person, who writes into it: so it is no member of the audit file and proves
nothing. Entry numbers lead to what does. Each text is a string cell marked as text, so that no
spreadsheet takes one for a formula (OWASP, CSV injection).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched, islice
from typing import Any, BinaryIO, Final
from uuid import UUID

import xlsxwriter

from audit.audit_files import item_evidence, policies_in_period, range_lines_and_tables
from audit.audit_files.audit_scope import Scope, why_unanswered
from audit.audit_files.range_lines_and_tables import RangePass
from audit.exports.xlsx import LONGEST
from audit.ledger.audit_file_format.signed_manifest import shown_time
from audit.ledger.audit_file_format.tables_of_range import REQUIREMENT, Found
from audit.ledger.format.allowed_field_values import HUMAN_WORDS
from audit.models import EventRow
from audit.recording import stored_event_loader

ROWS: Final = 20_000
"""Rows of one sheet at most; the audit file has them all."""
CUT: Final = "… (cut; the whole text is in the audit file)"
RESULTS: Final = ("No exception", "Exception", "Not applicable", "Not tested")
_FILL: Final = (("Result", 16), ("Remarks", 40))
_EVENT: Final = (
    ("Entry", 9), ("Time (UTC)", 20), ("What happened", 54), ("Outcome", 10), ("Actor", 26),
    ("Approver", 26), ("Level", 30), ("Evidence", 24), ("Event", 38),
)  # fmt: skip
_ITEM: Final = (("Requirement", 13), ("Item", 6), *_EVENT)
_ROLE: Final = (
    ("Person", 26), ("Subject", 34), ("Roles", 18), ("First entry", 11), ("First time (UTC)", 20),
    ("Last entry", 11), ("Last time (UTC)", 20), ("Events", 8),
)  # fmt: skip
_POPULATION: Final = (
    ("Requirement", 13), ("What it wants", 44), ("Filter", 60), ("Rows", 9), ("Items", 7),
    ("Note", 60),
)  # fmt: skip
_POLICY: Final = (("Digest", 68), ("Made by entry", 14), ("File", 76))
_LISTED: Final = {
    "exceptions": "Exceptions", "reviews": "Reviews", "access_ends": "Ends of access",
}  # fmt: skip
_BATCH: Final = 500

type Cell = str | int | None
type Columns = Sequence[tuple[str, int]]


class _Book:
    """A workbook whose cells are numbers or texts, never formulas or links.

    Attributes:
        cut: names of the sheets that had more than ROWS rows.
    """

    def __init__(self, file: BinaryIO) -> None:
        # In memory: no values are left in a temporary folder. Texts stay texts however they begin.
        texts = ("strings_to_formulas", "strings_to_urls", "strings_to_numbers")
        self._book = xlsxwriter.Workbook(file, {"in_memory": True} | dict.fromkeys(texts, False))
        look = {"text_wrap": True, "valign": "top", "num_format": "@", "quote_prefix": True}
        self._text = self._book.add_format(look)
        self._number = self._book.add_format({"valign": "top", "num_format": "0"})
        self._head = self._book.add_format(look | {"bold": True, "bottom": 1})
        self._fill = self._book.add_format(look | {"bg_color": "#FFF8E1"})
        self._about = self._book.add_worksheet("About")
        self.cut: list[str] = []

    def sheet(self, name: str, columns: Columns, rows: Iterable[Sequence[Cell]]) -> None:
        """A table with the two columns that the auditor fills in at its right."""
        page = self._book.add_worksheet(name)
        titles = (*columns, *_FILL)
        for at, (title, width) in enumerate(titles):
            page.set_column(at, at, width)
            page.write_string(0, at, title, self._head)
        first, last, left = len(columns), 0, iter(rows)
        for last, cells in enumerate(islice(left, ROWS), start=1):
            for at, cell in enumerate(cells):
                self._write(page, last, at, cell)
            for at in (first, first + 1):
                page.write_blank(last, at, None, self._fill)
        if next(left, None) is not None:
            self.cut.append(name)
        page.freeze_panes(1, 0)
        page.autofilter(0, 0, max(last, 1), len(titles) - 1)
        page.set_landscape()
        page.repeat_rows(0)
        choices = {"validate": "list", "source": list(RESULTS), "ignore_blank": True}
        page.data_validation(1, first, max(last, 1), first, choices)

    def about(self, facts: Iterable[tuple[str, Cell]]) -> None:
        """Fill the first sheet with labels and values."""
        self._about.set_column(0, 0, 26)
        self._about.set_column(1, 1, 100)
        for line, (label, value) in enumerate(facts):
            self._about.write_string(line, 0, label, self._head)
            self._write(self._about, line, 1, value)

    def close(self) -> None:
        """Write the file."""
        self._book.close()

    def _write(self, page: Any, line: int, column: int, cell: Cell) -> None:
        if isinstance(cell, int):
            page.write_number(line, column, cell, self._number)
            return
        text = (cell or "").encode("utf-8", "replace").decode()
        if len(text) > LONGEST:
            text = text[: LONGEST - len(CUT)] + CUT
        page.write_string(line, column, text, self._text)


def write(scope: Scope, file: BinaryIO) -> int:
    """Write the workbook into an empty file; returns how many items it has.

    Raises:
        NotPossible: there are no events, or too many.
        AlteredEntry: an entry or an opening was altered.
    """
    found = range_lines_and_tables.run(scope, lambda _: None)
    versions = policies_in_period.in_period(scope, found)
    where = {
        event: name
        for name, one in item_evidence.selections(found, versions).items()
        for event in one.ids
    }
    book = _Book(file)
    book.sheet("Items", _ITEM, _items(found, where))
    book.sheet("Populations", _POPULATION, _populations(scope, found))
    for one in found.tables.found:
        if title := _LISTED.get(one.table.kind):
            indices = [index for index, _ in one.events]
            book.sheet(title, _EVENT, _events(found, indices, where))
    policies = (
        (one.digest, one.index, f"policies/{one.digest}.json" if one.body else "withheld")
        for one in versions
    )
    book.sheet("Policies", _POLICY, policies)
    book.sheet("Roles", _ROLE, _roles(found))
    book.about(_about(scope, found, book.cut))
    book.close()
    return len(found.items)


def _about(scope: Scope, found: RangePass, cut: Sequence[str]) -> Iterator[tuple[str, Cell]]:
    start, end = scope.range
    yield "Framework", f"{scope.framework.title} ({scope.framework.source})"
    after, before = map(shown_time, (scope.within.after, scope.within.before))
    yield "Period (UTC)", f"{after} to before {before}"
    yield "Log", scope.origin
    yield "Signed tree", f"{scope.tree.size:,} entries, root {bytes(scope.tree.root).hex()}"
    until = (
        ""
        if scope.last_signed is None
        else ", the last one of the signed tree: the period ends later"
    )
    yield "Range", f"entries {start:,} to {end - 1:,}{until}"
    yield "Seed", scope.seed or "given by the signed tree"
    yield "Items", len(found.items)
    yield (
        "What this is",
        "A workpaper to write into. It proves nothing: entry numbers lead to the audit file of the "
        "same framework, period and tree, which ata verify checks.",
    )
    yield "Result", f"One of: {', '.join(RESULTS)}."
    yield "Roles", "As people acted with them in the period; a role that no one used is not there."
    if cut:
        yield "Cut", f"Only the first {ROWS:,} rows: {', '.join(cut)}. The audit file has them all."


def _items(found: RangePass, where: Mapping[UUID, str]) -> Iterator[Sequence[Cell]]:
    for one in found.tables.found:
        if one.table.kind == REQUIREMENT:
            indices = found.samples[one.table.id].indices
            for number, row in enumerate(_events(found, indices, where), start=1):
                yield (one.table.id, number, *row)


def _populations(scope: Scope, found: RangePass) -> Iterator[Sequence[Cell]]:
    notes = {one.number: one.note for one in scope.framework.requirements}
    for one in found.tables.found:
        items = found.samples.get(one.table.id)
        drawn = len(items.indices) if items else None
        note = notes.get(one.table.id, "Listed in whole.")
        yield _population(one, drawn, note)
    for missing in scope.unanswered:
        note = f"{why_unanswered(missing)} {missing.note}".rstrip()
        yield missing.number, missing.wants, missing.filter or "", None, None, note


def _population(one: Found, drawn: int | None, note: str) -> Sequence[Cell]:
    return one.table.id, one.table.title, one.table.filter, len(one.events), drawn, note


def _events(
    found: RangePass, indices: Sequence[int], where: Mapping[UUID, str]
) -> Iterator[Sequence[Cell]]:
    for some in batched(indices, _BATCH):
        ids = [found.ids[index] for index in some]
        rows = {row.event: row for row in EventRow.objects.filter(event__in=ids)}
        events = {UUID(event["id"]): event for event in stored_event_loader.load_many(ids)}
        for index, id in zip(some, ids, strict=True):
            yield _event(index, events[id], rows.get(id), where.get(id, ""))


def _event(
    index: int, event: Mapping[str, Any], row: EventRow | None, evidence: str
) -> Sequence[Cell]:
    level = row.human if row else ""
    return (
        index,
        event["time"][:19].replace("T", " "),
        row.sentence if row else event["action"],
        event["outcome"],
        _person(event["actor"]),
        _approvers(event["data"]),
        f"{HUMAN_WORDS[level]} ({level})" if level in HUMAN_WORDS else level,
        evidence,
        event["id"],
    )


def _approvers(data: Mapping[str, Any]) -> str:
    several = data.get("approvers")
    named = several if isinstance(several, list) and several else [data.get("approver")]
    return " and ".join(filter(None, map(_person, named)))


def _person(person: object) -> str:
    """Name and e-mail, or subject; what was erased says so."""
    if not isinstance(person, Mapping):
        return ""
    if person.get("erased") is True or isinstance(person.get("sub"), Mapping):
        return "(erased)"
    texts = [person.get(key) for key in ("name", "email")]
    named = [text for text in texts if isinstance(text, str) and text]
    return " · ".join(named) or str(person.get("sub") or "")


def _roles(found: RangePass) -> Iterator[Sequence[Cell]]:
    for one in json.loads(found.tables.roles_and_ends.to_bytes())["roles"]:
        first, last = one["first"], one["last"]
        yield (
            one["name"],
            f"{one['sub']} at {one['iss']}",
            ", ".join(one["roles"]) or "member",
            first["index"],
            first["time"][:19].replace("T", " "),
            last["index"],
            last["time"][:19].replace("T", " "),
            one["events"],
        )
