"""What gateways pushed and we do not have: bodies that a full spool refused or that nothing can be
made of, missing steps of a session, and a run that has no orderly end.

Pushes are not numbered, and a gateway keeps nothing that it could send again. HEAD and
0.8.4 number the steps of a session; a destination with a least severity leaves steps out, so only
sessions count of which a step without a finding arrived.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from audit.importing.mapping import times
from audit.importing.mapping.mapped_facts import opaque
from audit.importing.source_row_identity import MAX_ID_LENGTH, SourceRow, gap_id
from audit.ingest.pushes import spool
from audit.ingest.pushes.spool import Body, Refused
from audit.models import Event, PushProgress
from audit.recording.actors import Actor, Target
from audit.recording.record import record

QUIET: Final = timedelta(seconds=30)
"""So long nothing was refused when the gap is over and recorded."""
LONGEST: Final = timedelta(minutes=10)
"""A gap that lasts longer is recorded in parts."""

_MOST_STEPS: Final = 1_000_000_000  # a greater number is no step of a session
_SESSIONS: Final = 500  # of a gateway are remembered, the newest
_START, _END = "sidecar-start", "sidecar-stop"
_CLEAN: Final = frozenset({"", "INFO", "NONE"})

type Steps = dict[str, dict[int, bool]]
type Gap = tuple[str, dict[str, Any]]  # what its event's id is made of, and what the event says


def record_refusals(instance: str, actor: Actor, now: datetime) -> None:
    """Record what a full spool refused, once it refuses nothing any more."""
    found = spool.refused(instance)
    if found is None or (now - found.last < QUIET and now - found.first < LONGEST):
        return
    taken = spool.take_refusals(instance)
    if taken is not None:
        with transaction.atomic():
            _record(instance, actor, _of_refusals(instance, taken), now)
        taken.path.unlink(missing_ok=True)


def record_unreadable(instance: str, body: Body, actor: Actor, now: datetime) -> None:
    """Record that nothing could be made of a body."""
    data: dict[str, Any] = {"gap": "unreadable_body", "bytes": body.size, "rail": body.rail}
    data["received"] = body.received_at.isoformat()
    with transaction.atomic():
        _record(instance, actor, (f"{instance}\nbody\n{body.path.name}", data), now)


def look(instance: str, rows: Sequence[SourceRow], actor: Actor, now: datetime) -> None:
    """Record what is missing before or between these rows, and remember how far they are."""
    steps, runs = _steps(rows), sorted(_runs(rows))
    if not steps and not runs:
        return
    with transaction.atomic():
        progress, _ = PushProgress.objects.select_for_update().get_or_create(instance=instance)
        found = [*_missing(progress, steps), *_unended(progress, runs)]
        for gap in found:
            _record(instance, actor, gap, now)
        progress.save(update_fields=["run", "run_at", "run_ended", "sessions"])


def _steps(rows: Iterable[SourceRow]) -> Steps:
    """Of each session its steps, and whether each is one without a finding."""
    found: Steps = defaultdict(dict)
    for row in rows:
        step, session = row.values.get("step_idx"), _storable(row.text("session_id"))
        if isinstance(step, int) and 0 < step <= _MOST_STEPS and session:
            clean = row.text("severity").upper() in _CLEAN
            found[f"{_storable(row.text('run_id'))} {session}"][step] = clean
    return found


def _storable(text: str) -> str:
    """The text, or nothing where it is longer than an id or has what PostgreSQL does not take."""
    return text if len(text) <= MAX_ID_LENGTH and text.isprintable() else ""


def _missing(progress: PushProgress, steps: Steps) -> Iterator[Gap]:
    """The gaps in steps, in `(id, data)`; moves the progress of each session."""
    sessions: dict[str, list[Any]] = progress.sessions
    for key, found in steps.items():
        newest, all_sent = sessions.pop(key, [0, False])
        all_sent = all_sent or any(found.values())
        ahead = sorted(step for step in found if step > newest)
        before = newest or (ahead[0] - 1 if ahead else 0)  # where we came in is unknown
        lost = [(a, b) for a, b in zip([before, *ahead], ahead, strict=False) if b > a + 1]
        if all_sent and lost:
            run, _, session = key.partition(" ")
            count = sum(b - a - 1 for a, b in lost)
            data: dict[str, Any] = {"gap": "steps", "missing": count}
            data |= {"first_step": lost[0][0] + 1, "last_step": lost[-1][1] - 1}
            name = f"{progress.instance}\n{key}\n{lost}"
            yield name, data | {"run_id": opaque(run), "session": opaque(session)}
        sessions[key] = [max([newest, *ahead]), all_sent]
    for key in list(sessions)[: max(0, len(sessions) - _SESSIONS)]:
        del sessions[key]


def _runs(rows: Iterable[SourceRow]) -> Iterator[tuple[datetime, str, str]]:
    for row in rows:
        if row.text("action") in {_START, _END}:
            try:
                yield (
                    times.parse(row.values.get("timestamp")),
                    row.text("action"),
                    _storable(row.text("run_id")),
                )
            except times.BadTime:
                continue


def _unended(progress: PushProgress, runs: Iterable[tuple[datetime, str, str]]) -> Iterator[Gap]:
    """Runs after which another began and which never said that they end."""
    for at, action, run in runs:
        if progress.run_at is not None and at <= progress.run_at:
            continue  # pushed again
        if action == _START:
            if progress.run_at is not None and not progress.run_ended:
                began = progress.run_at.isoformat()
                data = {"gap": "run_without_end", "run_id": opaque(progress.run), "began": began}
                name = f"{progress.instance}\nrun\n{progress.run}\n{began}"
                yield name, data | {"next_began": at.isoformat()}
            progress.run, progress.run_at, progress.run_ended = run, at, False
        else:
            progress.run_at, progress.run_ended = at, True


def _of_refusals(instance: str, found: Refused) -> Gap:
    since, until = found.first.isoformat(), found.last.isoformat()
    data: dict[str, Any] = {"gap": "spool_full", "from": since, "to": until}
    data |= {"refused": found.bodies, "refused_bytes": found.size}
    if found.uncounted:
        data["refused_more"] = True
    return f"{instance}\nrefused\n{since}\n{found.bodies}", data


def _record(instance: str, actor: Actor, found: Gap, now: datetime) -> None:
    """One event, unless it was recorded before a process was killed."""
    name, data = found
    id = gap_id(name)
    if Event.objects.filter(id=id).exists():
        return
    target = Target("gateway", instance, instance)
    record(
        actor, "defenseclaw.push_gap", id=id, instance=instance, target=target, data=data, time=now
    )
