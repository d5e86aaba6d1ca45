"""`ata alert dismiss|acknowledge ID`."""

from __future__ import annotations

from typing import Annotated

import typer

from ata.options import Json, NoWait, Reason, open_screen, reason_or_ask

app = typer.Typer(
    help="Dismiss or acknowledge an alert.", no_args_is_help=True, rich_markup_mode=None
)
AlertId = Annotated[str, typer.Argument(metavar="ID", help="The alert's id.")]


@app.command()
def dismiss(
    ctx: typer.Context,
    alert: AlertId,
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Close an alert as needing no action; HIGH and CRITICAL ones have to be approved."""
    from ata.decisions.submission import decide

    screen = open_screen(ctx, json_output)
    reason = reason_or_ask(screen, reason)
    decide(screen, _decision("alert.dismiss", alert, reason), wait=not no_wait)


@app.command()
def acknowledge(
    ctx: typer.Context,
    alert: AlertId,
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Say that you have seen an alert; it stays open."""
    from ata.decisions.submission import decide

    screen = open_screen(ctx, json_output)
    decide(screen, _decision("alert.acknowledge", alert, reason), wait=not no_wait)


def _decision(verb: str, alert: str, reason: str) -> dict[str, object]:
    return {"verb": verb, "target": {"kind": "alert", "name": alert}, "reason": reason}
