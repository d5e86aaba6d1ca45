"""Verifications that somebody asked for on the web: their progress and what they leave behind."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from audit import clock
from audit.clock import rfc3339
from audit.ledger.format.canonical import canonical
from audit.models import VerificationRun
from audit.recording.actors import SYSTEM, Actor
from audit.recording.record import record
from audit.sequencing import stored_tree_queries
from audit.verification import verify

log = logging.getLogger(__name__)

_REPORT_EVERY_S = 0.5
_ALIVE_EVERY_S = 15.0
SILENT = timedelta(minutes=2)


def request(actor: Actor) -> VerificationRun:
    """Note that a verification was asked for; `perform` does it."""
    return VerificationRun.objects.create(requested_by=actor.name or actor.email or actor.sub)


def perform(run_id: UUID) -> VerificationRun:
    """Verify the whole ledger, keeping progress in the row; records `audit.verified`.

    A failed verification records `ledger.alarm` too, and one for a human level that is not what the
    evidence proves. A run is started once, however often this is called.

    Raises:
        VerificationRun.DoesNotExist: there is no such run.
    """
    started = VerificationRun.objects.filter(id=run_id, state=VerificationRun.State.WAITING).update(
        state=VerificationRun.State.RUNNING, started=(now := clock.now()), seen=now
    )
    run = VerificationRun.objects.get(id=run_id)
    if not started:
        return run
    last = 0.0

    def progress(checked: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _REPORT_EVERY_S:
            last = time.monotonic()
            VerificationRun.objects.filter(id=run_id).update(
                checked=checked, total=total, seen=clock.now()
            )

    try:
        with _alive(run_id):
            progress(0, stored_tree_queries.stored_size())  # the first entries may take a while
            report = verify.run(progress=progress)
    except Exception as error:
        run.state, run.finished = VerificationRun.State.BROKEN, clock.now()
        run.result = {"error": f"{type(error).__name__}: {error}"}
        run.save()
        raise
    run.state = VerificationRun.State.PASSED if report.ok else VerificationRun.State.FAILED
    run.checked = run.total = report.checked
    run.result, run.finished = report.as_json(), clock.now()
    with transaction.atomic():  # verify_ledger holds the row to its event
        run.save()
        _tell(run, report)
    return run


@contextmanager
def _alive(run_id: UUID) -> Iterator[None]:
    """Note every few seconds that the verifier lives: a check of the whole log reports nothing."""
    over = threading.Event()

    def note() -> None:
        try:
            while not over.wait(_ALIVE_EVERY_S):
                with suppress(DatabaseError):  # the next one tries again
                    VerificationRun.objects.filter(
                        id=run_id, state=VerificationRun.State.RUNNING
                    ).update(seen=clock.now())
        finally:
            connection.close()

    noting = threading.Thread(target=note, name="verification-alive", daemon=True)
    noting.start()
    try:
        yield
    finally:
        over.set()
        noting.join()


def run_due() -> int:
    """Perform the runs that wait; returns how many there were.

    One whose verifier fell silent is closed as broken: its worker was stopped in the middle.
    """
    now = clock.now()
    VerificationRun.objects.filter(
        state=VerificationRun.State.RUNNING, seen__lt=now - SILENT
    ).update(
        state=VerificationRun.State.BROKEN,
        finished=now,
        result={"error": "the worker was stopped in the middle; verify again"},
    )
    waiting = VerificationRun.objects.filter(state=VerificationRun.State.WAITING)
    ids = list(waiting.values_list("id", flat=True))
    for run_id in ids:
        try:
            perform(run_id)
        except Exception:
            log.exception("verification %s did not finish", run_id)  # its row says so too
    return len(ids)


def _tell(run: VerificationRun, report: verify.Report) -> None:
    outcome = "success" if report.ok else "failure"
    record(
        SYSTEM,
        "audit.verified",
        outcome=outcome,
        operation=str(run.id),
        data={
            "size": report.size,
            "problems": report.problem_count,
            "report": hashlib.sha256(canonical(run.result)).hexdigest(),
            "asked": rfc3339(run.asked),
            "finished": rfc3339(run.finished) if run.finished else "",
        },
        private={"requested_by": run.requested_by},
    )
    levels = (problem for problem in report.problems if problem.code == "level")
    for problem in dict.fromkeys((report.first_bad, next(levels, None))):
        if problem is not None:
            record(
                SYSTEM,
                "ledger.alarm",
                data={"code": problem.code, "index": problem.index},
                reason=str(problem),
                operation=str(run.id),
            )
