"""Pages of rows: where one begins, which way it goes, and how its rows are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Min

from audit.evidence.log_proof_levels import LogSizes
from audit.models import Entry, EventRow
from audit.search import event_time_order, search_sql
from audit.search.exact_or_estimated_matches import PLACE, Finder, Matches
from audit.search.query_plan import Plan

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
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
    """A place between rows: behind position `seq`, or behind the pending event `event`; in order of
    event time, behind `event` at `time`.

    Written `s<seq>`, `p<uuid hex>` or `t<microseconds since 1970>.<uuid hex>`, with a leading `~`
    to travel back.
    """

    seq: int | None = None
    event: UUID | None = None
    back: bool = False
    time: datetime | None = None

    def __str__(self) -> str:
        if self.time is not None and self.event is not None:
            place = f"t{(self.time - _EPOCH) // _TICK}.{self.event.hex}"
            return f"~{place}" if self.back else place
        place = f"s{self.seq}" if self.event is None else f"p{self.event.hex}"
        return f"~{place}" if self.back else place

    @classmethod
    def after(cls, row: EventRow, plan: Plan, *, back: bool = False) -> Cursor:
        """The place behind a row in the order of a plan."""
        if plan.by_time:
            return cls(None, row.event, back, row.time)
        return cls(row.seq, None if row.seq is not None else row.event, back)

    @classmethod
    def parse(cls, text: str, *, by_time: bool) -> Cursor | None:
        """Read a cursor of an order; None for "".

        Raises:
            BadCursor: it is none, or of another order.
        """
        if not text:
            return None
        kind, value = text.removeprefix("~")[:1], text.removeprefix("~")[1:]
        back = text.startswith("~")
        try:
            if by_time and kind == "t":
                time, _, event = value.partition(".")
                return cls(None, UUID(hex=event), back, _EPOCH + int(time) * _TICK)
            if by_time:
                raise ValueError
            if kind == "s" and value.isascii() and value.isdigit() and len(value) < 19:
                return cls(int(value), None, back)
            if kind == "p":
                return cls._pending(UUID(hex=value), back)
        except (ValueError, OverflowError):
            pass
        raise BadCursor(f"{text!r} is not a cursor; leave it out to start at the first page")

    @classmethod
    def _pending(cls, event: UUID, back: bool) -> Cursor:
        # Between two pages the event may have got its position; then that is the place.
        seq = Entry.objects.filter(event=event).values_list("seq", flat=True).first()
        return cls(seq, event if seq is None else None, back)


type Reader = Callable[[int | None, bool, int], list[EventRow]]
"""Reads placed rows: behind which position, whether newest first, and how many."""


def read_rows(
    plan: Plan, cursor: Cursor | None, limit: int, finder: Finder, known: Matches | None
) -> list[EventRow]:
    """At most `limit` rows behind a cursor, in its direction of travel.

    Args:
        known: the matches, where they were looked at already.
    """
    if not plan.by_time:
        return walk(plan, cursor, limit, reader_of(plan, finder, known))
    beyond = (cursor.time, cursor.event) if cursor and cursor.time and cursor.event else None
    return event_time_order.walk(
        plan,
        beyond,
        descending=plan.newest != (cursor is not None and cursor.back),
        limit=limit,
        reader=event_time_order.reader_of(plan, finder, known),
    )


def reader_of(plan: Plan, finder: Finder, known: Matches | None) -> Reader:
    """The cheapest way to read rows: by their positions where all matches are known and none
    waited, so that none can have been placed since."""
    common = finder.common(plan) or (known is not None and not known.exact)

    def by_position(beyond: int | None, descending: bool, limit: int) -> list[EventRow]:
        found = [row[_SEQ] for row in known.rows] if known else []
        places = [seq for seq in found if _lies(seq, beyond, descending)]
        wanted = sorted(places, reverse=descending)[:limit]
        rows = {row.seq: row for row in EventRow.objects.filter(seq__in=wanted)} if wanted else {}
        return [rows[seq] for seq in wanted if seq in rows]

    def by_reading(beyond: int | None, descending: bool, limit: int) -> list[EventRow]:
        desert = finder.desert(plan, beyond, descending=descending) if common else None
        sql, params = search_sql.rows(
            plan,
            _COLUMNS,
            beyond=beyond,
            descending=descending,
            limit=limit,
            common=common,
            desert=desert,
        )
        return list(EventRow.objects.raw(sql, params))

    all_known = known is not None and known.exact and not finder.waiting
    return by_position if all_known else by_reading


def _lies(seq: int, beyond: int | None, descending: bool) -> bool:
    return beyond is None or (seq < beyond if descending else seq > beyond)


def page_of(
    plan: Plan,
    cursor: Cursor | None,
    limit: int,
    sizes: LogSizes,
    counted: Total,
    finder: Finder,
    known: Matches | None = None,
) -> Page:
    """One page; `known` are the matches, where they were looked at already."""
    found = read_rows(plan, cursor, limit + 1, finder, known)
    more, rows = len(found) > limit, found[:limit]
    back = cursor is not None and cursor.back
    if back:
        rows.reverse()
    onwards = str(Cursor.after(rows[-1], plan)) if rows and (more or back) else ""
    earlier = rows and (more if back else cursor)
    backwards = str(Cursor.after(rows[0], plan, back=True)) if earlier else ""
    return Page(rows, onwards, backwards, counted, sizes.signed)


def walk(plan: Plan, cursor: Cursor | None, limit: int, reader: Reader) -> list[EventRow]:
    """Rows in the direction of travel. Newest first, pending rows come before all others.

    Events get their positions between our statements; then the rows are read as they lie now.
    """
    descending = plan.newest != (cursor is not None and cursor.back)
    read = _walk_down if descending else _walk_up
    rows = read(plan, cursor or Cursor(), limit, reader)
    if cursor is not None and cursor.event is not None:
        seq = _first_position([cursor.event])
        if seq is not None:
            return walk(plan, Cursor(seq, None, cursor.back), limit, reader)
    return rows


def _walk_down(plan: Plan, cursor: Cursor, limit: int, reader: Reader) -> list[EventRow]:
    if not plan.pending or cursor.seq is not None:
        return reader(cursor.seq, True, limit)
    found = search_sql.pending(plan, beyond=cursor.event, descending=True)
    waiting = list(found[:limit])
    if len(waiting) == limit:
        return waiting
    placed = reader(None, True, limit - len(waiting))
    beyond = _first_position([row.event for row in waiting])
    if beyond is not None:  # what waited is placed now, so those rows hold it again
        placed = reader(beyond, True, limit - len(waiting))
    return waiting + placed


def _walk_up(plan: Plan, cursor: Cursor, limit: int, reader: Reader) -> list[EventRow]:
    if cursor.event is not None:
        found = search_sql.pending(plan, beyond=cursor.event, descending=False)
        return list(found[:limit])
    rows = reader(cursor.seq, False, limit)
    while plan.pending and len(rows) < limit:
        waiting = list(search_sql.pending(plan, descending=False)[: limit - len(rows)])
        last = rows[-1].seq if rows else cursor.seq
        late = reader(last, False, limit - len(rows))
        if not late:
            return rows + waiting
        rows += late
    return rows


def _first_position(events: Sequence[UUID]) -> int | None:
    """The lowest position that one of these events has by now."""
    if not events:
        return None
    lowest: int | None = Entry.objects.filter(event__in=events).aggregate(n=Min("seq"))["n"]
    return lowest
