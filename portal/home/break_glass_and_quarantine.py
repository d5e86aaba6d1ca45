"""Home about alarms: who came in without the issuer, or tried, and input that was set aside."""

from __future__ import annotations

from datetime import timedelta

from approvals import clock
from audit.models import EventRow
from portal.home.panel_types import MOST, Line, Panel

_SHOWN_FOR = timedelta(days=30)
_URL = "/audit/?action=breakglass.used"
_QUARANTINE = "/audit/quarantine/"


def break_glass() -> list[Panel]:
    """Uses and failures of the last month; no panel where there was none."""
    since = clock.now() - _SHOWN_FOR
    rows = EventRow.objects.filter(action="breakglass.used", time__gte=since).order_by("-time")
    lines = [
        Line(
            row.sentence,
            f"/audit/events/{row.event}/",
            row.time,
            badge=row.outcome,
        )
        for row in rows[:MOST]
    ]
    return [Panel("Break-glass sign-ins", lines, "", _URL, "View all")] if lines else []


def set_aside() -> list[Panel]:
    """Input of the last month that could not become events; no panel where there was none."""
    since = clock.now() - _SHOWN_FOR
    rows = EventRow.objects.filter(action="audit.quarantined", time__gte=since).order_by("-time")
    lines = [
        Line(row.sentence, f"{_QUARANTINE}?event={row.event}", row.time, severity="MEDIUM")
        for row in rows[:MOST]
    ]
    return [Panel("Input set aside", lines, "", _QUARANTINE, "View all")] if lines else []
