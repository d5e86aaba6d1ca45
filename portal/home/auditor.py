"""Home for auditors: how many decisions name a verified human, and how far the log is signed."""

from __future__ import annotations

from dataclasses import dataclass
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
_HERE, _AT_GATEWAYS = "portal", "defenseclaw"
_COUNTED = (
    "Decisions that gateways made themselves are not in this chart. A denial of a request counts "
    "as an answer, not as a decision."
)
_BUTTONS = [Button("Build an audit file…", "/audit/file/", "shield-check")]
_DONE = {"success", "approved", "later_approved", "later_done"}


def auditor(me: Actor) -> Home:
    """The question an auditor comes with, answered first."""
    here, there = _share(_HERE), _share(_AT_GATEWAYS)
    title = "No decision is on record yet"
    if here.every and there.every:
        of = f"{here.words.capitalize()} {here.decisions} made here"
        title = f"{of} {here.names} a verified person, {there.words} at gateways {there.does}"
    elif here.every:
        of = here.words.capitalize()
        title = f"{of} {here.decisions} made here {here.names} a verified person"
    elif there.every:
        of = f"{there.words} at gateways"
        title = f"No decision was made here, and {of} {there.names} a verified person"
    return Home(
        title=title,
        lead=_lead(),
        facts=[Fact(title, url([]))],
        buttons=_BUTTONS,
        panels=[
            Panel(
                "Decisions made here in 30 days, by how the person was verified",
                [],
                "",
                url([], _HERE),
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


@dataclass(frozen=True, slots=True)
class _Share:
    """How many decisions of a source name a verified person, in words: `all 3`, `1 of 3`."""

    every: int
    words: str
    one: bool

    @property
    def decisions(self) -> str:
        """The noun after `words`."""
        return "decision" if self.every == 1 else "decisions"

    @property
    def names(self) -> str:
        """The verb."""
        return "names" if self.one else "name"

    @property
    def does(self) -> str:
        """The verb where it is repeated."""
        return "does" if self.one else "do"


def _share(source: str) -> _Share:
    every, named = _count([], source), _count(_VERIFIED, source)
    words, one = f"{named} of {every}", every.count == 1
    if every.exact and every.count > 1:
        if named == every:
            words = f"all {every}"
        elif not named.count:
            words, one = f"none of {every}", True
    return _Share(every.count, words, one)


def _lead() -> Button | None:
    """To the decisions, made here or at gateways, that name no verified person."""
    nameless = _count(["H0"], _HERE, _AT_GATEWAYS)
    if not nameless.count:
        return None
    view = url(["H0"], _HERE, _AT_GATEWAYS)
    return Button(f"View the {nameless} without a verified person", view)


def _count(levels: list[str], *sources: str) -> event_search.Total:
    return event_search.total(_query(levels, *sources))


def log_status() -> Panel:
    """How far the log is signed, verified and witnessed."""
    facts = ledger_status.facts()
    detail = facts["figures"]
    if facts["verified_at"] and facts["state"] != "bad":
        detail = f"{facts['followed_to']:,} of {facts['size']:,} entries verified"
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
    for row in event_search.page(_query([]), limit=_LOOKED_AT).rows:
        found.setdefault(row.operation or str(row.event), []).append(row)
    shown = event_search.newest_first(_taken(rows) for rows in found.values())[:MOST]
    ends = operation_outcomes.came_to_rows(shown)
    return [(taken, ends.get(str(taken.event), taken.outcome)) for taken in shown]


def _taken(rows: list[EventRow]) -> EventRow:
    return next((row for row in rows if not row.instance), rows[-1])


def _query(levels: list[str], *sources: str) -> EventQuery:
    """Decisions, but not what gateways confirmed of them, which the worker reports."""
    params = {"action": decision_actions(), "human": levels, "-via": [REPORTED]}
    return EventQuery.parse(params | {"source": [*sources]})


def url(levels: list[str], *sources: str) -> str:
    """The decisions with these levels of proof, in the trail."""
    return f"/audit/?{urlencode(_query(levels, *sources).to_params(), doseq=True)}"
