"""Rows of the search projection: made from public events, placed, refreshed, rebuilt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, Q

from audit.db import bulk_insert, process_locks
from audit.evidence import human_levels
from audit.ledger.format.allowed_field_values import severity_rank
from audit.ledger.format.commitment import subject_key
from audit.models import Entry, Event, EventRow, ExportBlock
from audit.models.search_row_and_rollup import ACCESS_END
from audit.recording import action_registry, stored_event_loader
from audit.search import fulltext_index, index_tokens, rollups
from audit.sequencing import stored_tree_queries

COLUMNS = tuple(f.attname for f in EventRow._meta.concrete_fields)
DERIVED = tuple(name for name in COLUMNS if name not in ("event", "seq"))
_TEXTS = COLUMNS.index("source")  # from there on all are texts, of anybody's making
SPAN = 256  # events of one block of rendered lines, as many as of a C2SP entry bundle
_RENDERED_KEY = 0x6174615F65787074  # "ata_expt"


def row_of(event: dict[str, Any], human: str) -> EventRow:
    """The row of a public event; `seq` is its index, None before it has one."""
    # Positional arguments spare Django the search for each name; this is the hottest line.
    in_order: Any = values_of(event, human)
    return EventRow(*in_order)


def values_of(event: dict[str, Any], human: str, id: UUID | None = None) -> tuple[Any, ...]:
    """The values of that row, in the order of COLUMNS; `id` is the event's, where it is at hand."""
    actor, target = event["actor"], event["target"]
    sub, action = shown_text(actor["sub"]), event["action"]
    values: tuple[Any, ...] = (
        id or UUID(event["id"]),
        event["index"],
        datetime.fromisoformat(event["time"]),
        datetime.fromisoformat(event["recorded_at"]),
        action,
        action.partition(".")[0],
        event["outcome"],
        severity_rank(event["severity"]),
        event["source"],
        event["instance"],
        subject_key(actor["iss"], sub),
        sub,
        shown_text(actor["name"]),
        shown_text(actor["email"]),
        " ".join(actor["roles"]),
        target["kind"] if target else "",
        _target_name(event),
        event["connection"],
        event["agent"],
        event["skill"],
        event["approval"],
        event["operation"],
        event["session"],
        event["request"],
        event["via"],
        human,
        action_registry.sentence(event),
        index_tokens.terms_of(event, human),
    )
    if "\0" in "".join(values[_TEXTS:]):
        return (*values[:_TEXTS], *map(_storable, values[_TEXTS:]))
    return values


def _target_name(event: dict[str, Any]) -> str:
    """The target's name. That of an end of access is filed under the admin who set it, and the
    person whose access it is under themselves: the row names them as long as either is there."""
    name = shown_text(event["target"]["name"]) if event["target"] else ""
    if name or event["action"] != ACCESS_END:
        return name
    whose = event["data"].get("whose")
    return shown_text(whose.get("sub")) if isinstance(whose, dict) else ""


def shown_text(value: Any) -> str:
    """A personal value for a column: empty when erased."""
    return _storable(value) if isinstance(value, str) else ""


def _storable(text: str) -> str:
    # PostgreSQL has no NUL in text; the exact value stays in the openings.
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


def differences(row: EventRow, expected: EventRow) -> list[str]:
    """Names of columns in which a stored row is not what its entry says."""
    return [name for name in DERIVED if getattr(row, name) != getattr(expected, name)]


