"""One row an operation: its events are inside, all count, and none is hidden from a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.test import Client

from audit import exports
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.recording.actors import Target
from audit.recording.record import Draft
from audit.search import event_search, exact_or_estimated_matches, search_sql
from audit.sequencing import sequencer
from audit.views.trail import operation_events
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, NOON, OLU, DraftFactory
from tests.audit.test_pages_hold_while_events_arrive import before_statement
from tests.audit.test_pages_trail import links, shown
from tests.audit.test_search_means_what_matches_means import drafts
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


def draft(action: str, outcome: str, operation: str, **more: Any) -> Draft:
    return DraftFactory.build(
        action=action,
        outcome=outcome,
        operation=operation,
        target=Target("skill", "pdf-exfil", "edge-1"),
        **more,
    )


def block(operation: str) -> list[Draft]:
    """A block that somebody approved, and what the gateway answered."""
    return [
        draft("skill.held", "pending", operation),
        draft("approval.requested", "pending", operation),
        draft("skill.held", "success", operation, time=NOON + timedelta(hours=1)),
        draft("approval.approved", "success", operation),
        draft("skill.blocked", "pending", operation, actor=OLU),
        draft("skill.blocked", "success", operation, reason="acknowledged"),
    ]


@pytest.fixture
def ada() -> Client:
    """An auditor; two operations of six events, one of two, and a single event."""
    refused = [
        draft("approval.requested", "pending", "op-3"),
        draft("approval.denied", "denied", "op-3"),
    ]
    single = [DraftFactory.build(action="operator.signed_in", target=None, operation="")]
    list(record_many([*block("op-1"), *single, *block("op-2"), *refused]))
    sequencer.run_once()
    return browser_of(ADA)


def rows(page: str) -> list[str]:
    """How many events each row of an operation says it has."""
    return re.findall(r'<summary class="muted">([^<]*)</summary>', page)


def test_an_operation_is_one_row_that_opens_to_its_events(ada: Client) -> None:
    every = text_of(ada.get("/audit/?-action=audit.*"))
    assert len(shown(every)) == 15 and rows(every) == []
    page = text_of(ada.get(links(every, "Operations")[0]))
    assert rows(page) == ["2 events", "6 events", "6 events"]
    assert len(shown(page)) == 4
    assert len(re.findall(r'class="quiet-link"', page)) == 14, "each event inside is a link"
    assert "15 of 15 events" in page and "in 4 rows" in page and "4 of 4 shown" in page
    assert len(shown(text_of(ada.get(links(page, "Events")[0])))) == 15


def test_the_row_says_what_the_operation_came_to(ada: Client) -> None:
    found = {
        name: operation.telling
        for name, operation in operation_events.of_rows(EventRow.objects.all()).items()
    }
    assert [found[name].action for name in ("op-1", "op-3")] == ["skill.blocked", "approval.denied"]
    assert found["op-1"].outcome == "pending", "the decision, not what the gateway answered"
    page = text_of(ada.get("/audit/?rows=operations&operation=op-1"))
    assert "completed later" in page


@pytest.mark.parametrize(
    ("events", "telling"),
    [
        (["skill.held pending", "approval.requested pending"], 1),
        (["approval.requested pending", "policy.changed success"], 1),
        (["approval.requested pending", "approval.approved success", "policy.changed success"], 2),
        (["connection.reconciled success", "connection.reconciled success"], 1),
        (["approval.approved success"], 0),
    ],
)
def test_the_most_telling_event(events: list[str], telling: int) -> None:
    made = [
        EventRow(action=action, outcome=outcome, source="portal")
        for action, outcome in (each.split() for each in events)
    ]
    assert operation_events.most_telling(made) is made[telling]


def first_row(page: str) -> tuple[str, str]:
    """What the first row of an operation says: its severity, and its outcome without an icon."""
    (severity, outcome), *_ = re.findall(
        r'<td class="cell-what"><span class="sev[^"]*" title="(\w+) severity">.*?</details></td>'
        r'<td class="fit"><span class="badge[^>]*>(?:<svg.*?</svg>)?([^<]*)</span>',
        page,
        re.S,
    )
    return severity, outcome


@pytest.mark.parametrize("outcome", ["", "&severity=CRITICAL", "&outcome=failure"])
def test_a_row_is_judged_of_all_events_however_many_answers_follow(outcome: str) -> None:
    answers = [
        draft("skill.blocked", end, "op-1", severity="INFO", source="defenseclaw")
        for end in ["failure"] * 3 + ["success"] * 22
    ]
    decision = draft("skill.blocked", "pending", "op-1", severity="CRITICAL", actor=OLU)
    list(record_many([decision, *answers]))
    sequencer.run_once()
    page = text_of(browser_of(ADA).get(f"/audit/?rows=operations{outcome}"))
    assert first_row(page) == ("Critical", "completed later")
    assert rows(page)[0] == "26 events, 3 failed"
    (operation,) = operation_events.of_rows(EventRow.objects.filter(operation="op-1")).values()
    assert (operation.telling.source, operation.telling.outcome) == ("portal", "pending")
    assert len(operation.events) == operation_events.SHOWN


@pytest.mark.parametrize("end", ["failure", "denied", "expired", "unknown"])
def test_a_row_of_success_says_what_inside_was_not(end: str) -> None:
    made = [end, *["success"] * 21]
    list(record_many(draft("connection.revoked", one, "op-1", severity="LOW") for one in made))
    sequencer.run_once()
    page = text_of(browser_of(ADA).get(f"/audit/?rows=operations&outcome={end}"))
    assert first_row(page) == ("Low", "success")
    assert rows(page) == [f"22 events, 1 {'failed' if end == 'failure' else end}"]


def test_a_row_counts_every_outcome_that_its_own_does_not_say() -> None:
    made = ["expired", "failure", "denied"]
    list(record_many(draft("connection.revoked", one, "op-1") for one in made))
    sequencer.run_once()
    page = text_of(browser_of(ADA).get("/audit/?rows=operations&operation=op-1"))
    assert rows(page) == ["3 events, 1 failed, 1 denied, 1 expired"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (["edge-1 failure", "edge-2 success"], "failed later"),
        (["edge-1 failure", "edge-2 success", "edge-1 success"], "completed later"),
        (["edge-1 success", "edge-2 unknown"], "unknown"),
    ],
)
def test_without_steps_the_worst_last_answer_of_the_gateways_counts(
    answers: list[str], said: str
) -> None:
    made = [
        draft("skill.blocked", end, "op-1", source="defenseclaw", instance=gateway)
        for gateway, end in (each.split() for each in answers)
    ]
    list(record_many([draft("skill.blocked", "pending", "op-1", actor=OLU), *made]))
    sequencer.run_once()
    page = text_of(browser_of(ADA).get("/audit/?rows=operations&operation=op-1"))
    assert first_row(page)[1] == said


def test_a_filter_on_an_event_inside_shows_its_operation(ada: Client) -> None:
    page = text_of(ada.get("/audit/?rows=operations&outcome=denied"))
    assert rows(page) == ["2 events"]
    assert "1 of 15 events" in page and "in 1 row" in page
    inside = text_of(ada.get("/audit/?rows=operations&q=acknowledged"))
    assert rows(inside) == ["6 events", "6 events"]


def test_what_is_folded_is_counted_and_exported_whole(ada: Client) -> None:
    page = text_of(ada.get("/audit/?rows=operations&action=skill.*"))
    (export,) = links(page, "Export…")
    assert "rows=" not in export
    assert "Export 8 events" in text_of(ada.get(export))
    job = exports.request(ADA, EventQuery.from_bar("action:skill.*"), "ndjson")
    assert b"".join(exports.write(job)).count(b"\n") == 8


def test_filters_and_pages_stay_with_operations(ada: Client) -> None:
    page = text_of(ada.get("/audit/?rows=operations"))
    facets = re.findall(r'<li><a href="([^"]*)"', page)
    assert facets and all("rows=operations" in url for url in facets if url.startswith("/audit/?"))
    assert '<input type="hidden" name="rows" value="operations">' in page
    assert "rows=operations" in links(page, "Happened")[0]


def test_an_operation_of_many_events_counts_them_and_links_to_the_rest(ada: Client) -> None:
    list(record_many(draft("connection.reconciled", "success", "op-sync") for _ in range(45)))
    sequencer.run_once()
    page = text_of(ada.get("/audit/?rows=operations&action=connection.*"))
    assert rows(page) == ["45 events"]
    assert page.count('class="quiet-link"') == operation_events.SHOWN
    (url,) = links(page, "All 45 events")
    assert url == "/audit/?operation=op-sync&order=oldest"


@pytest.fixture(params=["counted", "sampled"])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty events, some waiting, in operations of varied length; also as if too many to count."""
    if request.param == "sampled":
        monkeypatch.setattr(search_sql, "CAP", 4)
        monkeypatch.setattr(exact_or_estimated_matches, "_FAR", 10)
        monkeypatch.setattr(exact_or_estimated_matches, "RUNS", 5)
        monkeypatch.setattr(exact_or_estimated_matches, "RUN", 3)
    write(50)
    sequencer.run_once()
    write(10)


