"""How the outpost of each gateway is, as the fleet page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from enforcement.models import Outpost

SILENT_AFTER: Final = timedelta(minutes=3)
"""An outpost reports at least once a minute."""


@dataclass(frozen=True, slots=True)
class OutpostLine:
    """One outpost. `tone` and `word` are its badge, `detail` says what that means."""

    outpost: Outpost
    tone: str
    word: str
    detail: str


def by_instance(now: datetime) -> dict[str, OutpostLine]:
    """The outposts that are not revoked, by the gateway they are next to."""
    found = Outpost.objects.filter(revoked_at=None).order_by("instance")
    return {one.instance: _line(one, now) for one in found}


def _line(outpost: Outpost, now: datetime) -> OutpostLine:
    suspended = outpost.suspended_at is not None
    refused = "Its reports are refused until somebody resumes it."
    if outpost.contested_at is not None:
        word = "contested, suspended" if suspended else "contested"
        words = (
            "Two continuations of its reports arrived: its key is in two places, or its host was "
            "restored. Revoke it and enrol a new one."
        )
        return OutpostLine(outpost, "bad", word, f"{words} {refused}" if suspended else words)
    if suspended:
        return OutpostLine(outpost, "warn", "suspended", refused)
    if outpost.reported_at is None:
        return OutpostLine(outpost, "off", "no report yet", "")
    if now - outpost.reported_at > SILENT_AFTER:
        words = "It reports at least once a minute: it stopped, or does not reach this portal."
        return OutpostLine(outpost, "warn", "silent", words)
    return OutpostLine(outpost, "ok", "reporting", "")
