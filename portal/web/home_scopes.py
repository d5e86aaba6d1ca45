"""Home about scope watch: what was asked for beyond manifests within a day."""

from __future__ import annotations

from datetime import timedelta

from approvals import clock
from audit.actor import Actor
from connections.escalation import shown
from portal.web.home_panels import MOST, Home, Line, Panel

_A_DAY = timedelta(days=1)
_WATCH = "/connections/scopes/"


def watch(_me: Actor) -> Home:
    """What was tried within a day; nothing where nothing was."""
    tried = shown.all_tried(clock.now() - _A_DAY, MOST)
    if not tried:
        return Home()
    lines = [
        Line(
            f"{one.row.name} asked for {', '.join(s.words for s in one.scopes)}",
            f"/approvals/{one.approval}/" if one.approval else _WATCH,
            one.row.last_at,
            badge=one.state,
            detail=f"on {one.whose}'s {one.title}; {_times(one.row.attempts)}, {one.words}",
        )
        for one in tried
    ]
    return Home(panels=[Panel("Asked for more than declared", lines, "", _WATCH, "Scope watch")])


def _times(attempts: int) -> str:
    return "tried once" if attempts == 1 else f"tried {attempts} times"
