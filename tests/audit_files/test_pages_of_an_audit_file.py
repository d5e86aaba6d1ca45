"""The page that leads to an audit file: who may use it, what is said before, what is recorded."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import SignedInSession
from audit import clock
from audit.coverage import FRAMEWORKS
from audit.models import EventRow
from audit.packs.verify_html import verifier
from audit.recording.actors import Actor
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from audit.views import audit_file_request_and_download
from tests.ata.ata_process import Ata
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, OLU
from tests.audit_files.audit_world import FRAMEWORK, WITH_TODAY, World, unpacked

pytestmark = pytest.mark.django_db

AMIR = Actor(
    iss=ADA.iss, sub="auth0|amir", name="Amir Admin", email="amir@acme.example",
    roles=frozenset({"admin"}),
)  # fmt: skip
PAGE = f"/audit/file/?framework={FRAMEWORK}&{WITH_TODAY}"
ZIP = f"/audit/file/zip?framework={FRAMEWORK}&others=with&{WITH_TODAY}"
WORKPAPER = f"/audit/file/workpaper?framework={FRAMEWORK}&others=with&{WITH_TODAY}"


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text_of(answer))))


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def exported() -> list[dict[str, Any]]:
    rows = EventRow.objects.filter(action="audit.exported").order_by("event")
    return [load(row.event) for row in rows]


def test_the_page_says_what_the_file_holds_and_discloses_before_it_offers_it(world: World) -> None:
    ada = browser_of(ADA)
    first = ada.get(PAGE)
    said = words(first)
    assert "2. Contents" in said and "3. What it discloses" in said
    assert "Yes, with the other 6 entries of the period" in said
    assert not re.search(r"[Aa]bout [\d.]+ (?:KB|MB|bytes)", said), said
    assert ZIP.partition("?")[0] not in text_of(first), "nothing is offered before it is asked"
    second = ada.get(f"{PAGE}&others=without")
    assert "4. Download" in words(second)
    link = re.search(r'href="(/audit/file/zip\?[^"]+)"', text_of(second))
    assert link and "others=without" in link[1] and "tree=15" in link[1]
    assert hashlib.sha256(verifier()).hexdigest() in text_of(second)
    assert not exported()


def test_each_step_leads_to_the_next_one_and_focuses_its_heading(world: World) -> None:
    """A browser keeps the fragment of a form's address, and focuses what `tabindex` lets it."""
    ada = browser_of(ADA)
    first, second = text_of(ada.get(PAGE)), text_of(ada.get(f"{PAGE}&others=with"))
    assert 'method="get" action="/audit/file/#step2"' in first
    button = re.search(r"<button ([^>]*)>Preview contents", first)
    assert button and "formnovalidate" in button[1], "step 1 needs no answer of step 3"
    assert '<h2 id="step2" tabindex="-1">2. Contents' in first
    assert 'formaction="/audit/file/#step4">Continue</button>' in first
    assert 'formaction="/audit/file/#step4">Change</button>' in second
    assert '<h2 id="step4" tabindex="-1">4. Download' in second
    assert len(re.findall(r'href="\?framework=[^"]*#step2">\d+ days', first)) == 5


def period(first: int, last: int) -> str:
    """Dates of a query string, from so many days ago until before so many."""
    after, before = (f"{clock.now() - timedelta(days=ago):%Y-%m-%d}" for ago in (first, last))
    return f"after={after}&before={before}"


def accents(page: str) -> list[str]:
    """The labels of the accent buttons of a page."""
    main = page.partition("<main")[2].partition("</main>")[0]
    found = re.findall(
        r'(?s)<(?:a|button)[^>]*class="btn btn-primary"[^>]*>(.*?)</(?:a|button)>', main
    )
    return [re.sub(r"(?s)<svg.*?</svg>|<[^>]+>", "", one).strip() for one in found]


def test_a_period_that_lists_no_event_says_so_and_leads_to_the_nearest_that_does(
    world: World,
) -> None:
    ada, said = browser_of(ADA), "An audit file of this period would list no event"
    page = text_of(ada.get(f"/audit/file/?framework={FRAMEWORK}&{period(45, 35)}"))
    assert said in page
    assert "3 events happened in this period. This file would list none of them." in page
    assert accents(page) == ["Use the last 7 days and today"]
    assert re.search(r"<summary>\d+ populations without a row in this period</summary>", page)
    assert said not in text_of(ada.get(PAGE))


