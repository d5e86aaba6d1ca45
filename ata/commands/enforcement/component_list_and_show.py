"""`ata skill|mcp|plugin|tool list` and `show NAME`: how each stands, what agents may still do."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

import typer

from ata.options import Json, open_screen
from ata.output.safe_text import safe
from ata.portal.name_completion import components
from ata.portal.paging import PAGE, After, Limit, list_all

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.", autocompletion=components)]
_PLURALS = {"skill": "skills", "mcp": "MCP servers", "plugin": "plugins", "tool": "tools"}
_WORDS = {"held": "on hold", "not_enforced": "not enforced", "none": "no decision"}


class State(StrEnum):
    """How a component stands at a gateway."""

    HELD = "held"
    BLOCKED = "blocked"
    ALLOWED = "allowed"
    NOT_ENFORCED = "not_enforced"
    NONE = "none"


def add_to(group: typer.Typer, kind: str) -> None:
    """Add `list` and `show` to the commands of one kind."""

    @group.command(
        "list", help=f"List the known {_PLURALS[kind]}, and their state at each gateway."
    )
    def listing(
        ctx: typer.Context,
        words: Annotated[
            list[str] | None, typer.Argument(metavar="[WORD]...", help="Words of the name.")
        ] = None,
        state: Annotated[
            State | None, typer.Option("--state", help="Only those with it at some gateway.")
        ] = None,
        limit: Limit = PAGE,
        after: After = "",
        json_output: Json = False,
    ) -> None:
        given = {"q": " ".join(words or []), "state": state.value if state else ""}
        list_all(
            ctx,
            f"/v1/components/{kind}",
            limit=limit,
            after=after,
            params={key: [value] for key, value in given.items() if value},
            json_output=json_output,
            columns=("Name", "Severity", "State"),
            row=lambda one: (one.get("name"), one.get("severity"), "; ".join(_states(one))),
            empty=f"No {_PLURALS[kind]} like that."
            if any(given.values())
            else f"No {_PLURALS[kind]}.",
        )

    @group.command("show", help="How it stands at each gateway, and what agents may still do.")
    def command(ctx: typer.Context, name: Name, json_output: Json = False) -> None:
        from ata.portal.api_client import Portal

        screen = open_screen(ctx, json_output)
        with Portal.open() as portal:
            body = portal.get(f"/v1/components/{kind}/{quote(name, safe='')}").body
        screen.result(body, *lines(body))


def _states(component: dict[str, object]) -> list[str]:
    """`blocked at edge-1, edge-2`, a text for each state."""
    where: dict[str, list[str]] = {}
    gateways = component.get("gateways")
    for one in gateways if isinstance(gateways, list) else []:
        said = str(one.get("state"))
        where.setdefault(_WORDS.get(said, said), []).append(str(one.get("instance")))
    if len(where) == 1:
        return list(where)
    return [f"{words} at {', '.join(names)}" for words, names in where.items()]


def lines(body: dict[str, object]) -> list[str]:
    """What the command prints: a heading, then each gateway with its sentences."""
    found = [f"{safe(body.get('kind'))} {safe(body.get('name'))}"]
    if body.get("severity"):
        found[0] += f": {safe(body['severity'])}"
    if body.get("warning"):
        found.append(safe(body["warning"]))
    gateways = body.get("gateways")
    for one in gateways if isinstance(gateways, list) else []:
        found.append(f"{safe(one.get('instance'))}: {safe(one.get('detail'))}")
        found += [f"  {safe(sentence)}" for sentence in one.get("effect") or []]
    return found
