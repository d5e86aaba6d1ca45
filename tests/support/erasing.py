"""Erasing a person from the trail, without the decision that a real erasure is."""

from __future__ import annotations

from audit.erasure import erase_openings, subject_and_store_registry
from audit.evidence import storage


def erase_person(key: str) -> int:
    """Erase the values and the evidence of the person of a subject key, as the job of an erasure
    does, in waiting events too; returns how many events lost values."""
    whose, events = subject_and_store_registry.identify(key), 0
    while some := erase_openings.erase_some(whose, lambda _: None, placed_only=False):
        events += some
    storage.erase_subject(key)
    return events
