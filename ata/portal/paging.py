"""Lists of the portal that come in pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ata.options import open_screen
from ata.output.safe_text import safe

if TYPE_CHECKING:
    from ata.output.screen import Screen
    from ata.portal.api_client import Portal

PAGE: Final = 200
"""What the portal gives at once."""

Limit = Annotated[int, typer.Option("--limit", min=1, help="At most this many.")]
After = Annotated[
    str, typer.Option("--after", metavar="NEXT", help="Go on behind the last list, by its `next`.")
]


def collect(
    portal: Portal,
    path: str,
    *,
    limit: int,
    after: str = "",
    params: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, object]:
    """The answer of the last page with the `items` of all; `next` is null where nothing follows.

    Raises:
        AtaError: the portal's code, `unreachable`, or `unexpected_answer`.
    """
    items: list[dict[str, object]] = []
    while True:
        asked = {**(params or {}), "limit": [str(min(PAGE, limit - len(items)))]}
        body = portal.get(path, params=asked | ({"after": [after]} if after else {})).body
        found = items_of(body)
        items += found
        after = str(body.get("next") or "")
        if not after or not found or len(items) >= limit:
            return {**body, "items": items, "next": after or None}


def list_all(
    ctx: typer.Context,
    path: str,
    *,
    limit: int,
    after: str,
    json_output: bool,
    columns: Sequence[str],
    row: Callable[[dict[str, object]], Sequence[object]],
    empty: str,
    params: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """What a list command does: ask, print a table or the answer as JSON, and say how to go on.

    Raises:
        AtaError: as `collect`.
    """
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        body = collect(portal, path, limit=limit, after=after, params=params)
    screen.rows(columns, [row(one) for one in items_of(body)], empty=empty, value=body)
    say_more(screen, body)


def items_of(body: Mapping[str, object]) -> list[dict[str, object]]:
    """The items of an answer, whatever it holds."""
    items = body.get("items")
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


def first(body: Mapping[str, object], limit: int) -> dict[str, object]:
    """A list that comes in one piece, cut to `limit` items; `left_out` says how many there are."""
    items = items_of(body)
    left_out = len(items) - limit
    return {**body, "items": items[:limit]} | ({"left_out": left_out} if left_out > 0 else {})


def say_more(screen: Screen, body: Mapping[str, object]) -> None:
    """Show how to get the rest of a list that was cut off; `--json` has `next`."""
    if body.get("left_out") and not screen.json_output:
        screen.warn(f"There are {body['left_out']} more: show them with a higher --limit.")
    if body.get("next") and not screen.json_output:
        from shlex import quote

        screen.warn(f"There are more: go on with --after {quote(safe(body['next']))}")
