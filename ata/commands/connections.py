"""`ata connections list|revoke`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from ata.errors import usage_error
from ata.options import Json, NoWait, Reason, open_screen

if TYPE_CHECKING:
    from ata.portal import Portal

app = typer.Typer(
    help="List your connected accounts, or revoke one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_connections(ctx: typer.Context, json_output: Json = False) -> None:
    """List the accounts that agents may use in your name."""
    from ata.portal import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        body = portal.get("/v1/connections").body
    screen.rows(
        ("Id", "Connection", "Account", "State", "Scopes", "Last used"),
        [_row(one) for one in _items(body)],
        empty="No connected accounts.",
        value=body,
    )


@app.command()
def revoke(
    ctx: typer.Context,
    connection: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="Its id, or its name when you have one such.")
    ],
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Revoke a connection: the broker refuses it at once, the deletion follows."""
    from urllib.parse import quote

    from ata.decisions import follow
    from ata.portal import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        connection_id = _resolve(portal, connection)
        path = f"/v1/connections/{quote(connection_id, safe='')}/revoke"
        answer = portal.post(path, {"reason": reason}, idempotency_key=str(uuid.uuid4()))
        follow(portal, screen, answer, wait=not no_wait)


def _resolve(portal: Portal, wanted: str) -> str:
    items = _items(portal.get("/v1/connections").body)
    if any(one.get("id") == wanted for one in items):
        return wanted
    matches = [str(one.get("id")) for one in items if one.get("connection") == wanted]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise usage_error(
            f"You have {len(matches)} connections named {wanted}.",
            f"Name one by its id: {', '.join(matches)}.",
        )
    # An administrator may name another person's connection by its id.
    return wanted


def _items(body: dict[str, object]) -> list[dict[str, object]]:
    items = body.get("items")
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


def _row(connection: dict[str, object]) -> tuple[object, ...]:
    scopes = connection.get("scopes")
    return (
        connection.get("id"),
        connection.get("connection"),
        connection.get("account") or connection.get("label"),
        connection.get("state") or connection.get("status"),
        " ".join(map(str, scopes)) if isinstance(scopes, list) else scopes,
        connection.get("last_used_at") or connection.get("last_used"),
    )
