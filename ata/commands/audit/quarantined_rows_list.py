"""`ata audit quarantine [ID]`: rows that could not become events."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ata.options import Json, open_screen
from ata.portal.paging import PAGE, After, Limit, collect, items_of, say_more

_PATH: Final = "/v1/audit/quarantine"
_MEMBERS = ("id", "seen", "source", "row", "words", "reason", "size", "became")


def quarantine(
    ctx: typer.Context,
    row: Annotated[str, typer.Argument(metavar="[ID]", help="Show what there was of it.")] = "",
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="A gateway, or auth0.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="CODE", help="Why, by its code.")] = "",
    limit: Limit = PAGE,
    after: After = "",
    json_output: Json = False,
) -> None:
    """List rows that could not become events, the newest first; for admins and auditors."""
    import json
    from urllib.parse import quote

    from ata.output.safe_text import safe
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    narrowed = {"source": [source], "reason": [reason]}
    params = {name: values for name, values in narrowed.items() if values[0]}
    with Portal.open() as portal:
        if row:
            body = portal.get(f"{_PATH}/{quote(row, safe='')}").body
            lines = json.dumps(body, indent=2, ensure_ascii=False).splitlines()
            screen.result(body, *map(safe, lines))
            return
        body = collect(portal, _PATH, limit=limit, after=after, params=params)
    screen.rows(
        ("Id", "Set aside", "Source", "Row", "Has", "Code", "Bytes", "Became"),
        [["" if one.get(n) is None else one[n] for n in _MEMBERS] for one in items_of(body)],
        empty="Nothing is set aside.",
        value=body,
    )
    say_more(screen, body)
