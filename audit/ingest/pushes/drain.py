"""Makes entries of what waits in the spool: the worker's loop.

Each gateway at a time, in the order of arrival, under the lock that imports take as well. A body
leaves the spool after its rows are committed; one that is taken in twice adds nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import batched, chain
from time import monotonic
from typing import Final

from django.db import transaction

from audit import clock
from audit.db.storage_error_kinds import is_not_stored
from audit.importing import gateway_registry_and_seal_keys, import_run_events
from audit.importing.lock import ImportRunning, import_lock
from audit.importing.mapping import Mapper, Matches
from audit.importing.portal_operation_lookup import Operations
from audit.importing.pushed_row_matching import Forms
from audit.importing.quarantine.writer import Quarantine
from audit.importing.report import Counts, ImportReport
from audit.importing.row_batch_writer import RowWriter
from audit.importing.source_row_identity import SourceRow
from audit.ingest.bulk_event_writer import Ingest
from audit.ingest.pushes import ingest_tokens, missing_pushes, pushed_rows, scan_targets, spool
from audit.ingest.pushes.spool import Body
from audit.models import QuarantinedRow
from audit.recording.actors import Actor, Target

log = logging.getLogger(__name__)

RECEIVER: Final = Actor(iss="", sub="", name="Auth0-ATA", via="import")
BATCH: Final = 2000
MOST_BODIES: Final = 100
_MOST_BYTES: Final = 16 * 2**20
"""So many bodies and bytes of them are one portion, and not fewer than one body."""
_TURN_S: Final = 5.0
"""A gateway whose portions took so long waits until the others had their turn."""

_writer = Ingest()


def run_due() -> int:
    """Take in what waits of each gateway; returns how many rows became events.

    Raises:
        Exception: the first that stopped a gateway, after all others had their turn.
    """
    ingest_tokens.look()  # a token that was replaced is noticed without a request
    done, failures = 0, []
    for instance in spool.instances():
        try:
            done += drain(instance)
        except Exception as error:
            log.error("what %s pushed waits: %s", instance, type(error).__name__)
            failures.append(error)
    if failures:
        raise failures[0]
    return done


def drain(instance: str) -> int:
    """Take in what waits of one gateway; nothing while an import of it runs."""
    spool.expire_set_aside(instance, clock.now())
    missing_pushes.record_refusals(instance, RECEIVER, clock.now())
    waits = spool.waiting(instance)
    if not waits:
        return 0
    try:
        with import_lock(instance):
            return _take_all(instance, waits)
    except ImportRunning:
        return 0


def _take_all(instance: str, waits: Sequence[Body]) -> int:
    done, work = 0, _work(instance)
    until = monotonic() + _TURN_S
    for bodies in _portions(waits):
        try:
            done += _take(work, bodies)
        except Exception as error:
            if is_not_stored(error):
                raise  # not the bodies' fault: they wait
            work = _work(instance)
            done += _one_by_one(instance, bodies)
        if monotonic() >= until:
            break
    _record_set_aside(work)
    return done


def _one_by_one(instance: str, bodies: Sequence[Body]) -> int:
    """Take in each alone, so that one that nothing can be made of does not stop the others."""
    done = 0
    for body in bodies:
        work = _work(instance)
        try:
            done += _take(work, [body])
        except Exception as error:
            if is_not_stored(error):
                raise
            log.exception("a push of %s cannot be taken in; it is kept for a week", instance)
            missing_pushes.record_unreadable(instance, body, RECEIVER, clock.now())
            body.set_aside()
        _record_set_aside(work)
    return done


def _take(work: RowWriter, bodies: Sequence[Body]) -> int:
    counts = Counts()
    read = (pushed_rows.rows_of(body.read(), body.rail) for body in bodies)
    for rows in batched(chain.from_iterable(read), BATCH):
        work.take(scan_targets.with_targets(rows, work.report.instance), counts)
        _look_for_gaps(work, rows)
    for body in bodies:
        body.remove()
    return counts.imported


def _look_for_gaps(work: RowWriter, rows: Sequence[SourceRow]) -> None:
    """Record gaps; the rows themselves are entries already, whatever their numbers are like."""
    try:
        missing_pushes.look(work.report.instance, rows, work.actor, work.now)
    except Exception as error:
        if is_not_stored(error):
            raise
        log.exception("gaps in what %s pushed could not be recorded", work.report.instance)


def _portions(waits: Sequence[Body]) -> list[list[Body]]:
    """The bodies in groups of at most MOST_BODIES and about _MOST_BYTES."""
    found: list[list[Body]] = []
    size = _MOST_BYTES
    for body in waits:
        if size + body.size > _MOST_BYTES or len(found[-1]) >= MOST_BODIES:
            found.append([])
            size = 0
        found[-1].append(body)
        size += body.size
    return found


def _work(instance: str) -> RowWriter:
    now = clock.now()
    matches = Matches(instance, Operations(), gateway_registry_and_seal_keys.registered())
    return RowWriter(
        report=ImportReport(instance),
        mapper=Mapper(instance, None, matches, now),
        matches=matches,
        aside=Quarantine(instance, now),
        forms=Forms(instance),
        actor=RECEIVER,
        now=now,
        writer=_writer,
    )


def _record_set_aside(work: RowWriter) -> None:
    """Put on the trail what could not become events, unless it was set aside before."""
    instance = work.report.instance
    unnamed = QuarantinedRow.objects.filter(instance=instance, event=None)
    if not work.aside.reasons or not unnamed.exists():
        return
    with transaction.atomic():
        import_run_events.record_set_aside(
            work.aside, Target("push", instance, instance), RECEIVER, instance
        )
