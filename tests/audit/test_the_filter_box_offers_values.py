"""The filter box offers keys and the values that occur, with how many events have each."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.recording.actors import Target
from audit.search import exact_or_estimated_matches
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.recording import record_many


@pytest.fixture
def ada(db: None) -> Client:
    cache.clear()
    drafts = [
        DraftFactory.build(actor=OLU, action="skill.blocked", target=Target("skill", "pdf exfil"))
        for _ in range(4)
    ]
    drafts += [
        DraftFactory.build(actor=MIA, action="token.refused", outcome="denied", target=None,
                           connection="github", agent="claude", severity="HIGH")
        for _ in range(2)
    ]  # fmt: skip
    list(record_many(drafts))
    sequencer.run_once()
    return browser_of(ADA)


def offered(ada: Client, bar: str, **rest: str) -> list[tuple[str, str]]:
    answer = ada.get("/audit/values/", {"bar": bar, **rest}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    found = re.findall(r'<option value="([^"]*)">([^<]*)</option>', text_of(answer))
    return [(unescape(text), unescape(words)) for text, words in found]


@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        ("outcome:", [("outcome:success", "4"), ("outcome:denied", "2")]),
        ("outcome:DEN", [("outcome:denied", "2")]),
        ("-outcome:d", [("-outcome:denied", "2")]),
        ("severity:h", [("severity:HIGH", "6")]),
        ("action:skill", [("action:skill.blocked", "4"), ("action:skill.*", "4")]),
        ("connection:", [("connection:github", "2")]),
        ("agent:cl", [("agent:claude", "2")]),
        (f"actor:{MIA.email[:3]}", [(f"actor:{MIA.email}", "2")]),
        ('target:"pdf', [('target:"pdf exfil"', "target:pdf exfil, 4")]),
        ("target:pdf", [('target:"pdf exfil"', "target:pdf exfil, 4")]),
        ("exfil outcome:", [("exfil outcome:success", "4")]),
        ("action:token.* outcome:", [("action:token.* outcome:denied", "2")]),
        ("outcome:zzz", []),
        ("request:", []),
        ("unknown:", []),
        ("outcome:denied ", []),
        ("", []),
    ],
)
def test_values_that_occur_are_offered_with_how_many_events_have_them(
    ada: Client, bar: str, expected: list[tuple[str, str]]
) -> None:
    assert offered(ada, bar) == expected


def test_the_rest_of_the_filter_counts_and_the_key_itself_does_not(ada: Client) -> None:
    assert offered(ada, "outcome:", action="token.*") == [("outcome:denied", "2")]
    assert offered(ada, "outcome:", outcome="denied") == offered(ada, "outcome:")
    assert offered(ada, "instance:", action="unknown.thing") == offered(ada, "instance:")


def test_keys_are_offered_before_the_colon(ada: Client) -> None:
    assert [text for text, _ in offered(ada, "o")] == ["outcome:", "operation:"]
    assert [text for text, _ in offered(ada, "x -ag")] == ["x -agent:"]
    assert offered(ada, "q") == []


def test_estimates_say_about(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_or_estimated_matches, "RUNS", 1)
    monkeypatch.setattr(exact_or_estimated_matches, "RUN", 3)
    assert offered(ada, "target:") == [('target:"pdf exfil"', "target:pdf exfil, about 6")]


def test_an_offer_costs_few_queries(ada: Client) -> None:
    for bar in ("outcome:", "target:", "exfil actor:o"):
        with CaptureQueriesContext(connection) as seen:
            offered(ada, bar)
        found = [
            one["sql"] for one in seen if "AS m0" in one["sql"] or "audit_rollup" in one["sql"]
        ]
        assert len(found) == 1, found


def test_who_may_not_read_the_trail_is_offered_nothing(db: None) -> None:
    assert browser_of(MIA).get("/audit/values/?bar=actor:").status_code == 403
    answer = Client().get("/audit/values/?bar=actor:")
    assert answer.status_code == 302 and "<option" not in text_of(answer)
    assert browser_of(ADA).post("/audit/values/").status_code == 405


def test_the_box_asks_for_them(ada: Client) -> None:
    page = text_of(ada.get("/audit/"))
    assert '<datalist id="query-values"></datalist>' in page
    assert 'list="query-values" hx-get="/audit/values/"' in page


def test_a_filter_that_cannot_be_read_offers_nothing(ada: Client) -> None:
    assert offered(ada, "action:skill.blessed outcome:") == []
    assert offered(ada, "outcome:", after="nonsense") == []
