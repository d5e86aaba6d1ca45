"""Pages of Activity and Evidence: the title is the answer, computed, and the list follows soon."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client

from approvals.models import Erasure, ErasureState, LegalHold
from audit import clock, exports
from audit.coverage import Period
from audit.evidence import storage
from audit.models import ExportJob, VerificationRun
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.verification import requested_runs
from audit.verification.continuous import Progress
from audit.views import audit_file_request_and_download
from portal.home import auditor, exception_counts
from portal.pages import ledger_status
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, OLU, DraftFactory
from tests.support.recording import record_many

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_cache")]
MILLISECONDS = re.compile(r"\d\d:\d\d:\d\d\.\d")


@pytest.fixture
def ada() -> Client:
    return browser_of(ADA)


def title(client: Client, url: str) -> str:
    cache.clear()
    (found,) = re.findall(r"(?s)<h1>(.*?)</h1>", text_of(client.get(url)))
    return " ".join(unescape(re.sub(r"<[^>]+>", "", found)).split())


def accents(client: Client, url: str) -> list[str]:
    """The labels of the main actions of a page."""
    cache.clear()
    found = re.findall(r'(?s)"btn btn-primary[^>]*>(.*?)</(?:a|button)>', text_of(client.get(url)))
    return [re.sub(r"(?s)<[^>]+>", "", one).strip() for one in found]


def test_the_trail_counts_events_decisions_and_what_matches(trail: None, ada: Client) -> None:
    assert title(ada, "/audit/") == "12 events, 7 of them decisions"
    record_many_more()
    assert title(ada, "/audit/?action=token.refused") == "5 of 14 events match"
    assert title(ada, "/audit/?action=audit.sampled") == "No event matches the filter"
    assert title(ada, "/audit/?outcome=denid") == "No event is shown until the filter can be read"


def record_many_more() -> None:
    list(record_many([DraftFactory.build(action="approval.expired", outcome="expired")]))
    sequencer.run_once()


def test_the_trail_claims_no_more_than_is_signed(ada: Client) -> None:
    assert title(ada, "/audit/") == "Nothing is recorded yet"
    record(OLU, "skill.blocked", target=Target("skill", "pdf-exfil", "edge-1"))
    assert title(ada, "/audit/") == "No event is in the signed log yet"
    sequencer.run_once()
    assert title(ada, "/audit/").endswith(", 1 of them a decision")
    assert title(ada, "/audit/?action=skill.blocked") == "1 of 3 events matches"


def test_on_a_phone_the_first_event_comes_before_the_chart(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/"))
    order = ['aria-label="Common filters"', 'popovertarget="facets"', "Custom range",
             'aria-label="Rows"', 'aria-label="Order"', 'id="rows"', 'class="card hist"',
             "How outcomes are counted"]  # fmt: skip
    places = [page.index(part) for part in order]
    assert places == sorted(places)
    assert page.count('popovertarget="facets"') == 1
    assert '<nav class="tabs" aria-label="Common filters">' in page


def test_the_signed_log_says_how_far_it_was_verified_and_who_else_signed(ada: Client) -> None:
    assert title(ada, "/audit/ledger/") == "Nothing has been signed yet"
    record(SYSTEM, "audit.verified")
    record(SYSTEM, "audit.verified")
    sequencer.run_once()
    assert title(ada, "/audit/ledger/").startswith("Signed, not verified yet")
    ada.post("/audit/ledger/verify/")
    requested_runs.perform(VerificationRun.objects.get().id)
    assert title(ada, "/audit/ledger/") == "2 of 2 entries verified, no outside witness"
    why = "Without an outside witness we could show different logs to different people."
    assert shown(ada, "/audit/ledger/").count(why) == 1
    assert accents(ada, "/audit/ledger/") == ["Save a checkpoint"], "not the check just done"
    Progress(done=clock.now(), done_size=2, recent=2).write()
    record(SYSTEM, "audit.verified")
    sequencer.run_once()
    said = "2 of 4 entries verified"
    cache.clear()
    assert title(ada, "/audit/ledger/") == f"{said}, no outside witness"
    assert auditor.log_status().lines[0].detail == said, "Home has the same figure"
    VerificationRun.objects.update(
        state=VerificationRun.State.FAILED, result={"size": 2, "first_bad_index": 1}
    )
    assert title(ada, "/audit/ledger/") == "Log: check failed at #1"
    assert why not in shown(ada, "/audit/ledger/"), "what failed comes first"
    assert accents(ada, "/audit/ledger/") == ["Verify everything"]


def test_the_signed_log_names_settings_only_behind_details(ada: Client) -> None:
    record(SYSTEM, "audit.verified")
    sequencer.run_once()
    requested_runs.perform(requested_runs.request(ADA).id)
    page = text_of(ada.get("/audit/ledger/"))
    assert "LEDGER_POLICY_FILE" in page
    assert "_FILE" not in re.sub(r"(?s)<details>.*?</details>", "", page)


def test_a_requirement_about_checks_of_the_log_says_what_was_checked_without_an_event(
    ada: Client,
) -> None:
    record(OLU, "policy.changed")
    sequencer.run_once()
    said = "The last automatic check of 1 entry found nothing changed or missing. It ended just now"
    none = "No automatic check shows now that nothing is changed or missing."
    page = shown(ada, "/audit/coverage/")
    assert "10.3.2 logs are protected from change" in page and none in page and said not in page
    Progress(done=clock.now(), done_size=1, recent=1).write()
    page = shown(ada, "/audit/coverage/")
    assert said in page and none not in page
    Progress(done=clock.now(), done_size=1, recent=1, done_found=1).write()
    assert none in shown(ada, "/audit/coverage/")
    record(SYSTEM, "audit.verified")
    sequencer.run_once()
    page = shown(ada, "/audit/coverage/")
    assert none not in page.partition("PCI DSS v4.0.1")[2].partition("SOC 2")[0], "an event does"


def test_exports_say_how_many_are_ready(trail: None, ada: Client) -> None:
    assert title(ada, "/audit/exports/") == "No export is on record yet"
    record(ADA, "audit.exported", data={"format": "pack", "count": 1})
    said = "1 export is on record, no file of it is kept"
    assert title(ada, "/audit/exports/") == said, "the trail has a row of it"
    record(ADA, "audit.exported", data={"format": "log", "count": 2})
    said = "2 exports are on record, no file of them is kept"
    assert title(ada, "/audit/exports/") == said
    assert "?action=audit.exported" in ada.get("/audit/exports/").content.decode()
    assert "Packs, reports, audit files and the whole log are not kept" in shown(
        ada, "/audit/exports/"
    )
    accent = '<a class="btn btn-primary" href="/audit/">'
    assert accent in text_of(ada.get("/audit/exports/")), "an export starts from a filter"
    ada.post("/audit/exports/new/", {"format": "csv"})
    assert title(ada, "/audit/exports/") == "An export is being made"
    assert accent not in text_of(ada.get("/audit/exports/"))
    assert exports.run_due() == 1
    assert title(ada, "/audit/exports/") == "1 export ready to download"
    job = ExportJob.objects.get()
    ExportJob.objects.update(created=clock.now() - timedelta(hours=1))
    ada.post("/audit/exports/new/", {"format": "csv"})
    page = text_of(ada.get("/audit/exports/"))
    newer = ExportJob.objects.exclude(pk=job.pk).get()
    assert page.index(f"/audit/exports/{job.id}/") < page.index(f"/audit/exports/{newer.id}/")
    newer.delete()
    assert not MILLISECONDS.search(shown(ada, f"/audit/exports/{job.id}/"))
    ExportJob.objects.update(state=ExportJob.State.EXPIRED)
    assert title(ada, "/audit/exports/") == "No exported file is ready"


def shown(client: Client, url: str) -> str:
    """The text of a page, without titles of elements."""
    main = text_of(client.get(url)).partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def test_a_sample_says_from_how_many_events_it_is_drawn(trail: None, ada: Client) -> None:
    page = "/audit/sample/"
    assert title(ada, page) == "Draw a sample from 12 events"
    none = title(ada, f"{page}?action=audit.sampled")
    assert none == "No event matches, so none can be drawn"
    assert title(ada, f"{page}?human=H2") == "No sample can be drawn of this filter"
    assert title(ada, f"{page}?outcome=x") == "Nothing is drawn until the filter can be read"


def test_compliance_counts_requirements_with_evidence_and_hands_its_period_on(ada: Client) -> None:
    an_hour_ago = clock.now() - timedelta(hours=1)
    list(record_many([DraftFactory.build(action="policy.changed", time=an_hour_ago)]))
    sequencer.run_once()
    page = text_of(ada.get("/audit/coverage/"))
    said = re.search(r"<h1>(\d+) of (\d+) requirements have evidence</h1>", page)
    tiles = [int(one) for one in re.findall(r"<b[^>]*>(\d+)</b><span>requirements", page)]
    assert said and (int(said[1]), int(said[2])) == (tiles[0], tiles[0] + tiles[1])
    assert "from the last 90 days, up to now" in page
    link = re.search(r'href="(/audit/file/\?[^"]+)"', page)
    today = clock.now().date()
    asked = parse_qs(urlsplit(unescape(link[1] if link else "")).query)
    assert asked == {"after": [str(today - timedelta(days=90))], "before": [str(today)]}
    custom = text_of(ada.get("/audit/coverage/?after=2026-01-01&before=2026-02-01"))
    assert "/audit/file/?after=2026-01-01&amp;before=2026-02-01" in custom
    assert ">1 Jan 2026</time> to " in custom and ">31 Jan 2026</time>" in custom
    assert '<html lang="en-GB"' in custom, "a browser writes dates in its own way"
    hints = re.findall(r'type="date"[^>]*><span class="hint">([^<]+)</span>', custom)
    assert hints == ["1 Jan 2026", "1 Feb 2026"], "so the page has each one in words"


def test_an_audit_file_offers_the_same_period_up_to_now_and_says_why_it_ends_before(
    ada: Client, set_clock: Callable[[datetime], None]
) -> None:
    set_clock(datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
    list(record_many([DraftFactory.build(action="audit.view_shared", time=clock.now())]))
    set_clock(datetime(2026, 11, 27, 9, 30, tzinfo=UTC))
    list(record_many([DraftFactory.build(action="policy.changed", time=clock.now())]))
    sequencer.run_once()
    page = "/audit/file/?framework=pci-dss"
    first = text_of(ada.get(f"{page}&before=2026-11-27"))
    assert title(ada, f"{page}&before=2026-11-27") == (
        "An audit file of this period would list no event"
    )
    assert "PCI DSS, 29 Aug to 26 Nov 2026, whole days UTC." in first
    assert '<details class="card group" open>' in first, "another period is the next step"
    assert "The file can prove that no row is missing for days that are over" in first
    assert re.findall(r'aria-current="true" href="[^"]*">([^<]*)', first) == ["90 days"]
    link = re.search(r'href="([^"]*)">90 days up to now</a>', first)
    assert link and "after=2026-08-29&amp;before=2026-11-28" in link[1]
    longer = f"/audit/file/{unescape(link[1]).partition('#')[0]}"
    assert title(ada, longer) == "One choice is left before you can download the audit file"
    holds = "PCI DSS, 29 Aug to 27 Nov 2026, whole days UTC, up to 1 item to test."
    assert holds in text_of(ada.get(longer))
    assert title(ada, f"{longer}&others=with") == "You can download the audit file now"
    marked = re.findall(r'aria-current="true" href="[^"]*">([^<]*)', text_of(ada.get(longer)))
    assert marked == ["90 days up to now"]
    unasked = text_of(ada.get(page))
    assert (
        "Today is included because this file would list no event of the days before it." in unasked
    )
    hints = re.findall(r'type="date"[^>]*><span class="hint">([^<]+)</span>', unasked)
    assert hints == ["29 Aug 2026", "28 Nov 2026"]
    assert "29 Aug to 27 Nov 2026" in unasked and "Today is included" not in first


def test_the_dates_of_a_period_name_a_year_once_and_a_day_once() -> None:
    def dates(after: str, before: str) -> str:
        given = {"after": after, "before": before}
        return audit_file_request_and_download._dates(Period.read(given, clock.now()))

    assert dates("2026-11-27", "2026-11-28") == "27 Nov 2026"
    assert dates("2025-12-01", "2026-01-02") == "1 Dec 2025 to 1 Jan 2026"


def erasure(subject: str, state: str, *, age: int = 0) -> None:
    begun = clock.now() - timedelta(days=age)
    id = uuid4()
    Erasure.objects.create(id=id, subject=subject * 64, operation=str(id), state=state, begun=begun)


def test_erasures_count_people_by_their_last_erasure(ada: Client) -> None:
    page = "/audit/erasures/"
    assert title(ada, page) == "No one is erased, and no legal hold is in force"
    assert "<h2>Find a person</h2>" in text_of(ada.get(page)), "no empty list stands below it"
    assert not {'id="held"', 'id="erased"'} & set(re.findall(r'id="\w+"', text_of(ada.get(page))))
    LegalHold.objects.create(
        id=uuid4(), subject="c" * 64, matter="m-1", reason="r", placed_at=clock.now(),
        placed_by="x", operation="op-h",
    )  # fmt: skip
    assert title(ada, page) == "No one is erased, 1 legal hold in force"
    erasure("a", ErasureState.FAILED, age=3)
    assert title(ada, page) == "1 erasure stopped before the end"
    first = text_of(ada.get(page))
    assert first.index('id="erased"') < first.index("Find a person") < first.index('id="held"')
    erasure("a", ErasureState.DONE, age=2)
    erasure("a", ErasureState.DONE, age=1)  # again, after a restore
    assert title(ada, page) == "1 person erased, 1 legal hold in force"
    first = text_of(ada.get(page))
    assert first.index("Find a person") < first.index('id="held"') < first.index('id="erased"')
    erasure("b", ErasureState.PENDING)
    assert title(ada, page) == "1 erasure not finished yet"


def _unreadable(*_args: object, **_more: object) -> bytes:
    raise storage.EvidenceError("restore the key or the file")


def test_evidence_that_cannot_be_shown_yet_says_from_when_on(ada: Client) -> None:
    until = clock.now() + timedelta(hours=5)
    kept = storage.put("id_token", b"a.b.c", subject_key=OLU.key, not_before_release=until)
    said = title(ada, f"/audit/evidence/{kept.digest}/")
    assert said == f"This sign-in token can be shown after {until:%-d %b %H:%M} UTC"
    with pytest.MonkeyPatch.context() as another_key:
        another_key.setattr(storage, "_subject_key", _unreadable)
        unreadable = f"/audit/evidence/{kept.digest}/"
        assert title(ada, unreadable) == "This evidence cannot be read now", "it is not erased"
        page = shown(ada, unreadable)
        assert "Restore the key or the file." in page
        assert not re.search(r"can be shown|once it has expired|can open it", page)
    file = storage._body_path(kept.digest)
    away = file.rename(file.with_name("away"))
    assert title(ada, f"/audit/evidence/{kept.digest}/") == "This evidence cannot be read now"
    away.rename(file)
    assert title(ada, f"/audit/evidence/{kept.digest}/") == said
    storage.erase_subject(OLU.key)
    erased = title(ada, f"/audit/evidence/{kept.digest}/")
    assert erased == "The person this evidence was about is erased"


def test_an_event_says_who_and_when_first_and_keeps_hashes_behind_details(ada: Client) -> None:
    made = record(OLU, "skill.blocked", target=Target("skill", "pdf-exfil", "edge-1"), reason="x")
    sequencer.run_once()
    page = text_of(ada.get(f"/audit/events/{made.id}/"))
    facts, technical = page.index("<h2>Details</h2>"), page.index("<summary>Technical details")
    labels = re.findall(r"<dt>([^<]+)</dt>", page[facts:technical])
    assert labels[:2] == ["Who", "When"] and not {"Subject", "Issuer"} & {*labels}
    position = page[page.index("<h2>Position in the log</h2>") :]
    before, _, path = position.partition("<summary>Show the path to the root</summary>")
    assert "in the signed log." in before and "Leaf hash" not in before and "Root" not in before
    assert "Leaf hash" in path and "Download proof" in before


def test_home_names_the_last_check_without_milliseconds_and_what_each_exception_is_for() -> None:
    record(SYSTEM, "audit.verified")
    record(SYSTEM, "approval.expired", outcome="expired", target=Target("skill", "pdf-exfil"))
    sequencer.run_once()
    requested_runs.perform(requested_runs.request(ADA).id)
    cache.clear()
    (line,) = auditor.log_status().lines
    assert line.detail == "2 of 2 entries verified" and line.when
    assert "UTC" in ledger_status.facts()["title"]
    (exception,) = exception_counts.panel().lines
    assert exception.detail == "Check which requests ended without a decision."
