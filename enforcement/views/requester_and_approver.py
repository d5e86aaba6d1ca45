"""Who requested and who approved each decision that needed an approval."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from approvals import proven_approvals
from approvals.models import Answer, Approval
from approvals.proven_approvals import Signature, all_signed, approved_asks
from audit.recording.actors import Target
from enforcement.models import Asset, Decision


def requested_and_approved(rows: Iterable[Asset]) -> dict[int, str]:
    """`requested by Olu, approved by Oona` for each row by its key, with the queries of
    `proven_approvals.signatures`; none for a decision that needed no approval."""
    decided = [row for row in rows if row.approval]
    ids = {row.approval for row in decided}
    approved = Approval.objects.filter(pk__in=ids, answer=Answer.APPROVED)
    listed = list(approved.prefetch_related("asks__person")) if ids else []
    signed = proven_approvals.signatures(listed)
    found = {str(one.pk): one for one in listed}
    return {
        row.pk: _phrase(row, one, signed[one.pk])
        for row in decided
        if (one := found.get(row.approval))
    }


def _phrase(row: Asset, approval: Approval, signed: Collection[Signature]) -> str:
    asks = approved_asks(approval)
    proven = _is_of(row, approval) and all_signed(approval, signed)
    approved = "approved by" if proven else "recorded as approved by"
    names = " and ".join(str(ask.person) for ask in asks) or "no one named"
    after = "" if proven else "; no proof found"
    if not approval.requester_sub:
        return f"requested automatically, {approved} {names}{after}"
    people = {(ask.person.iss, ask.person.sub) for ask in asks}
    if people == {(approval.requester_iss, approval.requester_sub)}:
        return f"requested and {approved} {names}{after}"
    return f"requested by {row.decided_by}, {approved} {names}{after}"


def _is_of(row: Asset, approval: Approval) -> bool:
    """Whether a request was for the decision of a row; the row may name any request."""
    act = "unblock" if row.decision == Decision.NONE else row.decision
    asked = (approval.verb, approval.target)
    return asked == (f"{row.kind}.{act}", Target(row.kind, row.name, row.instance))
