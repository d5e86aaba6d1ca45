"""The sentence of `person.access_end_set`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from approvals.person_access_ends.end_in_words import in_words
from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, person, shown, target


def access_end_set(event: PublicEvent) -> str:
    """`Amir Admin set the end of Ada Auditor's access: after 12 Dec 2026`."""
    data = event.get("data") or {}
    named = data.get("whose")
    whose = (
        person(named, "a person who was erased")
        if isinstance(named, Mapping)
        else shown(named) or target(event)
    )
    who, day = person(event.get("actor")), _day(shown(data.get("last_day")))
    if not day:
        return f"{who} removed the end of the access of {whose}"
    return f"{who} set that the access of {whose} ends after {day} (UTC)"


def _day(text: str) -> str:
    try:
        return in_words(date.fromisoformat(text))
    except ValueError:
        return ""


action_registry.reword("person.access_end_set", access_end_set)
