"""`ata skill|mcp|plugin|tool show NAME`: how it stands, and what agents may still do with it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from ata.options import Json, open_screen
from ata.output.safe_text import safe

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]


def add_to(group: typer.Typer, kind: str) -> None:
    """Add `show` to the commands of one kind."""

    @group.command("show", help="How it stands at each gateway, and what agents may still do.")
    def command(ctx: typer.Context, name: Name, json_output: Json = False) -> None:
        from ata.portal.api_client import Portal

        screen = open_screen(ctx, json_output)
        with Portal.open() as portal:
            body = portal.get(f"/v1/components/{kind}/{quote(name, safe='')}").body
        screen.result(body, *lines(body))


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
