"""Checks of finished work that pages show: exports and verifications, against their events."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from audit import clock
from audit.clock import rfc3339
from audit.exports import jobs
from audit.keys import keyring, log_identity
from audit.ledger.format.canonical import canonical
from audit.ledger.format.commitment import subject_key
from audit.ledger.note import NoteError
from audit.ledger.query import EventQuery
from audit.models import ExportJob, VerificationRun
from audit.recording.trail_viewed_events import digest_of
from audit.verification.report import Findings
from audit.verification.unreadable_rows import UNREADABLE, each

if TYPE_CHECKING:
    from audit.verification.checks.entries import Examined

_EXPORTED, _VERIFIED = "audit.exported", "audit.verified"
_DONE: dict[str, tuple[Any, tuple[str, ...]]] = {
    _EXPORTED: (ExportJob, (ExportJob.State.READY, ExportJob.State.EXPIRED)),
    _VERIFIED: (VerificationRun, (VerificationRun.State.PASSED, VerificationRun.State.FAILED)),
}

type Pair = tuple[str, Any, Any]
"""A column's name, what the row says, what the event says (None: the event does not tell)."""


class WorkChecker:
    """Compares rows of finished work with the event that each one left."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._began = clock.now()
        self._seen: set[UUID] = set()

    def take(self, batch: Sequence[Examined]) -> None:
        """Check the exports and verifications among some entries."""
        for action, (model, _) in _DONE.items():
            named = {key: one for one in batch if (key := _key(action, one))}
            if not named:
                continue
            self._seen.update(named)
            rows, broken = each(list(named), model.objects.in_bulk)
            for key, one in named.items():
                if key in broken:
                    problems = [f"cannot be read: {broken[key]}"]
                else:
                    problems = _problems(rows.get(key), one)
                for problem in problems:
                    message = f"the row of this {_noun(action)} {problem}"
                    self._findings.add("work", message, one.index, one.id)

    def take_seen(self) -> set[UUID]:
        """Exports and verifications named by entries since the last call."""
        seen, self._seen = self._seen, set()
        return seen

    def learn(self, seen: set[UUID]) -> None:
        """Take over what another process found in entries."""
        self._seen |= seen

    def finish(self) -> None:
        """Report rows that claim to be finished although no entry tells of it."""
        for action, (model, states) in _DONE.items():
            done = model.objects.filter(state__in=states, finished__lt=self._began)
            keys = set(done.values_list("id", flat=True)) - self._seen
            for key in sorted(keys):
                message = f"{_noun(action)} {key} claims to be finished and no entry tells of it"
                self._findings.add("work", message)


def _noun(action: str) -> str:
    return "export" if action == _EXPORTED else "verification"


def _key(action: str, one: Examined) -> UUID | None:
    document = one.document
    if document["action"] != action:
        return None
    named = document["data"].get("export") if action == _EXPORTED else document["operation"]
    try:
        return UUID(str(named))
    except ValueError:
        return None


def _problems(row: Any, one: Examined) -> list[str]:
    if row is None:
        return ["is missing"]
    try:
        pairs = _of_export(row, one) if isinstance(row, ExportJob) else _of_run(row, one)
        found = [f"says another {name}" for name, said, truth in pairs if truth not in (None, said)]
        return found + (_unheld(row) if isinstance(row, ExportJob) else [])
    except UNREADABLE as error:
        return [f"cannot be read: {type(error).__name__}: {error}"]


def _of_run(run: VerificationRun, one: Examined) -> list[Pair]:
    data, result = one.document["data"], run.result
    good = one.document["outcome"] == "success"
    report = hashlib.sha256(canonical(result)).hexdigest()
    return [
        (
            "state",
            run.state,
            VerificationRun.State.PASSED if good else VerificationRun.State.FAILED,
        ),
        ("result", (result["size"], result["problem_count"]), (data["size"], data["problems"])),
        ("result", report, data.get("report")),
        ("checked", run.checked, result["checked"]),
        ("total", run.total, result["checked"]),
        ("finished", run.finished and rfc3339(run.finished), data.get("finished")),
        ("asked", rfc3339(run.asked), data.get("asked")),
        ("requested_by", run.requested_by, _opened(one.event["data"].get("requested_by"))),
    ]


def _of_export(job: ExportJob, one: Examined) -> list[Pair]:
    event, data = one.event, one.document["data"]
    asked, actor = job.requester, event["actor"]
    sub = _opened(actor["sub"])
    known = job.state == ExportJob.State.READY  # name and e-mail go with the file
    query = _opened(event["data"].get("query"))
    # What was asked for went with the person who asked, or whom it named.
    forgotten = job.erased and not job.params and (query is None or sub is None)
    evidence = [[reference["kind"], reference["digest"]] for reference in event["evidence"]]
    return [
        ("event", job.event, one.id),
        ("state", job.state in _DONE[_EXPORTED][1], True),
        ("format", job.format, data["format"]),
        ("rows", job.rows, data["count"]),
        ("size", job.size, data["bytes"]),
        ("sha256", job.sha256, data["sha256"]),
        ("tree_size", job.tree_size, data["tree_size"]),
        (
            "params",
            digest_of(EventQuery.from_params(job.params)),
            None if forgotten else data["filter"],
        ),
        ("params", job.params, None if forgotten else query),
        ("words", job.words, None if forgotten else _opened(event["data"].get("words"))),
        ("erased", job.erased, job.erased is True and job.state == ExportJob.State.EXPIRED),
        ("created", rfc3339(job.created), data.get("requested")),
        ("expires", rfc3339(job.expires), data.get("expires")),
        ("finished", job.finished and rfc3339(job.finished), data.get("finished")),
        ("person", job.person, job.owner if data.get("own") else None),
        ("person", bool(job.person), data.get("own")),
        ("owner", job.owner, sub and subject_key(actor["iss"], sub)),
        ("requester", asked["sub"], sub),
        ("requester", asked["name"], _opened(actor["name"]) if known else ""),
        ("requester", asked["email"], _opened(actor["email"]) if known else ""),
        *(("requester", asked[name], actor[name]) for name in ("iss", "roles")),
        *(("requester", asked[name], event[name]) for name in ("via", "session", "request")),
        ("requester", asked["evidence"], evidence),
        ("requester", len(asked), 9),
        ("error", job.error, ""),
        ("lease", job.lease is None, True),
    ]


def _opened(value: Any) -> Any:
    return None if value == {"erased": True} else value


def _unheld(job: ExportJob) -> list[str]:
    """What does not hold of the tree and the file of an export."""
    found = []
    try:
        said = keyring.read().verify(job.checkpoint)
        if (said.size, said.root) != (job.tree_size, bytes(job.root)):
            found.append("says another tree than its checkpoint")
    except (NoteError, log_identity.LedgerIdentityError) as error:
        found.append(f"holds a checkpoint that is not ours: {error}")
    if job.state == ExportJob.State.READY:
        try:
            with jobs.path_of(job).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            found.append("has lost its file")
        else:
            if digest != job.sha256:
                found.append("has another file than was exported")
    return found
