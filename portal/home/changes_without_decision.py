"""Home about changes at gateways that no decision covers, until somebody claims them."""

from __future__ import annotations

from audit.recording.actors import Actor
from enforcement.decisions.claim_bypass import words_of
from enforcement.models import AdministrativeAct
from portal.home.panel_types import MOST, Fact, Home, Line, Panel

_URL = "/enforcement/bypasses/"


def unclaimed(_me: Actor) -> Home:
    """What people changed past the portal and nobody claimed; nothing where there is none."""
    found = AdministrativeAct.objects.exclude(bypass=None).filter(claim="")
    count = found.count()
    if not count:
        return Home()
    lines = [
        Line(
            words_of(act),
            f"{_URL}{act.bypass}/",
            act.at,
            severity="HIGH" if act.relaxes else "MEDIUM",
            detail="No decision here covers it. If you did it, claim it.",
        )
        for act in found.order_by("-relaxes", "-at")[:MOST]
    ]
    return Home(
        facts=[Fact(f"{count:,} changes without a decision", _URL, "bad")],
        panels=[Panel("Changes at gateways without a decision", lines, "", _URL, "View all")],
    )
