"""`ata manifest declare|remove|list|show|read`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ata.errors import AtaError, usage_error
from ata.options import Json, open_screen
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint
from ata.portal.paging import PAGE, Limit, first, items_of, say_more

if TYPE_CHECKING:
    from ata.folders.declared_and_guessed_facts import Component
    from ata.portal.api_client import Portal

New = Annotated[
    bool, typer.Option("--new", help="Confirm a connection or permission that no one knows yet.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the approval.")]

app = typer.Typer(
    help="Declare what a component may use; remove, list, show, or read it from a folder.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
_MOST_BYTES = 1_000_000


class Kind(StrEnum):
    """What a component is."""

    SKILL = "skill"
    MCP = "mcp"
    PLUGIN = "plugin"
    TOOL = "tool"


@app.command()
def declare(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A manifest as JSON; - reads it.")],
    new: New = False,
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Put the manifest of a file in force, once it is approved where it gains anything."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    kind, name, body = _manifest_of(file)
    with Portal.open() as portal:
        _put(portal, screen, kind, name, body, new=new, wait=not no_wait)


@app.command()
def remove(
    ctx: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="skill, mcp, plugin or tool.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Remove a manifest: the component gets no more tokens."""
    from ata.decisions.submission import follow
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        answer = portal.delete(_path(kind.value, name))
        if answer.status == 202:
            follow(portal, screen, answer, wait=not no_wait)
            return
    event = safe(answer.body.get("event_id"))
    mark = paint("✓", "green")
    screen.result(answer.body, f"{mark} Removed {kind.value} {safe(name)}.", f"  Event {event}")


@app.command("list")
def list_manifests(ctx: typer.Context, limit: Limit = PAGE, json_output: Json = False) -> None:
    """List the manifests in force and the decision on each component."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        body = first(portal.get("/v1/manifests").body, limit)
    screen.rows(
        ("Component", "Connections", "Decision", "Declared"),
        [_row(one) for one in items_of(body)],
        empty="No manifest is declared.",
        value=body,
    )
    say_more(screen, body)


@app.command()
def show(
    ctx: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="skill, mcp, plugin or tool.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    json_output: Json = False,
) -> None:
    """Show one manifest in force."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        body = portal.get(_path(kind.value, name)).body
    screen.result(body, *_lines(body))


@app.command()
def read(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder of a skill or MCP server.")
    ],
    declare_it: Annotated[
        bool, typer.Option("--declare", help="Declare what was read, after you have seen it.")
    ] = False,
    guesses: Annotated[
        bool, typer.Option("--with-guesses", help="Take in what was only guessed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before declaring.")] = False,
    json_output: Json = False,
) -> None:
    """Read what a folder declares, say what is guessed and what is missing; run nothing."""
    from ata.folders.component_discovery import read as read_folder

    screen = open_screen(ctx, json_output)
    reading = read_folder(folder)
    if not reading.components:
        why = f" {'; '.join(reading.unread)}." if reading.unread else ""
        raise AtaError(
            f"{folder} names no skill and no MCP server.{why}",
            code="nothing_found",
            fix="Write an ata.manifest.json, or declare one with `ata manifest declare`.",
        )
    for one in reading.components:
        _say(screen, one, guesses, reading.unread)
    if declare_it:
        _declare_all(screen, reading.components, guesses, yes)


def _declare_all(
    screen: Screen, components: tuple[Component, ...], guesses: bool, yes: bool
) -> None:
    from ata.portal.api_client import Portal

    with Portal.open() as portal:
        for one in components:
            body = one.declaration(guesses=guesses)
            if not yes and not _confirmed(f"Declare {one.kind} {safe(one.name)} as shown?"):
                screen.progress(f"{one.kind} {safe(one.name)}: nothing was declared.")
                continue
            _put(portal, screen, one.kind, one.name, body, new=False, wait=True)


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise usage_error(
            "Nothing was declared: there is no one to ask.", "Look at it, then add --yes."
        )
    return typer.confirm(question, default=False, err=True)


