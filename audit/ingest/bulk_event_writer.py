"""Many events at once: written with their leaves, in one transaction a batch, and signed.

Who writes events and leaves the rest to the sequencer has each search row written twice, once
without a position and once with it, and with it every index entry. Here the batch takes the
sequencer's place for as long as it lasts: what waits gets its leaves first, then come the new
events, at their final positions. While another process sequences, events wait for it as ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit.db import bulk_insert, process_locks
from audit.keys import log_identity
from audit.ledger.tree_edge import GrowingTree
from audit.models import Entry, Event, EventRow, Openings
from audit.recording.record import Prepared
from audit.search import fulltext_index, projection, rollups
from audit.sequencing.sequencer import Overtaken, Sequencer, insert_tiles, older_waits
from audit.sequencing.signed_state import SequencerStopped

_log = logging.getLogger(__name__)
_PATIENT = 5  # times that what came to light meanwhile is given its leaves first
_SEQ = projection.COLUMNS.index("seq")
_ID = itemgetter(0)
_number = attrgetter("id.int")

type Along = Callable[[], None]
type Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Made:
    """The rows of a batch in the order of their ids, for `audit.db.bulk_insert.insert_values`.

    `ids` stand in the order of the drafts.
    """

    ids: list[UUID]
    leaves: list[bytes]
    events: Rows
    openings: Rows
    rows: Rows


def made(prepared: Sequence[Prepared]) -> Made:
    """What is prepared, in the order in which it gets its leaves."""
    ordered = sorted(prepared, key=_number)
    return Made(
        [one.id for one in prepared],
        [one.event[2] for one in ordered],
        [one.event for one in ordered],
        [opening for one in ordered for opening in one.openings],
        [one.row for one in ordered],
    )


class Ingest(Sequencer):
    """Writes batches of events; keeps the right edge of the tree between them."""

    def write(self, rows: Made, along: Along | None = None) -> bool:
        """Write events, and what `along` writes, durably and in one transaction.

        Within a transaction of the caller's they are written there, without leaves. Returns
        whether they have leaves; where they have none, the sequencer gives them theirs.

        Raises:
            IntegrityError: an event exists. Nothing is written then, whatever is raised.
        """
        if not self._here():
            _plainly(rows, along)
            return False
        with process_locks.alone("sequencer") as held:
            if not held or not self._ready():
                _plainly(rows, along)
                return False
            try:
                growing = self._append(rows, along)
            except BaseException:
                self._tree = None  # it may be ahead of what the database kept
                raise
            self._sign(growing)
        return True

    def _here(self) -> bool:
        """Whether this is where the log is signed: elsewhere we had no key, or another one."""
        return not connection.in_atomic_block and (log_identity.folder() / "last-signed").exists()

    def _ready(self) -> bool:
        """Give what waits its leaves; False if the log may not be extended now.

        The sequencer finds the same and raises the alarm.
        """
        try:
            self._run(sweep=False)
        except (SequencerStopped, log_identity.LedgerIdentityError, OSError) as refused:
            self._tree = None
            _log.warning("events are written to wait for their leaves: %s", refused)
            return False
        except BaseException:
            self._tree = None
            raise
        return True

    def _append(self, rows: Made, along: Along | None) -> GrowingTree:
        again = _PATIENT
        while True:
            growing = self._load()
            try:
                self._place(growing, rows, along, patient=again > 0)
            except Overtaken:
                again -= 1
                self._tree = None
                self._run(sweep=False)
                continue
            return growing

    def _place(
        self, growing: GrowingTree, rows: Made, along: Along | None, *, patient: bool
    ) -> None:
        first = growing.size
        full = growing.extend(rows.leaves)
        with transaction.atomic(durable=True), fulltext_index.gathering(len(rows.ids)):
            bulk_insert.insert_values(Event, rows.events)
            bulk_insert.insert_values(Entry, list(enumerate(map(_ID, rows.events), first)))
            bulk_insert.insert_values(Openings, rows.openings)
            bulk_insert.insert_values(EventRow, rows.rows, {_SEQ: range(first, growing.size)})
            insert_tiles(full)
            fulltext_index.index_range(first, growing.size)
            rollups.add_range(first, growing.size)
            if patient and older_waits(rows.events[-1][0]):
                raise Overtaken
            if along:
                along()

    def _sign(self, growing: GrowingTree) -> None:
        """Sign what was written; a failure is the sequencer's to repair, for the events stand."""
        try:
            self._publish(growing)
        except (SequencerStopped, log_identity.LedgerIdentityError, OSError):
            self._tree = None
            _log.exception("events have their leaves, but the tree could not be signed")


def _plainly(rows: Made, along: Along | None) -> None:
    with transaction.atomic():
        bulk_insert.insert_values(Event, rows.events)
        bulk_insert.insert_values(Openings, rows.openings)
        bulk_insert.insert_values(EventRow, rows.rows)
        if along:
            along()
