"""`/audit/coverage/` and `/v1/audit/coverage`: what is covered, what is silent, for whom."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from typer.testing import CliRunner

from ata.cli import app
from audit import clock
from audit.coverage import FRAMEWORKS
from audit.keys import log_identity
from audit.keys.log_identity import vkey
from audit.ledger import note
from audit.ledger.offline import coverage_report_check, export_manifest
from audit.models import EventRow, QuarantinedRow
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from connections.models import Feed, LogFeed, ReconcileRun
from enforcement.models import Watch
from tests.audit.browsing import browser_of, text_of
from tests.audit.calling import Caller, caller
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.pages import keep_the_shell
from tests.support.recording import record_many
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
PAGE = "/audit/coverage/"
FILE = "/audit/coverage/download"
NOT_OF_THE_PAGE = ("django_session", "identity_", "approvals_")


@pytest.fixture
def ada() -> Client:
    cache.clear()
    return browser_of(ADA)


def happens(**each: str) -> None:
    """Events by name and instance, an hour ago."""
    an_hour_ago = clock.now() - timedelta(hours=1)
    list(
        record_many(
            DraftFactory.build(
                action=action.replace("__", "."),
                instance=instance,
                time=an_hour_ago,
                source="external" if action.startswith("external") else "portal",
            )
            for action, instance in each.items()
        )
    )
    sequencer.run_once()


def told(client: Client, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.get(f"{FILE}?format=json{query}").content)
    return found


def status_of(report: dict[str, Any]) -> dict[str, str]:
    return {
        f"{framework['id']} {one['id']}": one["status"]
        for framework in report["frameworks"]
        for one in framework["requirements"]
    }


def named(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows}


def test_each_requirement_is_covered_silent_or_not_of_this_product(ada: Client) -> None:
    happens(policy__changed="", audit__viewed="")
    status = status_of(told(ada))
    assert status["pci-dss 10.2.1.2"] == "covered"
    assert status["pci-dss 10.2.1.3"] == "covered"
    assert status["pci-dss 10.2.1.4"] == "silent"
    assert status["pci-dss 10.6.1"] == "not_covered"
    assert status["nist-800-53 AU-10"] == "silent"  # asserted, so nobody signed for it
    assert status["nist-800-53 AU-12"] == "covered"
    assert len(status) == sum(len(framework.requirements) for framework in FRAMEWORKS)


def test_the_page_links_the_events_and_the_last_of_them(ada: Client) -> None:
    happens(policy__changed="", review__closed="")
    page = text_of(ada.get(PAGE))
    row = EventRow.objects.get(action="policy.changed")
    assert f'href="/audit/events/{row.event}/"' in page
    (address,) = re.findall(r'href="([^"]*)" aria-label="1 events of 10\.2\.1\.2"', page)
    trail = text_of(ada.get(address.replace("&amp;", "&")))
    assert "1 of 2 events" in trail, "the number and the list behind it are the same"


def test_requirements_without_evidence_come_first_and_each_group_is_counted(ada: Client) -> None:
    happens(policy__changed="", audit__viewed="")
    page, report = text_of(ada.get(PAGE)), told(ada)
    rows = [row for framework in report["frameworks"] for row in framework["requirements"]]
    quiet = sum(row["status"] == "silent" and row["quiet"] for row in rows)
    assert quiet and f"for {quiet} of them it is expected only after an incident" in page
    groups = re.findall(r'rowgroup">(\d+) requirements? ([^<]+)</th>', page)
    counted = {label: 0 for _, label in groups}
    for number, label in groups:
        counted[label] += int(number)
    assert counted == {
        "without evidence in this period": report["counts"]["silent"] - quiet,
        "without evidence, which is expected only after an incident": quiet,
        "with evidence": report["counts"]["covered"],
        "outside this product": report["counts"]["not_covered"],
    }
    pci = page[page.index('id="pci-dss"') : page.index('id="soc-2"')]
    assert pci.index(">10.2.1.5<") < pci.index(">10.2.1.6<") < pci.index(">10.2.1.2<")


def test_an_event_outside_the_period_covers_nothing(ada: Client) -> None:
    old = clock.now() - timedelta(days=100)
    list(record_many([DraftFactory.build(action="policy.changed", time=old)]))
    sequencer.run_once()
    assert status_of(told(ada))["pci-dss 10.2.1.2"] == "silent"
    assert status_of(told(ada, "&days=365"))["pci-dss 10.2.1.2"] == "covered"
    custom = f"&after={old:%Y-%m-%d}&before={old + timedelta(days=1):%Y-%m-%d}"
    assert status_of(told(ada, custom))["pci-dss 10.2.1.2"] == "covered"


def test_a_period_without_events_says_so(ada: Client) -> None:
    page = text_of(ada.get(f"{PAGE}?after=2001-01-01&before=2001-02-01"))
    assert "<h1>Nothing happened in this period</h1>" in page and "Choose a longer period" in page
    assert 'href="?days=365">365 days</a></div>' in page and 'class="tiles"' not in page
    year = text_of(ada.get(f"{PAGE}?days=365"))
    assert "Choose a longer period" in year and 'href="?days=365">365 days</a></div>' not in year


def test_a_mistake_in_the_period_is_named_and_ninety_days_are_shown(ada: Client) -> None:
    page = text_of(ada.get(f"{PAGE}?after=2026-02-01&before=2026-01-01"))
    assert "before is a later date than after. The last 90 days are shown." in page
    assert ada.get(f"{FILE}?format=csv&days=7").status_code == 400
    assert ada.get(f"{FILE}?format=pdf").status_code == 400


def test_sources_and_gaps_are_told(
    ada: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("t")
    fleet = tmp_path / "instances.toml"
    blocks = (
        f'[[instance]]\nname = "{name}"\nbase_url = "http://127.0.0.1:1"\n'
        'gateway_token_file = "token"\n'
        for name in ("edge-1", "edge-2")
    )
    fleet.write_text("\n".join(blocks))
    env = settings.ENV.model_copy(update={"DEFENSECLAW_INSTANCES_FILE": fleet})
    monkeypatch.setattr(settings, "ENV", env)
    now = clock.now()
    Watch.objects.create(name="edge-2", due=now, reachable=False, detail="refused", last_seen=now)
    LogFeed.objects.create(feed=Feed.CHECKPOINT, since=now, heard=now, recorded=3)
    QuarantinedRow.objects.create(
        instance="edge-1", table="t", row_id="1", reason="bad_time", digest=b"1", seen=now
    )
    ReconcileRun.objects.create(started=now, finished=now, total=9, done=9, failed=2)
    happens(skill__blocked="edge-1", external__deploy__begun="ci", tenant_log__gap_found="auth0")
    report = told(ada)
    sources, gaps = named(report["sources"]), named(report["gaps"])
    edge = EventRow.objects.get(instance="edge-1")
    assert sources["edge-1"]["last"]["event_id"] == str(edge.event)
    assert (sources["edge-1"]["state"], sources["edge-2"]["state"]) == ("never", "offline")
    assert sources["edge-2"]["last"] is None
    assert (sources["edge-2"]["about"], sources["edge-2"]["heard"] is None) == ("refused", False)
    assert sources["Auth0 tenant log, read"]["state"] == "heard"
    assert sources["Auth0 tenant log, streamed"]["state"] == "never"
    assert sources["External reporters"]["events"] == 1
    assert sources["Token broker"]["state"] == "silent"
    assert sources["external.deploy.begun"]["events"] == 1
    assert gaps["Gaps in the tenant log"]["state"] == "warn"
    assert gaps["Gaps in the tenant log"]["last"] is not None
    assert gaps["Rows that could not become events"]["words"] == "1 are kept aside: edge-1 1"
    assert "2 could not be read" in gaps["Comparison with Auth0"]["words"]
    assert gaps["Sequencing"]["state"] == "ok"
    page = text_of(ada.get(PAGE))
    for name in (*sources, *gaps):
        assert name in page


def test_decisions_are_shared_by_human_level_and_entries_by_log_level(ada: Client) -> None:
    happens(skill__blocked="", policy__changed="", audit__viewed="")
    report = told(ada)
    assert report["decisions"] == {"H0": 2, "H1": 0, "H2": 0, "H3": 0}
    assert report["log"] == {"L1": 3, "L2": 0, "L3": 0}
    assert report["tree_size"] == report["events"] == 3


def test_files_hold_what_the_page_shows_and_name_their_digest(ada: Client) -> None:
    happens(policy__changed="")
    answer = ada.get(f"{FILE}?format=csv&days=30")
    digest = b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert answer["Repr-Digest"] == f"sha-256=:{digest}:"
    assert "attachment" in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    report = told(ada, "&days=30")
    assert {f"{row['framework']} {row['requirement']}": row["status"] for row in rows} == {
        f"{framework['title']} {one['id']}": one["status"]
        for framework in report["frameworks"]
        for one in framework["requirements"]
    }
    changed = next(row for row in rows if row["requirement"] == "10.2.1.2")
    assert (changed["events"], changed["last_index"]) == ("1", "0")


def test_looking_writes_nothing(ada: Client) -> None:
    happens(policy__changed="")
    assert ada.get(PAGE).status_code == 200
    assert EventRow.objects.count() == 1


@pytest.mark.parametrize("address", [PAGE, f"{FILE}?format=json"])
def test_it_is_for_admins_and_auditors(address: str) -> None:
    for person in (OLU, MIA):
        assert browser_of(person).get(address).status_code == 403
    assert Client().get(address).status_code in (302, 401, 403)
    assert browser_of(ADA).post(address).status_code == 405


@pytest.mark.parametrize(("hour", "most"), [(12, 10), (0, 11)])
def test_the_page_asks_at_most_ten_times(
    hour: int, most: int, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once more while the last hour has two days."""
    keep_the_shell(monkeypatch)
    at = (clock.now() + timedelta(days=1)).replace(hour=hour, minute=30)
    monkeypatch.setattr(clock, "now", lambda: at)
    happens(policy__changed="", skill__blocked="edge-1", token__exchanged="")
    ada.get(PAGE)
    with CaptureQueriesContext(connection) as seen:
        assert ada.get(f"{PAGE}?days=365").status_code == 200
    asked = [query["sql"] for query in seen if query["sql"].startswith(("SELECT", "WITH"))]
    asked = [sql for sql in asked if not any(table in sql for table in NOT_OF_THE_PAGE)]
    assert len(asked) <= most, "\n".join(asked)


