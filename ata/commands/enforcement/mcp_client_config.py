"""`ata mcp config NAME --client CLIENT [--write|--undo] [-- CMD…]`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ata.errors import AtaError, usage_error
from ata.mcp_clients.clients import FORMS, OF_A_FOLDER, OURS, Client, command_in, entry, path_of
from ata.options import Json, open_screen
from ata.output.safe_text import safe
from ata.output.screen import Screen, paint

if TYPE_CHECKING:
    from ata.mcp_clients.config_file import ConfigFile


def config(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The server's name in its manifest.")],
    client: Annotated[Client, typer.Option("--client", help="Who starts the server.")],
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- CMD...]", help="The server's command, unless the file has it."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put it into the client's file; a copy is kept.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Put back what stood there before --write.")
    ] = False,
    server: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The server's name in the client's file.")
    ] = "",
    file: Annotated[
        Path | None, typer.Option("--file", dir_okay=False, help="Another file than the client's.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Print what a client needs to run a server through `ata`, or write it into its file."""
    from ata.mcp_clients.config_file import ConfigFile

    screen = open_screen(ctx, json_output)
    if write and undo:
        raise usage_error("--write and --undo exclude each other.", "Give one of them.")
    at, form = file or path_of(client, Path.home(), Path.cwd()), FORMS[client]
    there, called = ConfigFile(at, form.key), server or name
    if undo:
        _report_undone(screen, there, called, there.undo(called))
        return
    before = there.server(called)
    words = command or command_in(before or {})
    if not words:
        raise usage_error(
            f"{at} has no server {called}, so nothing says how it starts.",
            f"Give its command: `ata mcp config {name} --client {client.value} -- npx -y PACKAGE`. "
            "If it has another name there, add --as NAME.",
        )
    wanted = entry(client, name, words, before)
    _warn(screen, name, wanted)
    if not write:
        text = there.text_of(called, wanted)
        screen.result(_facts("printed", at, called, wanted), f"# {at}", text.rstrip("\n"))
        if not screen.json_output:
            screen.warn("Add --write to put it there; other servers in the file stay as they are.")
        return
    if not command and wanted != before and (file or client in OF_A_FOLDER):
        _confirm(screen, there.path, name, words, wanted)
    copy = there.put(called, wanted)
    _report_written(screen, there, called, wanted, copy, form.after)


def _confirm(
    screen: Screen, path: Path, name: str, words: list[str], wanted: dict[str, object]
) -> None:
    """Show the command that a file has which came with a folder, and ask: it gets the token.

    Raises:
        AtaError: `usage`, where there is no one to ask.
    """
    said = f"{path} starts {safe(name)} as: {safe(shlex.join(words))}"
    if not screen.asks:
        raise usage_error(said, "If that is right, give this command yourself, after `--`.")
    screen.progress(said)
    _show_kept(screen, wanted)
    typer.confirm("Give it the token at each start?", abort=True)


def _show_kept(screen: Screen, wanted: dict[str, object]) -> None:
    """What else the file sets for the server: an environment can run other code."""
    if rest := {key: value for key, value in wanted.items() if key not in OURS}:
        screen.warn(f"The file also sets: {safe(_names(rest))}")


def _names(rest: dict[str, object]) -> str:
    """Members with the names in them; not their values, which may be secrets."""
    return ", ".join(
        f"{key} ({', '.join(value)})" if isinstance(value, dict) else key
        for key, value in rest.items()
    )


def _report_written(
    screen: Screen,
    there: ConfigFile,
    name: str,
    wanted: dict[str, object],
    copy: Path | None,
    after: str,
) -> None:
    facts = _facts("unchanged" if copy is None else "written", there.path, name, wanted)
    runs = f"  It runs: {safe(shlex.join(command_in(wanted)))}"
    if copy is None:
        screen.result(facts, f"{paint('✓', 'green')} {there.path} has it already.", runs)
        return
    _show_kept(screen, wanted)
    kept = copy if copy != there.path else None
    lines = [f"{paint('✓', 'green')} {there.path}: {safe(name)} is run by ata."]
    lines += [runs]
    lines += [f"  Before: {kept}"] if kept else []
    lines += [f"  {after} The same command with --undo puts back what stood there."]
    screen.result(facts | {"backup": str(kept) if kept else None}, *lines)


def _report_undone(screen: Screen, there: ConfigFile, name: str, copy: Path | None) -> None:
    facts = {"status": "unchanged" if copy is None else "undone", "path": str(there.path)}
    if copy is None:
        screen.result(facts, f"{paint('✓', 'green')} Nothing to undo in {there.path}.")
        return
    so = "is as before" if there.server(name) else "is taken out"
    said = f"{paint('✓', 'green')} {there.path}: {safe(name)} {so}."
    screen.result(facts | {"backup": str(copy)}, said, f"  Before: {copy}")


def _facts(status: str, path: Path, name: str, wanted: dict[str, object]) -> dict[str, object]:
    return {"status": status, "path": str(path), "name": name, "entry": wanted}


def _warn(screen: Screen, name: str, wanted: dict[str, object]) -> None:
    """What would keep it from working: no manifest, an HTTP server, a token in the file."""
    from ata.mcp_run import server_manifest
    from ata.portal.api_client import Portal

    try:
        with Portal.open() as portal:
            manifest = server_manifest.read(portal, name)
    except AtaError as error:
        screen.warn(
            f"The manifest was not checked: {safe(error.message)} {safe(error.fix)}".strip()
        )
        return
    if manifest.url:
        screen.warn(f"{safe(name)} is an HTTP server: give the address of `ata mcp proxy` instead.")
    given = wanted.get("env")
    for need in manifest.needs:
        if isinstance(given, dict) and need.variable in given:
            screen.warn(
                f"{safe(need.variable)} stands in the file in clear. Take it out, for ata gives it "
                "at each start, and end that token at the provider."
            )
