"""`ata connections allowances list|end`: what people allowed beyond manifests."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from ata.options import Json, Reason, open_screen
from ata.portal.paging import PAGE, After, Limit, list_all

app = typer.Typer(
    help="List what was allowed beyond manifests, or take it back.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
_PATH = "/v1/connections/allowances"


@app.command("list")
def list_allowances(
    ctx: typer.Context, limit: Limit = PAGE, after: After = "", json_output: Json = False
) -> None:
    """List what is in force: yours; everyone's for operators, admins and auditors."""
    list_all(
        ctx,
        _PATH,
        limit=limit,
        after=after,
        json_output=json_output,
        columns=("Id", "Component", "Scopes", "Connection", "Owner", "Until"),
        row=_row,
        empty="Nothing is allowed beyond manifests.",
    )


@app.command()
def end(
    ctx: typer.Context,
    allowance: Annotated[str, typer.Argument(metavar="ID", help="The allowance's id.")],
    reason: Reason = "",
    json_output: Json = False,
) -> None:
    """Take back what was allowed: refused from the next request for a token on."""
    from urllib.parse import quote

    from ata.decisions.submission import follow
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        path = f"{_PATH}/{quote(allowance, safe='')}/end"
        answer = portal.post(path, {"reason": reason}, idempotency_key=str(uuid.uuid4()))
        follow(portal, screen, answer, wait=True)


def _row(one: dict[str, object]) -> tuple[object, ...]:
    scopes, owner = one.get("scopes"), one.get("owner")
    who = owner if isinstance(owner, dict) else {}
    return (
        one.get("id"),
        one.get("component"),
        " ".join(map(str, scopes)) if isinstance(scopes, list) else "",
        one.get("account") or one.get("connection"),
        who.get("name") or who.get("email") or who.get("sub"),
        one.get("expires_at"),
    )
