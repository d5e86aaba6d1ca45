"""Home for auditors: how many decisions name a verified human, and how far the log is signed."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db.models import Count, Q

from approvals import clock
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording.actors import Actor
from audit.search import event_search
from audit.search.decisions_by_verified_human import REPORTED
from audit.views.actions_that_are_decisions import decision_actions
from audit.views.trail import operation_outcomes
from connections.models import Review
from portal.home import break_glass_and_quarantine, daily_bars, exception_counts
from portal.home.panel_types import MOST, Button, Fact, Home, Line, Panel
from portal.pages import ledger_status

_VERIFIED = ["H1", "H2", "H3"]
_LOOKED_AT = 60
_LOG = "/audit/ledger/"
_REVIEWS = "/connections/reviews/"
_COUNTED = (
    "This counts decisions made in this portal. The audit trail also counts those that gateways "
    "made themselves. A denial of a request counts as an answer, not as a decision: it is in "
    "neither number."
)
_BUTTONS = [
    Button("Build an audit file…", "/audit/file/", "shield-check"),
    Button("New export…", "/audit/exports/new/", "download"),
]
_DONE = {"success", "approved", "later_approved", "later_done"}


def auditor(me: Actor) -> Home:
    """The question an auditor comes with, answered first."""
    every, named = _count([]), _count(_VERIFIED)
    title = "No decision is on record yet"
    if every.count:
        name = "name" if every.count != 1 else "names"
        of = "decision" if every.count == 1 else "decisions"
        title = f"{named} of {every} {of} made here {name} a verified person"
    return Home(
        title=title,
        facts=_without(),
        buttons=_BUTTONS,
        panels=[
            Panel(
                "Decisions made here per day, by how the person was verified",
                [],
                "",
                url([]),
                "View all",
                chart=daily_bars.chart(clock.now()),
                foot=_COUNTED,
            ),
            exception_counts.panel(),
            log_status(),
            *break_glass_and_quarantine.break_glass(),
            *break_glass_and_quarantine.set_aside(),
            reviews(),
            latest(),
        ],
    )


def _count(levels: list[str]) -> event_search.Total:
    return event_search.total(_query(levels))


def _without() -> list[Fact]:
    """Decisions without a verified person, and those that gateways made themselves."""
    nameless = _count(["H0"])
    found = [Fact(f"View the other {nameless}", url(["H0"]))] if nameless.count else []
    return [*found, *_at_gateways()]


def _at_gateways() -> list[Fact]:
    """How many decisions gateways made themselves, and whether these name a verified person."""
    every = event_search.total(_query([], source="defenseclaw"))
    if not every.count:
        return []
    nameless = event_search.total(_query(["H0"], source="defenseclaw"))
    made = f"{every} more {'was' if every.count == 1 else 'were'} made at gateways"
    if nameless.exact and nameless == every:
        said = f"{made} and name{'s' if every.count == 1 else ''} no verified person"
    elif nameless.count:
        name = "names" if nameless.count == 1 else "name"
        said = f"{made}: {nameless} of them {name} no verified person"
    else:
        said = f"{made}, counted separately"
    view = "View it" if every.count == 1 else "View them"
    return [Fact(said[:1].upper() + said[1:]), Fact(view, url([], source="defenseclaw"))]


def log_status() -> Panel:
    """How far the log is signed, verified and witnessed."""
    facts = ledger_status.facts()
    detail = facts["figures"]
    if facts["verified_at"] and facts["state"] != "bad":
        detail = f"{facts['verified_to']:,} of {facts['size']:,} entries verified"
    lines = [Line(facts["summary"], _LOG, facts["verified_at"], detail=detail)]
    foot = ""
    if facts["words"] == "no outside witness":
        foot = "Without an outside witness you rely on our word that everyone sees the same log."
    return Panel("Log", lines, "", _LOG, "View evidence", narrow=True, foot=foot)


def reviews() -> Panel:
    """Access reviews that are open, the one due first at the top."""
    opened = Review.objects.filter(closed_at=None).annotate(
        every=Count("items"), left=Count("items", filter=Q(items__choice=""))
    )
    now = clock.now()
    lines = [
        Line(
            review.title,
            f"{_REVIEWS}{review.pk}/",
            detail=f"{review.every - review.left:,} of {review.every:,} decided, "
            f"{'due' if now <= review.due else 'was due'} {review.due.day} {review.due:%b}",
        )
        for review in opened.order_by("due")[:MOST]
    ]
    return Panel(
        "Access reviews", lines, "No access review is open.", _REVIEWS, "View all", narrow=True
    )


def latest() -> Panel:
    """The newest decisions."""
    lines = [
        Line(
            taken.sentence,
            f"/audit/events/{taken.event}/",
            taken.time,
            badge="" if came_to in _DONE else came_to,
        )
        for taken, came_to in _newest()
    ]
    return Panel(
        "Recent decisions", lines, "No decision is on record yet.", url([]), "View all", low=True
    )


def _newest() -> list[tuple[EventRow, str]]:
    """The newest decisions, each once, with what they came to.

    Of the events of one operation, the one that names no instance is the decision.
    """
    found: dict[str, list[EventRow]] = {}
    for row in event_search.page(_query([], source=""), limit=_LOOKED_AT).rows:
        found.setdefault(row.operation or str(row.event), []).append(row)
    shown = event_search.newest_first(_taken(rows) for rows in found.values())[:MOST]
    ends = operation_outcomes.came_to_rows(shown)
    return [(taken, ends.get(str(taken.event), taken.outcome)) for taken in shown]


def _taken(rows: list[EventRow]) -> EventRow:
    return next((row for row in rows if not row.instance), rows[-1])


def _query(levels: list[str], *, source: str = "portal") -> EventQuery:
    """Decisions, but not what gateways confirmed of them, which the worker reports."""
    params = {"action": decision_actions(), "human": levels, "-via": [REPORTED]}
    return EventQuery.parse(params | ({"source": [source]} if source else {}))


def url(levels: list[str], *, source: str = "portal") -> str:
    """The decisions with these levels of proof, in the trail."""
    return f"/audit/?{urlencode(_query(levels, source=source).to_params(), doseq=True)}"
