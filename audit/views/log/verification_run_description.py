"""A verification in words: what was checked, what did not hold and where, what is still to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit.models import VerificationRun

_QUIET = timedelta(seconds=5)
_STATE = VerificationRun.State

# What is checked, and by which codes of `audit.verification.report.Problem` it fails.
_CHECKS: tuple[tuple[str, str, frozenset[str]], ...] = (
    (
        "Events",
        "none missing, none changed",
        frozenset({"entry", "event", "gap", "leaf"}),
    ),
    (
        "Personal values",
        "every stored value matches its entry",
        frozenset({"opening"}),
    ),
    (
        "Search",
        "pages, counts and exports match the log",
        frozenset({"projection"}),
    ),
    (
        "Evidence",
        "every file matches its entry, every level is proven",
        frozenset({"evidence", "level"}),
    ),
    ("Tree", "every stored hash recomputed", frozenset({"tile", "root"})),
    (
        "Checkpoints",
        "every signed checkpoint that is kept is part of the tree",
        frozenset({"checkpoint", "truncated", "state"}),
    ),
    (
        "Guards",
        "the triggers that refuse to change or delete events are in place",
        frozenset({"trigger"}),
    ),
)


@dataclass(frozen=True, slots=True)
class RunWords:
    """One run as pages show it.

    Attributes:
        live: it is not over; ask again.
        ok: everything held.
        verdict: the result as a heading.
        said: one sentence.
        size: entries that it covered; 0 before it ended.
        checkpoints: signed checkpoints that it compared with the entries.
        pending: events without an entry number that it read too.
        steps: for components/steps.html, one a kind of check.
        problems: what did not hold, by index and reason.
    """

    id: str
    live: bool
    ok: bool
    tone: str
    verdict: str
    said: str
    asked: datetime
    asked_by: str
    finished: datetime | None
    checked: int
    total: int
    size: int
    checkpoints: int
    pending: int
    steps: list[dict[str, Any]]
    problems: list[dict[str, Any]]
    more: int
    url: str


def in_words(run: VerificationRun, now: datetime) -> RunWords:
    """Say a run in words, as of `now`."""
    result: dict[str, Any] = run.result
    problems = result.get("problems", [])
    return RunWords(
        id=str(run.id),
        live=run.state in (_STATE.WAITING, _STATE.RUNNING),
        ok=run.state == _STATE.PASSED,
        tone={_STATE.PASSED: "ok", _STATE.FAILED: "bad", _STATE.BROKEN: "bad"}.get(
            _STATE(run.state), "info"
        ),
        verdict=_verdict(run, result),
        said=_said(run, result, now),
        asked=run.asked,
        asked_by=run.requested_by,
        finished=run.finished,
        checked=run.checked,
        total=run.total,
        size=int(result.get("size", 0)),
        checkpoints=int(result.get("checkpoints", 0)),
        pending=int(result.get("pending", 0)),
        steps=[_step(check, problems, result) for check in _CHECKS] if result.get("size") else [],
        problems=problems,
        more=max(0, result.get("problem_count", 0) - len(problems)),
        url=f"/audit/ledger/runs/{run.id}/",
    )


def _verdict(run: VerificationRun, result: dict[str, Any]) -> str:
    match run.state:
        case _STATE.PASSED:
            return f"Verified up to entry #{max(0, result.get('size', 0) - 1):,}"
        case _STATE.FAILED:
            return "Verification failed"
        case _STATE.BROKEN:
            return "Verification did not finish"
        case _:
            return "Verifying"


def _said(run: VerificationRun, result: dict[str, Any], now: datetime) -> str:
    match run.state:
        case _STATE.WAITING if now - run.asked > _QUIET:
            return "Waiting for the worker, which is busy or not running. It starts automatically."
        case _STATE.WAITING:
            return "Waiting to start."
        case _STATE.RUNNING if not run.total:
            return "Waiting for the number of entries."
        case _STATE.RUNNING if not run.checked:
            return (
                f"Checking the first of {run.total:,} {'entry' if run.total == 1 else 'entries'}."
            )
        case _STATE.RUNNING:
            return f"Checking entry {run.checked:,} of {run.total:,}."
        case _STATE.PASSED:
            return _passed(result)
        case _STATE.FAILED:
            things = _counted(result.get("problem_count", 0), "thing", "things")
            return f"{things} failed. The first: {result.get('first_bad') or 'see below'}."
        case _:
            return f"It did not finish: {result.get('error', 'the worker stopped')}."


def _passed(result: dict[str, Any]) -> str:
    entries = _counted(result.get("checked", 0), "entry", "entries")
    signed = _counted(result.get("checkpoints", 0), "signed checkpoint", "signed checkpoints")
    said = f"Verified: {entries} and {signed}."
    if waiting := result.get("pending", 0):
        events = _counted(waiting, "event has", "events have")
        said += f" {events} no entry number yet, and verified too."
    return said


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _step(
    check: tuple[str, str, frozenset[str]], problems: list[dict[str, Any]], result: dict[str, Any]
) -> dict[str, Any]:
    name, words, codes = check
    bad = sum(1 for problem in problems if problem["code"] in codes)
    if not bad:
        return {"state": "done", "text": f"{name}: {words}"}
    cut = result.get("problem_count", 0) > len(problems)
    return {"state": "failed", "text": f"{name}: {bad}{'+' if cut else ''} failed"}
