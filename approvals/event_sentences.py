"""Sentences of approval events: who asked whom for what, and how they answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, person, phrase, shown, target


def _data(event: PublicEvent) -> Mapping[str, Any]:
    return event.get("data") or {}


def _what(event: PublicEvent) -> str:
    """The sentence that was put to the person; the target where it was erased."""
    return shown(_data(event).get("sentence")) or target(event)


def _asked(event: PublicEvent, nobody: str = "Somebody") -> str:
    asked = _data(event).get("asked")
    return person(asked, nobody) if isinstance(asked, Mapping) else nobody


def _who(event: PublicEvent) -> str:
    actor = event.get("actor") or {}
    if event.get("via") == "broker":
        return f"An agent of {person(actor)}"
    return person(actor) if actor.get("iss") else f"A {event.get('severity', '')} finding"


def requested(event: PublicEvent) -> str:
    """A requester, or a finding automatically, asked a person."""
    if "asked" not in _data(event):
        return (
            f"{_who(event)} asked for an approval, and no one could be asked then: {_what(event)}"
        )
    asked, actor = _data(event)["asked"], event.get("actor") or {}
    if isinstance(asked, Mapping) and asked.get("sub") == actor.get("sub"):
        return f"{person(actor)} was asked to confirm by phone: {_what(event)}"
    return f"{_who(event)} asked {_asked(event)} to approve: {_what(event)}"


def approved(event: PublicEvent) -> str:
    """The asked person approved, by phone or with a passkey, alone or as one of several."""
    data = _data(event)
    how = _HOW.get(str(data.get("channel", "ciba")), "")
    more = ""
    if waits := data.get("waits_for"):
        more = f"; still needed {_HOW.get(str(waits), '')}".rstrip()
    elif int(data.get("approved") or 1) < int(data.get("needed") or 1):
        more = f"; {data['approved']} of {data['needed']}"
    return f"{person(event.get('actor'))} approved {how}: {_what(event)}{more}"


_HOW = {"ciba": "by phone", "passkey": "with a passkey"}


def denied(event: PublicEvent) -> str:
    """The asked person denied, as far as is known; with who requested it."""
    requester = shown(_data(event).get("requested_by"))
    about = f"{_what(event)}, requested by {requester}" if requester else _what(event)
    if _data(event).get("inferred"):
        return f"{_asked(event)} appears to have denied (unconfirmed): {about}"
    return f"{person(event.get('actor'))} denied: {about}"


def expired(event: PublicEvent) -> str:
    """An asked person did not answer in time."""
    data = _data(event)
    after = ""
    if data.get("next_person_asked"):
        after = ". The next on call was to be asked"
    elif data.get("others_asked"):
        after = ". Others could still answer"
    elif data.get("hold_stays"):
        after = ". The hold stayed"
    return f"{_asked(event, 'Nobody')} did not answer in time: {_what(event)}{after}"


def failed(event: PublicEvent) -> str:
    """The step-up could not be completed, or an answer came after the end."""
    data = _data(event)
    if data.get("failure") == "answered_after_close":
        said = shown(data.get("closed_as"))
        closed = "replaced by a newer one" if said in {"", "superseded"} else said
        return (
            f"{person(event.get('actor'))} {shown(data.get('answer'))} after the request was "
            f"{closed}, which had no effect: {_what(event)}"
        )
    if "still_waits" in data:
        return (
            f"{person(event.get('actor'))} tried to answer and could not "
            f"({_NOT_TAKEN.get(str(data.get('failure')), 'refused')}): {_what(event)}"
        )
    why = shown(data.get("detail")).rstrip(".")
    return f"The approval failed, and nothing was applied: {_what(event)}" + (
        f". {why}." if why else ""
    )


def cancelled(event: PublicEvent) -> str:
    """Withdrawn by the requester."""
    return f"{person(event.get('actor'))} withdrew the request: {_what(event)}"


def policy_changed(event: PublicEvent) -> str:
    """Somebody changed the policy, after another person approved."""
    number = shown(_data(event).get("number"))
    return f"{_BY_HAND(event)} to version {number}" if number else _BY_HAND(event)


_BY_HAND = phrase("changed the approval policy")
_NOT_TAKEN = {
    "self_approval": "who asked cannot approve",
    "wrong_subject": "someone else was asked",
    "wrong_channel": "it was to be answered another way",
    "already_answered": "the answer was in already",
    "not_asked": "someone else was asked",
    "passkey_unknown": "the passkey was not enrolled",
    "passkey_of_another": "the passkey is another person’s",
    "passkey_revoked": "the passkey was revoked",
    "passkey_too_new": "the passkey was younger than the request",
    "passkey_for_own_requests": "no one had confirmed the passkey for what others ask",
    "passkey_counter": "the passkey’s counter went back",
    "passkey_signature": "the signature did not hold for this",
}

action_registry.reword("policy.changed", policy_changed)
action_registry.reword("approval.requested", requested)
action_registry.reword("approval.approved", approved)
action_registry.reword("approval.denied", denied)
action_registry.reword("approval.expired", expired)
action_registry.reword("approval.failed", failed)
action_registry.reword("approval.cancelled", cancelled)