type Callers = Callable[[str], Caller]


@pytest.fixture
def of(portal_tenant: LocalTenant) -> Callers:
    cache.clear()
    return lambda who: caller(portal_tenant, who)


def test_the_api_tells_what_the_page_tells(of: Callers, ada: Client) -> None:
    happens(policy__changed="")
    report = of("auditor").get("/coverage", {"days": "30"}).json()
    page = told(ada, "&days=30")
    assert status_of(report) == status_of(page)
    assert (report["schema"], report["days"]) == ("ata.coverage.v1", 30)
    assert of("admin").get("/coverage").status_code == 200


def test_the_api_refuses_others_and_what_is_no_period(of: Callers) -> None:
    for who in ("operator", "member1"):
        answer = of(who).get("/coverage")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    backwards = {"after": "2026-02-01", "before": "2026-01-01"}
    answer = of("auditor").get("/coverage", backwards)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_period")
    assert answer.json()["pointer"] == "/before"
    assert of("auditor").get("/coverage", {"days": "7"}).status_code == 422
    assert Caller("").get("/coverage").status_code == 401
    assert of("auditor").post("/coverage", {}).status_code == 405


# Taken away


def taken(client: Client, format: str = "csv") -> tuple[bytes, str, str]:
    """A file, the event that tells of it, and where its manifest is."""
    answer = client.get(f"{FILE}?format={format}")
    (where,) = re.findall(r'<([^>]+)>; rel="describedby"', answer["Link"])
    return answer.content, answer["ATA-Event"], where


