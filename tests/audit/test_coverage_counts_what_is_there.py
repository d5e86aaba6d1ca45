"""What the coverage report counts is what the filters match, and costs the same at any size."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.coverage import FRAMEWORKS, BadPeriod, Period, count, requirements
from audit.evidence.log_proof_levels import LogSizes
from audit.ledger.query import EventQuery
from audit.models import EventRow, Rollup
from audit.recording import action_registry
from audit.search import exact_or_estimated_matches, rollup_counts, search_sql
from audit.search.query_plan import plan_of
from audit.sequencing import sequencer
from tests.audit.factories import DraftFactory
from tests.support.recording import record_many

NOW = datetime(2026, 11, 26, 10, 47, 3, tzinfo=UTC)
NAMES = (
    "skill.blocked", "token.exchanged", "audit.viewed", "approval.denied", "external.deploy.begun",
    "operator.sign_in_failed", "ledger.alarm", "defenseclaw.scan", "review.closed",
)  # fmt: skip
PERIODS = (
    Period.last(30, NOW),
    Period.last(90, NOW),
    Period.last(365, NOW),
    Period.read({"after": "2024-02-29", "before": "2026-07-01"}, NOW),
    Period.read({"after": "2026-11-26", "before": "2026-11-27"}, NOW),
)


def asked() -> list[EventQuery]:
    found = [one.query for framework in FRAMEWORKS for one in framework.requirements]
    return list(dict.fromkeys(query for query in found if query is not None))


@pytest.fixture
def trail(db: None) -> None:
    """Events of three years, most of them late in it and some of them at the edges of hours."""
    chance = random.Random(7)
    moments = [NOW - timedelta(hours=chance.expovariate(1 / 2500)) for _ in range(260)]
    moments += [period.start for period in PERIODS] + [period.end for period in PERIODS]
    moments += [period.end - timedelta(microseconds=1) for period in PERIODS]
    list(
        record_many(
            DraftFactory.build(
                action=chance.choice(NAMES),
                outcome=chance.choice(("success", "denied")),
                instance=chance.choice(("edge-1", "")),
                time=moment,
            )
            for moment in moments
        )
    )
    sequencer.run_once()


@pytest.mark.parametrize("period", PERIODS, ids=lambda p: f"{p.start:%Y-%m-%d}-{p.days}")
def test_counts_and_last_events_are_those_of_the_rows(trail: None, period: Period) -> None:
    queries = [*asked(), *(EventQuery.from_bar(f"action:{name} outcome:denied") for name in NAMES)]
    found = count(queries, period).counted
    for query, told in zip(queries, found, strict=True):
        takes = rollup_counts.test_of(query)
        rows = [
            row
            for row in EventRow.objects.filter(time__gte=period.start, time__lt=period.end)
            if takes((row.action, row.source, row.outcome, row.severity, row.human, row.via))
        ]
        assert told.n == len(rows), query.to_bar()
        if not rows:
            assert told.last is None
            continue
        hour = max(row.time for row in rows).replace(minute=0, second=0, microsecond=0)
        last = max((row for row in rows if row.time >= hour), key=lambda row: row.seq or 0)
        assert told.last is not None
        assert (told.last.event, told.last.index, told.last.time) == (
            last.event,
            last.seq,
            last.time,
        )


@pytest.mark.parametrize("sampled", [False, True])
def test_the_newest_event_of_an_instance_is_found_whatever_the_period(
    trail: None, sampled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sampled:
        monkeypatch.setattr(search_sql, "CAP", 20)
        monkeypatch.setattr(exact_or_estimated_matches, "RUNS", 10)
    names = [EventQuery.from_bar(f"instance:{name}") for name in ("edge-1", "gone")]
    size = EventRow.objects.count()
    edge, gone = count([], PERIODS[-1], names, LogSizes(signed=size)).named
    newest = EventRow.objects.filter(instance="edge-1").order_by("-seq").first()
    assert newest is not None and edge is not None
    assert edge.event == newest.event
    assert gone is None


def test_counting_asks_few_times_and_reads_no_log(trail: None) -> None:
    with CaptureQueriesContext(connection) as seen:
        count(asked(), PERIODS[2])
    statements = [query["sql"] for query in seen]
    assert len(statements) == 3, statements
    assert not any("audit_event " in sql or "audit_entry" in sql for sql in statements)


def test_an_empty_trail_has_nothing(db: None) -> None:
    assert not Rollup.objects.exists()
    assert {(told.n, told.last) for told in count(asked(), PERIODS[0]).counted} == {(0, None)}


def test_every_filter_can_be_counted_and_names_actions_that_exist() -> None:
    for framework in FRAMEWORKS:
        for one in framework.requirements:
            query = one.query
            if query is None:
                assert one.note, f"{framework.id} {one.number} says nothing of what answers it"
                continue
            assert rollup_counts.can_answer(query, plan_of(query, LogSizes())), one.number
            for action in query.values("action"):
                known = action.removesuffix(".*")
                family = known.partition(".")[0]
                assert family in action_registry.families(), f"{one.number}: {action}"
                assert action.endswith(".*") or known in action_registry.names(), (
                    f"{one.number}: {action}"
                )


def test_no_requirement_is_told_twice() -> None:
    numbers = [(one.id, each.number) for one in FRAMEWORKS for each in one.requirements]
    assert len(numbers) == len(set(numbers))
    assert len({one.id for one in FRAMEWORKS}) == len(FRAMEWORKS)
    assert requirements.FRAMEWORKS is FRAMEWORKS


def test_a_filter_that_counts_cannot_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="agent"):
        count([EventQuery.from_bar("agent:x")], PERIODS[0])


def test_a_period_is_whole_hours_and_ninety_days_where_nobody_chose() -> None:
    found = Period.read({}, NOW)
    assert (found.days, found.end) == (90, datetime(2026, 11, 26, 11, tzinfo=UTC))
    assert found.end - found.start == timedelta(days=90, hours=1)
    until_now = Period.read({"after": "2026-11-01"}, NOW)
    assert until_now.start.date() == date(2026, 11, 1)
    assert until_now.end == datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("params", "key"),
    [
        ({"days": "7"}, "days"),
        ({"days": "٣٠"}, "days"),
        ({"after": "yesterday"}, "after"),
        ({"after": "20260131"}, "after"),
        ({"before": "2026-02-30"}, "before"),
        ({"after": "2026-02-01", "before": "2026-02-01"}, "before"),
        ({"after": "1970-01-01"}, "after"),
        ({"after": "0001-01-01", "before": "1970-01-01"}, "after"),
        ({"before": "1970-01-01"}, "before"),
    ],
)
def test_what_is_no_period_is_named(params: dict[str, str], key: str) -> None:
    with pytest.raises(BadPeriod) as refused:
        Period.read(params, NOW)
    assert refused.value.key == key
