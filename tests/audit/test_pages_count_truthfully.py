"""What the audit page counts: facets without their own filter, decisions, one person alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit.ledger.query import EventQuery
from audit.models import Rollup
from audit.recording.actors import Subject
from audit.search import decisions_by_verified_human, event_search, rollups
from audit.sequencing import sequencer
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.pages import signed_in
from tests.support.recording import record_many

DECIDED = ("skill.blocked", "skill.allowed", "connection.revoked")
pytestmark = pytest.mark.django_db


def facet(overview: event_search.Overview, key: str) -> dict[str, int]:
    found = next(f for f in overview.facets if f.key == key)
    return dict(found.values)


@pytest.fixture(params=[True, False], ids=["sequenced", "pending"])
def trail(request: pytest.FixtureRequest) -> None:
    drafts = [
        DraftFactory.build(actor=OLU, action="skill.blocked"),
        DraftFactory.build(actor=OLU, action="skill.blocked", outcome="denied"),
        DraftFactory.build(actor=ADA, action="connection.reconciled"),
        DraftFactory.build(actor=ADA, action="audit.exported", target=None),
        DraftFactory.build(
            actor=ADA,
            action="connection.revoked",
            on_behalf_of=Subject(MIA.iss, MIA.sub, MIA.name, MIA.email),
        ),
        DraftFactory.build(actor=MIA, action="token.refused", outcome="denied"),
    ]
    list(record_many(drafts))
    if request.param:
        sequencer.run_once()


def test_a_facet_counts_as_if_its_own_filter_were_not_there(trail: None) -> None:
    found = event_search.overview(EventQuery.from_bar("outcome:denied actor:olu@acme.example"))
    assert found.page.total.count == 1
    assert facet(found, "outcome") == {"success": 1, "denied": 1}
    assert facet(found, "actor") == {OLU.email: 1, MIA.email: 1}
    assert facet(found, "family") == {"skill": 1}


def test_decisions_are_counted_by_whether_they_name_a_verified_human(trail: None) -> None:
    found = event_search.overview(EventQuery(), decided=DECIDED).decisions
    assert (found.total, found.verified, found.unverified, found.exact) == (3, 0, 3, True)


@pytest.mark.parametrize(
    ("bar", "count"),
    [
        ("action:skill.*", 2),
        ("action:skill.blocked outcome:success", 1),
        ("action:audit.*", 0),
        ("action:connection.*", 1),
        ("action:connection.reconciled", 0),
        ("-action:skill.*", 1),
        ("human:H2", 3),
    ],
)
def test_the_decisions_of_a_filter_stay_inside_it(trail: None, bar: str, count: int) -> None:
    assert event_search.overview(EventQuery.from_bar(bar), decided=DECIDED).decisions.total == count


def test_the_link_to_decisions_shows_exactly_those_counted(trail: None) -> None:
    every = decisions_by_verified_human.among(EventQuery(), DECIDED)
    assert every is not None
    assert (
        event_search.page(decisions_by_verified_human.with_human(every, verified=False)).total.count
        == 3
    )
    assert (
        event_search.page(decisions_by_verified_human.with_human(every, verified=True)).total.count
        == 0
    )


def test_one_person_sees_what_they_did_and_what_was_done_for_them(trail: None) -> None:
    mine = Subject(MIA.iss, MIA.sub).key
    found = event_search.overview(EventQuery(), person=mine)
    assert [row.action for row in found.page.rows] == ["token.refused", "connection.revoked"]
    assert found.page.total.count == 2
    assert sum(bucket.count for bucket in found.histogram.buckets) == 2
    assert event_search.page(EventQuery.from_bar("action:skill.*"), person=mine).rows == []


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("asked", ["", "after=0001-01-01", "before=9999-12-31"])
def test_events_and_ranges_at_the_ends_of_time_have_a_histogram(year: int, asked: str) -> None:
    day = datetime(year, 1, 1, tzinfo=UTC) if year == 1 else datetime(year, 12, 31, tzinfo=UTC)
    list(record_many([DraftFactory.build(time=day), DraftFactory.build()]))
    sequencer.run_once()
    answer = signed_in("auditor", "auditor").get(f"/audit/?{asked}")
    assert answer.status_code == 200
    # The two alone: whether this visit is an event too depends on what was visited before.
    query = EventQuery.parse({"action": "skill.*"} | dict([asked.split("=")] if asked else []))
    bars = event_search.overview(query, 10).histogram
    outside = year == 9999 and asked.startswith("before")
    assert sum(bar.count for bar in bars.buckets) == (1 if outside else 2)


def test_nothing_matches_where_the_levels_asked_for_exclude_each_other(trail: None) -> None:
    query = EventQuery.from_bar("-log:L0 -log:L1 -log:L2 -log:L3")
    assert event_search.total(query) == event_search.Total(0)
    assert list(event_search.iterate(query, size=6)) == []


def test_the_last_microsecond_of_an_hour_counts_in_that_hour() -> None:
    list(record_many([DraftFactory.build(time=datetime(2026, 11, 3, 12, 59, 59, 999999, UTC))]))
    sequencer.run_once()
    noon = rollups.hour_of(datetime(2026, 11, 3, 12, tzinfo=UTC))
    assert Rollup.objects.get(grain=1).start == noon
