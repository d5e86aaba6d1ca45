"""`ata connections drift [ID|latest]`: what comparisons with Auth0 found different."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ata.options import Json, open_screen
from ata.portal.paging import PAGE, After, Limit, collect, items_of, say_more

if TYPE_CHECKING:
    from ata.output.screen import Screen
    from ata.portal.api_client import Portal

_PATH = "/v1/connections/drift"
_KINDS = ("appeared", "vanished", "scopes_changed", "other")


def drift(
    ctx: typer.Context,
    comparison: Annotated[
        str,
        typer.Argument(
            metavar="[ID|latest]",
            help="Show what this comparison found; latest is the newest that found something.",
        ),
    ] = "",
    limit: Limit = PAGE,
    after: After = "",
    json_output: Json = False,
) -> None:
    """List comparisons with Auth0, or what one found different; for admins and auditors."""
    from urllib.parse import quote

    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        which = _latest(portal) if comparison == "latest" else comparison
        if not comparison:
            _comparisons(screen, portal)
            return
        path = f"{_PATH}/{quote(which, safe='')}"
        body = collect(portal, path, limit=limit, after=after) if which else {"items": []}
    screen.rows(
        ("Entry", "Time", "Difference"),
        [
            (
                "-" if one.get("index") is None else one["index"],
                one.get("time"),
                one.get("sentence"),
            )
            for one in items_of(body)
        ],
        empty="No difference was found.",
        value=body,
    )
    say_more(screen, body)


def _latest(portal: Portal) -> str:
    """Id of the newest comparison that found something; empty where none did."""
    runs = items_of(portal.get(_PATH).body)
    return next((str(run["id"]) for run in runs if any(_counts(run))), "")


def _comparisons(screen: Screen, portal: Portal) -> None:
    body = portal.get(_PATH).body
    screen.rows(
        ("Id", "Started", "Finished", "People", "Appeared", "Vanished", "Scopes", "Other"),
        [
            (
                one.get("id"),
                one.get("started"),
                one.get("finished") or "going on",
                f"{one.get('compared')} of {one.get('people')}",
                *_counts(one),
            )
            for one in items_of(body)
        ],
        empty="Nothing was compared with Auth0 yet.",
        value=body,
    )


def _counts(run: dict[str, object]) -> tuple[object, ...]:
    found = run.get("differences")
    numbers = found if isinstance(found, dict) else {}
    return tuple(numbers.get(kind) or 0 for kind in _KINDS)