@pytest.mark.parametrize("format", ["csv", "json"])
def test_who_takes_a_report_is_on_record_and_the_manifest_verifies_without_us(
    ada: Client, format: str, tmp_path: Path
) -> None:
    happens(policy__changed="")
    body, event, where = taken(ada, format)
    assert ada.get(where).status_code == 409, "in no signed tree yet"
    sequencer.run_once()
    said = load(UUID(event))
    assert (said["action"], said["actor"]["sub"]) == ("audit.exported", ADA.sub)
    assert said["data"]["sha256"] == hashlib.sha256(body).hexdigest()
    assert (said["data"]["what"], said["data"]["format"]) == ("coverage", format)
    page = ada.get(f"/audit/events/{event}/").content.decode()
    assert f'href="{where}"' in page
    manifest = export_manifest.read_manifest(ada.get(where).content)
    assert manifest["event"]["id"] == event and manifest["exporter"]["sub"] == ADA.sub
    report = coverage_report_check.check(manifest, body, [vkey()])
    assert report.ok, report.steps
    assert any("counts are right" in limit for limit in report.not_proven)
    (tmp_path / "m.json").write_bytes(ada.get(where).content)
    (tmp_path / "file").write_bytes(body)
    (tmp_path / "log.key").write_text(vkey())
    files = [str(tmp_path / name) for name in ("m.json", "file", "log.key")]
    done = CliRunner().invoke(app, ["verify", *files[:2], "--vkey", files[2]])
    assert done.exit_code == 0 and "✓ Verified." in done.output, done.output


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another period": lambda m: m.update(after="2001-01-01T00:00:00Z"),
    "another tree": lambda m: m.update(tree_size=7),
    "another file": lambda m: m["file"].update(sha256="0" * 64),
    "another format": lambda m: m.update(format="xlsx"),
    "another event": lambda m: m["event"].update(index=0),
    "no entry": lambda m: m["event"].update(entry=""),
}


