"""What a notice says: what will happen, why it was asked, and the one page where it is answered.

It holds neither the code nor anything that approves. Its reader must still sign in, and must
find the same code on the page and on their own device.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from approvals import actor_json, clock
from approvals.models import Approval, Ask
from approvals.step_up import facts_shown_to_approver

_SUBJECT = 120


def page_of(approval: Approval) -> str:
    """Absolute address of the approval's page; sign-in comes back to it."""
    return settings.PORTAL_URL + reverse("approval", args=[approval.id])


def subject(ask: Ask) -> str:
    """`CRITICAL: Block skill pdf-exfil?`, one line of at most 120 characters."""
    approval = ask.approval
    sentence = " ".join(approval.sentence.split()).rstrip(".")
    return f"{approval.severity}: {sentence}"[: _SUBJECT - 1].rstrip() + "?"


def text(ask: Ask) -> str:
    """The letter as plain text; reason and requester read as on the phone and in the portal."""
    approval = ask.approval
    said = {row.name: row.text for row in facts_shown_to_approver.facts(approval, ask.person)}
    lines = [
        f"{_who(approval)} asks you to decide:",
        "",
        f"    {approval.sentence}",
        "",
        f"Severity    {approval.severity}",
        f"Reason      {said['reason']}",
        f"Requester   {said['requester']}",
        f"Until       {ask.expires_at:%-d %b %Y %H:%M} UTC",
        "",
        "See what exactly will happen, and answer:",
        page_of(approval),
        "",
        "The page shows a code. Approve only if your phone shows the same one, and deny what you "
        "did not expect. This letter itself approves nothing.",
    ]
    return "\n".join(lines) + "\n"


def document(ask: Ask) -> dict[str, Any]:
    """The body of a webhook: no name and no address of a person, only opaque ids."""
    approval = ask.approval
    return {
        "type": "approval.requested",
        "timestamp": clock.stamp(ask.started or approval.created),
        "data": {
            "approval_id": str(approval.id),
            "ask": ask.number,
            "verb": approval.verb,
            "target_kind": approval.target_kind,
            "sentence": approval.sentence,
            "severity": approval.severity,
            "expires_at": clock.stamp(ask.expires_at),
            "url": page_of(approval),
        },
    }


def _who(approval: Approval) -> str:
    if not approval.requester_sub:
        return f"A {approval.severity} finding"
    requester = actor_json.from_json(approval.requester)
    name = actor_json.requester_in_sentence(requester)
    return name[:1].upper() + name[1:]
