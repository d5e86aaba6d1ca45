"""Home about gateways that are not set as an admin approved."""

from __future__ import annotations

from audit.recording.actors import Actor
from enforcement.models import PostureDifference
from enforcement.posture import settings_catalogue
from portal.home.panel_types import MOST, Button, Fact, Home, Line, Panel

_URL = "/enforcement/fleet/"


def changed_settings(_me: Actor) -> Home:
    """What weakens a gateway first; nothing where every gateway is as approved."""
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
    weakened = found.filter(weakens=True).order_by("instance")
    weaker = list(weakened.values_list("instance", flat=True).distinct())
    if not weaker:
        return Home(panels=[panel] if lines else [])
    title = f"{len(weaker):,} gateways are set weaker than approved"
    if len(weaker) == 1:
        title = f"{weaker[0]} is set weaker than approved"
    return Home(
        title=title,
        lead=Button(
            "View the settings", f"{_URL}{weaker[0]}/settings/" if len(weaker) == 1 else _URL
        ),
        facts=[Fact(title, _URL, "warn")],
        panels=[panel],
    )
