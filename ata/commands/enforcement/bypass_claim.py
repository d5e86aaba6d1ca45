"""`ata bypass claim ID`: say that an act at a gateway without a decision was yours."""

from __future__ import annotations

from typing import Annotated

import typer

from ata.options import Json, Reason, open_screen, reason_or_ask

app = typer.Typer(
    help="Claim a change at a gateway that no decision covers.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def group() -> None:
    """Claim a change at a gateway that no decision covers."""


@app.command()
def claim(
    ctx: typer.Context,
    bypass: Annotated[str, typer.Argument(metavar="ID", help="The id of the event bypass.found.")],
    reason: Reason = "",
    json_output: Json = False,
) -> None:
    """Say that you did it, and why; one person only, and nothing changes at the gateway."""
    from ata.decisions.submission import decide

    screen = open_screen(ctx, json_output)
    reason = reason_or_ask(screen, reason)
    target = {"kind": "bypass", "name": bypass}
    decide(screen, {"verb": "bypass.claim", "target": target, "reason": reason}, wait=True)
