"""Whether a request is still what was meant: its row says what the intent says, and its time is not
over. People approve the intent; the row beside it is only how we remember it (DESIGN 1.3.1).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from approvals import clock
from approvals.models import Approval
from approvals.pipeline import intent
from approvals.step_up import rate_limit
from audit.erasure.subjects import MARK
from audit.models import EventRow
from audit.recording.read_events import load

READ_WITHIN = timedelta(minutes=10)
"""An answer that is read later than this after its time, as after a long outage, is not carried
out; polling gives up after the same time."""
_OTHERS_FOLLOW_S = 7 * 86_400


def open_for_s(within_s: int, *, others_follow: bool) -> int:
    """Seconds until `not_after` of an intent: one person's time, or time to ask those on call; and
    time to wait for the turn of a push."""
    return (max(within_s, _OTHERS_FOLLOW_S) if others_follow else within_s) + rate_limit.SLACK_S


def broken(approval: Approval) -> str:
    """`intent_differs`, `intent_expired`, or empty."""
    try:
        said = json.loads(approval.intent)
        not_after = datetime.fromisoformat(said["not_after"])
    except (ValueError, KeyError, TypeError):
        return "intent_differs"
    if intent.intent_hash(approval.intent.encode()) != approval.intent_hash:
        return "intent_differs"
    if any(said.get(name) != value for name, value in _row(approval).items()):
        return "intent_differs"
    if _shown_otherwise(approval):
        return "intent_differs"
    late = clock.now() - READ_WITHIN
    return "intent_expired" if late > min(not_after, approval.expires_at) else ""


def _shown_otherwise(approval: Approval) -> bool:
    """Whether the words that people read, and the reason, are others than when it was asked for.

    No intent holds them; the event of the asking does. What an erasure took may be missing.
    """
    asked = EventRow.of_operation(approval.operation).filter(
        approval=str(approval.pk), action="approval.requested"
    )
    first = asked.order_by("event").values_list("event", flat=True).first()
    if first is None:
        return True
    told = load(first)
    return any(
        isinstance(said, str) and said != row and MARK not in row
        for said, row in (
            (told["reason"], approval.reason),
            (told["data"].get("sentence"), approval.sentence),
        )
    )


def _row(approval: Approval) -> dict[str, Any]:
    instance = {"instance": approval.target_instance} if approval.target_instance else {}
    return {
        "verb": approval.verb,
        "target": {"kind": approval.target_kind, "name": approval.target_name, **instance},
        "params": approval.params,
        "severity": approval.severity,
        "actor": {"iss": approval.requester_iss, "sub": approval.requester_sub},
        "policy": approval.policy_digest,
        "state": approval.state_digest,
    }
