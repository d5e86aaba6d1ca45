"""Automatic approval requests of CRITICAL findings (DESIGN 1.3): one per target at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from hashlib import sha256
from itertools import batched

from django.db.models import Min

from approvals.errors import Refused
from approvals.models import Approval, Outcome, Status
from approvals.pipeline import target_holds
from approvals.pipeline.service import holds_target, perform
from audit.recording.actors import SYSTEM, Target
from enforcement.decisions import stored_decisions_and_holds
from enforcement.gateways import instances
from enforcement.kinds import called
from enforcement.models import AskNeed, Asset, Decision, Scan

log = logging.getLogger(__name__)

_FOLDED_MAX = 200


def waits() -> bool:
    """Whether `ask_due` might find anything. Looked at first: to claim the asking is a write."""
    return Scan.objects.filter(ask=AskNeed.DUE).exists() or any(_closed_requests())


def ask_due() -> int:
    """Ask for every scan that has to; returns how many were settled.

    Only the holder of the asking claim calls this, so two scans of one target at two instances
    cannot both find that nothing waits yet. A crash in between asks again and joins.
    """
    _settle_joined()
    due = list(Scan.objects.filter(ask=AskNeed.DUE).order_by("id")[:100])
    for scan in due:
        _settle(scan)
    return len(due)


def _closed_requests() -> Iterator[Approval]:
    """Requests that scans joined and that are closed now, those of the oldest scans first."""
    joined = Scan.objects.filter(ask=AskNeed.JOINED).exclude(approval="")
    oldest = joined.values_list("approval").annotate(first=Min("id")).order_by("first")
    for some in batched((approval for approval, _ in oldest), 500):
        closed = Approval.objects.filter(pk__in=some, status=Status.CLOSED)
        yield from sorted(closed, key=lambda approval: some.index(str(approval.pk)))


def _settle_joined() -> None:
    """A request that closed settles the scans that joined it; one that ended without a decision
    (withdrawn or failed) leaves the newest scan of its target to ask."""
    for approval in list(_closed_requests()):
        joined = Scan.objects.filter(ask=AskNeed.JOINED, approval=str(approval.pk)).order_by("id")
        undecided = approval.outcome in {Outcome.CANCELLED, Outcome.FAILED}
        for scan in joined:
            if not undecided:
                _note(scan, AskNeed.ASKED, scan.approval)
                continue
            # Only the newest scan of a target asks again; it speaks for those before it.
            newer = Scan.objects.filter(kind=scan.kind, name=scan.name, id__gt=scan.pk)
            last = not newer.filter(ask__in=[AskNeed.JOINED, AskNeed.DUE, AskNeed.ASKED]).exists()
            _note(scan, AskNeed.DUE if last else AskNeed.NONE)


def _settle(scan: Scan) -> None:
    scope = instances.fleet().scope_of(scan.instance)
    waiting = stored_decisions_and_holds.waiting_block(scan.kind, scan.name, scope)
    if waiting is not None:
        mine = waiting.folded == folded(scan)
        if not mine:
            _hold_joined(scan, scope, waiting)
        _note(scan, AskNeed.ASKED if mine else AskNeed.JOINED, str(waiting.pk))
    elif Asset.objects.filter(
        kind=scan.kind, name=scan.name, instance=scope, decision=Decision.BLOCK
    ).exists():
        _note(scan, AskNeed.BLOCKED)
    elif _was_known_at_first(scan):
        _note(scan, AskNeed.KNOWN, detail="It was found before this gateway was first read.")
    elif before := _asked_about_same_content(scan):
        _leave(scan, scope, before)
    else:
        _ask(scan, scope)


def _was_known_at_first(scan: Scan) -> bool:
    """Whether the same content of the same thing was history when its gateway was first read."""
    before = Scan.objects.filter(
        instance=scan.instance, kind=scan.kind, name=scan.name, digest=scan.digest, approval=""
    )
    return bool(scan.digest) and before.filter(id__lt=scan.pk, ask=AskNeed.KNOWN).exists()


def _asked_about_same_content(scan: Scan) -> Scan | None:
    """The newest scan of the very same content, under any name and at any gateway, about which a
    person was asked; none where that request ended without a decision, or where this scan is
    graver than what was asked about."""
    if not scan.digest:
        return None
    apart = instances.fleet().apart_from(scan.instance)
    before = Scan.objects.filter(digest=scan.digest, id__lt=scan.pk, severity=scan.severity)
    before = before.filter(ask__in=[AskNeed.ASKED, AskNeed.JOINED]).exclude(approval="")
    newest = before.exclude(instance__in=apart).order_by("-id").first()
    if newest is None:
        return None
    request = Approval.objects.filter(pk=newest.approval).first()
    undecided = request is None or request.outcome in {Outcome.CANCELLED, Outcome.FAILED}
    return None if undecided else newest


def _leave(scan: Scan, scope: str, before: Scan) -> None:
    """Ask nobody again about the same content. Under another name it is held, as the first one is,
    until an operator releases it; but not where that request was denied."""
    request = Approval.objects.get(pk=before.approval)
    about = called(before.kind, before.name)
    target = Target(scan.kind, scan.name, scope)
    if (before.kind, before.name) != (scan.kind, scan.name) and request.outcome != Outcome.DENIED:
        held = stored_decisions_and_holds.holders_of(scan.kind, scan.name, scope)
        if not held and holds_target(f"{scan.kind}.block", target, "CRITICAL"):
            target_holds.hold_without_request(
                target, f"{_reason(scan)}. The same content as {about}, which was asked about."
            )
    _note(scan, AskNeed.KNOWN, str(request.pk), f"The same content as {about}.")


def _hold_joined(scan: Scan, scope: str, waiting: Approval) -> None:
    """Hold what a scan found that joins a request: somebody may have released it since, and a
    request that holds nothing, by the rule that it was asked under, says so to who answers it."""
    if waiting.rule.get("while_pending") == "hold":
        target_holds.place_hold_again(waiting.pk)
        return
    target = Target(scan.kind, scan.name, scope)
    held = stored_decisions_and_holds.holders_of(scan.kind, scan.name, scope)
    if not held and holds_target(f"{scan.kind}.block", target, "CRITICAL"):
        target_holds.hold_without_request(
            target, f"{_reason(scan)}. The request to block it that waits holds nothing."
        )


def _ask(scan: Scan, scope: str) -> None:
    try:
        done = perform(
            SYSTEM,
            f"{scan.kind}.block",
            Target(scan.kind, scan.name, scope),
            reason=_reason(scan),
            severity="CRITICAL",
            folded=folded(scan),
        )
    except Refused as refused:
        if refused.code == "already_asked":
            return  # somebody asked meanwhile: it joins at the next look
        log.error("scan %s cannot ask automatically: %s", scan.scan_id, refused.code)
        target_holds.hold_without_request(
            Target(scan.kind, scan.name, scope),
            f"{_reason(scan)}. Nobody was asked to block it: {refused.detail}",
        )
        _note(scan, AskNeed.REFUSED, detail=refused.detail)
        return
    _note(scan, AskNeed.ASKED, str(done.approval.pk) if done.approval else "")


def folded(scan: Scan) -> str:
    """What makes the ask one of a kind: target and scan."""
    plain = f"{scan.kind}:{scan.name}:{scan.scan_id}"
    if len(plain) <= _FOLDED_MAX:
        return plain
    return f"{scan.kind}:{sha256(scan.name.encode()).hexdigest()}:{scan.scan_id}"


def _reason(scan: Scan) -> str:
    gravest = scan.found.order_by("-rank", "id").first()
    title = gravest.title if gravest else f"{scan.scanner} verdict {scan.severity}"
    more = scan.findings - 1
    where = f"and {more} more, {scan.instance}" if more > 0 else scan.instance
    if scan.done:
        return (
            f"{title} ({where}). DefenseClaw has already {scan.done} it. Keep it blocked? "
            "If not, only our own hold ends: what DefenseClaw did stays."
        )
    return f"{title} ({where})"


def _note(scan: Scan, need: AskNeed, approval: str = "", detail: str = "") -> None:
    Scan.objects.filter(pk=scan.pk).update(ask=need, approval=approval, detail=detail[:300])
