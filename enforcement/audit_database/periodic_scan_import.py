"""Reading new scans of the gateways' audit databases, every two seconds.

`health_checks` asks the gateways how they are. The first look at an instance starts from now: what
was stored before is history. It tells how grave each thing was last found to be, but raises no
event and asks nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from typing import Final

from django.db import DataError, IntegrityError, transaction
from django.db.models import Max
from django.db.models.functions import Least

from approvals import clock
from audit.db import leases
from enforcement.audit_database import (
    names_of_scanned_things,
)
from enforcement.audit_database import scan_rows as sources
from enforcement.audit_database.scan_rows import (
    Position,
    Source,
    SourceScan,
    SourceUnreadable,
    Strays,
    opened,
)
from enforcement.component_kinds import CALL, SCANNED
from enforcement.findings import (
    automatic_requests,
    intake,
    read_dispositions_from_gateway,
    unreadable_row_quarantine,
)
from enforcement.findings.unreadable_row_quarantine import Unreadable
from enforcement.gateways import (
    health_checks,
    instances,
    unreachable_gateway_reasons,
)
from enforcement.gateways.instances import Instance
from enforcement.models import Scan, Watch

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=2)
_LEASE = timedelta(seconds=60)
NOTED_EVERY: Final = timedelta(seconds=10)
"""How often it is stored that a gateway was read; each read is a write otherwise."""
_UNFINISHED_SCAN = timedelta(seconds=30)
_LONGEST_SCAN = timedelta(minutes=10)
_LONGEST_READ_S: Final = 300.0
_CLOCKS_DIFFER = timedelta(minutes=10)
_ASKING = ""
_REFUSED = (ValueError, TypeError, DataError, IntegrityError)
"""What a row of its own making raises; that the database is away is none of them."""


def poll_due() -> int:
    """Do what is due: read new scans, ask for CRITICAL ones, look after health. Returns new scans.

    Call it every second or so from any number of workers; a row is claimed by its lease.
    """
    now = clock.now()
    fleet = instances.fleet()
    registered, asked = fleet.instances, fleet.asked
    _ensure_rows(registered, now)
    new = sum(_claimed(i.name, now, partial(_read, i, now)) for i in registered)
    if automatic_requests.waits():
        _claimed(_ASKING, now, lambda _watch: automatic_requests.ask_due())
    health_checks.ask_due(asked, now)
    health_checks.forget({i.name for i in registered} - {i.name for i in asked})
    return new


def _ensure_rows(registered: tuple[Instance, ...], now: datetime) -> None:
    wanted = {_ASKING, *(i.name for i in registered)}
    missing = wanted - set(Watch.objects.values_list("name", flat=True))
    Watch.objects.bulk_create(
        [Watch(name=name, due=now, probe_due=now if name else None) for name in sorted(missing)],
        ignore_conflicts=True,
    )


def _claimed(name: str, now: datetime, work: Callable[[Watch], int]) -> int:
    """Run `work` on the row of that name if it is due and nobody else has it."""
    every, until = EVERY if name else timedelta(seconds=1), now + _LEASE
    free = Watch.objects.filter(leases.free(now), name=name)
    if not leases.claim(free, until, due=now + every):
        return 0
    try:
        return work(Watch.objects.get(name=name))
    except Exception:
        log.exception("watching %s failed", name or "for what has to be asked")
        return 0
    finally:
        leases.release(Watch.objects.filter(name=name), until)


def _read(instance: Instance, now: datetime, watch: Watch) -> int:
    """Take in what is new in one audit database."""
    if instance.audit_db is None:
        return 0
    try:
        with opened(instance.audit_db, _LONGEST_READ_S) as source:
            strays = source.strays()
            new = _read_from(source, strays, instance.name, watch, now)
        read_dispositions_from_gateway.take(instance.audit_db, instance.name, now)
        problem, read = strays.problem, True
    except SourceUnreadable as trouble:
        new, problem, read = 0, str(trouble), False
    except Exception as error:
        # Whatever keeps us from reading has to be seen: nobody looks into a log for it.
        log.exception("reading the audit database of %s failed", instance.name)
        new, read = 0, False
        problem = f"reading its audit database failed ({type(error).__name__})"
    _note_read(watch, problem[:300], now, read=read)
    return new


def _note_read(watch: Watch, problem: str, now: datetime, *, read: bool) -> None:
    if not read:
        if problem != watch.source:
            Watch.objects.filter(pk=watch.pk).update(source=problem)
    elif watch.source != problem or watch.read_at is None or now - watch.read_at >= NOTED_EVERY:
        went_on = (
            not watch.source
            and watch.read_at
            and now - watch.read_at <= unreachable_gateway_reasons.STALE
        )
        since = watch.read_since if went_on and watch.read_since else now
        Watch.objects.filter(pk=watch.pk).update(source=problem, read_at=now, read_since=since)


def _read_from(source: Source, strays: Strays, name: str, watch: Watch, now: datetime) -> int:
    if not watch.started:
        return _begin(source, strays, name, watch, now)
    position, known_until = Position(watch.last_rowid, watch.last_scan), None
    if not source.still_has(position):
        # Purged or rebuilt (retention, DefenseClaw's migration 33). It is read again from its
        # start, where everything up to the newest scan that we know of is history.
        log.warning("the audit database of %s lost rows that were read before", name)
        # The gateway says when a scan was; that it was known to us by then is what we saw.
        newest = Scan.objects.filter(instance=name).aggregate(at=Max(Least("at", "seen")))
        known_until = newest["at"]
        if known_until is not None:  # one that began before that may have ended since
            known_until -= _LONGEST_SCAN
        position = Position()
        _moved(watch, position)
    scans = source.after(position, now, 200 if known_until is None else 100_000)
    new, aside = 0, list[Unreadable]()
    for found in scans:
        behind = Position(found.rowid, found.id)
        # One that is of a time ahead of ours could say so for long: it holds up none behind it.
        if _is_unfinished(found, now, ahead=found is scans[-1]):
            break
        # Rows that cannot be read are set aside after those that can: until then they are ahead.
        new += _take(found, name, known_until, now, aside, None if aside else (watch, behind))
        position = behind
    for found in source.at(_unknown(strays, name), now):
        if not _is_unfinished(found, now, ahead=True):
            new += _take(found, name, known_until, now, aside, None)
    if aside:
        with transaction.atomic(durable=True):
            unreadable_row_quarantine.set_aside(name, aside, now)
            _moved(watch, position)
    return new


def _is_unfinished(found: SourceScan | Unreadable, now: datetime, *, ahead: bool) -> bool:
    """Whether a scan is still being written; `ahead`: also if its time is ahead of ours."""
    if isinstance(found, Unreadable) or found.complete:
        return False
    # The row of a gateway's scan has its start, up to 72 seconds before the row was written.
    ages = [now - found.at, now - (found.ended or found.at)]
    # One whose time cannot be read is of now at each look: it would be waited for without an end.
    return any(timedelta(0) < age < _UNFINISHED_SCAN for age in ages) or (
        ahead and any(-_CLOCKS_DIFFER < age < timedelta(0) for age in ages)
    )


def _take(
    found: SourceScan | Unreadable,
    name: str,
    known_until: datetime | None,
    now: datetime,
    aside: list[Unreadable],
    moves: tuple[Watch, Position] | None,
) -> int:
    """Take in one row, or put it to those that are set aside; 1 where it is a new scan.

    `moves`: how far it was read with it, where that is known now.
    """
    if isinstance(found, Unreadable):
        aside.append(found)
        return 0
    old = known_until is not None and found.at <= known_until
    if not old and _asks_nobody(found):
        moves = None  # not before it is set aside
        why = "it is CRITICAL, and its scanner is none that is known: no one was asked about it"
        aside.append(_as_aside(found, why))
    try:
        with transaction.atomic(durable=True):
            new = intake.take(name, found, now, history=old) is not None and not old
            if moves is not None:
                _moved(*moves)
    except _REFUSED as error:
        log.exception("a scan of %s cannot be stored", name)
        aside.append(_as_aside(found, f"it cannot be stored ({type(error).__name__})"))
        return 0
    return int(new)


def _unknown(strays: Strays, name: str) -> list[int]:
    """Where the strays are that were not taken in."""
    known = set[str]()
    for some in batched((id for _, id in strays.rows), 500):
        scans = Scan.objects.filter(instance=name, scan_id__in=some)
        known.update(scans.values_list("scan_id", flat=True))
    return [rowid for rowid, id in strays.rows if id not in known]


def _asks_nobody(found: SourceScan) -> bool:
    """Whether it is as severe as what asks automatically, and of a scanner that is unknown."""
    grave = found.severity == "CRITICAL"
    return (
        grave
        and found.kind not in {*SCANNED, CALL}
        and not names_of_scanned_things.is_of_code(found.scanner)
    )


def _as_aside(found: SourceScan, why: str) -> Unreadable:
    values = {name: getattr(found, name) for name in ("rowid", "id", "scanner", "kind", "name")}
    return sources.unreadable(values, "not_recordable", why)


def _begin(source: Source, strays: Strays, name: str, watch: Watch, now: datetime) -> int:
    """First look: start behind the newest scan and learn how grave things were last found."""
    end = source.end()
    history, aside = [], []
    before = source.at((rowid for rowid, _ in strays.rows), now, len(strays.rows))
    for found in {one.rowid: one for one in (*before, *source.latest_of_each(now))}.values():
        if isinstance(found, Unreadable):
            aside.append(found)
        else:
            history.append(found)
    with transaction.atomic(durable=True):
        for scan in history:
            try:
                intake.take(name, scan, now, history=True)
            except _REFUSED as error:
                aside.append(_as_aside(scan, f"it cannot be stored ({type(error).__name__})"))
        unreadable_row_quarantine.set_aside(name, aside, now)
        Watch.objects.filter(pk=watch.pk).update(started=True)
        _moved(watch, end)
    return 0


def _moved(watch: Watch, position: Position) -> None:
    Watch.objects.filter(pk=watch.pk).update(last_rowid=position.rowid, last_scan=position.scan)
