"""What pages and events say of an approver who is away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from approvals import actor_json, clock
from approvals.models import Approval, Ask
from approvals.step_up import ask_next_approver, owner_must_approve_first
from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, person, shown


def day(last_day: date) -> str:
    """`5 Dec 2026`."""
    return f"{last_day.day} {last_day:%b %Y}"


def of_request(approval: Approval, ask: Ask, name: str) -> str:
    """How a request goes on whose asked person (`name`, or `you`) is away; empty where they are
    not. Of a group everybody was asked."""
    away = ask.person.away_until
    if away is None or not ask.person.is_away(clock.now()) or approval.rule["approver"] == "group":
        return ""
    who, they = ("You", "you") if name == "you" else (name, "they")
    said = (
        f"{who} set that {they} are away until the end of {day(away)} (UTC), and can still answer."
    )
    return f"{said} {_without_answer(approval)}"


def _without_answer(approval: Approval) -> str:
    requester = actor_json.from_json(approval.requester)
    goes_on = approval.rule.get("escalate", True)
    if goes_on and not owner_must_approve_first.waits_for_first(approval):
        if following := ask_next_approver.queue(approval, requester):
            return f"Without an answer in time {following[0]} is asked."
        return f"No one else is left to ask: {_expires(approval)}"
    return f"No one else is asked: {_expires(approval)}"


def _expires(approval: Approval) -> str:
    if not approval.held:
        return "without an answer in time the request expires."
    ends = approval.rule["on_expiry"] == "release"
    return (
        f"without an answer in time the request expires and its hold {'ends' if ends else 'stays'}."
    )


def away_set(event: PublicEvent) -> str:
    """`Olu Operator set their absence until the end of 5 Dec 2026 (UTC)`."""
    data = event.get("data")
    text = shown(data.get("until")) if isinstance(data, Mapping) else ""
    who = person(event.get("actor"))
    try:
        return f"{who} set their absence until the end of {day(date.fromisoformat(text))} (UTC)"
    except ValueError:
        return f"{who} set their absence"


action_registry.reword("person.away_set", away_set)
