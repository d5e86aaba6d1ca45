"""`ata away`: until when you are away as an approver."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ata.clock import now
from ata.errors import AtaError, usage_error
from ata.options import Json, open_screen
from ata.output.safe_text import safe

if TYPE_CHECKING:
    from ata.portal.api_client import Portal

PATH: Final = "/v1/absence"
_OFF: Final = "off"
_AHEAD: Final = re.compile(r"([0-9]{1,4})d")
_DAYS: Final = {"today": 0, "tomorrow": 1}
_FOLLOWS: Final = "Other approvers are asked first; you may still answer."
_OFFERED: Final = (_OFF, *_DAYS, "7d", "14d")


def _complete(incomplete: str) -> list[str]:
    return [one for one in _OFFERED if one.startswith(incomplete)]


def away(
    ctx: typer.Context,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="DATE|off",
            help="Your last day (UTC): 2026-12-05, 7d (days from today), today or tomorrow; "
            "off: you are back.",
            autocompletion=_complete,
        ),
    ] = None,
    json_output: Json = False,
) -> None:
    """Say or set until when you are away as an approver.

    While you are away, other approvers are asked first, and you may still answer. Operators and
    admins set it.
    """
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    last_day = None if until is None else read_day(until)
    with Portal.open() as portal:
        if last_day is None:
            body = portal.get(PATH).body
        elif last_day == _OFF:
            body = portal.delete(PATH).body
        else:
            body = portal.put(PATH, {"until": last_day}).body
    said = sentence(body.get("until"))
    lines = (f"You are away {said}.", _FOLLOWS) if said else ("You are not away.",)
    screen.result({"until": body.get("until")}, *lines)


def read_day(text: str) -> str:
    """`off`, or the day that `text` names, as the API takes it. Days are UTC days.

    Raises:
        AtaError: `usage`, where it is neither.
    """
    folded = text.strip().casefold()
    if folded == _OFF:
        return _OFF
    ahead = _AHEAD.fullmatch(folded)
    days = int(ahead[1]) if ahead else _DAYS.get(folded)
    if days is not None:
        return (datetime.fromtimestamp(now(), UTC).date() + timedelta(days=days)).isoformat()
    try:
        return date.fromisoformat(folded).isoformat()
    except ValueError:
        raise usage_error(
            f"This is no day: {text}.", "Use such as 2026-12-05, 7d, tomorrow, or off."
        ) from None


def sentence(until: object) -> str:
    """`until the end of 5 Dec 2026 (UTC)`; empty for no day."""
    if not isinstance(until, str) or not until:
        return ""
    try:
        day = date.fromisoformat(until)
    except ValueError:
        return f"until {safe(until)}"
    return f"until the end of {day.day} {day:%b %Y} (UTC)"


def read(portal: Portal) -> tuple[object, str]:
    """The last day of the caller's absence as the portal has it, and the code of why that is not
    known: `not_found` where the portal is too old to know absences."""
    try:
        body = portal.get(PATH).body
    except AtaError as error:
        return None, error.code
    return (body["until"], "") if "until" in body else (None, "unexpected_answer")