def write(n: int) -> None:
    names = ("", "op-a", "op-b", "op-c", "op-d", "op-e")
    made = drafts(n, seed=n + EventRow.objects.count())
    for number, each in enumerate(made):
        object.__setattr__(
            each,
            "operation",
            names[(number * 7) % len(names)] and f"{names[(number * 7) % len(names)]}-{number % 9}",
        )
    list(record_many(made))


FILTERS = ("", "-outcome:denied", "action:skill.*", "after:2026-01-01", "exfil*", "log:L1")
ORDERS = ("newest", "oldest", "happened", "happened-oldest")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("bar", FILTERS)
def test_each_operation_is_listed_once_at_its_first_matching_event(
    many: None, bar: str, order: str
) -> None:
    query = EventQuery.from_bar(f"{bar} order:{order}")
    wanted, known = [], set()
    for row in event_search.iterate(query.ordered(by_event_time=False, newest_first=False)):
        if row["operation"] not in known:
            wanted.append(row["id"])
        known |= {row["operation"]} - {"", None}
    found, cursor = [], ""
    for _ in range(60):
        page = event_search.overview(query.at(cursor), limit=7, operations=True)
        found += [str(row.event) for row in page.page.rows]
        assert not page.listed.exact or page.listed.count == len(wanted)
        assert page.page.total == event_search.overview(query.at(cursor), limit=7).page.total
        if not (cursor := page.page.next_cursor):
            break
    assert sorted(found) == sorted(wanted)
    in_order = [e["id"] for e in event_search.iterate(query) if e["id"] in set(wanted)]
    assert found == in_order


@pytest.mark.parametrize("order", ORDERS)
def test_no_operation_is_lost_or_repeated_while_events_arrive(many: None, order: str) -> None:
    def arrive() -> None:
        sequencer.Sequencer().run_once(sweep=False)
        write(2)

    for moment in count(1):
        there = set(EventRow.objects.values_list("operation", flat=True)) - {""}
        found: list[str] = []
        cursor, reached = "", False
        while True:
            act: Callable[[], Any] = arrive if len(found) < 200 else list
            with before_statement(moment, act) as seen:
                query = EventQuery.from_bar(f"order:{order}").at(cursor)
                page = event_search.overview(query, limit=8, operations=True).page
            reached = reached or seen[0] >= moment
            found += [row.operation for row in page.rows if row.operation]
            if not (cursor := page.next_cursor):
                break
        assert len(found) == len(set(found)), moment
        assert there <= set(found), moment
        if not reached or moment > 3:
            return
