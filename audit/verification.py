"""Verifications that somebody asked for on the web: their progress and what they leave behind."""

from __future__ import annotations

import time
from uuid import UUID

from audit import clock, verify
from audit.actor import SYSTEM, Actor
from audit.models import VerificationRun
from audit.record import record

_REPORT_EVERY_S = 0.5


def request(actor: Actor) -> VerificationRun:
    """Note that a verification was asked for; `perform` does it."""
    return VerificationRun.objects.create(requested_by=actor.name or actor.email or actor.sub)


def perform(run_id: UUID) -> VerificationRun:
    """Verify the whole ledger, keeping progress in the row; records `audit.verified`.

    A failed verification records `ledger.alarm` too. A run is started once, so a repeated task
    message changes nothing.

    Raises:
        VerificationRun.DoesNotExist: there is no such run.
    """
    started = VerificationRun.objects.filter(id=run_id, state=VerificationRun.State.WAITING).update(
        state=VerificationRun.State.RUNNING, started=clock.now()
    )
    run = VerificationRun.objects.get(id=run_id)
    if not started:
        return run
    last = 0.0

    def progress(checked: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _REPORT_EVERY_S:
            last = time.monotonic()
            VerificationRun.objects.filter(id=run_id).update(checked=checked, total=total)

    try:
        report = verify.run(progress=progress)
    except Exception as error:
        run.state, run.finished = VerificationRun.State.BROKEN, clock.now()
        run.result = {"error": f"{type(error).__name__}: {error}"}
        run.save()
        raise
    run.state = VerificationRun.State.PASSED if report.ok else VerificationRun.State.FAILED
    run.checked = run.total = report.checked
    run.result, run.finished = report.as_json(), clock.now()
    run.save()
    _tell(run, report)
    return run


def _tell(run: VerificationRun, report: verify.Report) -> None:
    outcome = "success" if report.ok else "failure"
    record(
        SYSTEM,
        "audit.verified",
        outcome=outcome,
        operation=str(run.id),
        data={"size": report.size, "problems": report.problem_count},
        private={"requested_by": run.requested_by},
    )
    if report.first_bad is not None:
        record(
            SYSTEM,
            "ledger.alarm",
            data={"code": report.first_bad.code, "index": report.first_bad.index},
            reason=str(report.first_bad),
            operation=str(run.id),
        )
