"""Built-in views and periods narrow what is filtered already, and dead ends lead on."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client

from audit import clock
from audit.search import event_search, filter_parsing
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, DraftFactory
from tests.audit.test_pages_trail import links
from tests.support.recording import record_many


@pytest.fixture
def ada(db: None) -> Client:
    cache.clear()
    days = [DraftFactory.build(actor=MIA, action="token.refused", outcome="denied", target=None)]
    list(record_many(days))
    sequencer.run_once()
    return browser_of(ADA)


def asked(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def day(ago: int) -> str:
    return f"{clock.now() - timedelta(days=ago):%Y-%m-%d}"


def test_a_built_in_view_keeps_the_person(ada: Client) -> None:
    page = text_of(ada.get("/audit/", {"actor": MIA.email, "via": "web"}))
    (url,) = links(page, "Refusals")
    assert asked(url) == {"actor": [MIA.email], "outcome": ["denied", "expired"], "via": ["web"]}


def test_a_built_in_view_takes_the_place_of_another(ada: Client) -> None:
    page = text_of(ada.get("/audit/", {"actor": MIA.email, "via": "import"}))
    (url,) = links(page, "Refusals")
    assert asked(url) == {"actor": [MIA.email], "outcome": ["denied", "expired"]}
    (everything,) = links(page, "Everything")[:1]
    assert everything == "/audit/"


@pytest.mark.parametrize(
    ("label", "ago"), [("Today", "today"), ("Last 7 days", "7d"), ("Last 30 days", "30d")]
)
def test_a_period_keeps_the_rest_of_the_filter(ada: Client, label: str, ago: str) -> None:
    page = text_of(ada.get("/audit/", {"actor": MIA.email, "after": day(0)}))
    (url,) = links(page, label)
    assert asked(url) == {"actor": [MIA.email], "after": [ago]}
    assert f'aria-current="true">{label}<' in text_of(ada.get(url))


@pytest.mark.parametrize(
    ("typed", "label", "expected"),
    [
        ("mia last week", "Last 7 days", {"q": ["mia"], "after": ["7d"]}),
        ("yesterday", "Yesterday", {"after": ["yesterday"], "before": ["today"]}),
        ("Today", "Today", {"after": ["today"]}),
        ("last month denied", "Last 30 days", {"q": ["denied"], "after": ["30d"]}),
        ("30d", "after:30d", {"after": ["30d"]}),
        ("denied after 14 days", "after:14d", {"q": ["denied"], "after": ["14d"]}),
        ("last 12h mia", "after:12h", {"q": ["mia"], "after": ["12h"]}),
    ],
)
def test_a_period_in_words_is_offered_as_one(
    ada: Client, typed: str, label: str, expected: dict[str, list[str]]
) -> None:
    page = text_of(ada.get("/audit/", {"q": typed}))
    assert "is searched for as words" in page
    assert expected in [asked(url) for url in links(page, label)]


@pytest.mark.parametrize("typed", ["md5", "0d", "x30d", "30dx"])
def test_what_is_no_number_of_days_or_hours_is_no_date(ada: Client, typed: str) -> None:
    assert "after:" not in text_of(ada.get("/audit/", {"q": typed})).partition("<main")[2]


def test_a_relative_date_with_its_key_is_a_filter_and_no_words(ada: Client) -> None:
    answer = ada.get("/audit/", {"bar": "after:30d mia"}, follow=True)
    page = text_of(answer)
    assert "is searched for as words" not in page and "30d" in page
    assert asked(answer.redirect_chain[-1][0]) == {"after": ["30d"], "q": ["mia"]}


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("person", "actor"), ("approver", "actor"), ("requester", "actor"), ("user", "actor"),
        ("skill", "target"), ("since", "after"), ("until", "before"), ("gateway", "instance"),
    ],
)  # fmt: skip
def test_a_word_for_a_key_suggests_the_key(ada: Client, key: str, right: str) -> None:
    page = text_of(ada.get("/audit/", {key: "2026-11-01"}))
    assert f'Did you mean <a href="/audit/?{right}=2026-11-01"><code>{right}</code></a>' in page


def test_a_category_is_a_family_of_actions(ada: Client) -> None:
    assert ada.get("/audit/", {"category": "token"}).status_code == 200
    for category, action in (
        ("category:token", "action:token.*"),
        ("-category:token", "-action:token.*"),
    ):
        found = [event_search.page(filter_parsing.from_bar(bar)).rows for bar in (category, action)]
        assert found[0] == found[1]
    assert event_search.page(filter_parsing.from_bar("category:token")).total.count == 1


@pytest.mark.parametrize(("written", "right"), [("token.*", "token"), ("tokens", "token")])
def test_a_category_that_is_none_suggests_one(ada: Client, written: str, right: str) -> None:
    page = text_of(ada.get("/audit/", {"category": written}))
    assert links(page, right) == [f"/audit/?category={right}"]


@pytest.mark.parametrize("sign", ["", "-"])
def test_categories_are_offered_with_their_counts(ada: Client, sign: str) -> None:
    page = text_of(ada.get("/audit/values/", {"bar": f"{sign}category:tok"}))
    assert f'value="{sign}category:token"' in page and "token.refused" not in page


def test_the_remedy_finds_something(ada: Client) -> None:
    query = {"q": "zzzz", "outcome": ["denied", "expired"]}
    assert links(text_of(ada.get("/audit/", query)), "Without") == [
        "/audit/?outcome=denied&outcome=expired"
    ]
    assert not links(text_of(ada.get("/audit/", {"q": "xxxx", "target": "yyyy"})), "Without")


def test_refusals_of_a_person_lead_to_what_that_person_was_denied(ada: Client) -> None:
    query = {"actor": MIA.email, "outcome": "denied", "after": day(7)}
    (url,) = links(text_of(ada.get("/audit/", query)), "that were denied")
    assert asked(url) == {"status": ["denied"], "by": [MIA.email], "after": [day(7)]}
    assert urlsplit(url).path == "/approvals/" and ada.get(url).status_code == 200