def test_a_period_without_events_to_list_leads_to_the_same_one_with_today(world: World) -> None:
    ada = browser_of(ADA)
    query = f"framework={FRAMEWORK}&seed=agreed&items=7&{period(90, 0)}"
    page = text_of(ada.get(f"/audit/file/?{query}"))
    link = re.search(r'href="(\?[^"]+)">Include today</a>', page)
    assert link and accents(page) == ["Include today"]
    assert "seed=agreed" in link[1] and "items=7" in link[1] and "tree=" not in link[1]
    longer = text_of(ada.get(f"/audit/file/{unescape(link[1])}"))
    assert "would list no event" not in longer and "Include today" not in longer


def test_a_period_without_any_signed_event_leads_to_one_with_events(world: World) -> None:
    answer = browser_of(ADA).get(f"/audit/file/?framework={FRAMEWORK}&{period(400, 390)}")
    page = text_of(answer)
    assert answer.status_code == 422 and "These choices give no audit file" in page
    assert "No signed event is of this period." in page
    assert accents(page) == ["Use the last 7 days and today"]


def test_no_period_is_offered_where_none_lists_an_event(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_file_request_and_download, "_lists_events", lambda _: False)
    page = text_of(browser_of(ADA).get(f"/audit/file/?framework={FRAMEWORK}&{period(45, 35)}"))
    assert accents(page) == ["Preview contents"]


def test_each_step_of_the_page_has_one_accent_button(world: World) -> None:
    ada = browser_of(ADA)
    page = text_of(ada.get(PAGE))
    assert accents(page) == ["Choose what it discloses"]
    assert "<h1>One choice is left before you can download the audit file</h1>" in page
    closed = '<details class="card group"><summary class="card-head"><h2 id="step1">1. Change '
    assert closed in page, "what is chosen already is no rival of the next step"
    page = text_of(ada.get(f"{PAGE}&others=with"))
    assert accents(page) == ["Audit file (ZIP)"]
    assert "<h1>You can download the audit file now</h1>" in page
    nothing = text_of(ada.get(f"/audit/file/?framework={FRAMEWORK}&{period(45, 35)}"))
    assert '<details class="card group" open>' in nothing


@pytest.mark.parametrize("framework", [one.id for one in FRAMEWORKS])
def test_each_framework_has_a_file_and_a_workpaper(world: World, ata: Ata, framework: str) -> None:
    ada, query = browser_of(ADA), f"framework={framework}&others=with&{WITH_TODAY}"
    page = ada.get(f"/audit/file/?{query}")
    assert page.status_code == 200 and "4. Download" in words(page)
    got = body(ada.get(f"/audit/file/zip?{query}"))
    said = ata.here("verify", world.save(got), *world.keys()).output
    assert "Verified" in said or "Entries verified." in said, said
    assert "✗" not in said, said
    assert body(ada.get(f"/audit/file/workpaper?{query}")).startswith(b"PK")
    manifest = json.loads(unpacked(got)["manifest.json"])
    drawn = {one["id"] for one in manifest["tables"] if one["kind"] == "requirement"}
    open_ones = {one["number"] for one in manifest["not_answered"]}
    asked = next(one for one in FRAMEWORKS if one.id == framework)
    assert drawn.isdisjoint(open_ones)
    assert drawn | open_ones == {one.number for one in asked.requirements}


def test_a_requirement_that_only_evidence_answers_is_listed_as_such(world: World) -> None:
    said = words(browser_of(ADA).get(f"/audit/file/?framework=nist-800-53&{WITH_TODAY}"))
    assert "AU-10 non-repudiation It needs evidence, not a field of entries." in said, said


def test_the_page_reads_the_range_and_its_counts_once(world: World) -> None:
    with CaptureQueriesContext(connection) as asked:
        browser_of(ADA).get(f"{PAGE}&others=with")
    ranges = [one["sql"] for one in asked if "MIN(" in one["sql"] and "MAX(" in one["sql"]]
    assert len([sql for sql in ranges if "recorded_at" in sql]) == 1, ranges
    assert not [one for one in asked if "LENGTH(" in one["sql"]]


def test_the_page_says_where_its_period_ends_after_the_signed_log(world: World) -> None:
    said = "so the file cannot prove that no row of it is missing: choose a period that is over."
    later = f"{world.unfinished_period.end:%Y-%m-%d}"
    assert said in words(browser_of(ADA).get(f"{PAGE}&others=with&before={later}"))
    assert said not in words(browser_of(ADA).get(f"{PAGE}&others=with"))


