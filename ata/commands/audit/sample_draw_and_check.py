"""`ata audit sample`: draw events in the portal or of a log file, or check that a draw was so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ata.options import Json, open_screen


def sample(
    ctx: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LOG] [KEY=VALUE|TEXT]...",
            help="A log as `ata audit entries` fetches it, to draw offline; then which events.",
        ),
    ] = None,
    seed: Annotated[
        str, typer.Option("--seed", help="Any text, named beforehand; the portal does without.")
    ] = "",
    size: Annotated[int, typer.Option("--size", min=1, max=200, help="How many.")] = 25,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="FILE", help="Draw this sample again.")
    ] = None,
    vkey: Annotated[
        list[str] | None,
        typer.Option("--vkey", help="A log key you trust, or a file that holds it."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="The logs you trust (C2SP tlog-policy)."),
    ] = None,
    key_history: Annotated[
        Path | None, typer.Option("--key-history", help="What /log/keys serves.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", dir_okay=False, help="Keep what the portal drew, for --check."),
    ] = None,
    json_output: Json = False,
) -> None:
    """Draw a sample that anyone with the log can repeat: in the portal, or from a log offline."""
    words = what or []
    if check or vkey or policy or key_history or (words and Path(words[0]).is_file()):
        if not words or output:
            from ata.errors import usage_error

            raise usage_error(
                "Drawing offline takes a log first, and no --output.",
                "`ata audit entries log.ndjson` fetches one; --json > FILE keeps the sample.",
            )
        trusted = (policy, vkey or [], key_history)
        _offline(ctx, Path(words[0]), words[1:], seed, size, check, trusted, json_output)
        return
    from ata.portal.api_client import Portal
    from ata.trail.filter_arguments import read_filters
    from ata.trail.portal_sample_request import draw_there, writable

    screen = open_screen(ctx, json_output)
    _no_log(words)
    query = read_filters(words)
    writable(output)
    with Portal.open() as portal:
        draw_there(portal, screen, query, seed, size, output)


def _no_log(words: list[str]) -> None:
    """A log that is not there must not become a word to search for, and be drawn on record."""
    from ata.errors import usage_error

    if words and (words[0].endswith((".ndjson", ".json")) or "/" in words[0].partition("=")[0]):
        raise usage_error(f"There is no file {words[0]}.", "`ata audit entries` fetches a log.")


def _offline(
    ctx: typer.Context,
    log: Path,
    filters: list[str],
    seed: str,
    size: int,
    check: Path | None,
    trusted: tuple[Path | None, list[str], Path | None],
    json_output: bool,
) -> None:
    from ata.errors import ExitCode, usage_error
    from ata.trail.filter_arguments import read_filters
    from ata.verify.sample_files import describe_sample, draw_from, verify_sample
    from ata.verify.trust_roots import read_trust

    screen = open_screen(ctx, json_output)
    trust = read_trust(*trusted)
    if check is None:
        if not seed:
            raise usage_error("A sample needs a seed.", "Name one before you have the log.")
        drawn = draw_from(log, trust, read_filters(filters), seed, size)
        screen.result(drawn.to_dict(), *describe_sample(drawn))
        return
    if filters or seed:
        raise usage_error("The file says filter and seed.", "Leave them out with --check.")
    if not verify_sample(screen, check, log, trust):
        raise typer.Exit(ExitCode.FAILED)