@pytest.mark.parametrize("what", LIES)
def test_a_manifest_that_lies_fails_even_signed_by_the_log(ada: Client, what: str) -> None:
    happens(policy__changed="")
    body, _, where = taken(ada)
    sequencer.run_once()
    manifest = json.loads(ada.get(where).content)
    LIES[what](manifest)
    assert not coverage_report_check.check(manifest, body, [vkey()]).ok
    text = export_manifest.statement(manifest)
    signed = manifest | {"signed": note.sign(text, log_identity.origin(), log_identity.seed())}
    failed = [
        step.name
        for step in coverage_report_check.check(signed, body, [vkey()]).steps
        if not step.ok
    ]
    assert "The log has an entry about this very file" in failed


def test_another_file_than_the_one_taken_fails(ada: Client) -> None:
    happens(policy__changed="")
    body, _, where = taken(ada)
    sequencer.run_once()
    manifest = json.loads(ada.get(where).content)
    assert not coverage_report_check.check(manifest, body + b" ", [vkey()]).ok


def test_a_manifest_is_for_who_may_take_the_report_and_of_no_other_event(ada: Client) -> None:
    happens(policy__changed="")
    _, event, where = taken(ada)
    sequencer.run_once()
    other = EventRow.objects.get(action="policy.changed").event
    for unknown in (other, UUID(int=1)):
        assert ada.get(where.replace(event, str(unknown))).status_code == 404
    assert ada.get(where.replace(event, "x")).status_code == 404
    assert browser_of(OLU).get(where).status_code == 403
    assert Client().get(where).status_code in (302, 401)
    assert ada.post(where).status_code == 405
    before = EventRow.objects.filter(action="audit.exported").count()
    assert ada.head(f"{FILE}?format=csv").status_code == 200
    assert browser_of(OLU).get(f"{FILE}?format=csv").status_code == 403
    assert EventRow.objects.filter(action="audit.exported").count() == before
