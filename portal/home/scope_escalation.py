"""Home about scope watch: what was asked for beyond manifests within a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from approvals import clock
from audit.recording.actors import Actor
from connections.component_manifests import allow_required_before_credentials
from connections.scope_escalation import page_rows
from connections.scopes.catalogue import Scope
from portal.home.panel_types import MOST, Home, Line, Panel

_A_DAY = timedelta(days=1)
_WATCH = "/connections/scopes/"


def watch(me: Actor) -> Home:
    """What was tried within a day, and for admins whether components need an allow."""
    panels = [*_open(me), *_tried(me)]
    return Home(panels=panels) if panels else Home()


def _open(me: Actor) -> list[Panel]:
    if "admin" not in me.roles or not allow_required_before_credentials.is_open():
        return []
    line = Line(
        "Components that no one decided on get credentials",
        _WATCH,
        None,
        severity="MEDIUM",
        detail="This installation is from before components needed an allow. Require one there.",
    )
    return [Panel("Components without an allow", [line], "", _WATCH, "Excess requests")]


def _tried(me: Actor) -> list[Panel]:
    tried = page_rows.all_tried(me, clock.now() - _A_DAY, MOST)
    if not tried:
        return []
    lines = [
        Line(
            f"{one['row'].name} asked {_wanted(one['scopes'])}",
            f"/approvals/{one['approval']}/" if one["approval"] else _WATCH,
            one["row"].last_at,
            badge=one["state"],
            detail=f"{one['whose']}’s {one['title']} · {_times(one['row'].attempts)} · "
            f"{one['words']}",
        )
        for one in tried
    ]
    return [Panel("Requests beyond the declared scopes", lines, "", _WATCH, "Excess requests")]


def _wanted(scopes: Sequence[Scope]) -> str:
    """`to delete repositories`; `for repo_hacker` where the catalogue has no words for it."""
    listed = ", ".join(scope.words for scope in scopes)
    return f"to {listed}" if all(scope.known for scope in scopes) else f"for {listed}"


def _times(attempts: int) -> str:
    return "tried once" if attempts == 1 else f"tried {attempts} times"
