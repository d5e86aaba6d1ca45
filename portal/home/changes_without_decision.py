"""Home about changes at gateways that no decision covers, until somebody claims them."""

from __future__ import annotations

from audit.recording.actors import Actor
from enforcement.decisions.claim_responsibility_for_bypass import words_of
from enforcement.models import AdministrativeAct
from portal.home.panel_types import MOST, Button, Fact, Home, Line, Panel

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
            detail="No decision here covers it. If you made it, record why.",
        )
        for act in found.order_by("-relaxes", "-at")[:MOST]
    ]
    title = f"{count:,} changes at gateways have no decision: who made them?"
    if count == 1:
        title = "1 change at a gateway has no decision: who made it?"
    return Home(
        title=title,
        lead=Button("View the changes" if count > 1 else "View the change", _URL),
        facts=[Fact(title, _URL, "bad")],
        panels=[Panel("Changes at gateways without a decision", lines, "", _URL, "View all")],
    )
