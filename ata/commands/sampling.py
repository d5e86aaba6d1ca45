"""`ata audit sample`: draw events in the portal or of a log file, or check that a draw was so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ata.options import Json, open_screen

if TYPE_CHECKING:
    from audit.ledger.policy import Policy
    from audit.ledger.query import EventQuery
    from audit.ledger.sampling import Sample


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
    """Draw a sample that anybody with the log draws again: in the portal, or from a log offline."""
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
    from ata.filters import read_filters
    from ata.portal import Portal
    from ata.samples import draw_there, writable

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
    from ata.evidence_files import read_file
    from ata.filters import read_filters
    from ata.screen import paint
    from ata.text import safe
    from ata.trust import read_trust
    from audit.ledger.sampling import SampleError, differences, parameters

    screen = open_screen(ctx, json_output)
    trust = read_trust(*trusted)
    if check is None:
        if not seed:
            raise usage_error("A sample needs a seed.", "Name one before you have the log.")
        drawn = _draw(log, trust, read_filters(filters), seed, size)
        screen.result(drawn.to_dict(), *_told(drawn))
        return
    if filters or seed:
        raise usage_error("The file says filter and seed.", "Leave them out beside --check.")
    try:
        document: Any = json.loads(read_file(check))
        query, seed, size = parameters(document)
    except (ValueError, RecursionError) as error:
        why = error if isinstance(error, SampleError) else "it is no JSON"
        raise usage_error(f"{check} cannot be used: {why}.") from None
    again = _draw(log, trust, query, seed, size)
    wrong = differences(document, again)
    said = (
        f"{paint('✗', 'red')} Drawn again, the sample differs in {safe(', '.join(wrong))}."
        if wrong
        else f"{paint('✓', 'green')} Drawn again from the log: the same {len(again.indices)}."
    )
    tree = again.draw.seed_of_tree
    more = ["Nobody chose the seed: the tree and the filter give it."] if tree else []
    told = {"ok": not wrong, "differs": wrong, "seed_of_tree": tree, "sample": again.to_dict()}
    screen.result(told, said, *more)
    if wrong:
        raise typer.Exit(ExitCode.FAILED)


def _draw(log: Path, trust: Policy, query: EventQuery, seed: str, size: int) -> Sample:
    from ata.errors import AtaError, usage_error
    from audit.ledger.canonical import EntryError
    from audit.ledger.entriesfile import EntriesError, EntriesFile
    from audit.ledger.sampling import SampleError, draw

    try:
        with log.open("rb") as lines:
            return draw(EntriesFile(lines, trust.logs), query, seed, size)
    except SampleError as error:
        raise usage_error(f"No sample: {error}.") from error
    except (EntriesError, EntryError) as error:
        raise AtaError(
            f"{log} is not the log that was signed: {error}.", code="not_verified"
        ) from error
    except OSError as error:
        raise usage_error(f"{log} cannot be read: {error.strerror}.") from error


def _told(drawn: Sample) -> list[str]:
    from ata.text import safe

    draw = drawn.draw
    said = [
        f"{len(drawn.indices)} of {drawn.population:,} events, by the seed {safe(draw.seed)}.",
        f"Tree of {draw.tree_size:,} entries of {safe(draw.origin)}, root {draw.root.hex()}.",
    ]
    if drawn.undecided:
        said.append(
            f"{drawn.undecided:,} more may belong to them: values that the filter asks about are "
            "erased or withheld."
        )
    for index in drawn.indices:
        event = drawn.events[index]
        said.append(
            "  ".join(safe(event[name]) for name in ("index", "time", "action", "outcome", "id"))
        )
    return said
