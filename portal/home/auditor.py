"""Home for auditors: how many decisions name a verified human, and how far the log is signed."""

from __future__ import annotations

from urllib.parse import urlencode

from approvals.views import inbox
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording.actors import Actor
from audit.search import event_search
from audit.search.decisions_by_verified_human import REPORTED
from audit.views.actions_that_are_decisions import decision_actions
from audit.views.trail import operation_outcomes
from portal.home import break_glass_and_quarantine
from portal.home.panel_types import MOST, Home, Line, Panel, Tile
from portal.pages import ledger_status

_VERIFIED = ["H1", "H2", "H3"]
_LOOKED_AT = 60
_TONES = {"ok": "ok", "warn": "warn", "bad": "bad"}


def _said(
    every: event_search.Total, named: event_search.Total, nameless: event_search.Total
) -> str:
    if not every.count:
        return "No decision is on record yet."
    decisions = "decision" if every.count == 1 else "decisions"
    name = "names" if named.count == 1 else "name"
    do = "does" if nameless.count == 1 else "do"
    return f"{every} {decisions}: {named} {name} a verified human, {nameless} {do} not."


def auditor(me: Actor) -> Home:
    """The question an auditor comes with, answered first."""

    def count(levels: list[str]) -> event_search.Total:
        return event_search.total(_query(levels))

    every, named, nameless = count([]), count(_VERIFIED), count(["H0"])
    facts = ledger_status.facts()
    return Home(
        said=_said(every, named, nameless),
        said_url=_url(["H0"]) if nameless.count else "",
        tiles=[
            Tile(str(named), "decisions name a verified human", _url(_VERIFIED)),
            Tile(str(nameless), "do not", _url(["H0"]), "warn" if nameless.count else "ok"),
            Tile(
                f"#{facts['size']:,}",
                f"signed; {facts['words']}",
                "/audit/ledger/",
                _TONES[facts["state"]],
            ),
            pending(me),
        ],
        panels=[
            *break_glass_and_quarantine.break_glass(),
            *break_glass_and_quarantine.set_aside(),
            latest(),
        ],
    )


def pending(me: Actor) -> Tile:
    """How many approvals wait that this person may see."""
    found = inbox.visible(me).filter(status="pending").count()
    label = "approval waits" if found == 1 else "approvals wait"
    return Tile(str(found), label, "/approvals/", "info" if found else "")


def latest() -> Panel:
    """The newest decisions."""
    lines = [
        Line(taken.sentence, f"/audit/events/{taken.event}/", taken.time, badge=came_to)
        for taken, came_to in _newest()
    ]
    return Panel(
        "Latest decisions", lines, "No decision is on record yet.", _url([]), "All of them"
    )


def _newest() -> list[tuple[EventRow, str]]:
    """The newest decisions, each once, with what they came to.

    A decision and the results of its remote steps are one operation. A result names the instance
    that it is from; the newest event says what it came to.
    """
    found: dict[str, list[EventRow]] = {}
    for row in event_search.page(_query([], steps=True), limit=_LOOKED_AT).rows:
        found.setdefault(row.operation or str(row.event), []).append(row)
    shown = [_taken(rows) for rows in list(found.values())[:MOST]]
    ends = operation_outcomes.came_to_rows(shown)
    return [(taken, ends.get(str(taken.event), taken.outcome)) for taken in shown]


def _taken(rows: list[EventRow]) -> EventRow:
    return next((row for row in rows if not row.instance), rows[-1])


def _query(levels: list[str], *, steps: bool = False) -> EventQuery:
    """Decisions; with `steps` also what their remote steps came to, which the worker reports."""
    without = {} if steps else {"-via": [REPORTED]}
    return EventQuery.parse({"action": decision_actions(), "human": levels, **without})


def _url(levels: list[str]) -> str:
    return f"/audit/?{urlencode(_query(levels).to_params(), doseq=True)}"
