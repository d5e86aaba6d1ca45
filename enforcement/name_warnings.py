"""Names that a gateway stores and no call of an agent carries, said before the click.

An MCP server that is blocked as `mcp://codex/github`, as its address or in another case is listed
as blocked and goes on working. It is a warning, no refusal: old entries have to be lifted.
"""

from __future__ import annotations

from collections.abc import Iterable

from enforcement import known_component_names
from enforcement.component_kinds import called
from enforcement.effects.names_that_match_nothing import meant_name, why_it_matches_nothing
from enforcement.gateways import effects_at_gateways
from enforcement.models import Watch


def why_it_stops_nothing(kind: str, name: str) -> str:
    """Why a decision about this very name reaches no call, with the name that was probably meant;
    empty where nothing speaks against it."""
    meant = (
        meant_name(kind, name, known_component_names.names(kind)) if kind in {"mcp", "tool"} else ""
    )
    why = next(filter(None, (why_it_matches_nothing(v, kind, name) for v in _generations())), "")
    if why:
        offered = f" Decide about {called(kind, meant)} instead." if meant else ""
        return f"A block of this name stops nothing: {why}.{offered}"
    if meant and not known_component_names.is_known(kind, name):
        return (
            f"A block stops calls of this very name only, capital letters included. "
            f"{called(kind, meant)} is known here."
        )
    return ""


def _generations() -> Iterable[str]:
    watches = Watch.objects.exclude(name="")
    return {effects_at_gateways.settings_of(watch).generation for watch in watches} or {""}
