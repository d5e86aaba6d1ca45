"""Home for operators: what was found, what is held, what was decided last."""

from __future__ import annotations

from audit.ledger.format.allowed_field_values import severity_rank
from audit.recording.actors import Actor
from enforcement.kinds import KINDS, called
from enforcement.models import Asset, Finding, FindingStatus
from portal.home.auditor import latest, pending
from portal.home.panel_types import MOST, Home, Line, Panel, Tile

_HOLDS = "/enforcement/?list=held"


def operator(me: Actor) -> Home:
    """Grave findings and holds first: both wait for a person."""
    found = Finding.objects.filter(status=FindingStatus.OPEN, rank__gte=severity_rank("HIGH"))
    held = Asset.objects.exclude(holder="")
    open_count, held_count = found.count(), held.count()
    return Home(
        tiles=[
            Tile(
                f"{open_count:,}",
                "HIGH or CRITICAL findings open",
                "/enforcement/",
                "bad" if open_count else "ok",
            ),
            Tile(
                f"{held_count:,}",
                "on hold",
                _HOLDS,
                "hold" if held_count else "",
            ),
            pending(me),
        ],
        panels=[
            Panel(
                "Findings that need a decision",
                [_finding(f) for f in found.order_by("-rank", "-at")[:MOST]],
                "No grave finding is open.",
                "/enforcement/",
                "All findings",
            ),
            Panel(
                "On hold",
                [_hold(a) for a in held.order_by("-held_at")[:MOST]],
                "Nothing is on hold.",
                _HOLDS,
                "All holds",
            ),
            latest(),
        ],
    )


def _finding(found: Finding) -> Line:
    return Line(
        f"{called(found.kind, found.name)}: {found.title}",
        _page_of(found),
        found.at,
        found.severity,
        detail=f"on {found.instance}",
    )


def _page_of(found: Finding) -> str:
    """Of what it is about; its own where nothing is decided about that: code, an agent's call."""
    if found.kind in KINDS:
        return f"/enforcement/{found.kind}/{found.name}/"
    return f"/enforcement/findings/{found.pk}/"


def _hold(asset: Asset) -> Line:
    return Line(
        called(asset.kind, asset.name),
        f"/enforcement/{asset.kind}/{asset.name}/",
        asset.held_at,
        badge="held",
        detail=asset.hold_reason,
    )
