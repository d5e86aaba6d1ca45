"""Home about gateways that are not set as an admin approved."""

from __future__ import annotations

from audit.recording.actors import Actor
from enforcement.models import PostureDifference
from enforcement.posture import settings_catalogue
from portal.home.panel_types import MOST, Home, Line, Panel

_URL = "/enforcement/fleet/"


def changed_settings(_me: Actor) -> Home:
    """What weakens a gateway first; no panel where every gateway is as approved."""
    found = PostureDifference.objects.order_by("-weakens", "-since")
    lines = [
        Line(
            f"{one.instance}: {settings_catalogue.label(one.setting)} is {one.seen}",
            f"{_URL}{one.instance}/settings/",
            one.since,
            severity="HIGH" if one.weakens else "MEDIUM",
            detail=f"approved is {one.expected}",
        )
        for one in found[:MOST]
    ]
    panel = Panel("Gateways not set as approved", lines, "", _URL, "Gateways")
    return Home(panels=[panel]) if lines else Home()