def test_a_period_that_nobody_chose_has_today_only_if_no_earlier_day_lists_an_event(
    world: World,
) -> None:
    asked, today = f"/audit/file/?framework={FRAMEWORK}&others=with", clock.now()
    page = text_of(browser_of(ADA).get(asked))
    tomorrow = f"{today + timedelta(days=1):%Y-%m-%d}"
    assert f'name="before" type="date" value="{tomorrow}"' in page
    assert page.count(f"&amp;before={today:%Y-%m-%d}#step2") == 4
    assert "Today is included because this file would list no event of the days before it" in page
    record(OLU, "policy.changed", time=today - timedelta(days=3))
    sequencer.run_once()
    page = text_of(browser_of(ADA).get(asked))
    assert f'name="before" type="date" value="{today:%Y-%m-%d}"' in page
    assert "Today is included" not in page


def test_compliance_leads_to_it(world: World) -> None:
    for person in (ADA, AMIR):
        assert 'href="/audit/file/"' in text_of(browser_of(person).get("/audit/coverage/"))


def test_the_file_that_is_downloaded_is_the_one_on_record(world: World, ata: Ata) -> None:
    answer = browser_of(ADA).get(ZIP)
    assert answer.status_code == 200 and answer["Content-Type"] == "application/zip"
    got = body(answer)
    [event] = exported()
    data = event["data"]
    assert (data["format"], data["sha256"]) == ("audit_file", hashlib.sha256(got).hexdigest())
    assert (data["bytes"], data["complete"], event["actor"]["sub"]) == (len(got), True, ADA.sub)
    assert EventRow.objects.filter(action="evidence.read").count() == 1
    result = ata.here("verify", world.save(got), *world.keys())
    assert result.exit_code == 0, result.output


def test_a_download_is_of_the_tree_that_its_page_showed(world: World) -> None:
    ada = browser_of(ADA)
    link = re.search(r'href="(/audit/file/zip\?[^"]+)"', text_of(ada.get(f"{PAGE}&others=with")))
    assert link
    one = unpacked(body(ada.get(unescape(link[1]))))
    sequencer.run_once()  # what the download left is signed now
    again = unpacked(body(ada.get(unescape(link[1]))))
    assert one.keys() == again.keys()
    for name, member in one.items():
        if name.startswith(("log/", "samples/", "roles", "policies/")):
            assert again[name] == member, name


def test_only_auditors_and_admins_come_in(world: World) -> None:
    for path in (PAGE, ZIP, WORKPAPER):
        for person in (OLU, MIA):
            assert browser_of(person).get(path).status_code == 403, (path, person.name)
        answer = Client().get(path)
        assert answer.status_code == 302 and "/oidc/" in answer["Location"]
        assert browser_of(ADA).post(path).status_code == 405
        assert browser_of(AMIR).get(path).status_code == 200
    assert {one["actor"]["sub"] for one in exported()} <= {AMIR.sub}


def test_the_file_and_the_workpaper_ask_for_a_fresh_sign_in(world: World) -> None:
    ada = browser_of(ADA)
    SignedInSession.objects.update(auth_time=timezone.now() - timedelta(hours=1))
    for path in (ZIP, WORKPAPER):
        answer = ada.get(path)
        assert answer.status_code == 302 and "fresh=1" in answer["Location"]
    assert not exported()


def test_an_admin_gets_no_evidence_that_is_not_theirs_and_the_file_says_so(world: World) -> None:
    members = unpacked(body(browser_of(AMIR).get(ZIP)))
    assert b"not yours to read" in members["manifest.json"]


def test_what_is_only_asked_for_by_head_leaves_no_record(world: World) -> None:
    for path in (ZIP, WORKPAPER):
        assert browser_of(ADA).head(path).status_code == 200
    assert not exported()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("framework=none", "There is no framework"),
        ("items=0", "A sample has 1 to 60 items"),
        ("items=x", "A sample has 1 to 60 items"),
        ("after=2026-13-01", "After is a date"),
        ("after=2031-01-01&before=2030-01-01", "Before is a later date"),
        ("after=2031-01-01&before=2031-02-01", "No signed event is of this period"),
        ("seed=" + "x" * 201, "A seed is 1 to 200"),
        ("tree=1&others=with", ""),
    ],
)
def test_what_is_no_audit_is_said_and_leaves_nothing(world: World, query: str, says: str) -> None:
    ada = browser_of(ADA)
    if says:
        page = ada.get(f"/audit/file/?{query}")
        assert (page.status_code, says in words(page)) == (422, True), words(page)
    for path in ("zip", "workpaper"):
        answer = ada.get(f"/audit/file/{path}?{query}")
        assert answer.status_code == 302 and answer["Location"].startswith("/audit/file/?")
    assert not exported()
