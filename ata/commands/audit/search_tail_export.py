"""`ata audit search|tail|export|entries|sample|coverage|quarantine|views`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ata.commands.audit import saved_views
from ata.commands.audit.coverage_report import coverage
from ata.commands.audit.quarantined_rows_list import quarantine
from ata.commands.audit.sample_draw_and_check import sample
from ata.errors import AtaError, Unreachable, usage_error
from ata.options import Json, open_screen
from ata.output.safe_text import safe
from ata.output.screen import Screen

if TYPE_CHECKING:
    from ata.portal.api_client import Portal
    from audit.ledger.query import EventQuery

app = typer.Typer(
    help="Search, follow or export the audit trail.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(saved_views.app, name="views")

TAIL_INTERVAL_S = 2.0
_REMEMBERED = 10_000
# `-key=value` excludes; without this it would be read as an option.
_FILTERS_MAY_START_WITH_A_DASH = {"ignore_unknown_options": True}
app.command()(coverage)
app.command()(quarantine)
app.command(context_settings=_FILTERS_MAY_START_WITH_A_DASH)(sample)
_KEYS = (
    "Keys: q action actor target outcome severity source instance connection agent approval "
    "operation category session request via role human log after before order. Write key=value, "
    "repeat a key for OR, -key=value to exclude, or the query bar's text in quotes: "
    "'action:skill.* -outcome:success \"two words\"'."
)
Filters = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE|TEXT]...", help="What to show.")
]
View = Annotated[
    str,
    typer.Option(
        "--view", metavar="NAME", help="Start from a saved view; keys given here replace its own."
    ),
]


class Format(StrEnum):
    """File formats of an export."""

    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"
    OCSF = "ocsf"


@app.command(context_settings=_FILTERS_MAY_START_WITH_A_DASH, epilog=_KEYS)
def search(
    ctx: typer.Context,
    filters: Filters = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many events.")] = 50,
    view: View = "",
    json_output: Json = False,
) -> None:
    """Search the audit trail, newest first."""
    from ata.portal.api_client import Portal
    from ata.trail.filter_arguments import read_filters
    from ata.trail.view_lookup import narrowed

    screen = open_screen(ctx, json_output)
    query = read_filters(filters or [])
    with Portal.open() as portal:
        query = narrowed(portal, view, query) if view else query
        pages = _Pages(portal, query)
        events = list(islice(pages.events(), limit))
    screen.rows(
        ("Index", "Time", "Action", "Outcome", "Severity", "Who", "Target", "Human", "Log"),
        [_row(event) for event in events],
        empty=f"No events: {query.in_words()}.",
        value={"items": events, "next": pages.next, "tree_size": pages.tree_size},
    )


@app.command(context_settings=_FILTERS_MAY_START_WITH_A_DASH, epilog=_KEYS)
def tail(
    ctx: typer.Context,
    filters: Filters = None,
    lines: Annotated[int, typer.Option("--lines", min=0, help="Show this many first.")] = 10,
    no_follow: Annotated[
        bool, typer.Option("--no-follow", help="Stop after the events there are.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Follow the audit trail: the latest events, then each new one as it is recorded."""
    from ata.portal.api_client import Portal
    from ata.trail.filter_arguments import read_filters

    screen = open_screen(ctx, json_output)
    query = read_filters(filters or [])
    if query.order != "newest" or query.cursor:
        raise usage_error("`tail` has a fixed order.", "Leave out order and cursor.")
    with Portal.open() as portal:
        latest = list(islice(_Pages(portal, query).events(), max(lines, 1)))
        seen = _Seen(latest)
        for event in reversed(latest[:lines]):
            _print_event(screen, event)
        while not no_follow:
            time.sleep(TAIL_INTERVAL_S)
            for event in _new_events(portal, query, seen):
                _print_event(screen, event)


