"""`ata connections unfinished|retry`: what was decided about connections and waits."""

from __future__ import annotations

from typing import Annotated

import typer

from ata.options import Json, open_screen
from ata.output.screen import paint
from ata.portal.paging import PAGE, After, Limit, list_all

_PATH = "/v1/connections/unfinished"
_MEMBERS = ("what", "waits_for", "since", "state", "detail", "step")


def unfinished(
    ctx: typer.Context, limit: Limit = PAGE, after: After = "", json_output: Json = False
) -> None:
    """List what is decided and not finished, the oldest first; for admins and auditors."""
    list_all(
        ctx,
        _PATH,
        limit=limit,
        after=after,
        json_output=json_output,
        columns=("What", "Waits for", "Since", "State", "Detail", "Step"),
        row=lambda one: [one.get(name) or "" for name in _MEMBERS],
        empty="Everything is finished.",
    )


def retry(
    ctx: typer.Context,
    step: Annotated[str, typer.Argument(metavar="STEP", help="As `unfinished` names it.")],
    json_output: Json = False,
) -> None:
    """Have a remote step tried again now; for admins."""
    from urllib.parse import quote

    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        body = portal.post(f"{_PATH}/{quote(step, safe='')}/retry", {}).body
    screen.result(
        {"status": "done", **body},
        f"{paint('✓', 'green')} It is tried again now; what comes of it is on the record.",
    )
