"""Actors as JSON: an approval and an effect outlive the session that asked for them."""

from __future__ import annotations

from typing import Any

from audit.ledger.format import safe_display
from audit.recording.actors import SYSTEM, Actor, EvidenceRef


def to_json(actor: Actor) -> dict[str, Any]:
    """Everything that a later event needs about who acted."""
    return {
        "iss": actor.iss,
        "sub": actor.sub,
        "name": actor.name,
        "email": actor.email,
        "roles": sorted(actor.roles),
        "via": actor.via,
        "session": actor.session,
        "request": actor.request,
        "ip": actor.ip,
        "agent": actor.agent,
        "evidence": [{"kind": e.kind, "digest": e.digest} for e in actor.evidence],
    }


def from_json(value: dict[str, Any]) -> Actor:
    """The actor that `to_json` wrote; an empty object is the system itself."""
    if not value:
        return SYSTEM
    plain: dict[str, Any] = {
        k: str(value.get(k, ""))
        for k in ("iss", "sub", "name", "email", "via", "session", "request", "ip", "agent")
    }
    return Actor(
        **plain,
        roles=frozenset(value.get("roles", ())),
        evidence=tuple(EvidenceRef(e["kind"], e["digest"]) for e in value.get("evidence", ())),
    )


def requester_name(requester: Actor) -> str:
    """Who asks, as people read it: what came through the broker was asked by an agent of theirs."""
    name = person_name(requester)
    return f"an agent of {name}" if requester.via == "broker" else name


def requester_in_sentence(requester: Actor, longest: int = safe_display.LONGEST) -> str:
    """`requester_name` where an approver reads it."""
    name = safe_display.person_in_sentence(person_name(requester), longest)
    return f"an agent of {name}" if requester.via == "broker" else name


def person_name(person: Actor) -> str:
    """A person as people read it."""
    return person.name or person.email or person.sub
