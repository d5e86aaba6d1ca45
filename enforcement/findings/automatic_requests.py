"""Automatic approval requests of CRITICAL findings (DESIGN 1.3): one per target at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from hashlib import sha256
from itertools import batched

from django.db.models import Min, Q

from approvals.errors import Refused
from approvals.models import Approval, Outcome, Status
from approvals.pipeline import target_holds
from approvals.pipeline.service import holds_target, perform
from audit.recording.actors import SYSTEM, Target
from enforcement.decisions import stored_decisions_and_holds
from enforcement.gateways import instances
from enforcement.models import AskNeed, Decision, Scan

log = logging.getLogger(__name__)

_FOLDED_MAX = 200
_HISTORY = "It was found before this gateway was first read."
_DECIDED = "A person decided about the same findings in it."


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
    (withdrawn or failed) leaves the newest scan of its target to ask, and so does a denial about
    other findings: nobody was shown what that scan found."""
    for approval in list(_closed_requests()):
        joined = Scan.objects.filter(ask=AskNeed.JOINED, approval=str(approval.pk)).order_by("id")
        undecided = approval.outcome in {Outcome.CANCELLED, Outcome.FAILED}
        for scan in joined:
            if not undecided and not _is_denied_unseen(approval, scan):
                _note(scan, AskNeed.ASKED, scan.approval)
                continue
            # Only the newest scan of a target asks again; it speaks for those before it.
            newer = Scan.objects.filter(kind=scan.kind, name=scan.name, id__gt=scan.pk)
            last = not newer.filter(ask__in=[AskNeed.JOINED, AskNeed.DUE, AskNeed.ASKED]).exists()
            _note(scan, AskNeed.DUE if last else AskNeed.NONE)


def _is_denied_unseen(approval: Approval, scan: Scan) -> bool:
    """Whether a block was denied for another content or other findings than those of this scan."""
    if approval.outcome != Outcome.DENIED:
        return False
    shown = Scan.objects.filter(kind=scan.kind, name=scan.name, ask=AskNeed.ASKED)
    about = (one for one in shown.filter(approval=str(approval.pk)) if _is_of(approval, one))
    return not any((one.digest, _titles(one)) == (scan.digest, _titles(scan)) for one in about)


def _is_of(approval: Approval, scan: Scan) -> bool:
    return approval.folded == folded(scan)


def _settle(scan: Scan) -> None:
    scope = instances.fleet().scope_of_finding(scan.instance)
    waiting = stored_decisions_and_holds.waiting_block(scan.kind, scan.name, scope)
    if waiting is not None:
        mine = waiting.folded == folded(scan)
        if not mine:
            _hold_joined(scan, scope, waiting)
        _note(scan, AskNeed.ASKED if mine else AskNeed.JOINED, str(waiting.pk))
    elif _is_blocked(scan):
        _note(scan, AskNeed.BLOCKED)
    elif before := _settled_before(scan):
        _note(scan, AskNeed.KNOWN, before.approval, _DECIDED if before.approval else _HISTORY)
    else:
        _ask(scan, scope)


def _is_blocked(scan: Scan) -> bool:
    """Whether a block is in force where it was found: one gateway may be excepted from it."""
    row = stored_decisions_and_holds.decided_at(scan.kind, scan.name, scan.instance)
    return row is not None and row.decision == Decision.BLOCK


def _settled_before(scan: Scan) -> Scan | None:
    """The newest scan of the very same thing at the same gateway, with the same digest and the same
    findings, that was history when its gateway was first read or about which a person decided.

    A digest alone is no content: DefenseClaw leaves symbolic links and whole folders out of it.
    """
    if not scan.digest:
        return None
    before = Scan.objects.filter(
        instance=scan.instance, kind=scan.kind, name=scan.name, digest=scan.digest, id__lt=scan.pk
    )
    before = before.filter(ask__in=[AskNeed.KNOWN, AskNeed.ASKED]).order_by("-id")
    for one in before.prefetch_related("found").iterator(chunk_size=50):
        if _titles(one) == _titles(scan) and (one.ask == AskNeed.KNOWN or _is_decided(one)):
            return one
    return None


def _titles(scan: Scan) -> list[str]:
    return sorted(finding.title for finding in scan.found.all())


def _is_decided(scan: Scan) -> bool:
    """Whether a person decided about what this scan found: scans that joined its request may have
    found something else, and nobody was asked about that."""
    answered = Q(outcome=Outcome.APPROVED) | Q(outcome=Outcome.DENIED, inferred=False)
    return Approval.objects.filter(answered, folded=folded(scan)).exists()


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
            f"{_reason(scan)}. No one was asked to block it: {refused.detail}",
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
