"""What home is made of: the sentence that it opens with, figures that lead to the rows they count,
and short lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from approvals.views.inbox import Row
from portal.home.daily_bars import Chart

MOST = 6
"""Rows a panel shows at most."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure in words that leads to the rows it counts; `tone` is warn, bad or empty."""

    text: str
    url: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a panel. `badge` is an outcome or state of the style guide, `tag` the kind of the
    thing, `action` a button that leads to `action_url`."""

    text: str
    url: str = ""
    when: datetime | None = None
    severity: str = ""
    badge: str = ""
    detail: str = ""
    tag: str = ""
    count: str = ""
    action: str = ""
    action_url: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A short list with a way to the whole one; `empty` is what it says without rows, `foot` what
    it says below them. A narrow one stands at the right of wide ones, a `low` one below those that
    need something."""

    title: str
    lines: list[Line]
    empty: str
    url: str = ""
    action: str = ""
    failed: bool = False
    narrow: bool = False
    low: bool = False
    foot: str = ""
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A main action of a role, in the head of the page."""

    text: str
    url: str
    icon: str = ""


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One of the steps of an empty portal: what was seen of it, and a text to copy that does it."""

    title: str
    done: bool = False
    seen: str = ""
    fix: str = ""
    url: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """Everything home shows, or one role's part of it. `title` is the sentence it opens with,
    `lead` the button that leads to what it says."""

    for_me: list[Row] = field(default_factory=list)
    title: str = ""
    lead: Button | None = None
    facts: list[Fact] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)
    steps: list[FirstStep] = field(default_factory=list)

    @property
    def steps_done(self) -> int:
        """How many of the first steps are done."""
        return sum(step.done for step in self.steps)

    @property
    def wide(self) -> list[Panel]:
        """The panels of the left column."""
        return [panel for panel in self.panels if not panel.narrow]

    @property
    def narrow(self) -> list[Panel]:
        """Those of the right column."""
        return [panel for panel in self.panels if panel.narrow]
