"""One function takes an answer, whichever channel it came by (DESIGN 1.3.3).

An ask is complete when the channels that its rule names have approved; an approval when enough
people have. A denial by any of them, over any channel, closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from approvals import audit_events, clock
from approvals.models import Approval, Ask, AskState, Channel, Status
from approvals.pipeline import deny_expire_cancel, final_approval
from approvals.step_up import owner_must_approve_first
from audit.recording.actors import Actor, EvidenceRef

type By = Literal["ciba", "passkey"]
type Said = Literal["approve", "deny"]

LIVE: Final = frozenset({AskState.STARTING, AskState.WAITING})
_ACCEPTS: Final[dict[str, frozenset[str]]] = {
    Channel.CIBA: frozenset({"ciba"}),
    Channel.PASSKEY: frozenset({"passkey"}),
    Channel.BOTH: frozenset({"ciba", "passkey"}),
    Channel.EITHER: frozenset({"ciba", "passkey"}),
}
REFUSALS: Final = {
    "closed": "This request is over; the answer commits nothing and is recorded.",
    "wrong_subject": "Only the person who was asked can answer this.",
    "wrong_channel": "This request is not answered that way.",
    "self_approval": "Who asked for it cannot approve it: another person has to.",
    "already_answered": "You have answered this already.",
}
"""Why an answer is not taken, by code."""


def accepts(ask: Ask, channel: str) -> bool:
    """Whether the rule of this ask takes answers by that channel at all."""
    return channel in _ACCEPTS[ask.channel]


def refusal(approval: Approval, ask: Ask, person: Actor, *, channel: By) -> str:
    """The code of why an answer by this person would not be taken; empty when it would."""
    if (ask.person.iss, ask.person.sub) != (person.iss, person.sub):
        return "wrong_subject"
    if approval.status != Status.PENDING or ask.state not in LIVE:
        return "closed"
    if not accepts(ask, channel):
        return "wrong_channel"
    if channel in ask.answers:
        return "already_answered"
    return ""


def give(
    approval: Approval,
    ask: Ask,
    person: Actor,
    *,
    channel: By,
    decision: Said,
    signed: bool,
    evidence: Sequence[EvidenceRef],
    inferred: bool = False,
    source: str = "",
    reason: str = "",
) -> str:
    """Take one answer; the caller holds a transaction and a lock on `approval`.

    Args:
        signed: the details of the intent are inside what was signed.
        inferred: a denial that only our clock tells from an expiry.
        source: how a denial is known; the channel where nothing is said.
        reason: what the person typed for a denial.

    Returns:
        Empty when it was taken, else a code of `REFUSALS`: an event says so and nothing changed.
    """
    code = refusal(approval, ask, person, channel=channel)
    if not code and decision == "approve" and is_self_approval(approval, person):
        code = "self_approval"
    if code:
        _note_refused(approval, ask, person, code, decision)
        return code
    now = clock.now()
    ask.answers = {**ask.answers, channel: _kept(decision, clock.stamp(now), signed, evidence)}
    ask.save(update_fields=["answers"])
    if decision == "deny":
        deny_expire_cancel.deny(
            approval,
            ask,
            person,
            inferred=inferred,
            source=source or channel,
            now=now,
            channel=channel,
            evidence=evidence,
            reason=reason,
        )
    elif missing := waits_for(ask):
        audit_events.approval_approved(
            approval, ask, person, signed=signed, evidence=evidence, channel=channel, waits=missing
        )
        ask.due = ask.due or ask.expires_at
        ask.save(update_fields=["due"])
    else:
        final_approval.approve(
            approval, ask, person, signed=signed, evidence=evidence, channel=channel
        )
    return ""


def waits_for(ask: Ask) -> str:
    """The channel that has yet to approve before the ask is complete; empty when it is."""
    said = {name for name, answer in ask.answers.items() if answer["decision"] == "approve"}
    wanted = _ACCEPTS[ask.channel]
    if ask.channel == Channel.BOTH:
        return next(iter(sorted(wanted - said)), "")
    return "" if said & wanted else next(iter(sorted(wanted)))


def is_self_approval(approval: Approval, person: Actor) -> bool:
    """Whether the requester answers what another person has to; by subject, whatever the session.

    Where nobody else holds the role the request is labelled single-person and they may.
    """
    if approval.rule.get("approver") not in {"another", "group"} or approval.single_person:
        return False
    if owner_must_approve_first.is_first(approval, person):
        return False  # they are asked once, and another person after them
    return (approval.requester_iss, approval.requester_sub) == (person.iss, person.sub)


def _kept(decision: str, at: str, signed: bool, evidence: Sequence[EvidenceRef]) -> dict[str, Any]:
    return {
        "decision": decision,
        "at": at,
        "signed": signed,
        "evidence": [{"kind": e.kind, "digest": e.digest} for e in evidence],
    }


def _note_refused(approval: Approval, ask: Ask, person: Actor, code: str, decision: Said) -> None:
    said = "approved" if decision == "approve" else "denied"
    if code == "closed":
        audit_events.answered_too_late(approval, ask, person, said)
    else:
        audit_events.answer_refused(approval, ask, person, code, said)
