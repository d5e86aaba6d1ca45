"""What the audit trail holds about one approval: its story, late answers, its evidence pack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from approvals.models import Approval
from audit import clock, packs
from audit.evidence import body_and_pack_access
from audit.ledger.query import EventQuery
from audit.recording.actors import Actor
from audit.recording.sentences import shown
from audit.search import event_search

_MAY_READ = frozenset({"auditor", "operator", "admin"})
_TONES = {"success": "ok", "denied": "bad", "failure": "bad", "expired": "warn", "pending": "info"}
_MOST = 60


@dataclass(frozen=True, slots=True)
class History:
    """Story items for `components/story.html`, sentences about late answers, and the pack.

    Attributes:
        denied_because: what the person who denied it typed.
        pack: id of the event whose evidence pack is offered; empty where there is none.
        pack_lacks: what that pack would not prove now, in a sentence.
    """

    story: list[dict[str, Any]] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    unsigned: bool = False  # Auth0 signed an approval, but not its details
    denied_because: str = ""
    pack: str = ""
    pack_lacks: str = ""


def history(approval: Approval, viewer: Actor) -> History:
    """Events of this approval, oldest first; links only for those who may read the trail."""
    query = EventQuery.parse({"approval": [str(approval.id)], "order": ["oldest"]})
    rows = event_search.page(query, limit=_MOST).rows
    linked = bool(viewer.roles & _MAY_READ)
    events = event_search.publics(rows)
    story = [
        {
            "when": row.time,
            "text": row.sentence,
            "tone": _TONES.get(row.outcome, "off"),
            "url": f"/audit/events/{row.event}/" if linked else "",
        }
        for row in rows
    ]
    late = [
        f"{row.sentence}."
        for row, event in zip(rows, events, strict=True)
        if event["data"].get("failure") == "answered_after_close"
    ]
    unsigned = any(
        event["action"] == "approval.approved" and event["data"].get("details_signed") is False
        for event in events
    )
    reasons = [shown(e["reason"]) for e in events if e["action"] == "approval.denied"]
    because = next((reason for reason in reversed(reasons) if reason), "")
    return History(story, late, unsigned, because, *_pack(approval, events, viewer))


def _pack(approval: Approval, events: Sequence[dict[str, Any]], viewer: Actor) -> tuple[str, str]:
    """The event that closed it, once it is in the log, and what its pack would lack."""
    closing = [one for one in events if one["id"] == str(approval.event_id)]
    if not closing or closing[0]["index"] is None or not viewer.roles & _MAY_READ:
        return "", ""
    selection = packs.of_event(closing[0])
    return closing[0]["id"], body_and_pack_access.outlook(viewer, selection, clock.now()).words
