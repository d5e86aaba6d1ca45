"""`ata freeze|unfreeze agent|connection|person|me|everything [NAME]`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ata.errors import usage_error
from ata.options import Json, NoWait, Reason, open_screen


class What(StrEnum):
    """What gets no token: one of a kind, oneself, or everything."""

    AGENT = "agent"
    CONNECTION = "connection"
    PERSON = "person"
    ME = "me"
    EVERYTHING = "everything"


_TARGETS = {What.AGENT: "agent", What.CONNECTION: "service", What.PERSON: "person"}
Kind = Annotated[What, typer.Argument(metavar="agent|connection|person|me|everything")]
Name = Annotated[
    str,
    typer.Argument(
        metavar="[NAME]",
        help="The agent's name, the connection's, or the person's subject (auth0|…).",
    ),
]
New = Annotated[
    bool, typer.Option("--new", help="The agent's name is right, although none was seen with it.")
]


def freeze(
    ctx: typer.Context,
    what: Kind,
    name: Name = "",
    reason: Reason = "",
    new: New = False,
    json_output: Json = False,
) -> None:
    """Freeze an agent, a connection, a person or everything: no token from the next request on.

    The reason is sent to the person, or to the owners of the agent, that is frozen.
    """
    if new and what != What.AGENT:
        raise usage_error("--new confirms the name of an agent.", "ata freeze agent NAME --new")
    _decide(ctx, "freeze", what, name, reason, wait=True, json_output=json_output, new=new)


def unfreeze(
    ctx: typer.Context,
    what: Kind,
    name: Name = "",
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """End a freeze, once that is approved.

    The reason is sent to the person, or to the owners of the agent, whose freeze ends.
    """
    _decide(ctx, "unfreeze", what, name, reason, wait=not no_wait, json_output=json_output)


def _decide(
    ctx: typer.Context,
    act: str,
    what: What,
    name: str,
    reason: str,
    *,
    wait: bool,
    json_output: bool,
    new: bool = False,
) -> None:
    from ata.decisions.submission import decide

    screen = open_screen(ctx, json_output)
    named = what in _TARGETS
    if named != bool(name):
        raise usage_error(
            f"Name the {what.value} to {act}." if named else f"{what.value} takes no name.",
            f"ata {act} {what.value}{' NAME' if named else ''}",
        )
    if what == What.EVERYTHING:
        family, target = "connection", {"kind": "service", "name": "*"}
    elif what == What.ME:
        family, target = "person", {"kind": "person", "name": _my_subject()}
    else:
        family, target = what.value, {"kind": _TARGETS[what], "name": name}
    body: dict[str, object] = {"verb": f"{family}.{act}", "target": target, "reason": reason}
    if new:
        body["params"] = {"new": True}
    decide(screen, body, wait=wait)


def _my_subject() -> str:
    from ata.portal.api_client import Portal

    with Portal.open() as portal:
        return str(portal.get("/v1/whoami").body["sub"])
