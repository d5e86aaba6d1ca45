"""`/audit/quarantine/` and `/v1/audit/quarantine`: what could not become an event, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import clock, importing
from audit.importing import import_run_events
from audit.importing.quarantine import queries
from audit.importing.quarantine import writer as reasons
from audit.models import EventRow, QuarantinedRow
from audit.views import quarantine_list
from connections.models import Feed
from connections.tenant_log import entry_parsing, record_entries
from tests.audit import imports
from tests.audit.browsing import browser_of, text_of
from tests.audit.calling import Caller, caller
from tests.audit.factories import ADA, MIA, OLU, ActorFactory
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
PAGE = "/audit/quarantine/"
ANYA = ActorFactory.build(sub="auth0|anya", name="Anya Admin", roles=frozenset({"admin"}))
TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture
def ada() -> Client:
    cache.clear()
    return browser_of(ADA)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a row that has no time, and one whose time is none, with a secret in it."""
    path = tmp_path / "audit.db"
    imports.change(
        path,
        "CREATE TABLE audit_events (id, timestamp, action, target, actor, details, severity)",
    )
    imports.audit_row(path, "timeless", timestamp=None)
    imports.audit_row(path, "yesterday", timestamp="yesterday", details=f"curl -u {TOKEN}")
    return path


def of_the_log(feed: Feed = Feed.STREAM) -> None:
    """A delivery of the tenant log with something that is no entry."""
    record_entries.take(
        feed, [entry_parsing.entry_of({"type": "seta", "date": "2026-11-24T10:00:00Z"})]
    )


def row(row_id: str) -> QuarantinedRow:
    return QuarantinedRow.objects.get(row_id=row_id)


def event_of(instance: str) -> Any:
    return EventRow.objects.get(action="audit.quarantined", instance=instance).event


def test_each_row_is_listed_with_its_reason_size_digest_and_event(ada: Client, path: Path) -> None:
    importing.run(path, "edge-1")
    of_the_log()
    page = text_of(ada.get(PAGE))
    assert page.count("data-rows") == 1 and "3 rows." in page
    assert "<h1>3 rows could not be read</h1>" in page
    for code, words in (
        ("missing_time", "no time"),
        ("bad_time", "an impossible or unreadable time"),
        ("no_log_id", "no usable log_id"),
    ):
        assert f"has {words}" in page and code in page
    for kept in QuarantinedRow.objects.all():
        assert kept.size and bytes(kept.digest).hex() in page
        assert f'href="{PAGE}{kept.pk}/"' in page
    assert row("timeless").event == row("yesterday").event == event_of("edge-1")
    assert f'href="/audit/events/{event_of("auth0")}/"' in page
    newest, oldest = QuarantinedRow.objects.latest("pk"), QuarantinedRow.objects.earliest("pk")
    assert page.index(f"{PAGE}{newest.pk}/") < page.index(f"{PAGE}{oldest.pk}/")


def test_source_reason_and_event_narrow_it(ada: Client, path: Path) -> None:
    importing.run(path, "edge-1")
    of_the_log()
    for query, n in (
        ("source=edge-1", 2),
        ("source=auth0", 1),
        ("reason=bad_time", 1),
        ("source=auth0&reason=bad_time", 0),
        (f"event={event_of('edge-1')}", 2),
    ):
        page = text_of(ada.get(f"{PAGE}?{query}"))
        assert page.count('class="row-link"') == n, query
        assert ("Nothing matches" in page) is (n == 0)
    page = text_of(ada.get(f"{PAGE}?source=edge-1"))
    assert "<h1>Quarantine</h1>" in page, "part of the list has no count of all"
    assert 'href="/audit/quarantine/?source=edge-1&amp;reason=bad_time"' in page
    assert 'href="/audit/quarantine/" aria-current="true"' in page, "a value that is on goes off"


def test_pages_go_on_behind_the_last_row_and_miss_none(ada: Client) -> None:
    many(250)
    seen: list[int] = []
    url = PAGE
    while url:
        answer = ada.get(url)
        seen += [row.pk for row, _, _ in answer.context["rows"]]
        many(1)  # which comes before the first page
        url = answer.context["older_url"]
    assert seen == sorted(seen, reverse=True) and len(seen) == 250


