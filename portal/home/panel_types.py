"""What home is made of: figures that lead somewhere and short lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from approvals.views.inbox import Row

MOST = 6
"""Rows a panel shows at most."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure that leads somewhere."""

    value: str
    label: str
    url: str = ""
    tone: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a panel. `badge` is an outcome or state of the style guide."""

    text: str
    url: str = ""
    when: datetime | None = None
    severity: str = ""
    badge: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A short list with a way to the whole one; `empty` is what it says without rows."""

    title: str
    lines: list[Line]
    empty: str
    url: str = ""
    action: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Home:
    """Everything home shows, or one role's part of it. `said` is the sentence it opens with."""

    for_me: list[Row] = field(default_factory=list)
    tiles: list[Tile] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)
    said: str = ""
    said_url: str = ""

    @property
    def columns(self) -> list[list[Panel]]:
        """The panels in two columns, each below the shorter one: none leaves a gap next to it."""
        columns: list[list[Panel]] = [[], []]
        heights = [0, 0]
        for panel in self.panels:
            shorter = heights.index(min(heights))
            columns[shorter].append(panel)
            heights[shorter] += 2 + max(len(panel.lines), 1)  # its head is as high as two lines
        return [column for column in columns if column]
