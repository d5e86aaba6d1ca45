"""A table for a terminal: as wide as the terminal at most, ids whole, times relative."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from ata.clock import now, parse_time
from ata.output.safe_text import ago

_GAP: Final = "  "
_WHOLE: Final = frozenset({"Id", "Step", "Number"})
"""Headings of what people copy into the next command: never cut."""
_NARROWEST: Final = 5
_READABLE: Final = 12
"""Where other columns would be narrower than this, ids get a line of their own."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def table_lines(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> tuple[str, list[str]]:
    """The line of headings and the other lines; columns that are empty in every row are left out.

    Args:
        headings: one for each column.
        rows: their cells, as they are in a pipe.
        width: columns of the terminal.
    """
    used = [n for n in range(len(headings)) if any(row[n] for row in rows)]
    titles = [headings[n] for n in used]
    cells = [[_relative(row[n]) for n in used] for row in rows]
    natural = [_widest(titles[n], cells, n) for n in range(len(titles))]
    whole = {n for n, title in enumerate(titles) if title in _WHOLE}
    below = {n for n in whole if titles[n] != "Number"}
    if below and _shrunk(natural, whole, width, _READABLE) is None:
        kept = [n for n in range(len(titles)) if n not in below]
        lines = []
        head, plain = table_lines(
            [titles[n] for n in kept], [[row[n] for n in kept] for row in cells], width
        )
        for row, line in zip(cells, plain, strict=True):
            lines += [line, *(f"{_GAP}{row[n]}" for n in sorted(below) if row[n])]
        return head, lines
    widths = _shrunk(natural, whole, width, _NARROWEST) or natural
    return _line(titles, widths), [_line(row, widths) for row in cells]


def _shrunk(
    natural: Sequence[int], whole: set[int], width: int, narrowest: int
) -> list[int] | None:
    """Widths that fit, taken from the widest columns; None where they would be too narrow."""
    widths = list(natural)
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        free = [n for n in range(len(widths)) if n not in whole and widths[n] > narrowest]
        if not free:
            return None
        widths[max(free, key=lambda n: widths[n])] -= 1
    return widths


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(_fit(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _fit(text: str, width: int) -> str:
    """`text` in exactly that many columns, with … where it was cut."""
    if columns(text) <= width:
        return text + " " * (width - columns(text))
    kept = ""
    for char in text:
        if columns(kept + char) >= width:
            break
        kept += char
    return kept + "…" + " " * (width - columns(kept) - 1)


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: East Asian wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def _widest(title: str, cells: Sequence[Sequence[str]], n: int) -> int:
    return max([columns(title), *(columns(row[n]) for row in cells)])


def _relative(cell: str) -> str:
    if not _TIME.fullmatch(cell):
        return cell
    moment = parse_time(cell)
    return cell if moment is None else ago(now() - moment)