def test_a_page_costs_the_same_however_many_there_are(ada: Client) -> None:
    many(3)
    counted = []
    for more in (0, 300):
        many(more)
        with CaptureQueriesContext(connection) as asked:
            assert ada.get(PAGE).status_code == 200
        counted.append(len([q for q in asked if "quarantinedrow" in q["sql"]]))
    assert counted[0] == counted[1] <= 8


def test_more_than_are_counted_are_said_to_be_more(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(7)
    monkeypatch.setattr(queries, "COUNTED", 5)
    page = text_of(ada.get(PAGE))
    assert "More than 5 rows." in page and "<h1>More than 5 rows could not be read</h1>" in page


def test_an_empty_list_says_what_it_would_hold(ada: Client) -> None:
    page = text_of(ada.get(PAGE))
    assert "<h1>Nothing is in quarantine</h1>" in page
    assert "Nothing quarantined" in page and "kept here with the reason" in page


def test_a_row_is_shown_masked_with_what_can_be_done(ada: Client, path: Path) -> None:
    importing.run(path, "edge-1")
    of_the_log()
    page = text_of(ada.get(f"{PAGE}{row('yesterday').pk}/"))
    assert TOKEN not in page and "[masked: GitHub token]" in page
    assert "import_defenseclaw" in page and "It cannot be taken in from here" in page
    assert f'href="/audit/events/{event_of("edge-1")}/"' in page
    entry = QuarantinedRow.objects.get(instance="auth0")
    assert "Monitoring → Logs" in text_of(ada.get(f"{PAGE}{entry.pk}/"))


def test_what_was_stored_before_a_kind_of_secret_was_known_is_masked_too(ada: Client) -> None:
    many(1)
    kept = QuarantinedRow.objects.get()
    QuarantinedRow.objects.update(content={"details": f"token {TOKEN}"})
    assert TOKEN not in text_of(ada.get(f"{PAGE}{kept.pk}/"))


def test_a_row_that_a_later_import_could_read_names_its_event(ada: Client, path: Path) -> None:
    importing.run(path, "edge-1")
    imports.change(path, "UPDATE audit_events SET timestamp = '2026-11-24T10:00:00Z'")
    importing.run(path, "edge-1")
    ids = {kept.row_id: kept.pk for kept in QuarantinedRow.objects.all()}
    became = EventRow.objects.filter(action="skill.blocked") | EventRow.objects.filter(
        action__startswith="defenseclaw."
    )
    assert became.count() == 2
    assert text_of(ada.get(PAGE)).count("became an event since") == 2
    page = text_of(ada.get(f"{PAGE}{ids['timeless']}/"))
    assert "It became an event since" in page
    assert any(
        f"/audit/events/{event}/" in page for event in became.values_list("event", flat=True)
    )


def test_rows_of_a_killed_import_are_of_the_next_that_ends(
    ada: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(import_run_events, "record_run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            importing.run(path, "edge-1")
    kept = row("timeless")
    assert kept.event is None
    assert "not yet" in text_of(ada.get(PAGE))
    assert "Its import has not ended" in text_of(ada.get(f"{PAGE}{kept.pk}/"))
    importing.run(path, "edge-1")
    assert row("timeless").event == event_of("edge-1")
    first = row("timeless").event
    importing.run(path, "edge-1")
    assert row("timeless").event == first, "what is told stays told by the first"


def test_it_is_found_from_where_one_looks(ada: Client, path: Path) -> None:
    importing.run(path, "edge-1")
    of_the_log()
    assert f'href="{PAGE}"' in text_of(ada.get("/audit/coverage/"))
    assert f"{PAGE}?source=auth0" in text_of(ada.get("/connections/inventory/sources/"))
    told = f"{PAGE}?event={event_of('edge-1')}"
    assert told in text_of(ada.get("/"))
    assert told in text_of(browser_of(ANYA).get("/"))
    assert told in text_of(ada.get(f"/audit/events/{event_of('edge-1')}/"))
    assert told not in text_of(browser_of(OLU).get(f"/audit/events/{event_of('edge-1')}/"))


def test_every_reason_has_words_and_one_of_another_version_its_code(ada: Client) -> None:
    assert not reasons.REASONS.keys() & entry_parsing.REASONS.keys()
    many(1, reason="of_tomorrow")
    assert "has of_tomorrow" in text_of(ada.get(PAGE))


@pytest.mark.parametrize("path", ["", "1/"])
def test_it_is_for_auditors_and_admins_and_only_for_reading(path: str) -> None:
    many(1, pk=1)
    address = f"{PAGE}{path}"
    assert browser_of(ANYA).get(address).status_code == 200
    for person in (OLU, MIA):
        assert browser_of(person).get(address).status_code == 403
    assert Client().get(address).status_code == 302
    assert browser_of(ADA).post(address).status_code == 405


@pytest.mark.parametrize("id", ["0", "99", "9" * 30])
def test_a_row_that_is_not_there_is_not_found(ada: Client, id: str) -> None:
    assert ada.get(f"{PAGE}{id}/").status_code == 404
    assert ada.get(f"{PAGE}?after={id}").status_code == 200


# Over the API


@pytest.fixture
def api(portal_tenant: LocalTenant) -> Caller:
    return caller(portal_tenant, "auditor")


def test_the_api_lists_in_pages_and_shows_one(api: Caller, path: Path) -> None:
    importing.run(path, "edge-1")
    of_the_log()
    whole = api.get("/quarantine").json()
    assert [one["reason"] for one in whole["items"]] == ["no_log_id", "bad_time", "missing_time"]
    assert whole["next"] is None
    first = api.get("/quarantine", {"limit": 2}).json()
    rest = api.get("/quarantine", {"limit": 2, "after": first["next"]}).json()
    assert first["items"] + rest["items"] == whole["items"]
    narrowed = api.get("/quarantine", {"source": "edge-1", "reason": "bad_time"}).json()
    (one,) = narrowed["items"]
    assert one["event_id"] == str(event_of("edge-1")) and one["became"] is None
    assert (one["words"], one["row"]) == (quarantine_list.words_of("bad_time"), "yesterday")
    shown = api.get(f"/quarantine/{one['id']}").json()
    assert {name: shown[name] for name in one} == one
    assert shown["content"]["details"] == "curl -u [masked: GitHub token]"


def test_the_api_refuses_whom_and_what_it_must(api: Caller, portal_tenant: LocalTenant) -> None:
    for who in ("operator", "member1"):
        other = caller(portal_tenant, who)
        for address in ("/quarantine", "/quarantine/1"):
            answer = other.get(address)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert caller(portal_tenant, "admin").get("/quarantine").status_code == 200
    assert Caller("").get("/quarantine").status_code == 401
    assert api.post("/quarantine", {}).status_code == 405
    missing = api.get("/quarantine/99")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    for address in (
        "/quarantine/none",
        "/quarantine?limit=0",
        "/quarantine?after=here",
        f"/quarantine/{2**70}",
        "/quarantine?event=one",
    ):
        assert api.get(address).status_code == 422, address
    assert api.get(f"/quarantine?event={uuid4()}").json() == {"items": [], "next": None}


def many(number: int, *, reason: str = "bad_time", pk: int | None = None) -> None:
    """So many rows that were set aside."""
    now = clock.now()
    QuarantinedRow.objects.bulk_create(
        QuarantinedRow(
            pk=pk,
            instance="edge-1",
            table="audit_events",
            row_id=str(uuid4()),
            reason=reason,
            digest=uuid4().bytes,
            content={"id": "x"},
            seen=now,
        )
        for _ in range(number)
    )


def test_an_event_that_is_no_id_is_refused_in_words_and_not_left_out(ada: Client) -> None:
    told = ada.get(f"{PAGE}?event=nothing-of-ours")
    assert told.status_code == 400 and "event: the id of an event." in told.content.decode()