def place(first: int, end: int) -> int:
    """Copy the positions `first <= seq < end` from the entries to their rows; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_eventrow SET seq = e.seq FROM audit_entry e "
            "WHERE e.event_id = audit_eventrow.event AND e.seq >= %s AND e.seq < %s",
            [first, end],
        )
        return int(cursor.rowcount)


def project_missing(first: int, end: int) -> int:
    """Make rows for entries `first <= seq < end` that have none; returns how many."""
    present = set(
        EventRow.objects.filter(seq__gte=first, seq__lt=end).values_list("event", flat=True)
    )
    events = stored_event_loader.load_entries(first, end)
    rows = [row_of(event, event["human"]) for event in events]
    missing = [row for row in rows if row.event not in present]
    bulk_insert.insert(missing)
    return len(missing)


def refresh(ids: Sequence[UUID]) -> int:
    """Rebuild the rows of these events, after an erasure or new evidence; returns how many."""
    changed = 0
    with transaction.atomic():
        stored = EventRow.objects.in_bulk(ids)
        drop_rendered(row.seq for row in stored.values())
        fulltext_index.drop_unfinished()
        for event in stored_event_loader.load_many(ids):
            row = stored[UUID(event["id"])]
            expected = row_of(event, human_levels.level(event))
            if not differences(row, expected):
                continue
            if row.seq is not None:
                fulltext_index.replace(row.seq, row.terms, expected.terms)
                rollups.move(row, expected)
            for name in DERIVED:
                setattr(row, name, getattr(expected, name))
            row.save(update_fields=list(DERIVED))
            changed += 1
    return changed


def lock_rendered() -> None:
    """Until the transaction ends, nobody else stores or drops lines of exports."""
    if connection.vendor == "postgresql":  # SQLite has one writer
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_RENDERED_KEY])


def drop_rendered(seqs: Iterable[int | None]) -> None:
    """Drop the export lines of these positions: what is erased is in no file made from now on."""
    lock_rendered()
    firsts = {seq - seq % SPAN for seq in seqs if seq is not None}
    for some in batched(firsts, 500):
        ExportBlock.objects.filter(first__in=some).delete()


def stale() -> bool:
    """Whether this version writes rows otherwise than those that are stored.

    Looks at the newest sequenced row of every action: a formatter that changed shows there.
    """
    placed = EventRow.objects.filter(seq__isnull=False)
    newest = placed.values_list("action").annotate(last=Max("seq")).order_by()
    rows = {row.event: row for row in placed.filter(seq__in=[last for _, last in newest])}
    events = stored_event_loader.load_rows(list(rows.values()))
    return any(
        differences(row, row_of(event, row.human))
        for event, row in zip(events, rows.values(), strict=True)
    )


def rebuild(*, batch: int = 2048, wait_s: float = 60.0) -> int:
    """Make rows, full-text index and counts again from events, openings and entries.

    The portal goes on meanwhile. Each batch is one short transaction under the sequencer's lock, in
    which rows that differ are replaced and counted again; SQLite's full-text index is made next to
    the one in use and takes its place at the end. Nobody is erased during a rebuild.

    Returns:
        How many rows there are now.

    Raises:
        Busy: another process erases or sequences, and did so for `wait_s`.
    """
    with process_locks.wait_for("erasing", wait_s):
        fulltext_index.begin_rebuild()
        _remove_strays(batch, wait_s)
        done = 0
        while (size := stored_tree_queries.stored_size()) - done >= batch:
            _rebuild_range(done, done + batch, wait_s)
            done += batch
        made = [
            row_of(event, event["human"]) for event in stored_event_loader.load_entries(done, size)
        ]
        with process_locks.wait_for("sequencer", wait_s):
            _replace(made)
            now = stored_tree_queries.stored_size()
            late = [
                row_of(event, event["human"])
                for event in stored_event_loader.load_entries(size, now)
            ]
            _replace(late)
            with transaction.atomic():
                fulltext_index.index_rebuilt(done, now)
                fulltext_index.end_rebuild()
            rollups.repair()
        return now + _rebuild_waiting(batch, wait_s)


def _rebuild_range(first: int, end: int, wait_s: float) -> None:
    """Replace what differs among the rows of entries `first <= seq < end`."""
    made = [row_of(event, event["human"]) for event in stored_event_loader.load_entries(first, end)]
    with process_locks.wait_for("sequencer", wait_s), transaction.atomic():
        _replace(made)
        fulltext_index.index_rebuilt(first, end)


def _rebuild_waiting(batch: int, wait_s: float) -> int:
    """Replace what differs among the rows of events without a leaf; returns how many those are."""
    waiting = list(Event.objects.filter(leaf__isnull=True).values_list("id", flat=True))
    for ids in batched(waiting, batch):
        made = [
            row_of({**event, "index": None}, human_levels.level(event))
            for event in stored_event_loader.load_many(ids)
        ]
        with process_locks.wait_for("sequencer", wait_s):
            still = Event.objects.filter(id__in=ids, leaf__isnull=True)
            unplaced = set(still.values_list("id", flat=True))
            _replace([row for row in made if row.event in unplaced])
    return len(waiting)


def _replace(made: Sequence[EventRow]) -> None:
    """Write these rows where what is stored differs, and count them again.

    Under the sequencer's lock and that of erasures nobody else changes a row that exists.
    """
    wanted = {row.event: row for row in made}
    seqs = [row.seq for row in made if row.seq is not None]
    with transaction.atomic(), fulltext_index.gathering(len(made)):
        stored = {row.event: row for row in EventRow.objects.filter(event__in=wanted)}
        if seqs:
            there = EventRow.objects.filter(seq__gte=seqs[0], seq__lte=seqs[-1])
            stored |= {row.event: row for row in there}
        right = {id for id, row in stored.items() if id in wanted and _alike(row, wanted[id])}
        _remove([row for id, row in stored.items() if id not in right])
        fresh = [row for row in made if row.event not in right]
        bulk_insert.insert(fresh)
        rollups.add_rows(row.seq for row in fresh)
        drop_rendered(seqs)


def _alike(row: EventRow, expected: EventRow) -> bool:
    return row.seq == expected.seq and not differences(row, expected)


def _remove(rows: Sequence[EventRow]) -> None:
    rollups.take_off_rows(row.seq for row in rows)
    EventRow.objects.filter(event__in=[row.event for row in rows]).delete()


def _remove_strays(batch: int, wait_s: float) -> None:
    """Remove rows of no event, and rows at an index where another event or none is."""
    event = Event.objects.filter(id=OuterRef("event"))
    place = Entry.objects.filter(seq=OuterRef("seq"), event=OuterRef("event"))
    astray = EventRow.objects.filter(
        ~Exists(event) | Q(seq__isnull=False) & ~Exists(place)
    ).values_list("event", flat=True)
    for ids in batched(list(astray), batch):
        with process_locks.wait_for("sequencer", wait_s), transaction.atomic():
            _remove(list(EventRow.objects.filter(event__in=ids)))
