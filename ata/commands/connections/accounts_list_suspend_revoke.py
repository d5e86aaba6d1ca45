"""`ata connections`: list|diff|suspend|resume|revoke, and what other modules add to it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from ata.commands.connections import (
    idle_access_settings,
    sync_difference_report,
    temporary_extra_scopes,
)
from ata.commands.connections import unfinished_and_retry as remediations
from ata.errors import usage_error
from ata.options import Json, NoWait, Reason, open_screen
from ata.portal.paging import PAGE, After, Limit, list_all

if TYPE_CHECKING:
    from ata.portal.api_client import Portal

app = typer.Typer(
    help="List your connected accounts; suspend, resume or revoke one; set when they are paused.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.command("settings")(idle_access_settings.settings)
app.command("set")(idle_access_settings.change)
app.command("unfinished")(remediations.unfinished)
app.command("retry")(remediations.retry)
app.command("drift")(sync_difference_report.drift)
app.add_typer(temporary_extra_scopes.app, name="allowances")
Which = Annotated[
    str, typer.Argument(metavar="ID|NAME", help="Its id, or its name when you have one such.")
]


@app.command("list")
def list_connections(
    ctx: typer.Context, limit: Limit = PAGE, after: After = "", json_output: Json = False
) -> None:
    """List the accounts that agents can use for you."""
    list_all(
        ctx,
        "/v1/connections",
        limit=limit,
        after=after,
        json_output=json_output,
        columns=("Id", "Connection", "Account", "Owner", "State", "Scopes", "Last used"),
        row=_row,
        empty="No connected accounts.",
    )


@app.command()
def diff(
    ctx: typer.Context,
    start: Annotated[
        str, typer.Argument(metavar="FROM", help="A date, a time, or a number of entries.")
    ],
    end: Annotated[str, typer.Argument(metavar="[TO]", help="Likewise; now unless given.")] = "",
    json_output: Json = False,
) -> None:
    """Say what changed in everyone's inventory between two points in the log, with entries."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    params = {"from": [start]} | ({"to": [end]} if end else {})
    with Portal.open() as portal:
        body = portal.get("/v1/connections/ibom/difference", params=params).body
    screen.rows(
        ("Entry", "What", "Of", "Owner", "Before", "After"),
        [_change(one) for one in _items(body)],
        empty="Nothing changed between these two points.",
        value=body,
    )


@app.command()
def revoke(
    ctx: typer.Context,
    connection: Which,
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Revoke a connection: the broker refuses it at once, the deletion follows."""
    from urllib.parse import quote

    from ata.decisions.submission import follow
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        connection_id = _resolve(portal, connection)
        path = f"/v1/connections/{quote(connection_id, safe='')}/revoke"
        answer = portal.post(path, {"reason": reason}, idempotency_key=str(uuid.uuid4()))
        follow(portal, screen, answer, wait=not no_wait)


@app.command()
def suspend(
    ctx: typer.Context, connection: Which, reason: Reason = "", json_output: Json = False
) -> None:
    """Suspend a connection immediately: no new token of it until someone resumes it."""
    _decide(ctx, "suspend", connection, reason, wait=True, json_output=json_output)


@app.command()
def resume(
    ctx: typer.Context,
    connection: Which,
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """End a suspension, once that is approved where the policy wants it."""
    _decide(ctx, "resume", connection, reason, wait=not no_wait, json_output=json_output)


def _decide(
    ctx: typer.Context, act: str, wanted: str, reason: str, *, wait: bool, json_output: bool
) -> None:
    from ata.decisions.submission import follow
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        target = {"kind": "connection", "name": _resolve(portal, wanted)}
        body = {"verb": f"connection.{act}", "target": target, "reason": reason}
        answer = portal.post("/v1/decisions", body, idempotency_key=str(uuid.uuid4()))
        follow(portal, screen, answer, wait=wait)


def _resolve(portal: Portal, wanted: str) -> str:
    items = _all(portal)
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


def _all(portal: Portal) -> list[dict[str, object]]:
    """Every account that this person may see, page by page."""
    found: list[dict[str, object]] = []
    params: dict[str, list[str]] = {}
    while True:
        body = portal.get("/v1/connections", params=params).body
        found += _items(body)
        if not isinstance(body.get("next"), str) or not body["next"]:
            return found
        params = {"after": [str(body["next"])]}


def _change(one: dict[str, object]) -> tuple[object, ...]:
    owner = one.get("owner")
    who = owner if isinstance(owner, dict) else {}
    gained, lost = one.get("gained"), one.get("lost")
    scopes = [
        *(f"+{scope}" for scope in (gained if isinstance(gained, list) else [])),
        *(f"-{scope}" for scope in (lost if isinstance(lost, list) else [])),
    ]
    after = " ".join(scopes) if one.get("what") in {"scopes", "apis"} else one.get("after")
    opened = one.get("audiences")
    if one.get("what") == "appeared" and isinstance(opened, list) and opened:
        after = f"{after} at {' '.join(map(str, opened))}"
    return (
        "-" if one.get("index") is None else one.get("index"),
        one.get("what"),
        one.get("connection") or one.get("application") or one.get("name"),
        "(erased)" if who.get("erased") else who.get("email") or who.get("sub") or "",
        one.get("before"),
        after,
    )


def _items(body: dict[str, object]) -> list[dict[str, object]]:
    items = body.get("items")
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


def _row(connection: dict[str, object]) -> tuple[object, ...]:
    scopes, owner = connection.get("scopes"), connection.get("owner")
    whose = owner if isinstance(owner, dict) else {}
    return (
        connection.get("id"),
        connection.get("connection"),
        connection.get("account") or connection.get("label"),
        whose.get("name") or whose.get("email") or whose.get("sub"),
        connection.get("state") or connection.get("status"),
        " ".join(map(str, scopes)) if isinstance(scopes, list) else scopes,
        connection.get("last_used_at") or connection.get("last_used"),
    )
