"""`ata connections settings|set`: when a connection sleeps, and who wakes it."""

from __future__ import annotations

import re
import uuid
from enum import StrEnum
from typing import Annotated, Final

import typer

from ata.errors import usage_error
from ata.options import Json, NoWait, Reason, open_screen
from ata.portal.paging import PAGE, Limit, first, items_of, say_more

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(
    r"(?P<days>[a-z,-]+) (?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d) (?P<zone>\S+)"
)


class Wake(StrEnum):
    """Who wakes an account that sleeps."""

    USE = "use"
    OWNER = "owner"


def settings(ctx: typer.Context, limit: Limit = PAGE, json_output: Json = False) -> None:
    """List when unused connections are paused; for admins and auditors."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        body = first(portal.get("/v1/connections/settings").body, limit)
    rows = items_of(body)
    screen.rows(
        ("Connection", "Setting", "Changed"),
        [(one.get("connection"), one.get("sentence"), one.get("changed_at")) for one in rows],
        empty="Nothing is set: connections are never paused.",
        value=body,
    )
    say_more(screen, body)


def change(
    ctx: typer.Context,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="Such as github.")],
    idle_hours: Annotated[
        int, typer.Option("--idle-hours", min=1, max=8760, help="Pause after so long unused.")
    ] = 0,
    hours: Annotated[
        str, typer.Option("--hours", help="Tokens only then: 'mon-fri 08:00-18:00 Europe/Vienna'.")
    ] = "",
    wake: Annotated[
        Wake, typer.Option("--wake", help="Resume on next use, or by its owner's approval.")
    ] = Wake.USE,
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Set when a connection is paused; what is left out is not set. Relaxing needs approval."""
    from urllib.parse import quote

    from ata.decisions.submission import follow
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    body: dict[str, object] = {"wake": wake.value, "reason": reason}
    if idle_hours:
        body["idle_h"] = idle_hours
    if hours:
        body["hours"] = read_hours(hours)
    path = f"/v1/connections/settings/{quote(connection, safe='')}"
    with Portal.open() as portal:
        answer = portal.put(path, body, idempotency_key=str(uuid.uuid4()))
        follow(portal, screen, answer, wait=not no_wait)


def read_hours(text: str) -> dict[str, object]:
    """`mon-fri 08:00-18:00 Europe/Vienna`, or days with commas, as the API takes it.

    Raises:
        AtaError: `usage` where it is not written so.
    """
    found = _HOURS.fullmatch(text.strip())
    days = _days(found["days"]) if found else []
    if found is None or not days:
        raise usage_error(
            f"These are no working hours: {text}.",
            "Write days, hours and the time zone: 'mon-fri 08:00-18:00 Europe/Vienna'.",
        )
    return {
        "days": days,
        "opens": found["opens"],
        "closes": found["closes"],
        "zone": found["zone"],
    }


def _days(text: str) -> list[str]:
    """Each day of `mon-fri` or `mon,wed,fri`; none where one of them is no day."""
    days: list[str] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            return []
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        if end < start:
            return []
        days += _DAYS[start : end + 1]
    return sorted(set(days), key=_DAYS.index)
