"""Whether an event says what its signed intent says: the same act on the same thing (DESIGN 1.3.1).

A signature covers the hash of an intent. Without this check, a signature over one act could be
shown for an event of another act that names the same hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

DOMAIN: Final = b"ata.intent.v1\n"
MAX_SHOWN: Final = 255
"""Characters of a value in `authorization_details` (Auth0's limit)."""

CARRIED_OUT_WITHIN: Final = timedelta(minutes=15)
"""How long after `not_after` an approved act may still be recorded: ten minutes for an answer that
is read late, five for clocks that differ."""

_PAST: Final = {"hold": "held", "freeze": "frozen", "unfreeze": "unfrozen"}


def digest(text: bytes) -> str:
    """Hex hash of an intent's canonical bytes, the identifier that signatures repeat."""
    return hashlib.sha256(DOMAIN + text).hexdigest()


def is_result(verb: str, action: str) -> bool:
    """Whether an event's action is that of a verb; those about the approval itself fit any."""
    family, _, act = verb.rpartition(".")
    happened, _, past = action.rpartition(".")
    if happened == "approval":
        return True
    if past == "override_logged":  # what was asked for was denied by a person
        return family == happened
    return family == happened and past.startswith(_PAST.get(act, act.removesuffix("e")))


def has_text(event: Mapping[str, Any]) -> bool:
    """Whether the event opens the text of its intent."""
    return isinstance(event["data"].get("intent"), str)


def differs(event: Mapping[str, Any]) -> str:
    """How the event differs from the intent whose text it opens; empty where it does not.

    An event without the text (never kept, or erased) is no contradiction.
    """
    if not has_text(event):
        return ""
    text = event["data"]["intent"]
    if digest(text.encode()) != event["intent_hash"]:
        return "the text of the intent beside it has another hash"
    try:
        said = json.loads(text)
        verb, target = said["verb"], said["target"]
        named = (str(target["kind"]), str(target["name"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return "the text of the intent beside it cannot be read"
    if not isinstance(verb, str) or not is_result(verb, event["action"]):
        return f"the intent is to {verb}, and this event is {event['action']}"
    if problem := _of_another_moment(event, said) or _of_another_person(event, said):
        return problem
    happened = event["target"]
    if happened and isinstance(happened["name"], str) and named != _named(happened):
        return "the intent is about another thing than this event"  # names stay out of reports
    return ""


def _of_another_moment(event: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    try:
        latest = datetime.fromisoformat(said["not_after"]) + CARRIED_OUT_WITHIN
        late = datetime.fromisoformat(event["recorded_at"]) > latest
    except (KeyError, ValueError, TypeError):
        return ""  # an intent without an end, or with a naive one
    return "the intent had run out when this was recorded" if late else ""


def _of_another_person(event: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """A decision is its requester's; answers to it, and what nobody asked for, are others'."""
    asked, actor = said.get("actor"), event["actor"]
    if event["action"].startswith("approval.") or event["action"].endswith(".override_logged"):
        return ""
    if not isinstance(asked, dict) or not asked.get("sub") or not isinstance(actor["sub"], str):
        return ""
    if (asked.get("iss"), asked["sub"]) == (actor["iss"], actor["sub"]):
        return ""
    return "the intent is of another person than the actor"


def names_another(event: Mapping[str, Any], signed: Mapping[str, str]) -> str:
    """How the issuer's signed details (`verb`, `target`) differ from the event; else empty."""
    if "verb" in signed and not is_result(signed["verb"], event["action"]):
        return f"it approves {signed['verb']}, and this event is {event['action']}"
    target = event["target"]
    if not target or not isinstance(target["name"], str) or "target" not in signed:
        return ""
    if signed["target"] != " ".join(_named(target))[:MAX_SHOWN]:
        return "it approves an act on another thing than this event's"
    return ""


def _named(target: Mapping[str, Any]) -> tuple[str, str]:
    return str(target["kind"]), str(target["name"])