@app.command(context_settings=_FILTERS_MAY_START_WITH_A_DASH, epilog=_KEYS)
def export(
    ctx: typer.Context,
    filters: Filters = None,
    format: Annotated[Format, typer.Option("--format", help="File format.")] = Format.NDJSON,
    output: Annotated[
        Path | None, typer.Option("--output", dir_okay=False, help="Where to write it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    view: View = "",
    json_output: Json = False,
) -> None:
    """Export the events of a filter to a file, with the manifest that proves it next to it."""
    from ata.portal.api_client import Portal
    from ata.trail.export_download import export_to
    from ata.trail.filter_arguments import read_filters
    from ata.trail.view_lookup import narrowed

    screen = open_screen(ctx, json_output)
    query = read_filters(filters or [])
    suffix = "ocsf.ndjson" if format == Format.OCSF else format.value
    path = output or Path(f"audit-export.{suffix}")
    if path.exists() and not force:
        raise usage_error(f"{path} exists already.", "Name another with --output, or add --force.")
    with Portal.open() as portal:
        query = narrowed(portal, view, query) if view else query
        export_to(portal, screen, query, format.value, path)


@app.command()
def entries(
    ctx: typer.Context,
    output: Annotated[
        Path, typer.Argument(metavar="FILE", dir_okay=False, help="Where to write it.")
    ],
    size: Annotated[
        int | None, typer.Option("--size", min=0, help="Entries of the tree [the newest].")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    json_output: Json = False,
) -> None:
    """Fetch the whole log, so that `ata verify --entries` finds what an export left out."""
    from ata.portal.api_client import Portal
    from ata.trail.export_download import fetch

    screen = open_screen(ctx, json_output)
    if output.exists() and not force:
        raise usage_error(f"{output} exists already.", "Name another file, or add --force.")
    with Portal.open() as portal:
        address = "/v1/audit/entries" + (f"?size={size}" if size is not None else "")
        length, digest = fetch(portal, address, output)
    screen.result(
        {"path": str(output), "bytes": length, "sha256": digest},
        f"{safe(output)}: {length:,} bytes. It holds personal values: keep it as you keep those.",
    )


class _Pages:
    """All events of a query, page by page."""

    def __init__(self, portal: Portal, query: EventQuery) -> None:
        self._portal, self._query = portal, query
        self.next: object = None
        self.tree_size: object = None

    def events(self) -> Iterator[dict[str, object]]:
        """The events, fetching further pages as they are needed."""
        query = self._query
        while True:
            body = self._portal.get("/v1/audit/events", params=query.to_params()).body
            self.next, self.tree_size = body.get("next"), body.get("tree_size")
            items = body.get("items")
            yield from (
                one for one in (items if isinstance(items, list) else []) if isinstance(one, dict)
            )
            if not isinstance(self.next, str) or not self.next:
                return
            query = query.at(_cursor(self.next))


class _Seen:
    """Ids of recent events; bounded, so that following for weeks needs no more memory."""

    def __init__(self, events: list[dict[str, object]]) -> None:
        self._order: deque[object] = deque()
        self._ids: set[object] = set()
        for event in reversed(events):
            self.add(event)

    def __contains__(self, event: dict[str, object]) -> bool:
        return event.get("id") in self._ids

    def add(self, event: dict[str, object]) -> None:
        """Remember an event, forgetting the oldest."""
        if event in self:
            return
        self._ids.add(event.get("id"))
        self._order.append(event.get("id"))
        if len(self._order) > _REMEMBERED:
            self._ids.discard(self._order.popleft())


def _new_events(portal: Portal, query: EventQuery, seen: _Seen) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    try:
        for event in islice(_Pages(portal, query).events(), _REMEMBERED // 2):
            if event in seen:
                break
            found.append(event)
    except Unreachable:
        return []
    except AtaError as error:
        if not error.passes:
            raise
        return []
    for event in reversed(found):
        seen.add(event)
    return found[::-1]


def _cursor(following: str) -> str:
    """The cursor in `next`, which may be the cursor itself or the address of the next page."""
    from urllib.parse import parse_qs, urlsplit

    if "?" not in following:
        return following
    return parse_qs(urlsplit(following).query).get("cursor", [""])[0]


def _print_event(screen: Screen, event: dict[str, object]) -> None:
    screen.result(event, "  ".join(safe(cell) for cell in _row(event)))


def _row(event: dict[str, object]) -> tuple[object, ...]:
    index = event.get("index")
    return (
        "-" if index is None else index,
        event.get("time"),
        event.get("action"),
        event.get("outcome"),
        event.get("severity"),
        _name_of(event.get("actor"), "name", "email", "sub"),
        _name_of(event.get("target"), "name"),
        event.get("human"),
        event.get("log"),
    )


def _name_of(value: object, *keys: str) -> str:
    if not isinstance(value, dict):
        return ""
    for key in keys:
        member = value.get(key)
        if isinstance(member, dict):
            return "(erased)"
        if member:
            return str(member)
    return ""
