"""Who requested and who approved each decision that needed an approval."""

from __future__ import annotations

from collections.abc import Iterable

from approvals import actor_json
from approvals.models import Answer, Approval
from enforcement.models import Asset


def requested_and_approved(rows: Iterable[Asset]) -> dict[int, str]:
    """`requested by Olu, approved by Oona` for each row by its key, with one query; none for a
    decision that needed no approval."""
    decided = [row for row in rows if row.approval]
    ids = {row.approval for row in decided}
    approved = Approval.objects.filter(pk__in=ids, answer=Answer.APPROVED) if ids else ()
    found = {str(approval.pk): approval for approval in approved}
    return {row.pk: _phrase(row, found[row.approval]) for row in decided if row.approval in found}


def _phrase(row: Asset, approval: Approval) -> str:
    approver = actor_json.person_name(actor_json.from_json(approval.answered_by))
    if not approval.requester_sub:
        return f"requested automatically, approved by {approver}"
    if approval.answered_by.get("sub") == approval.requester_sub:
        return f"requested and approved by {approver}"
    return f"requested by {row.decided_by}, approved by {approver}"
