"""What is known of a gateway's settings now: from its own API, and from its outpost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from enforcement.models import Outpost, OutpostState, PostureBaseline, Watch
from enforcement.posture import reported_by_outpost
from enforcement.posture.comparison import Reading

_GATEWAY_LASTS: Final = timedelta(minutes=1)
_OUTPOST_LASTS: Final = timedelta(minutes=3)
"""How long an answer is taken to be so: a gateway is asked every ten seconds, an outpost reports
each minute."""


def current(instance: str, now: datetime) -> list[Reading]:
    """The host's reading first; none that is older than its source's pace explains."""
    found = [_of_outpost(instance, now), _of_gateway(instance, now)]
    return [one for one in found if one is not None]


def reported_entries(outpost: Outpost, now: datetime) -> list[dict[str, Any]] | None:
    """DefenseClaw's entries that an outpost read; None where it did not report lately."""
    state = _state(outpost, now)
    return None if state is None else state.entries


def _of_outpost(instance: str, now: datetime) -> Reading | None:
    outpost = Outpost.objects.filter(instance=instance, revoked_at=None).first()
    state = _state(outpost, now) if outpost is not None else None
    if outpost is None or outpost.reported_at is None or state is None or not state.config:
        return None
    found = reported_by_outpost.settings_in(state.config)
    return _reading("outpost", outpost.reported_at, found)


def _state(outpost: Outpost, now: datetime) -> OutpostState | None:
    """What an outpost that is listened to last read; None where it did not report lately."""
    refused = outpost.suspended_at or outpost.contested_at or outpost.revoked_at
    if refused or outpost.reported_at is None or now - outpost.reported_at > _OUTPOST_LASTS:
        return None
    return OutpostState.objects.filter(outpost=outpost).first()


def _of_gateway(instance: str, now: datetime) -> Reading | None:
    watch = Watch.objects.filter(name=instance).first()
    if watch is None or watch.last_seen is None or not watch.posture:
        return None
    if now - watch.last_seen > _GATEWAY_LASTS:
        return None
    return _reading("gateway", watch.last_seen, watch.posture)


def _reading(source: str, at: datetime, found: Mapping[str, Any]) -> Reading:
    return Reading(source, at, found["values"], frozenset(found["lists"]))


def baseline(instance: str) -> PostureBaseline | None:
    """The one in force."""
    return PostureBaseline.objects.filter(instance=instance).order_by("-number").first()
