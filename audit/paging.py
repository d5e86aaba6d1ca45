"""Pages of rows: where one begins, which way it goes, and how its rows are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from audit import searchsql
from audit.loglevels import LogSizes
from audit.matching import PLACE, Finder, Matches
from audit.models import Entry, EventRow
from audit.plan import Plan

_SEQ = PLACE["seq"]
_COLUMNS = ", ".join(f"r.{field.column}" for field in EventRow._meta.concrete_fields)


class BadCursor(ValueError):
    """The cursor is not one of ours; start at the first page."""


@dataclass(frozen=True, slots=True)
class Total:
    """How many events match: exact, or an estimate to two digits."""

    count: int
    exact: bool = True

    def __str__(self) -> str:
        return f"{self.count:,}" if self.exact else f"about {self.count:,}"


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `next_cursor` continues in the query's order; "" where there is no more.

    `tree_size` is that of the newest signed tree.
    """

    rows: list[EventRow]
    next_cursor: str
    prev_cursor: str
    total: Total
    tree_size: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between rows: behind position `seq`, or behind the pending event `event`.

    Written `s<seq>` or `p<uuid hex>`, with a leading `~` to travel back.
    """

    seq: int | None = None
    event: UUID | None = None
    back: bool = False

    def __str__(self) -> str:
        place = f"s{self.seq}" if self.event is None else f"p{self.event.hex}"
        return f"~{place}" if self.back else place

    @classmethod
    def after(cls, row: EventRow, *, back: bool = False) -> Cursor:
        """The place behind a row."""
        return cls(row.seq, None if row.seq is not None else row.event, back)

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Read a cursor; None for "".

        Raises:
            BadCursor: it is none.
        """
        if not text:
            return None
        kind, value = text.removeprefix("~")[:1], text.removeprefix("~")[1:]
        back = text.startswith("~")
        try:
            if kind == "s" and value.isascii() and value.isdigit() and len(value) < 19:
                return cls(int(value), None, back)
            if kind == "p":
                return cls._pending(UUID(hex=value), back)
        except ValueError:
            pass
        raise BadCursor(f"{text!r} is not a cursor; leave it out to start at the first page")

    @classmethod
    def _pending(cls, event: UUID, back: bool) -> Cursor:
        # Between two pages the event may have got its position; then that is the place.
        seq = Entry.objects.filter(event=event).values_list("seq", flat=True).first()
        return cls(seq, event if seq is None else None, back)


type Reader = Callable[[bool, int], list[EventRow]]
"""Reads placed rows behind the cursor: whether newest first, and how many."""


def reader_of(plan: Plan, cursor: Cursor | None, finder: Finder, known: Matches | None) -> Reader:
    """The cheapest way to read rows: by their positions where all matches are known."""
    beyond = cursor.seq if cursor else None
    common = finder.common(plan) or (known is not None and not known.exact)

    def by_position(descending: bool, limit: int) -> list[EventRow]:
        found = [row[_SEQ] for row in known.rows] if known else []
        places = [seq for seq in found if seq is not None and _lies(seq, beyond, descending)]
        wanted = sorted(places, reverse=descending)[:limit]
        rows = {row.seq: row for row in EventRow.objects.filter(seq__in=wanted)} if wanted else {}
        return [rows[seq] for seq in wanted if seq in rows]

    def by_reading(descending: bool, limit: int) -> list[EventRow]:
        desert = finder.desert(plan, beyond, descending=descending) if common else None
        sql, params = searchsql.rows(
            plan,
            _COLUMNS,
            beyond=beyond,
            descending=descending,
            limit=limit,
            common=common,
            desert=desert,
        )
        return list(EventRow.objects.raw(sql, params))

    return by_position if known is not None and known.exact else by_reading


def _lies(seq: int, beyond: int | None, descending: bool) -> bool:
    return beyond is None or (seq < beyond if descending else seq > beyond)


def page_of(
    plan: Plan, cursor: Cursor | None, limit: int, sizes: LogSizes, counted: Total, reader: Reader
) -> Page:
    found = walk(plan, cursor, limit + 1, reader)
    more, rows = len(found) > limit, found[:limit]
    back = cursor is not None and cursor.back
    if back:
        rows.reverse()
    onwards = str(Cursor.after(rows[-1])) if rows and (more or back) else ""
    backwards = str(Cursor.after(rows[0], back=True)) if rows and (more if back else cursor) else ""
    return Page(rows, onwards, backwards, counted, sizes.signed)


def walk(plan: Plan, cursor: Cursor | None, limit: int, reader: Reader) -> list[EventRow]:
    """Rows in the direction of travel. Newest first, pending rows come before all others."""
    descending = plan.newest != (cursor is not None and cursor.back)
    beyond_seq = cursor.seq if cursor else None
    beyond_event = cursor.event if cursor else None

    def waiting(limit: int) -> list[EventRow]:
        if not plan.pending or (descending and beyond_seq is not None):
            return []
        found = searchsql.pending(plan, beyond=beyond_event, descending=descending)
        return list(found[:limit])

    def placed(limit: int) -> list[EventRow]:
        if not descending and beyond_event is not None:
            return []
        return reader(descending, limit)

    first, second = (waiting, placed) if descending else (placed, waiting)
    rows = first(limit)
    return rows + second(limit - len(rows)) if len(rows) < limit else rows
