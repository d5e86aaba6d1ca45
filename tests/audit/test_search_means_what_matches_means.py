"""Search answers exactly what `EventQuery.matches` says, page by page, on either engine."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from audit.clock import rfc3339
from audit.evidence import log_proof_levels
from audit.ledger.format.allowed_field_values import OUTCOMES, SEVERITIES, SOURCES
from audit.ledger.query import EventQuery, InvalidQuery, search_words
from audit.ledger.query.filter_keys import KEYS, ORDERS
from audit.models import Checkpoint, EventRow, Openings
from audit.recording.actors import SYSTEM, Actor, Subject, Target
from audit.recording.record import Draft
from audit.search import event_search, exact_or_estimated_matches, search_sql
from audit.search.index_tokens import _time_tokens, range_tokens, terms_of, word_token
from audit.search.projection import refresh
from audit.sequencing import sequencer
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
PEOPLE = (OLU, ADA, MIA, SYSTEM, Actor(iss="", sub="", name="Ｆｕｌｌ ﬁne", via="import"))
ACTIONS = ("skill.blocked", "skill.held", "token.refused", "defenseclaw.scan.done", "external.x")
TEXTS = ("exfiltrates documents", "STRASSE straße", "a_b-c.d 42", "ﬁle naïve", "act all none", "")
NAMES = ("github", "Straße 1", "pdf-exfil", "x'\"\\*:&|!")
START = datetime(2025, 12, 31, 22, 30, tzinfo=UTC)
EDGES = (
    "2025-12-31T22:30:00Z",
    "2025-12-31T23:59:59.999999Z",
    "2026-01-01",
    "2026-01-01T01:00:00+02:00",
    "2026-03-10",
    "2027-01-01",
    "1900-01-01",
    "2999-12-31",
)


def drafts(n: int, seed: int) -> list[Draft]:
    """Varied events, the same for a seed."""
    pick = random.Random(seed)
    return [
        DraftFactory.build(
            actor=pick.choice(PEOPLE),
            action=pick.choice(ACTIONS),
            outcome=pick.choice(OUTCOMES),
            severity=pick.choice(SEVERITIES),
            source=pick.choice(SOURCES),
            instance=pick.choice(("", "edge-1", "Edge 2")),
            target=pick.choice((None, Target(pick.choice(("skill", "mcp")), pick.choice(NAMES)))),
            on_behalf_of=pick.choice((None, Subject("i", "s", "Grace Hopper"))),
            connection=pick.choice(("", "github")),
            agent=pick.choice(("", "coder")),
            approval=pick.choice(("", "apr_1", "apr_2")),
            operation=pick.choice(("", "op_1")),
            reason=pick.choice(TEXTS),
            changes=pick.choice((None, {"state": ["on", "off"]})),
            data={"n": pick.randrange(3), "flag": True},
            private={"title": pick.choice(TEXTS)},
            time=START + timedelta(minutes=pick.choice((0, 1, 29, 30, 90, 1500, 99_999, 600_000))),
        )
        for _ in range(n)
    ]


class Corpus(list[dict[str, Any]]):
    """Public events; hypothesis prints its arguments, so the name has to be short."""

    def __repr__(self) -> str:
        return f"<{len(self)} events>"


@pytest.fixture
def corpus() -> Corpus:
    """120 events: signed ones, leaves that are not signed yet, waiting ones, an erased person."""
    list(record_many(drafts(70, seed=1)))
    sequencer.run_once()
    head = Checkpoint.objects.count()
    list(record_many(drafts(30, seed=2)))
    sequencer.run_once()
    assert Checkpoint.objects.count() > head
    waiting = list(record_many(drafts(20, seed=3)))
    erased = list(EventRow.objects.filter(actor_sub=MIA.sub).values_list("event", flat=True)[:6])
    erased += waiting[:2]
    Openings.objects.filter(event__in=erased, subject=MIA.key).delete()
    refresh(erased)
    return Corpus(event_search.publics(list(EventRow.objects.all())))


TOLD = {"family", "source", "outcome", "severity", "human", "via"}
values = {
    "q": st.sampled_from(
        (
            *("exfil*", "documents", "STRASSE", "strasse documents", "file", "naïve", "42", "act*"),
            *("true", "a b", "_all", "all", "none", "hopper", "x*", "fine", "é", "1", "n"),
        )
    ),
    "action": st.sampled_from((*ACTIONS, "skill.*", "defenseclaw.*", "defenseclaw.scan.*", "no.x")),
    "actor": st.sampled_from(
        ("olu@acme.example", "MIA@ACME.EXAMPLE", "auth0|ada", "full fine", "x")
    ),
    "target": st.sampled_from([*NAMES, "STRASSE 1", "pdf"]),
    "outcome": st.sampled_from(OUTCOMES),
    "severity": st.sampled_from(SEVERITIES),
    "source": st.sampled_from(SOURCES),
    "instance": st.sampled_from(["edge-1", "Edge 2", "edge 2"]),
    "connection": st.sampled_from(["github", "slack"]),
    "agent": st.sampled_from(["coder", "Coder"]),
    "approval": st.sampled_from(["apr_1", "apr_2", "apr"]),
    "operation": st.sampled_from(["op_1"]),
    "category": st.sampled_from(["skill", "token", "defenseclaw", "external", "no"]),
    "session": st.sampled_from(["s"]),
    "request": st.sampled_from(["r"]),
    "via": st.sampled_from(["web", "cli", "task", "import"]),
    "role": st.sampled_from(["member", "auditor", "operator", "admin"]),
    "human": st.sampled_from(["H0", "H1"]),
    "log": st.sampled_from(["L0", "L1", "L2"]),
    "after": st.sampled_from(EDGES),
    "before": st.sampled_from(EDGES),
}


def test_every_key_that_selects_events_is_compared() -> None:
    assert set(values) == set(KEYS) - {"order", "cursor"}


@st.composite
def filters(draw: st.DrawFn) -> EventQuery:
    """Queries of up to four conditions."""
    params: dict[str, list[str]] = {}
    for key in draw(st.lists(st.sampled_from(sorted(values)), max_size=4)):
        name = draw(st.sampled_from(["", "", "-"])) + key
        params.setdefault(name, []).append(draw(values[key]))
    params["order"] = [draw(st.sampled_from(sorted(ORDERS)))]
    query = EventQuery.from_params(params)
    assert not query.errors
    return query


def expected(query: EventQuery, events: list[dict[str, Any]]) -> list[str]:
    """Ids that match, in the order of the query, by definition."""
    if query.order in ("happened", "happened-oldest"):
        order = sorted(events, key=lambda e: (datetime.fromisoformat(e["time"]), e["id"]))
    else:
        waiting = sorted((e for e in events if e["index"] is None), key=lambda e: e["id"])
        order = sorted((e for e in events if e["index"] is not None), key=lambda e: e["index"])
        order += waiting
    if query.order in ("newest", "happened"):
        order.reverse()
    return [event["id"] for event in order if query.matches(event)]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(query=filters())
def test_every_page_of_every_query_is_the_definition(corpus: Corpus, query: EventQuery) -> None:
    wanted = pages_are_the_definition(corpus, query)
    assert event_search.page(query).total == event_search.Total(len(wanted))
    whole = event_search.overview(query)
    assert sum(bucket.count for bucket in whole.histogram.buckets) == len(wanted)
    facets = {facet.key: dict(facet.values) for facet in whole.facets}
    # A facet that is filtered by counts as if it were not.
    assert sum(facets["outcome"].values()) >= len(wanted)
    assert query.values("outcome") or sum(facets["outcome"].values()) == len(wanted)
    assert whole.page == event_search.page(query)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(query=filters())
def test_a_log_that_is_too_large_to_count_has_the_same_pages(
    large: Corpus, query: EventQuery
) -> None:
    wanted = pages_are_the_definition(large, query)
    for found in (event_search.page(query).total, event_search.overview(query).page.total):
        assert found.exact or len(wanted) > CAP
        assert not found.exact or found.count == len(wanted)
    size = log_proof_levels.current().signed
    placed = sum(1 for _ in event_search.iterate(query, size=size))
    told = event_search.expected(query, size=size)
    assert told.count == placed if told.exact else placed > CAP


CAP = 5


@pytest.fixture
def large(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """The corpus as a log of many millions is read: six matches are many, ten positions far, two
    alternatives a key of their own. A third of it is looked at, so that what seems too common to
    be counted always is."""
    monkeypatch.setattr(search_sql, "CAP", CAP)
    monkeypatch.setattr(search_sql, "_WIDE", 1)
    monkeypatch.setattr(exact_or_estimated_matches, "_FAR", 10)
    monkeypatch.setattr(exact_or_estimated_matches, "RUNS", 10)
    monkeypatch.setattr(exact_or_estimated_matches, "RUN", 4)
    return corpus


def pages_are_the_definition(corpus: Corpus, query: EventQuery) -> list[str]:
    """Walk all pages there and back, with and without what surrounds them; returns the ids."""
    wanted = expected(query, corpus)
    found: list[str] = []
    cursor, pages = "", []
    while True:
        page = event_search.page(query.at(cursor), limit=17)
        assert event_search.overview(query.at(cursor), limit=17).page.rows == page.rows
        pages.append([str(row.event) for row in page.rows])
        found += pages[-1]
        if not page.next_cursor:
            break
        cursor = page.next_cursor
    assert found == wanted
    for earlier in reversed(pages[:-1]):
        page = event_search.page(query.at(page.prev_cursor), limit=17)
        assert [str(row.event) for row in page.rows] == earlier
    assert page.prev_cursor == ""
    assert [event["id"] for event in event_search.iterate(query, chunk=23)] == wanted
    return wanted


def test_a_page_shows_levels_and_needs_few_queries(
    corpus: Corpus, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    query = EventQuery.from_bar("-outcome:denied exfil*")
    with django_assert_max_num_queries(9):  # one for those that wait
        page = event_search.page(query)
        events = event_search.publics(page.rows)
    with django_assert_max_num_queries(8):
        whole = event_search.overview(query)
    assert whole.page == page
    assert page.tree_size == 100 and len(events) == len(page.rows) > 0
    assert {e["log"] for e in events if e["index"] is not None} == {"L1"}
    assert event_search.public(page.rows[0]) == events[0]


def test_a_cursor_stays_good_while_events_are_sequenced(corpus: Corpus) -> None:
    everything = [e["id"] for e in event_search.iterate(EventQuery())]
    first = event_search.page(EventQuery(), limit=10)
    sequencer.run_once()
    second = event_search.page(EventQuery().at(first.next_cursor), limit=200)
    assert [str(row.event) for row in (*first.rows, *second.rows)] == everything


def test_an_export_of_a_size_is_of_that_moment(corpus: Corpus) -> None:
    sequencer.run_once()
    events = list(event_search.iterate(EventQuery.from_bar("order:oldest"), size=70))
    assert [event["index"] for event in events] == list(range(70))
    assert list(event_search.iterate(EventQuery.from_bar("log:L0"), size=70)) == []


@pytest.mark.parametrize("cursor", ["x", "s-1", "s9999999999999999999999", "pzz", "~", "p12"])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(event_search.BadCursor, match="first page"):
        event_search.page(EventQuery().at(cursor))


@pytest.mark.parametrize(
    ("order", "cursor"),
    [
        ("newest", f"t0.{'0' * 32}"),
        ("happened", "s3"),
        ("happened", f"t{10**30}.{'0' * 32}"),
        ("happened-oldest", "t0.12"),
        ("happened-oldest", "t.x"),
    ],
)
def test_a_cursor_of_another_order_is_refused(order: str, cursor: str) -> None:
    with pytest.raises(event_search.BadCursor, match="first page"):
        event_search.page(EventQuery.from_bar(f"order:{order}").at(cursor))


def test_a_query_with_errors_matches_nothing_silently() -> None:
    with pytest.raises(InvalidQuery):
        event_search.page(EventQuery.from_bar("colour:red"))


def test_more_than_the_cap_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_sql, "CAP", 20)
    list(record_many(drafts(60, seed=4)))
    sequencer.run_once()
    page = event_search.page(EventQuery.from_bar("-instance:edge-1"))
    assert (str(page.total), page.total.exact) == (f"about {page.total.count}", False)
    assert str(event_search.page(EventQuery()).total) == "60"
    facets = event_search.overview(EventQuery.from_bar("-outcome:denied")).facets
    exact = {facet.key: facet.exact for facet in facets}
    assert exact["severity"] is True and exact["instance"] is False
    whole = event_search.overview(EventQuery())
    assert sum(dict(whole.facets[2].values).values()) == 60
    assert whole.histogram.exact is True
    assert sum(bucket.count for bucket in whole.histogram.buckets) == 60
    assert event_search.overview(EventQuery.from_bar("-zzz")).histogram.exact is False


@pytest.mark.parametrize(
    ("action", "rolled"),
    [
        ("action:skill.*", True),
        ("-action:defenseclaw.*", True),
        ("action:skill.blocked", True),
        ("category:skill", True),
        ("-category:defenseclaw -category:external", True),
        ("category:skill -action:skill.held", True),
        ("-action:defenseclaw.scan.*", True),
        ("via:cli", True),
        ("severity:HIGH -outcome:denied", True),
        ("instance:edge-1", False),
    ],
)
def test_rollups_count_what_rows_count(
    action: str, rolled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(record_many(drafts(80, seed=5)))
    sequencer.run_once()
    list(record_many(drafts(10, seed=6)))
    query = EventQuery.from_bar(f"{action} after:2026-01-01")
    by_rows = {facet.key: facet.values for facet in event_search.overview(query).facets}
    monkeypatch.setattr(search_sql, "CAP", 5)
    facets = event_search.overview(query).facets
    by_rollups = {facet.key: facet.values for facet in facets if facet.exact}
    assert set(by_rollups) == (TOLD if rolled else set())
    assert all(by_rollups[key] == by_rows[key] for key in by_rollups)


@given(
    st.datetimes(datetime(1960, 1, 1), datetime(2210, 1, 1)),
    st.one_of(st.none(), st.datetimes(datetime(1960, 1, 1), datetime(2210, 1, 1))),
    st.one_of(st.none(), st.datetimes(datetime(1960, 1, 1), datetime(2210, 1, 1))),
)
@settings(max_examples=300, deadline=None)
def test_time_tokens_cover_their_range(
    time: datetime, start: datetime | None, end: datetime | None
) -> None:
    low = start.replace(tzinfo=UTC) if start else None
    high = end.replace(tzinfo=UTC) if end else None
    at = time.replace(tzinfo=UTC)
    tokens = range_tokens(low, high)
    inside = (low is None or low <= at) and (high is None or at < high)
    if inside:
        assert set(tokens) & set(_time_tokens(rfc3339(at)[:13]))
    assert len(tokens) < 160


def test_a_row_has_the_words_that_the_definition_finds(corpus: Corpus) -> None:
    """Words are remembered by the value they stand in; no value may lend or keep back any."""
    long = "Ünï" * 400
    named = {"agent": f"{long} agent", "skill": long, "data": {"raw": "unseen", "told": [1, long]}}
    person = {"iss": "i", "sub": {"erased": True}, "name": f"Straße {long}", "email": "a@b.example"}
    odd = [event | named | {"actor": person | {"roles": []}} for event in corpus[:20]]
    for event in [*corpus, *odd, *corpus]:
        tokens = terms_of(event, "H0").split()
        found = {token for token in tokens if not token.startswith("_")}
        assert found == set(map(word_token, search_words(event)))
        assert tokens == sorted(set(tokens))


def test_no_free_text_reaches_a_filter_token(corpus: Corpus) -> None:
    for event in corpus:
        tokens = terms_of(event, "H0").split()
        assert len(tokens) == len(set(tokens))
    assert event_search.page(EventQuery.from_bar("act*")).total.count < len(corpus)
    assert log_proof_levels.current().signed == 100
