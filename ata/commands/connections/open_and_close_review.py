"""`ata reviews open|close`: begin an access review, and end one with its signed result."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from ata.options import Json, open_screen
from ata.output.safe_text import safe
from ata.output.screen import paint

if TYPE_CHECKING:
    from ata.output.screen import Screen
    from ata.portal.api_client import Portal


class State(StrEnum):
    """How an account stands."""

    CONNECTED = "connected"
    EXPIRING = "expiring"
    ASLEEP = "asleep"
    NEEDS_RECONNECT = "needs_reconnect"
    SUSPENDED = "suspended"
    FROZEN = "frozen"


class Kind(StrEnum):
    """Not seen in use for 90 days, never used, or with too many or too few scopes."""

    IDLE = "idle"
    UNSEEN = "unseen"
    EXCESS = "excess"
    MISSING = "missing"


def begin(
    ctx: typer.Context,
    title: Annotated[str, typer.Option("--title", help="Such as `Q4 access review`.")],
    due: Annotated[
        datetime,
        typer.Option(
            "--due",
            metavar="YYYY-MM-DD",
            formats=["%Y-%m-%d"],
            help="Until the end of that day, UTC.",
        ),
    ],
    connection: Annotated[
        str, typer.Option("--connection", metavar="NAME", help="Only accounts of this service.")
    ] = "",
    state: Annotated[
        State | None, typer.Option("--state", help="Only accounts that stand so.")
    ] = None,
    show: Annotated[
        Kind | None, typer.Option("--show", help="Of them only those: idle is 90 days.")
    ] = None,
    admins: Annotated[
        list[str] | None,
        typer.Option(
            "--admin", metavar="SUBJECT|me", help="Reviewed by this admin (repeats), not by owners."
        ),
    ] = None,
    json_output: Json = False,
) -> None:
    """Open an access review: its list is frozen as accounts are at that moment; for admins."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    review = str(uuid.uuid4())
    with Portal.open() as portal:
        params: dict[str, object] = {
            "title": title,
            "due": due.date().isoformat(),
            "reviewers": "admins" if admins else "owners",
            "admins": _subjects(portal, admins or []),
            "connection": connection,
            "state": state.value if state else "",
            "show": show.value if show else "",
        }
        _decide(portal, screen, "open", review, params)


def close(
    ctx: typer.Context,
    review: Annotated[str, typer.Argument(metavar="REVIEW", help="The review's id.")],
    json_output: Json = False,
) -> None:
    """Close a review: no one decides any more, and its result is signed; for admins."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        _decide(portal, screen, "close", review, {})


def _subjects(portal: Portal, admins: list[str]) -> list[str]:
    if "me" not in admins:
        return admins
    own = str(portal.get("/v1/whoami").body.get("sub"))
    return [own if one == "me" else one for one in admins]


def _decide(
    portal: Portal, screen: Screen, act: str, review: str, params: dict[str, object]
) -> None:
    from ata.decisions.submission import follow

    body = {"verb": f"review.{act}", "target": {"kind": "review", "name": review}, "params": params}
    answer = portal.post("/v1/decisions", body, idempotency_key=str(uuid.uuid4()))
    if answer.status != 201:
        follow(portal, screen, answer, wait=True)
        return
    head = portal.get(f"/v1/reviews/{quote(review, safe='')}").body
    counts = head.get("counts")
    totals = counts if isinstance(counts, dict) else {}
    said = {
        "open": f"Opened with {totals.get('accounts')} accounts, due {head.get('due')}.",
        "close": f"Closed with {totals.get('undecided')} of {totals.get('accounts')} undecided; "
        f"the SHA-256 of its result is {head.get('result_sha256')}.",
    }
    then = {"open": "show", "close": "result"}
    screen.result(
        {"status": "done", **answer.body, "review": head},
        f"{paint('✓', 'green')} {safe(said[act])}",
        f"  Event {safe(answer.body.get('event_id'))}",
        f"  `ata reviews {then[act]} {safe(review)}` goes on.",
    )
