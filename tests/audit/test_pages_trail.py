"""`/audit/`: its URL is its whole state, its filters are links, mistakes are said and put right."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import clock
from audit.models import EventRow
from audit.recording.actors import Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, NOON, OLU, DraftFactory
from tests.support.pages import keep_the_shell
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    cache.clear()


@pytest.fixture
def trail() -> None:
    list(
        record_many(
            [
                DraftFactory.build(target=Target("skill", "pdf-exfil", "edge-1"), time=NOON),
                DraftFactory.build(actor=MIA, action="token.refused", outcome="denied", target=None,
                             connection="github", time=NOON + timedelta(days=1)),
                DraftFactory.build(actor=ADA, action="audit.exported", target=None,
                             time=NOON + timedelta(days=2)),
            ]
        )
    )  # fmt: skip
    sequencer.run_once()


@pytest.fixture
def ada() -> Client:
    return browser_of(ADA)


def links(page: str, text: str) -> list[str]:
    """Addresses of the links whose text contains `text`."""
    found = re.findall(r'<a\b[^>]*?href="([^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    return [unescape(url) for url, inside in found if text in unescape(inside)]


def shown(page: str) -> list[str]:
    """Sentences in the table, without markup."""
    rows = re.findall(r'<a class="row-link"[^>]*>(.*?)</a>', page, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", row)) for row in rows]


def test_everything_is_shown_newest_first_with_counts(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/"))
    assert len(shown(page)) == 3
    assert shown(page)[0].startswith("Ada") and shown(page)[2].startswith("Olu")
    assert "3 events" in page
    assert "<b>pdf-exfil</b>" in page
    assert "All events, newest first" in page


@pytest.mark.parametrize(
    ("name", "bold"),
    [
        ("Zoë <i>Ž", "<b>Zoë &lt;i&gt;Ž</b>"),
        ("Zo\u202eë <i>", "<b>Zo⟨U+202E⟩ë &lt;i&gt;</b>"),
        ("Zoe <i>", "<b>Zoe &lt;i&gt;</b>"),
    ],
)
def test_a_name_with_other_letters_is_bold_too(ada: Client, name: str, bold: str) -> None:
    list(record_many([DraftFactory.build(actor=replace(MIA, name=name))]))
    page = text_of(ada.get("/audit/"))
    assert bold in page and "&lt;b&gt;" not in page and "<i>Ž" not in page


def test_the_bar_becomes_the_url(trail: None, ada: Client) -> None:
    answer = ada.get("/audit/", {"bar": "outcome:denied github", "severity": "MEDIUM"})
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query == {"outcome": ["denied"], "q": ["github"], "severity": ["MEDIUM"]}
    assert len(shown(text_of(ada.get(answer["Location"])))) == 1


def test_an_unreadable_filter_shows_nothing_and_offers_no_export(trail: None, ada: Client) -> None:
    wrong = ada.get("/audit/", {"outcome": "denid"})
    assert wrong.status_code == 422
    page = wrong.content.decode()
    assert "Export…" not in page and "Sample…" not in page
    assert shown(page) == [] and "3 of" not in page and "Outcome, as recorded" not in page
    assert not EventRow.objects.filter(action="audit.viewed").exists(), "nothing was looked at"
    assert "Export…" in ada.get("/audit/", {"outcome": "denied"}).content.decode()


@pytest.mark.parametrize(
    ("asked", "key", "nearest"),
    [
        ({"outcom": "denied"}, "outcom", "outcome"),
        ({"outcome": "denyed"}, "outcome", "denied"),
        ({"bar": "actr:olu"}, "actr", "actor"),
        ({"action": "skill.blockd"}, "action", "skill.blocked"),
        ({"after": "last tuesday"}, "after", "2026-01-31"),
    ],
)
def test_a_mistake_is_named_with_the_nearest_that_would_work(
    trail: None, ada: Client, asked: dict[str, str], key: str, nearest: str
) -> None:
    answer = ada.get("/audit/", asked)
    page = text_of(answer)
    assert answer.status_code == 422
    assert f"<b>{key}</b>:" in page
    assert nearest in page
    assert "This filter can’t be read" in page and shown(page) == []


def test_a_mistake_is_put_right_with_one_click(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/", {"outcom": "denied", "via": "cli"}))
    (url,) = links(page, "outcome")[:1]
    assert parse_qs(urlsplit(url).query) == {"outcome": ["denied"], "via": ["cli"]}
    assert ada.get(url).status_code == 200


def test_a_chip_is_removed_and_turned_around_by_links(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/", {"outcome": "denied"}))
    remove = re.search(r'href="([^"]*)" aria-label="Remove outcome:denied"', page)
    assert remove is not None and remove[1] == "/audit/"
    assert "/audit/?-outcome=denied" in links(page, "outcome:denied")


def test_facets_toggle_and_keep_their_other_values(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/", {"outcome": "denied"}))
    assert links(page, "success") == ["/audit/?outcome=denied&outcome=success"]
    on = re.search(r'href="([^"]*)" aria-current="true"><span>denied', page)
    assert on is not None and on[1] == "/audit/"


def test_a_facet_that_is_on_stays_at_zero(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/", {"outcome": "expired", "actor": OLU.email}))
    assert re.search(r'class="zero"><span>expired</span><span class="n">0', page)
    assert "Nothing matches" in page


def test_an_exact_action_that_is_on_counts_what_it_finds(trail: None, ada: Client) -> None:
    assert "token.refused 1," in _facets(text_of(ada.get("/audit/?action=token.refused")))
    both = _facets(text_of(ada.get("/audit/?action=token.refused&action=audit.exported")))
    assert "token.refused, on" in both  # of two together no number is known, so none is said


def test_what_finds_nothing_says_which_part_to_drop(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/?q=pdf&outcome=denied"))
    assert links(page, "Without outcome:denied") == ["/audit/?q=pdf"]
    assert 'id="facets"' not in text_of(ada.get("/audit/?q=zzzz"))


def _facets(page: str) -> str:
    found = re.search(r'<aside id="facets".*?</aside>', page, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()).replace(" ,", ",")


def test_bars_narrow_the_range(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/"))
    bars = re.findall(r'<a href="([^"]*)" data-start="([^"]*)"', page)
    full = next(unescape(url) for url, start in bars if start.startswith("2026-11-03T12"))
    assert [s.split()[0] for s in shown(text_of(ada.get(full)))] == ["Olu"]


def test_pages_follow_each_other_without_loss(ada: Client) -> None:
    list(record_many(DraftFactory.build(action="token.exchanged") for _ in range(120)))
    sequencer.run_once()
    page = text_of(ada.get("/audit/", {"action": "token.*"}))
    seen = re.findall(r"/audit/events/([0-9a-f-]{36})/\" hx", page)
    while older := links(page, "Older"):
        page = text_of(ada.get(older[0]))
        seen += re.findall(r"/audit/events/([0-9a-f-]{36})/\" hx", page)
    assert len(seen) == len(set(seen)) == 120
    back = text_of(ada.get(links(page, "Newer")[0]))
    assert re.findall(r"/audit/events/([0-9a-f-]{36})/\" hx", back) == seen[50:100]


def test_oldest_first_is_a_link_and_keeps_newer_and_older_straight(ada: Client) -> None:
    list(record_many(DraftFactory.build(action="token.exchanged") for _ in range(60)))
    sequencer.run_once()
    page = text_of(ada.get("/audit/", {"action": "token.*", "order": "oldest"}))
    assert links(page, "Newer") and not links(page, "Older")
    assert set(links(page, "Recorded")) == {"/audit/?action=token.%2A"}


def test_a_cursor_that_is_none_leads_to_the_first_page(trail: None, ada: Client) -> None:
    answer = ada.get("/audit/", {"cursor": "xyz", "via": "cli"})
    assert (answer.status_code, answer["Location"]) == (302, "/audit/?via=cli")


def test_a_large_filter_shares_one_chip(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/"))
    decisions = links(page, "Decisions")[0]
    assert len(shown(text_of(ada.get(decisions)))) == 1
    assert "action: decisions" in text_of(ada.get(decisions))


def test_decisions_are_counted_and_lead_to_their_lists(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/"))
    assert "1 decision" in page
    (without,) = links(page, "1 does not")
    assert links(page, "View the 1 without a verified person") == [without]
    assert "without a verified person" not in text_of(ada.get(without)), "it is that list already"
    assert [s.split()[0] for s in shown(text_of(ada.get(without)))] == ["Olu"]
    (verified,) = links(page, "0 name a verified person")
    assert shown(text_of(ada.get(verified))) == []


def test_the_open_event_is_in_the_url_and_htmx_gets_only_the_drawer(
    trail: None, ada: Client
) -> None:
    event = EventRow.objects.get(action="skill.blocked").event
    whole = text_of(ada.get("/audit/", {"e": str(event)}))
    assert 'id="drawer"' in whole and "Not proven" not in whole and "What proves it" in whole
    fragment = ada.get(
        "/audit/", {"e": str(event)}, headers={"HX-Request": "true", "HX-Target": "drawer"}
    )
    assert "<html" not in text_of(fragment) and "Entry #0" in text_of(fragment)
    assert "HX-Request" in fragment["Vary"]


@pytest.mark.parametrize("e", ["nonsense", "00000000-0000-7000-8000-000000000000"])
def test_an_event_that_is_none_opens_nothing(trail: None, ada: Client, e: str) -> None:
    assert ada.get("/audit/", {"e": e}).status_code == 200
    fragment = ada.get("/audit/", {"e": e}, headers={"HX-Request": "true", "HX-Target": "drawer"})
    assert fragment.status_code == 404


def test_both_times_are_shown_where_they_differ(ada: Client) -> None:
    record(OLU, "skill.blocked", target=Target("skill", "late"), time=NOON)
    assert "happened <time" in text_of(ada.get("/audit/"))
    EventRow.objects.all().delete()
    record(OLU, "skill.blocked", target=Target("skill", "now"))
    assert "happened <time" not in text_of(ada.get("/audit/"))


def test_markup_in_names_stays_text(ada: Client) -> None:
    name = "<img src=x onerror=alert(1)>"
    record(OLU, "skill.blocked", target=Target("skill", name), reason=name)
    row = EventRow.objects.get(action="skill.blocked")
    for url in ("/audit/", f"/audit/?e={row.event}", f"/audit/events/{row.event}/",
                f"/audit/?target={name}", f"/audit/?q={name}&{name}=1"):  # fmt: skip
        page = text_of(ada.get(url))
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page


def test_looking_is_recorded_once_per_person_query_and_ten_minutes(
    trail: None, ada: Client
) -> None:
    for url in ("/audit/", "/audit/", "/audit/?cursor=s1", "/audit/?outcome=denied"):
        ada.get(url)
    viewed = EventRow.objects.filter(action="audit.viewed")
    assert viewed.count() == 2
    browser_of(OLU).get("/audit/")
    assert viewed.count() == 3
    assert set(viewed.values_list("actor_name", flat=True)) == {ADA.name, OLU.name}


def test_looking_with_a_relative_date_is_recorded_once(
    trail: None, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = clock.now()
    moment = min(today, today.replace(hour=23, minute=57))
    for seconds in (0, 61):
        monkeypatch.setattr(clock, "now", lambda now=moment + timedelta(seconds=seconds): now)
        ada.get("/audit/?after=12h")
    assert EventRow.objects.filter(action="audit.viewed").count() == 1
    ada.get("/audit/?after=24h")
    assert EventRow.objects.filter(action="audit.viewed").count() == 2


def test_a_new_day_of_a_relative_date_is_another_look(
    trail: None, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for seconds in (-30, 30, 60):
        monkeypatch.setattr(clock, "now", lambda now=midnight + timedelta(seconds=seconds): now)
        ada.get("/audit/?before=today")
    assert EventRow.objects.filter(action="audit.viewed").count() == 2


def test_new_events_are_announced_and_looking_is_not(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/", {"live": "1", "action": "skill.*"}))
    poll = re.search(r'hx-get="(/audit/live/[^"]*)"', page)
    assert poll is not None
    url = unescape(poll[1])
    assert "Looks for new events" in text_of(ada.get(url))
    record(OLU, "skill.blocked", target=Target("skill", "new-1"))
    record(OLU, "token.refused")
    sequencer.run_once()
    record(OLU, "skill.blocked", target=Target("skill", "new-2"))
    answer = text_of(ada.get(url))
    assert "2 new events" in answer
    assert links(answer, "Show") == ["/audit/?action=skill.%2A&live=1"]


@pytest.mark.parametrize("query", ["since=s0", "since=zz&seen=2026-01-01", "seen=now&since="])
def test_a_poll_that_is_not_ours_is_refused(trail: None, ada: Client, query: str) -> None:
    assert ada.get(f"/audit/live/?{query}").status_code == 400


@pytest.mark.parametrize("part", ["outcome=lost", "actoin=skill.*", "range-from=soon"])
def test_a_filter_that_cannot_be_read_is_refused_by_page_and_poll_alike(
    trail: None, ada: Client, part: str
) -> None:
    page = ada.get(f"/audit/?{part}")
    poll = ada.get(f"/audit/live/?{part}&since=s0&seen=2026-11-01T00:00:00Z")
    assert page.status_code == poll.status_code == 422
    assert "new event" not in text_of(poll)


def test_the_orders_are_named_alike_at_every_width(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/"))
    assert len(links(page, "Recorded")) == 2 and not links(page, "recorded")


@pytest.mark.parametrize("url", ["/audit/", "/audit/live/", "/audit/ledger/", "/audit/exports/",
                                 "/audit/exports/new/"])  # fmt: skip
def test_strangers_sign_in_and_members_are_told_where_their_history_is(url: str) -> None:
    assert Client().get(url).status_code == 302
    answer = browser_of(MIA).get(url)
    assert answer.status_code == 403
    assert "/account/" in text_of(answer)
    assert browser_of(OLU).post("/audit/").status_code == 405


def test_head_answers_like_get_without_a_body(trail: None, ada: Client) -> None:
    answer = ada.head("/audit/")
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_page_needs_eight_queries_at_a_thousand_rows(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_the_shell(monkeypatch)
    start = datetime(2026, 11, 1, tzinfo=UTC)
    drafts = (
        DraftFactory.build(
            action=("skill.blocked", "token.exchanged", "approval.denied")[n % 3],
            actor=(OLU, ADA, MIA)[n % 3],
            outcome=("success", "denied")[n % 2],
            time=start + timedelta(minutes=7 * n),
        )
        for n in range(1000)
    )
    list(record_many(drafts))
    sequencer.run_once()
    for url in (
        "/audit/",
        "/audit/?outcome=denied",
        "/audit/?outcome=denied&actor=mia@acme.example",
    ):
        ada.get(url)  # notes the look, which is written once in ten minutes
        sequencer.run_once()
        with CaptureQueriesContext(connection) as captured:
            assert ada.get(url).status_code == 200
        of_the_trail = [q["sql"] for q in captured if "audit_" in q["sql"]]
        assert len(of_the_trail) <= 8, of_the_trail


def test_the_clock_used_for_today_is_the_portals(trail: None, ada: Client) -> None:
    before = clock.now()
    today = links(text_of(ada.get("/audit/")), "Today")[0]
    page = text_of(ada.get(today))
    days = (before, clock.now())  # at midnight either is right
    assert any(f"Events from {day:%Y-%m-%d} on" in page for day in days)