def _say(screen: Screen, one: Component, guesses: bool, unread: tuple[str, ...]) -> None:
    body = one.declaration(guesses=guesses)
    missing = [*one.missing(body), *unread]
    value = {
        "kind": one.kind,
        "name": one.name,
        "manifest": body,
        "facts": [fact.as_json() for fact in one.facts],
        "missing": missing,
    }
    lines = [paint(f"{one.kind} {safe(one.name)}", "bold") + f"  (named by {safe(one.source)})"]
    for fact in one.facts:
        of = f" of {safe(fact.connection)}" if fact.connection else ""
        mark = paint("guessed ", "yellow") if fact.how == "guessed" else "declared"
        why = f"; {safe(fact.why)}" if fact.why else ""
        lines.append(f"  {mark}  {fact.what} {safe(fact.value)}{of}  ({safe(fact.where)}{why})")
    lines += [f"  {paint('missing ', 'yellow')}  {safe(words)}" for words in missing]
    lines += ["  The manifest would be:", *(f"    {line}" for line in _lines(body))]
    left = [fact for fact in one.facts if fact.how == "guessed"]
    if left and not guesses:
        lines.append("  Guesses are left out; --with-guesses takes them in.")
    screen.result(value, *lines)


def _put(
    portal: Portal,
    screen: Screen,
    kind: str,
    name: str,
    body: Mapping[str, object],
    *,
    new: bool,
    wait: bool,
) -> None:
    from ata.decisions.submission import follow

    answer = portal.put(_path(kind, name) + ("?new=true" if new else ""), body)
    if answer.status == 202:
        follow(portal, screen, answer, wait=wait)
        return
    event = answer.body.get("event_id")
    done = f"Declared {kind} {safe(name)}." if event else f"{kind} {safe(name)} is declared so."
    mark = paint("✓", "green")
    screen.result(answer.body, f"{mark} {done}", *([f"  Event {safe(event)}"] if event else []))


def _path(kind: str, name: str) -> str:
    from urllib.parse import quote

    return f"/v1/manifests/{kind}/{quote(name, safe='')}"


def _manifest_of(file: str) -> tuple[str, str, dict[str, object]]:
    import json

    try:
        text = sys.stdin.read(_MOST_BYTES) if file == "-" else Path(file).read_text("utf-8")
        body = json.loads(text)
    except OSError as error:
        raise usage_error(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise usage_error(f"{file} is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise usage_error(f"{file} holds no JSON object.")
    kind, name = str(body.get("kind") or ""), str(body.get("name") or "")
    if kind not in list(Kind) or not name:
        raise usage_error(f"{file} needs a kind (skill, mcp, plugin, tool) and a name.")
    wanted = {part: body[part] for part in ("connections", "env", "url") if part in body}
    return kind, name, wanted


def _row(one: Mapping[str, object]) -> tuple[object, ...]:
    needs = one.get("connections")
    names = [
        str(need.get("connection"))
        for need in (needs if isinstance(needs, list) else [])
        if isinstance(need, dict)
    ]
    return (
        f"{one.get('kind')} {one.get('name')}",
        ", ".join(names) or "none",
        one.get("decision"),
        one.get("declared_at"),
    )


def _lines(body: Mapping[str, object]) -> list[str]:
    """A manifest in lines: each connection with its scopes and its variable."""
    env, needs = body.get("env"), body.get("connections")
    variables = env if isinstance(env, dict) else {}
    lines = []
    for need in needs if isinstance(needs, list) else []:
        name, scopes = safe(need.get("connection")), need.get("scopes") or []
        into = variables.get(need.get("connection"))
        held = f", in {safe(into)}" if into else ""
        lines.append(f"{name}: {', '.join(safe(s) for s in scopes) or 'no scopes'}{held}")
    if body.get("url"):
        lines.append(f"at {safe(body['url'])}")
    if body.get("decision"):
        lines.append(f"decision: {safe(body['decision'])}")
    return lines or ["no connection"]
