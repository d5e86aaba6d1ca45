"""Who approved a request, as what they signed shows it: the state of an ask is only a row.

The evidence of each recorded approval is verified by what also judges a pack and the level of an
event (`audit.ledger.person_and_log_levels`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from approvals.models import Approval, Ask, AskState, Channel
from approvals.pipeline import recheck
from approvals.step_up import owner_must_approve_first
from audit.evidence import human_levels
from audit.ledger.format.canonical import EntryError
from audit.models import EventRow
from audit.recording.stored_event_loader import load_rows

type Signature = tuple[str, str, str]
"""Issuer and subject of who signed, and the kind of evidence."""
_REQUESTED, _APPROVED = "approval.requested", "approval.approved"


def signatures(approvals: Collection[Approval]) -> Mapping[UUID, set[Signature]]:
    """Who signed that they approve each request as it stands in its row, by its id. Their asks were
    prefetched. It takes a few queries for all of them, and one for each evidence body that this
    process has not read yet."""
    approved = {str(one.pk): one for one in approvals if approved_asks(one)}
    found: defaultdict[UUID, set[Signature]] = defaultdict(set)
    if not approved:
        return found
    operations = {one.operation for one in approved.values()}
    rows = EventRow.of_operations(operations).filter(
        action__in=(_REQUESTED, _APPROVED), approval__in=approved
    )
    events = [one for one in _readable(list(rows.order_by("event"))) if one["approval"] in approved]
    asked = {one["approval"]: one for one in reversed(events) if one["action"] == _REQUESTED}
    intact = {key: not recheck.differs(one, asked.get(key)) for key, one in approved.items()}
    said = [one for one in events if _approves(one, approved[one["approval"]])]
    for event, signed in zip(said, human_levels.signatures(said), strict=True):
        if intact[event["approval"]]:
            found[approved[event["approval"]].pk] |= signed
    return found


def _approves(event: Mapping[str, Any], approval: Approval) -> bool:
    """Whether an event says that somebody approved this very intent; its row may say what it
    likes."""
    said = (event["action"], event["outcome"], event["intent_hash"])
    return said == (_APPROVED, "success", approval.intent_hash)


def approved_asks(approval: Approval) -> list[Ask]:
    """Of each person whose ask is marked as approved, that ask, in order."""
    asks = (ask for ask in approval.asks.all() if ask.state == AskState.APPROVED)
    in_order = sorted(asks, key=lambda ask: ask.number)
    return list({ask.person_id: ask for ask in in_order}.values())


def is_signed(ask: Ask, signed: Collection[Signature]) -> bool:
    """Whether its person is one of those who signed, over both channels where it wants both."""
    who = (ask.person.iss, ask.person.sub)
    kinds = {kind for iss, sub, kind in signed if (iss, sub) == who}
    return len(kinds) >= (2 if ask.channel == Channel.BOTH else 1)


def all_signed(approval: Approval, signed: Collection[Signature]) -> bool:
    """Whether each person who is marked as having approved signed it, and these are enough."""
    asks = approved_asks(approval)
    enough = len(asks) >= max(1, owner_must_approve_first.needed(approval))
    return enough and all(is_signed(ask, signed) for ask in asks)


def _readable(rows: Sequence[EventRow]) -> list[dict[str, Any]]:
    """Events of rows; one that was altered proves nothing and hides no other."""
    try:
        return load_rows(rows)
    except EntryError:
        if len(rows) < 2:
            return []
        return [event for row in rows for event in _readable([row])]
